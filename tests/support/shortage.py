"""A pool in a process that for a time can open nothing: what it says then, and afterwards."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "plugin"), str(PROJECT)]

from orthanc_transcoder.errors import PoolError  # noqa: E402
from orthanc_transcoder.fingerprint import fingerprint  # noqa: E402
from orthanc_transcoder.host.lifetime import is_closed  # noqa: E402
from orthanc_transcoder.pool.jobs import Answer  # noqa: E402
from orthanc_transcoder.pool.process import WorkerProcess  # noqa: E402
from orthanc_transcoder.pool.supervisor import Pool  # noqa: E402

SECONDS = 5


def ask(pool: Pool) -> PoolError | None:
    """Have something checked."""
    answers: list[Answer] = []
    header = {"job": "inspect", "earlier_digest": "", "second_opinion": "none", "seconds": 30}
    pool.run(header, memoryview(b"no DICOM"), 30, answers.append)
    return answers[0].error


def wait_until(condition: Callable[[], bool]) -> None:
    """Within a minute."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def main() -> None:
    """Print a word for each part."""
    files = fingerprint()
    pool = Pool(lambda nice: WorkerProcess(Path(sys.executable), files, nice=nice), 1)
    wait_until(lambda: pool.state().alive == 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    for slot in pool._slots:
        slot.kill()
    is_closed()
    wait_until(lambda: pool.state().unavailable != "")
    error = ask(pool)
    sys.stdout.write(f"{error.code if error else None}\n")
    time.sleep(SECONDS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: pool.state().alive == 2)
    error = ask(pool)
    sys.stdout.write(f"{error.code if error else 'recovered'}\n")
    pool.stop()


if __name__ == "__main__":
    main()
