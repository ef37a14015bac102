"""Orthanc Transcoder: the file that Orthanc's "PythonScript" option names."""

import orthanc

from orthanc_transcoder import app

app.start(orthanc)
