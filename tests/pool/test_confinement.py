"""What a confined process can't do, and what it still can, tried in real ones."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder.codec import uids
from orthanc_transcoder.fingerprint import PACKAGE
from orthanc_transcoder.pool import seccomp
from tests.synthesis import Image, native_file

MEASURES = [
    "memory_limit",
    "file_limits",
    "first_to_end_without_memory",
    "no_core_dump",
    "no_new_privileges",
    "own_network",
    "no_capabilities",
    "landlock",
    "seccomp",
]
MEMORY = 512 << 20
NOBODY = 65534

BOOT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from orthanc_transcoder.pool.confinement import confine, interpreter_files
package = Path(sys.argv[1], "orthanc_transcoder")
measures = confine(int(sys.argv[2]), [*interpreter_files(), package])
# What the programs are written with; not what they prove.
import ctypes, fcntl, json, mmap, os, resource, signal, socket, subprocess, threading
def system_call(number, *arguments):
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *map(ctypes.c_long, arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


def confined(
    program: str, *arguments: object, memory: int = MEMORY, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run ``program`` in a process that has confined itself; sys.argv[3:] are ``arguments``."""
    command = [sys.executable, "-I", "-c", BOOT + program, str(PACKAGE.parent), str(memory)]
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        timeout=60,
        check=False,
        **{"cwd": "/", "env": {"OMP_NUM_THREADS": "1"}, **options},
    )


def answer(program: str, *arguments: object, **options: Any) -> Any:
    """What ``program`` prints, as JSON; it must end well."""
    done = confined(program, *arguments, **options)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def measures() -> dict[str, str]:
    found: dict[str, str] = answer("print(json.dumps(measures))")
    return found


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of the same user, like Orthanc."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        assert process.poll() is None
        process.kill()


def verdict(machine: str, number: int, arguments: Sequence[int] = (), architecture: int = 0) -> int:
    """What the filter of process 42 says, by an interpreter of its instructions."""
    _, native, _ = seccomp._MACHINES[machine]
    six = [*arguments, *[0] * 6][:6]
    data = struct.pack("=IIQ6Q", number, architecture or native, 0, *six)
    lines = seccomp.program(machine, 42)
    loaded = at = 0
    while True:
        code, jump_if, jump_unless, operand = lines[at]
        at += 1
        if code == seccomp._RETURN:
            return operand
        if code == seccomp._LOAD:
            loaded = struct.unpack_from("=I", data, operand)[0]
        elif code == seccomp._AND:
            loaded &= operand
        else:
            holds = {
                seccomp._EQUAL: loaded == operand,
                seccomp._AT_LEAST: loaded >= operand,
                seccomp._ANY_BIT: bool(loaded & operand),
            }[code]
            at += jump_if if holds else jump_unless


def needs(measures: dict[str, str], name: str) -> None:
    if measures[name] != "on":
        pytest.skip(f"{name}: {measures[name]}")


def test_each_measure_is_on_or_says_why_not(measures: dict[str, str]) -> None:
    assert list(measures) == MEASURES
    everywhere = set(MEASURES) - {"own_network", "landlock", "seccomp"}
    assert {measures[name] for name in everywhere} == {"on"}
    assert all(measures.values())


def test_what_is_refused_is_told_and_the_rest_done() -> None:
    """Confined once more, the process is not permitted most of it."""
    again = answer("print(json.dumps([measures, confine(0, [])]))")
    if again[0]["seccomp"] == "on":
        assert again[1]["own_network"] == "Operation not permitted"
        assert again[1]["no_capabilities"] == "Operation not permitted"
        assert again[1]["landlock"] == "Function not implemented"
    assert again[1]["memory_limit"] == "no limit is set"
    assert again[1]["file_limits"] == "on"


def test_a_machine_whose_system_calls_are_unknown() -> None:
    program = """
from orthanc_transcoder.pool import seccomp
class Machine:
    machine = "riscv64"
seccomp.os.uname = Machine
print(json.dumps(confine(0, [])))
"""
    assert "on riscv64" in answer(program)["seccomp"]


