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
when it ends, whoever asked for that; the kernel tells what a process handles.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)


def is_closed() -> bool:
    """Whether Orthanc does not serve: not yet, or not any more."""
    found = _CAUGHT.search(_STATUS.read_text())
    return found is None or not int(found[1], 16) >> (signal.SIGTERM - 1) & 1
