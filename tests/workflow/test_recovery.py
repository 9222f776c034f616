"""Killed at any moment, `make submission` finishes with the same bytes; the number of cores changes none."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from blemore.lineage.recovery import survey

from .conftest import ENVIRONMENT, MAKE, Study, clone

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


def test_killed_ten_times_on_all_cores_a_run_ends_with_the_bytes_of_one_core(finished: Study, tmp_path: Path) -> None:
    study = clone(tmp_path / "study")
    chance = random.Random(20261123)
    kills = 0
    while kills < 10:
        run = start(study)
        time.sleep(chance.uniform(2, 7))
        if run.poll() is None:
            kill(run, chance.choice(["all", "make", "snakemake"]))
            kills += 1
        else:  # it finished before the kill: begin anew from the clips
            assert run.returncode == 0
            shutil.rmtree(study.folder / "results")
    study.make()
    assert study.payload() == finished.payload()
    assert study.would_run() == {}
    assert survey(study.folder) == ([], [])


def test_a_bare_snakemake_that_meets_a_stale_lock_says_what_to_do(study: Study) -> None:
    (study.folder / "results/report/index.html").unlink()  # one job to do
    lock = study.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/fusion/weights.json\n")
    refused = study.run("snakemake", "submission", check=False)
    assert refused.returncode
    assert "blemore recover" in refused.stderr
    study.make()
    assert study.would_run() == {}
