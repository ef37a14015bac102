"""Codestreams to samples and back: one module per codec, one contract, one registry.

Only the worker processes and the command line import it; Orthanc's side reads
nothing but ``uids``, which needs nothing.
"""
