"""Killed at any moment, `make submission` finishes with the same bytes; the number of cores changes none."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from joblineage.recovery import survey

from .conftest import ENVIRONMENT, MAKE, Study

pytestmark = pytest.mark.slow


def start(study: Study) -> subprocess.Popen:
    return subprocess.Popen(
        MAKE,
        cwd=study.folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill(run: subprocess.Popen, whom: str) -> None:
    """kill -9: every process of the run, only make, or only Snakemake's main process (its jobs become orphans)."""
    if whom == "all":
        os.killpg(run.pid, signal.SIGKILL)
    elif whom == "make":
        run.kill()
    else:
        for process in psutil.Process(run.pid).children(recursive=True):
            if any(Path(word).name == "snakemake" for word in process.cmdline()[:3]):
                process.kill()
                break
    run.wait()


def documents(study: Study, kind: str) -> int:
    return len(list((study.folder / "lineage" / kind).glob("*.json")))


def wait_for(reached: Callable[[], bool], run: subprocess.Popen) -> None:
    while not reached():
        assert run.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)


KILLS = (0, 1, 2, 4, 7, 10, 13, 16, 19, "recorded")
"""When a run is killed: after so many jobs, and when it is recorded but not yet versioned."""


def test_killed_ten_times_on_all_cores_a_run_ends_with_the_bytes_of_one_core(finished: Study, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study", cold=True)
    for lost in ("results", ".dvc/cache"):  # from which `blemore recover` would bring the results back
        shutil.rmtree(study.folder / lost)
    for clip in (study.folder / "data/demo/train").glob("A902_*"):
        clip.unlink()
    locks = study.folder / ".snakemake/locks"
    chance = random.Random(20261123)
    before = documents(study, "records")
    for moment, whom in zip(KILLS, itertools.cycle(["all", "make", "snakemake"]), strict=False):
        begun, runs = time.time(), documents(study, "runs")
        run = start(study)
        wait_for(lambda: any(lock.stat().st_mtime > begun for lock in locks.glob("*")), run)  # noqa: B023
        if moment == "recorded":
            wait_for(lambda: documents(study, "runs") > runs, run)  # noqa: B023
        else:
            wait_for(lambda: documents(study, "records") >= before + moment, run)  # noqa: B023
        time.sleep(chance.uniform(0, 0.5))
        assert run.poll() is None
        kill(run, whom)
    study.make()
    assert study.payload() == finished.payload()
    assert study.would_run() == {}
    assert survey(study.folder) == ([], [])


def test_a_bare_snakemake_that_meets_a_stale_lock_says_what_to_do(finished: Study, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study", cold=True)  # what is at work is known by the commands of processes
    (study.folder / "results/report/index.html").unlink()  # one job to do
    lock = study.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/fusion/weights.json\n")
    refused = study.run("snakemake", "submission", check=False)
    assert refused.returncode
    assert "blemore recover" in refused.stderr
    study.make()
    assert study.would_run() == {}