DEPENDING = [
    ("kill", [42, 9], [43, 9]),
    ("kill", [42, 9], [0, 9]),
    ("kill", [42, 9], [2**32 - 1, 9]),
    ("tkill", [42, 6], [43, 6]),
    ("tgkill", [42, 43, 6], [43, 42, 6]),
    ("prlimit64", [0], [1]),
    ("sched_setaffinity", [0], [1]),
    ("sched_setattr", [0], [1]),
    ("sched_setparam", [0], [1]),
    ("sched_setscheduler", [42], [41]),
    ("fcntl", [3, 1033], [3, 8]),
    ("ioctl", [0, 0x5401], [0, 0x5412]),
    ("open", [0, os.O_CLOEXEC], [0, os.O_WRONLY]),
    ("openat", [0, 0, os.O_CLOEXEC], [0, 0, os.O_CLOEXEC | os.O_RDWR]),
    ("openat", [0, 0, os.O_DIRECTORY], [0, 0, os.O_CREAT]),
    ("openat", [0, 0, os.O_NOFOLLOW], [0, 0, os.O_TMPFILE]),
    ("clone", [0x3D0F00], [0x01200011]),  # glibc's thread, glibc's fork
    ("clone", [0x3D0F00], [0x103D0F00]),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter(machine: str) -> None:
    """Both machines' filters, whichever this one is."""
    assert len(seccomp.program(machine, 42)) < 4096
    refused, allowed = seccomp._EPERM, seccomp._ALLOW
    column = seccomp._MACHINES[machine][0]
    for name, numbers in seccomp._NUMBERS.items():
        number = numbers[column]
        assert number is None or verdict(machine, number) == refused, name
    for name, may, may_not in DEPENDING:
        number = seccomp._DEPENDING[name][column]
        if number is not None:
            assert verdict(machine, number, may) == allowed, (name, may)
            assert verdict(machine, number, may_not) == refused, (name, may_not)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_and_other_system_calls(machine: str) -> None:
    _, native, other = seccomp._MACHINES[machine]
    assert verdict(machine, 423) == seccomp._ALLOW
    for number in (424, 435, 99999, 0x40000000 + 59):  # the last: execve of x32
        assert verdict(machine, number) == seccomp._ENOSYS
    assert verdict(machine, 1, architecture=other) == seccomp._KILL
    assert verdict(machine, 1, architecture=native ^ 1) == seccomp._ALLOW


@pytest.mark.parametrize(
    ("column", "header"), [(0, "x86_64-linux-gnu/asm/unistd_64.h"), (1, "asm-generic/unistd.h")]
)
def test_the_numbers_of_system_calls(column: int, header: str) -> None:
    path = Path("/usr/include", header)
    if not path.exists():
        pytest.skip("the kernel's headers are not installed")
    known: dict[str, int] = {}
    for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text()):
        known.setdefault(name, int(number))
    for name, numbers in (seccomp._NUMBERS | seccomp._DEPENDING).items():
        assert numbers[column] == known.get(name), name


FORBIDDEN = {
    "internet": "socket.create_connection(('127.0.0.1', 80))",
    "local_socket": "socket.socket(socket.AF_UNIX)",
    "socket_pair": "socket.socketpair()",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "program": "subprocess.run(['/bin/true'])",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "exec": "os.execv('/bin/true', ['true'])",
    "exec_of_memory": "os.execve(os.memfd_create('x', 0), ['true'], {})",
    "fork": "os.fork()",
    "signal": "os.kill(OTHER, signal.SIGTERM)",
    "signal_to_group": "os.kill(0, 0)",
    "signal_to_all": "os.kill(-1, 0)",
    "signal_by_descriptor": "fcntl.fcntl(0, fcntl.F_SETOWN, OTHER)",
    "signal_to_thread": "system_call({'x86_64': 234, 'aarch64': 131}[MACHINE], OTHER, OTHER, 15)",
    "limits_of_others": "resource.prlimit(OTHER, resource.RLIMIT_NOFILE, (1, 1))",
    "affinity_of_others": "os.sched_setaffinity(OTHER, {0})",
    "priority": "os.setpriority(os.PRIO_PROCESS, OTHER, 19)",
    "trace": "system_call({'x86_64': 101, 'aarch64': 117}[MACHINE], 16, OTHER, 0, 0)",
    "user": "os.setuid(65534)",
    "namespace": "system_call({'x86_64': 272, 'aarch64': 97}[MACHINE], 0x10000000)",
    "thread_in_namespace": "system_call({'x86_64': 56, 'aarch64': 220}[MACHINE], 0x10010000, 0)",
    "write": "open(SECRET, 'a')",
    "create": "open(SECRET + '.new', 'x')",
    "delete": "os.unlink(SECRET)",
    "rename": "os.rename(SECRET, SECRET + '.new')",
    "truncate": "os.truncate(SECRET, 0)",
    "folder": "os.mkdir(SECRET + '.new')",
    "mode": "os.chmod(SECRET, 0)",
    "more_memory": "resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))",
}
FORBIDDEN_BY_LANDLOCK = {
    "storage": "open(SECRET)",
    "listing": "os.listdir(os.path.dirname(SECRET))",
    "storage_in_thread": """
caught = []
def look():
    try:
        open(SECRET)
    except OSError as error:
        caught.append(error)
thread = threading.Thread(target=look)
thread.start()
thread.join()
raise caught[0]
""",
    "passwords": "open('/etc/passwd')",
    "environment_of_others": "open(f'/proc/{OTHER}/environ')",
    "memory_of_others": "open(f'/proc/{OTHER}/mem', 'rb')",
    "root_of_others": "os.listdir(f'/proc/{OTHER}/root')",
    "devices": "open('/dev/kmsg', 'rb')",
}


