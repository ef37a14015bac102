"""Real worker processes: what each way of failing becomes, a row each."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orthanc_transcoder.codec.uids import JPEG2000Lossless
from orthanc_transcoder.errors import PoolError
from orthanc_transcoder.fingerprint import fingerprint
from orthanc_transcoder.pool import wire
from orthanc_transcoder.pool.process import WorkerProcess
from orthanc_transcoder.pool.worker import hello
from tests.support.faulty_worker import FAULTS, ROWS
from tests.support.workers import faulty_python, script
from tests.synthesis import Image, native_file

OFFER: dict[str, Any] = {"available": {}, "unavailable": {}}
HELLO: dict[str, Any] = {
    **hello(), "codecs": {**OFFER, "witnesses": OFFER}, "confinement": {"seccomp": "on"},
}  # fmt: skip


def job(seconds: float = 30.0, **more: float) -> dict[str, Any]:
    return {
        **more,
        "job": "transcode",
        "allowed": [JPEG2000Lossless],
        "allow_new_sop_instance_uid": True,
        "relabel": False,
        "replaces": False,
        "rules": {},
        "seconds": seconds,
        "threads": 1,
    }


def ask(worker: WorkerProcess, image: Image, seconds: float = 30.0) -> dict[str, Any]:
    data = memoryview(native_file(image))
    header, _ = worker.ask(job(seconds), data, time.monotonic() + seconds)
    report = header["report"]
    assert isinstance(report, dict)
    return report


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    process = WorkerProcess(faulty_python(tmp_path), fingerprint())
    yield process
    process.end()


def test_it_says_who_it_is(worker: WorkerProcess) -> None:
    assert worker.hello["fingerprint"] == fingerprint()
    assert "imagecodecs/openjpeg" in worker.hello["codecs"]["available"]


def test_it_does_one_job_after_another(worker: WorkerProcess) -> None:
    for size in (16, 33):
        report = ask(worker, Image(rows=size, columns=size))
        assert report["outcome"] == "transcoded"
        assert report["verified"] is True


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("segfault", "worker_died", "SIGSEGV"),
        ("kill", "worker_killed", "SIGKILL"),
        ("exit", "worker_died", "status 3"),
        ("base_exception", "worker_died", "the test codec panicked"),
        ("garbage", "worker_broken", "garbage"),
        ("sleep", "deadline", "deadline"),
        ("spin", "deadline", "deadline"),
    ],
)
def test_a_job_that_ends_its_worker(
    worker: WorkerProcess, fault: str, code: str, says: str
) -> None:
    with pytest.raises(PoolError) as caught:
        ask(worker, Image(rows=ROWS, columns=FAULTS[fault]), seconds=2.0)
    assert caught.value.code == code
    assert says in caught.value.reason


def test_a_job_that_overruns_its_processor_time(worker: WorkerProcess) -> None:
    data = memoryview(native_file(Image(rows=ROWS, columns=FAULTS["spin"])))
    with pytest.raises(PoolError, match="processor time") as caught:
        worker.ask(job(60.0, cpu_seconds=0.5), data, time.monotonic() + 60)
    assert caught.value.code == "deadline"


def test_waiting_spends_no_processor_time(worker: WorkerProcess) -> None:
    data = memoryview(native_file(Image(rows=ROWS, columns=FAULTS["sleep"])))
    with pytest.raises(PoolError, match="overran its deadline"):
        worker.ask(job(60.0, cpu_seconds=0.5), data, time.monotonic() + 2)


def test_a_background_worker_gives_way(tmp_path: Path) -> None:
    worker = WorkerProcess(faulty_python(tmp_path), fingerprint(), nice=19)
    try:
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == 19
        # Niceness counts among the processes of one session.
        assert os.getsid(worker.pid) == os.getsid(0)
        # A terminal's signals go to a process group: not to this one.
        assert os.getpgid(worker.pid) == worker.pid != os.getpgid(0)
    finally:
        worker.end()


@pytest.mark.parametrize(
    ("fault", "code"), [("raise", "internal_error"), ("wrong_samples", "not_lossless")]
)
def test_a_job_that_fails_and_spares_its_worker(
    worker: WorkerProcess, fault: str, code: str
) -> None:
    report = ask(worker, Image(rows=ROWS, columns=FAULTS[fault]))
    assert (report["outcome"], report["code"]) == ("failed", code)
    assert ask(worker, Image(rows=8, columns=8))["outcome"] == "transcoded"


@pytest.mark.parametrize(
    ("commands", "says"),
    [
        ("exit 4", "status 4"),
        ("echo 'ImportError: no numpy' >&2; exit 1", "ImportError: no numpy"),
        ("kill -SEGV $$", "SIGSEGV"),
        (f'exec {sys.executable} -c "import os,sys; os.write(int(sys.argv[-1]), b\'x\' * 99)" "$@"',
         "garbage"),
    ],
)  # fmt: skip
def test_an_interpreter_that_is_none(tmp_path: Path, commands: str, says: str) -> None:
    with pytest.raises(PoolError) as caught:
        WorkerProcess(script(tmp_path / "python", commands), fingerprint())
    assert caught.value.code == "workers_unavailable"
    assert says in caught.value.reason


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ([], "garbage"),
        ({}, "other package files"),
        ({"fingerprint": fingerprint()}, "who it is"),
        ({**HELLO, "codecs": []}, "who it is"),
        ({**HELLO, "confinement": {"seccomp": 1}}, "who it is"),
        ({**HELLO, "more": 1}, "who it is"),
        ({**HELLO, "python": 3}, "who it is"),
    ],
)
def test_a_worker_that_does_not_say_who_it_is(tmp_path: Path, said: object, says: str) -> None:
    body = json.dumps(said).encode()
    message = wire.PREFIX.pack(wire.INLINE, len(body), 0) + body
    program = f"import os, sys; os.write(int(sys.argv[-1]), {message!r}); input()"
    (tmp_path / "hello.py").write_text(program, encoding="utf-8")
    python = script(tmp_path / "python", f'exec {sys.executable} {tmp_path}/hello.py "$@"')
    with pytest.raises(PoolError, match=says) as caught:
        WorkerProcess(python, fingerprint())
    assert caught.value.code == "workers_unavailable"


def test_an_interpreter_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match="cannot be started"):
        WorkerProcess(tmp_path / "nothing", fingerprint())


def test_a_worker_that_is_killed_while_it_starts(tmp_path: Path) -> None:
    with pytest.raises(PoolError, match="SIGKILL") as caught:
        WorkerProcess(script(tmp_path / "python", "kill -KILL $$"), fingerprint())
    assert caught.value.code == "worker_killed"


def test_a_worker_with_other_package_files_is_refused() -> None:
    with pytest.raises(PoolError, match="other package files"):
        WorkerProcess(Path(sys.executable), "0" * 64)


def test_failed_starts_leave_no_descriptors(tmp_path: Path) -> None:
    program = script(tmp_path / "python", "exit 1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (program, tmp_path / "nothing"):
        with pytest.raises(PoolError):
            WorkerProcess(path, fingerprint())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("os.memfd_create", OSError(24, "Too many open files")),
        ("fcntl.fcntl", OSError(1, "Operation not permitted")),
        ("socket.socketpair", OSError(24, "Too many open files")),
        ("subprocess.Popen", OSError(12, "Cannot allocate memory")),
    ],
)
def test_without_descriptors_or_memory_none_is_started_and_none_is_left(
    monkeypatch: pytest.MonkeyPatch, place: str, error: OSError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(place, refuse)
    with pytest.raises(PoolError, match=str(error.strerror)) as caught:
        WorkerProcess(Path(sys.executable), fingerprint())
    assert caught.value.code == "workers_unavailable"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_shortage_of_descriptors_passes() -> None:
    """In a process of its own: five seconds without any, while its workers are killed."""
    program = Path(__file__).parents[1] / "support" / "shortage.py"
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["workers_unavailable", "recovered"]


def test_it_ends_by_itself_when_its_owner_is_gone(worker: WorkerProcess) -> None:
    worker._channel.close()
    assert worker._process.wait(10) == 0


def test_the_kernel_ends_a_codec_that_never_returns(
    worker: WorkerProcess,
) -> None:
    """Even with nobody left to watch: the owner never looks again."""
    data = memoryview(native_file(Image(rows=ROWS, columns=FAULTS["spin"])))
    worker._channel.send(job(0.1), data)
    assert worker._process.wait(30) == -signal.SIGALRM
