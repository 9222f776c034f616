"""Runs that end early, for real: the verdict says so, and the same command again makes it OK."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ENVIRONMENT, REPOSITORY

pytestmark = pytest.mark.slow

RUN = ("snakemake", "--cores", "1")
WAITING = """
import time
Path("begun").touch()
while not Path("go").exists():
    time.sleep(0.05)
"""
"""What a script does so that something can happen while it is at work."""
EARLY = {"INCOMPLETE", "STALE", "MISSING"}
"""What may be said of a study whose run was ended; a job that was ended may have left its output or not."""


class Words:
    """The library's example, three rules that take a second."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = ENVIRONMENT | {"PYTHONPATH": str(REPOSITORY / "src")}

    def start(self) -> subprocess.Popen:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(RUN, cwd=self.folder, env=self.environment, start_new_session=True, **quiet)

    def run(self) -> int:
        return self.start().wait()

    def verdict(self) -> str:
        """What `verify` says first of the whole."""
        command = [sys.executable, "study.py", "verify", "--json"]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout.split('"verdict": "')[1].split('"')[0]

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def at_work(self, run: subprocess.Popen) -> None:
        """Wait until the job that waits has begun."""
        while not (self.folder / "begun").exists():
            assert run.poll() is None, "the run ended before its job had begun"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study, versioned by DVC."""
    words = Words(tmp_path_factory.mktemp("words") / "study")
    shutil.copytree(REPOSITORY / "examples/words", words.folder, ignore=shutil.ignore_patterns("__pycache__"))
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "commit", "-qm", "Start"],
    ):
        subprocess.run(command, cwd=words.folder, env=words.environment, check=True)
    assert words.run() == 0
    assert words.verdict() == "OK"
    return words.folder


@pytest.fixture
def words(once: Path, tmp_path: Path) -> Words:
    """A copy of it, to be changed freely."""
    shutil.copytree(once, tmp_path / "study")
    return Words(tmp_path / "study")


@pytest.fixture
def waiting(words: Words) -> Words:
    """One whose second rule waits for a file, with other parameters: every job runs again."""
    words.edit(
        "workflow_scripts/weigh.py", "with job(snakemake):\n", f"with job(snakemake):\n    exec('''{WAITING}''')\n"
    )
    words.edit("params.yaml", "shortest: 4", "shortest: 3")
    return words


def finish(words: Words) -> None:
    """The same command again, undisturbed."""
    (words.folder / "go").touch()
    assert words.run() == 0
    assert words.verdict() == "OK"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_by_a_signal_is_no_tampering_and_the_next_one_heals_it(waiting: Words, how) -> None:
    run = waiting.start()
    waiting.at_work(run)
    assert waiting.verdict() in EARLY  # while it is at work
    (os.killpg if how == signal.SIGKILL else os.kill)(run.pid, how)
    (waiting.folder / "go").touch()
    assert run.wait()
    assert waiting.verdict() in EARLY
    shutil.rmtree(waiting.folder / ".snakemake/locks", ignore_errors=True)  # as `blemore recover` does
    finish(waiting)


def test_a_job_that_failed_is_no_tampering_also_when_its_cause_was_taken_back(words: Words) -> None:
    words.edit(
        "workflow_scripts/weigh.py", "with job(snakemake):\n", "with job(snakemake):\n    raise ValueError('no')\n"
    )
    assert words.run()
    assert words.verdict() in EARLY
    words.edit(
        "workflow_scripts/weigh.py", "with job(snakemake):\n    raise ValueError('no')\n", "with job(snakemake):\n"
    )
    assert words.verdict() in EARLY
    finish(words)


def test_parameters_that_change_while_a_run_is_at_work_are_no_tampering(waiting: Words) -> None:
    run = waiting.start()
    waiting.at_work(run)
    waiting.edit("params.yaml", "shortest: 3", "shortest: 5")
    waiting.edit("params.yaml", "smoothing: 1.0", "smoothing: 2.0")
    (waiting.folder / "go").touch()
    run.wait()
    assert waiting.verdict() in EARLY
    finish(waiting)
