"""An interpreter on a kernel that has no Landlock: a filter of system calls, then the real one.

Copied to a file with ``#!`` of the real interpreter, and started as a worker's.
"""

import ctypes
import os
import struct
import sys

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_ENOSYS = 0x00050000 | 38
_CODE = (
    (0x20, 0, 0, 0),  # the number of the call
    (0x35, 0, 2, 444),  # landlock_create_ruleset
    (0x35, 1, 0, 447),  # after landlock_restrict_self
    (0x06, 0, 0, _ENOSYS),
    (0x06, 0, 0, 0x7FFF0000),
)

libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in _CODE))
header = ctypes.create_string_buffer(struct.pack("@HP", len(_CODE), ctypes.addressof(code)))
libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
if libc.prctl(_SECCOMP, _FILTER, header, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])  # noqa: S606
