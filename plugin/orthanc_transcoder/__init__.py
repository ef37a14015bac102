"""Orthanc Transcoder: proven image transcoding for a stock Orthanc.

Importing this package, or anything of it that runs inside Orthanc, needs the
standard library only: numpy, pydicom and the codecs belong to the worker
processes, whose interpreter may be another one (see ``pool``).
"""

__version__ = "0.1.0"
