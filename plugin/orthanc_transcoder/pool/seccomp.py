"""System calls: making them, and giving up most of them for good (seccomp).

- A worker computes: it reads and writes the descriptors that it has, opens
  files to read, maps memory and starts threads. It never opens a connection,
  starts a program or a process, changes a file by name, or acts on another
  process. What it never does is refused with EPERM.
- A list of what is refused, not of what is allowed: what a codec, numpy and
  three C libraries may call for is not ours to know. So that the list need not
  follow the kernel, every call newer than itself is answered ENOSYS, as by an
  older kernel, which C libraries are written for: clone3 becomes clone, whose
  flags a filter can read.
- A filter sees numbers, and pointers that it cannot follow: calls are told
  apart by flags, commands and process identifiers only.

The numbers are those of Linux: arch/x86/entry/syscalls/syscall_64.tbl, and
include/uapi/asm-generic/unistd.h for aarch64.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)

# fmt: off
_NUMBERS: dict[str, tuple[int | None, int | None]] = {  # on x86_64, on aarch64
    # Connections; the worker has its one socket already.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    # Programs and processes, and what can be done to those of others.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "setpgid": (109, 154),
    # Memory and messages that processes share by name.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186),
    "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190),
    "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191), "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # Files: changing them by name, finding them by anything else, watching them.
    "creat": (85, None), "truncate": (76, 45), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None),
    "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "mkdir": (83, None),
    "mkdirat": (258, 34), "rmdir": (84, None), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    # Who the process is.
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "setgroups": (116, 159), "capset": (126, 91),
    # The system.
    "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40), "umount2": (166, 39),
    "unshare": (272, 97), "setns": (308, 268), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "sethostname": (170, 161), "setdomainname": (171, 162),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None),
    # Large parts of the kernel that no codec needs, known for their faults.
    "bpf": (321, 280), "perf_event_open": (298, 241), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "userfaultfd": (323, 282),
    "io_setup": (206, 0), "io_submit": (209, 2), "modify_ldt": (154, None),
    "personality": (135, 92), "uselib": (134, None), "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
}
# Refused or not by an argument; the tables below say which.
_DEPENDING: dict[str, tuple[int | None, int | None]] = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119), "fcntl": (72, 25), "ioctl": (16, 29), "open": (2, None),
    "openat": (257, 56), "clone": (56, 220),
}
# fmt: on
_NEWER = 424  # the same numbers on every machine from here on, and in x32 all are larger

# abort() and raise() are signals to oneself; pid 0 is the caller, but for kill its group.
_TO_ITSELF = ("kill", "tkill", "tgkill")
_ON_ITSELF = (
    "prlimit64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
)
_COMMANDS = {
    "fcntl": (8, 10, 15),  # F_SETOWN, F_SETSIG, F_SETOWN_EX: signals to others by a detour
    "ioctl": (0x8901, 0x8902, 0x5412, 0x541C),  # FIOSETOWN, SIOCSPGRP; TIOCSTI, TIOCLINUX
}
_FLAGS_ARGUMENT = {"open": 1, "openat": 2}
_WRITING = 0x3 | 0x40 | 0x200 | 0x400000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE
_THREAD = 0x10000  # CLONE_THREAD
_NAMESPACES = 0x7E020000  # CLONE_NEWNS to CLONE_NEWNET

# Of two machines: its column above, its own AUDIT_ARCH, and that of its 32-bit programs.
_MACHINES = {"x86_64": (0, 0xC000003E, 0x40000003), "aarch64": (1, 0xC00000B7, 0x40000028)}

# struct seccomp_data, instructions (linux/bpf_common.h) and verdicts (linux/seccomp.h)
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS

_SET_MODE_FILTER = 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_THREADS_TOO, _KEEP_SPECULATION = 1, 4  # the latter: older kernels slow such a process down

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def call(function: str, *arguments: int | bytes | None) -> int:
    """Call a function of the C library.

    Raises
    ------
    OSError
        If it returns a negative number.
    """
    values = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    result: int = getattr(_LIBC, function)(*values)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def restrict() -> None:
    """Give up, in all threads and for good, the calls that a worker never makes.

    ``no_new_privs`` must be set.

    Raises
    ------
    OSError
        If the kernel or an outer filter forbids it, or there is no list for this machine.
    """
    machine = os.uname().machine
    if machine not in _MACHINES or sys.maxsize < 2**32:
        raise OSError(errno.ENOSYS, f"no list of system calls for this interpreter on {machine}")
    code = b"".join(struct.pack("=HBBI", *line) for line in program(machine, os.getpid()))
    kept = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
    flags = _THREADS_TOO | _KEEP_SPECULATION
    if call("syscall", _SECCOMP[machine], _SET_MODE_FILTER, flags, header):
        raise OSError(errno.EBUSY, "a running thread has another filter")
    _prove()


def _prove() -> None:
    """See a call refused that would do nothing: an emulator may take a filter and ignore it."""
    with contextlib.suppress(PermissionError):
        call("unshare", 0)
        raise OSError(errno.ENOTSUP, "the filter was accepted, but has no effect")


def program(machine: str, own: int) -> list[Instruction]:
    """Return the filter for the process ``own`` as instructions of classic BPF."""
    column, native, other = _MACHINES[machine]
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        # Another machine altogether is an emulator's: it is not ours to kill.
        *_when(_EQUAL, other, [(_RETURN, 0, 0, _KILL)]),
        *_unless(_EQUAL, native, [(_RETURN, 0, 0, _ALLOW)]),
        (_LOAD, 0, 0, _NUMBER),
        *_when(_AT_LEAST, _NEWER, [(_RETURN, 0, 0, _ENOSYS)]),
    ]
    bodies = {name: [(_RETURN, 0, 0, _EPERM)] for name in _NUMBERS} | _depending(own)
    for name, body in bodies.items():
        number = (_NUMBERS | _DEPENDING)[name][column]
        if number is not None:
            lines += _when(_EQUAL, number, body)
    return [*lines, (_RETURN, 0, 0, _ALLOW)]


def _depending(own: int) -> dict[str, list[Instruction]]:
    """What is done about each call that is refused by an argument."""
    return {
        **{name: _among(0, [own], _ALLOW, _EPERM) for name in _TO_ITSELF},
        **{name: _among(0, [0, own], _ALLOW, _EPERM) for name in _ON_ITSELF},
        **{name: _among(1, codes, _EPERM, _ALLOW) for name, codes in _COMMANDS.items()},
        **{name: _opening(argument) for name, argument in _FLAGS_ARGUMENT.items()},
        "clone": [
            _load(0),
            (_AND, 0, 0, _THREAD | _NAMESPACES),
            *_when(_EQUAL, _THREAD, [(_RETURN, 0, 0, _ALLOW)]),
            (_RETURN, 0, 0, _EPERM),
        ],
    }


def _opening(argument: int) -> list[Instruction]:
    refuse = _when(_ANY_BIT, _WRITING, [(_RETURN, 0, 0, _EPERM)])
    return [_load(argument), *refuse, (_RETURN, 0, 0, _ALLOW)]


def _among(argument: int, values: Iterable[int], then: int, otherwise: int) -> list[Instruction]:
    """Compare the lower half of an argument: identifiers and commands are 32-bit numbers."""
    lines = [_load(argument)]
    for value in values:
        lines += _when(_EQUAL, value, [(_RETURN, 0, 0, then)])
    return [*lines, (_RETURN, 0, 0, otherwise)]


def _load(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)  # both machines are little endian


def _when(test: int, operand: int, body: Sequence[Instruction]) -> list[Instruction]:
    return [(test, 0, len(body), operand), *body]


def _unless(test: int, operand: int, body: Sequence[Instruction]) -> list[Instruction]:
    return [(test, len(body), 0, operand), *body]
