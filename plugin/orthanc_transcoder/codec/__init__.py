"""Codestreams to samples and back: one module per codec, one contract, one registry.

Imported by the worker processes and the command line only; never inside Orthanc.
"""
