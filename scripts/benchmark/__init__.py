"""The benchmark of ``make bench``: real Orthanc processes, taken in turns."""
