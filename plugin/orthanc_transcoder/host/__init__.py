"""The only code that knows Orthanc."""
