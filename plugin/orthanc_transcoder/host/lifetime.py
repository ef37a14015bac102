"""Whether Orthanc serves: threads of our own must leave it alone once it begins to end.

What they do keeps it from ending, and can crash it:

- It first waits until its queue of events for Lua scripts has been empty for a
  tenth of a second. Whatever is written to its database adds to that queue.
- A call that is under way when it takes its database down ends the process
  (SIGABRT, seen with Orthanc 1.12.7 and 1.13.0).

It tells its plugins only in between, by the callback for changes, which is called
for jobs, too, with the core's lock on all jobs held: a Python function there would
wait for the GIL, which a user's script may hold while it waits for that lock. But
Orthanc handles SIGTERM only while it serves, and gives it back as the first thing
when it ends, whoever asked for that. The C library tells what a process does with a
signal, and needs no file for it: it can be asked when no descriptor is to be had.
"""

from __future__ import annotations

import ctypes
import signal

_libc = ctypes.CDLL(None)
# ``struct sigaction``, whose first member is the handler, on x86-64 and ARM64; it is shorter.
_ACTION_BYTES = 512
_DEFAULT, _IGNORED = 0, 1


def is_closed() -> bool:
    """Whether Orthanc does not serve: not yet, or not any more."""
    action = ctypes.create_string_buffer(_ACTION_BYTES)
    if _libc.sigaction(int(signal.SIGTERM), None, action):
        return True  # never seen; then it is left alone
    return int.from_bytes(action.raw[:8], "little") in (_DEFAULT, _IGNORED)
