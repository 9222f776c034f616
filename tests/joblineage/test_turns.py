"""One process at a time, with and without locks of the disk."""

import errno
import fcntl
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from joblineage.turns import alone

HOLD = """
import errno, fcntl, sys
from pathlib import Path
from joblineage.turns import alone
def flock(*_):
    raise OSError(int(sys.argv[2]), "no locks")
if int(sys.argv[2]):
    fcntl.flock = flock
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture(
    params=[0, errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=["locks", "ENOSYS", "ENOLCK", "EOPNOTSUPP"]
)
def why(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """What the disk answers to `flock`."""

    def flock(*_) -> None:
        raise OSError(request.param, "no locks")

    if request.param:
        monkeypatch.setattr(fcntl, "flock", flock)
    return request.param


@pytest.mark.thorough
def test_another_process_is_waited_for_and_a_killed_one_is_not(tmp_path: Path, why: int, caplog) -> None:
    caplog.set_level(logging.WARNING)
    lock, waited = tmp_path / "lock", []
    command = [sys.executable, "-c", HOLD, str(lock), str(why)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Timeout), alone(lock, seconds=0.2, waiting=lambda: waited.append(1)):
            pass
        other.kill()
    assert waited == [1]
    with alone(lock, seconds=10):
        pass
    assert ("has no locks (flock)" in caplog.text) == bool(why)
    assert (f"lock.owner is held by process {other.pid} on " in caplog.text) == bool(why)