def attempt(program: str, other: int, folder: Path) -> None:
    secret = folder / "orthanc.json"
    secret.write_text("password")
    names = "OTHER, SECRET, MACHINE = int(sys.argv[3]), sys.argv[4], os.uname().machine\n"
    done = confined(names + program, other, secret)
    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    # CPython words the refusal to raise a limit itself.
    assert last.startswith(("PermissionError: ", "ValueError: not allowed to raise maximum limit"))
    assert [path.name for path in folder.iterdir()] == ["orthanc.json"]
    assert secret.read_text() == "password"


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_forbidden(
    deed: str, measures: dict[str, str], bystander: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    needs(measures, "seccomp")
    attempt(FORBIDDEN[deed], bystander.pid, tmp_path)


@pytest.mark.parametrize("deed", FORBIDDEN_BY_LANDLOCK)
def test_forbidden_by_landlock(
    deed: str, measures: dict[str, str], bystander: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    needs(measures, "landlock")
    attempt(FORBIDDEN_BY_LANDLOCK[deed], bystander.pid, tmp_path)


def test_newer_system_calls_are_not_there(measures: dict[str, str]) -> None:
    needs(measures, "seccomp")
    done = confined("system_call(425, 8, 0)")  # io_uring_setup
    assert b"Function not implemented" in done.stderr


def seen_from_outside(name: str) -> str:
    """A file of ``/proc`` about a confined process that waits."""
    program = "os.write(1, b'x'); sys.stdin.read()"
    command = [sys.executable, "-I", "-c", BOOT + program, str(PACKAGE.parent), "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(1) == b"x"
        content = Path(f"/proc/{process.pid}", name).read_text()
        process.communicate()
    return content


def test_the_first_to_end_where_memory_runs_out() -> None:
    assert seen_from_outside("oom_score_adj") == "1000\n"


def test_no_core_dump() -> None:
    program = """
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(json.dumps([dumpable, resource.getrlimit(resource.RLIMIT_CORE)]))
"""
    assert answer(program) == [0, [0, 0]]


def test_root_can_still_read_and_nothing_else() -> None:
    held = re.findall(r"Cap(?:Inh|Prm|Eff):\s+(\w+)", seen_from_outside("status"))
    assert len(held) == 3
    assert all(int(mask, 16) in (0, 1 << 1, 1 << 2) for mask in held)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user(measures: dict[str, str]) -> None:
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    can_start = [sys.executable, "-I", "-c", f"open({str(PACKAGE / 'model.py')!r})"]
    if subprocess.run(can_start, check=False, capture_output=True, **user).returncode:  # type: ignore[call-overload]
        pytest.skip("this checkout is root's alone")
    found = answer("print(json.dumps(measures))", **user)
    assert found == {**measures, "own_network": "Operation not permitted"}


def test_the_same_codecs_work() -> None:
    program = """
from orthanc_transcoder.codec.registry import default_registry
registry = default_registry()
print(json.dumps([registry.available, registry.unavailable]))
"""
    from orthanc_transcoder.codec.registry import default_registry  # noqa: PLC0415

    registry = default_registry()
    assert answer(program) == [registry.available, registry.unavailable]


@pytest.mark.parametrize(
    "target",
    [
        uids.JPEG2000Lossless,
        uids.HTJ2KLossless,
        uids.JPEGLSLossless,
        uids.JPEGLosslessSV1,
        uids.JPEGXLLossless,
        uids.RLELossless,
    ],
)
def test_images_are_transcoded(target: str) -> None:
    program = """
from orthanc_transcoder.codec.registry import default_registry
from orthanc_transcoder.model import Request, Rules
from orthanc_transcoder.pipeline import transcode
result, report = transcode(
    memoryview(sys.stdin.buffer.read()), Request((sys.argv[3],)), Rules(), default_registry()
)
print(json.dumps(report.to_json()))
"""
    content = native_file(Image(rows=200, columns=300, bits_stored=12))
    report = answer(program, target, input=content)
    assert (report["outcome"], report["verified"]) == ("transcoded", True)


def test_threads_and_memory_in_files() -> None:
    program = """
import concurrent.futures
def work(number):
    descriptor = os.memfd_create("frame", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 1 << 20)
    with mmap.mmap(descriptor, 1 << 20) as view:
        view[:4] = number.to_bytes(4, "little")
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return int.from_bytes(os.pread(descriptor, 4, 0), "little")
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(work, range(20)))))
"""
    assert answer(program) == list(range(20))


def test_codecs_start_threads() -> None:
    program = """
import imagecodecs, numpy
samples = numpy.arange(1 << 20, dtype=numpy.uint16).reshape(1024, 1024)
coded = imagecodecs.jpegxl_encode(samples, lossless=True, numthreads=4)
print(json.dumps(bool((imagecodecs.jpegxl_decode(coded, numthreads=4) == samples).all())))
"""
    assert answer(program) is True


def test_descriptors_travel_both_ways() -> None:
    """Over the inherited socket, whose number may be past the limit for new ones."""
    program = """
connection = socket.socket(fileno=int(sys.argv[3]))
connection.settimeout(10)
_, (received,), _, _ = socket.recv_fds(connection, 16, 4)
made = os.memfd_create("result")
os.write(made, os.pread(received, 100, 0)[::-1])
socket.send_fds(connection, [b"done"], [made])
"""
    ours, theirs = socket.socketpair()
    high = os.dup2(theirs.fileno(), 500, inheritable=True)
    with ours, theirs, os.fdopen(os.memfd_create("job"), "wb", buffering=0) as job:
        job.write(b"payload")
        socket.send_fds(ours, [b"job"], [job.fileno()])
        done = confined(program, high, pass_fds=(high,))
        os.close(high)
        assert done.returncode == 0, done.stderr.decode()
        _, (received,), _, _ = socket.recv_fds(ours, 16, 4)
    assert os.pread(received, 100, 0) == b"daolyap"
    os.close(received)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("os.abort()", -signal.SIGABRT),
        ("threading.Thread(target=os.abort).start(); signal.pause()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
        ("ctypes.string_at(0)", -signal.SIGSEGV),
        ("signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()", -signal.SIGALRM),
        ("os._exit(3)", 3),
    ],
)
def test_it_ends_as_it_would(program: str, status: int) -> None:
    assert confined(program).returncode == status


def test_memory_past_the_limit_is_an_error() -> None:
    program = """
import numpy
try:
    numpy.ones(int(sys.argv[2]) // 8)
except MemoryError as error:
    print(json.dumps(str(error)))
"""
    assert "Unable to allocate" in answer(program)


def test_a_bomb_is_an_error() -> None:
    """1 KB that decodes to 128 MiB."""
    import imagecodecs  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    program = """
import imagecodecs
try:
    imagecodecs.jpegls_decode(sys.stdin.buffer.read())
except MemoryError as error:
    print(json.dumps(str(error)))
"""
    size = 1 << 13
    bomb = imagecodecs.jpegls_encode(np.zeros((size, size), np.uint16))
    assert len(bomb) < 2048
    assert "Unable to allocate" in answer(program, memory=128 << 20, input=bomb)
