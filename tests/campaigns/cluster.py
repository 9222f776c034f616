"""Mishaps of a tiny study on a Slurm of two nodes; each ends with the bytes of one machine, and no job runs twice at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.cluster import SLURM_MAKE, at_work, head, queued, records, running, untrain, wait  # noqa: E402
from workflow.conftest import Study  # noqa: E402
from workflow.mishaps import OK  # noqa: E402
from workflow.trials import FOLDER, copied, reference, says_so  # noqa: E402

ABOUT = (
    "A tiny study under `profiles/slurm`, its trainings and what follows made on a Slurm of two nodes (tests/workflow/slurm.sh), "
    "with a mishap in the middle of a training. The run ends, or is ended by `make submission PROFILE=slurm` after what the refusal "
    "says: the bytes of one machine, `verify` says OK, and no job ran beside its double."
)
LOGIN2 = (
    "unshare",
    "--pid",
    "--fork",
    "--mount-proc",
    "--uts",
    "--mount",
    "bash",
    "-c",
    'hostname login2; exec "$@"',
    "-",
)
"""Another login node, as far as process ids and the host's name go."""


def ends_well(study: Study, finished: Study, run: subprocess.Popen) -> None:
    """The run ends by itself, with all bytes of the study that was made on one machine."""
    assert run.wait(timeout=1200) == 0, study.folder.with_suffix(".log").read_text()
    mine, whole = study.payload(), finished.payload()
    assert mine == whole, sorted(path for path in mine.keys() | whole.keys() if mine.get(path) != whole.get(path))
    says_so(study, OK)
    assert (study.folder / "dvc.lock").exists()
    assert study.would_run() == {}


def undisturbed(study: Study, finished: Study) -> None:
    """What Snakemake on the login node costs, and a job on the cluster beyond what its script does."""
    spent: dict[tuple[str, int], float] = {}  # CPU seconds by what they belong to ("head" or a job's id) and process
    with head(study) as run:
        while run.poll() is None:
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    job = process.environ().get("SLURM_JOB_ID")
                    if job or "--workflow-profile" in process.cmdline():
                        spent[job or "head", process.pid] = sum(process.cpu_times()[:2])
            time.sleep(0.2)
        ends_well(study, finished, run)
    made = [one for one in records(study) if one["place"]["slurm_job"] in {job for job, _ in spent}]
    jobs = len({one["place"]["slurm_job"] for one in made})
    own = sum(one["time"]["cpu_seconds"] for one in made)
    beyond = sum(seconds for (what, _), seconds in spent.items() if what != "head") - own
    seconds = sum(seconds for (what, _), seconds in spent.items() if what == "head")
    print(json.dumps({"head": round(seconds, 1), "jobs": jobs, "beyond": round(beyond / jobs, 1)}))


def dvc_repro(study: Study, finished: Study) -> None:
    study.environment = study.environment | {"SNAKEMAKE_PROFILE": str(study.folder / "profiles/slurm")}
    study.run("dvc", "repro")
    assert study.payload() == finished.payload()
    says_so(study, OK)
    assert all(one["place"]["slurm_job"] for one in records(study, "train_fold", "fuse", "decide"))


def training(study: Study, run: subprocess.Popen) -> str:
    """The id of a training that has gone on for a while."""
    return wait(lambda: at_work(study, "train_fold", seconds=12), run)


def placed(study: Study, job: str) -> dict:
    """Where the job of this id ran, as its record says."""
    return next(one for one in records(study, "train_fold") if one["place"]["slurm_job"] == job)


def scancel(study: Study, finished: Study) -> None:
    with head(study) as run:
        study.run("scancel", training(study, run))
        ends_well(study, finished, run)
        assert sorted(one["job"]["attempt"] for one in records(study, "train_fold"))[-1] == 2


def requeue(study: Study, finished: Study) -> None:
    with head(study) as run:
        job = training(study, run)
        study.run("scontrol", "requeue", job)
        ends_well(study, finished, run)
        assert placed(study, job)["place"]["start"] == 2


def killed_node(study: Study, finished: Study) -> None:
    with head(study) as run:
        job = training(study, run)
        node = study.run("squeue", "--noheader", f"--jobs={job}", "--format=%N").stdout.strip()
        daemon = Path(study.environment["SLURM_CONF"]).with_name(f"slurmd.{node}.pid")
        dead = [psutil.Process(int(daemon.read_text()))]
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    f"slurmstepd: [{job}" in " ".join(process.cmdline())
                    or process.environ().get("SLURMD_NODENAME") == node
                ):
                    dead.append(process)
        for process in dead:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        daemon.unlink()
        ends_well(study, finished, run)
        assert placed(study, job)["place"]["start"] == 2


def second_login_node(study: Study, finished: Study) -> None:
    with head(study) as run:
        training(study, run)
        refused = study.run(*LOGIN2, *SLURM_MAKE, check=False)
        assert refused.returncode
        assert f"on {socket.gethostname()}" in refused.stderr, refused.stderr
        ends_well(study, finished, run)


def killed_head(study: Study, finished: Study) -> None:
    """Its jobs are waited for, and not made again."""
    with head(study) as run:
        training(study, run)
        os.killpg(run.pid, signal.SIGKILL)
    left = queued(study)
    refused = study.make(check=False)
    assert refused.returncode
    assert all(job in refused.stderr for job in left), refused.stderr
    wait(lambda: not queued(study))
    with head(study) as run:
        ends_well(study, finished, run)


def killed_head_of_another_node(study: Study, finished: Study) -> None:
    """The login node is gone with its head: from another one the jobs are cancelled by force, and the run goes on."""
    with head(study, *LOGIN2) as run:
        training(study, run)
        os.killpg(run.pid, signal.SIGKILL)
    refused = study.make(check=False)
    assert refused.returncode
    assert "login2" in refused.stderr, refused.stderr
    assert "cancelled" in study.run("blemore", "recover", "--force").stdout
    assert queued(study) == {}
    with head(study) as run:
        ends_well(study, finished, run)


MISHAPS = {
    "undisturbed": undisturbed,
    "dvc repro through the profile": dvc_repro,
    "scancel of a training": scancel,
    "requeue of a training": requeue,
    "killed node": killed_node,
    "make on a second login node": second_login_node,
    "killed head, jobs waited for": killed_head,
    "killed head of another login node": killed_head_of_another_node,
}


def trials() -> dict[str, list[str]]:
    return {name: [sys.executable, str(Path(__file__)), name] for name in MISHAPS}


def figures(printed: Mapping[str, Any]) -> list[str]:
    if "undisturbed" not in printed:
        return []
    one = printed["undisturbed"]
    return [
        f"Undisturbed: Snakemake on the login node took {one['head']} CPU s for {one['jobs']} jobs of the cluster and those that "
        f"ran beside it; a job of the cluster took {one['beyond']} CPU s more than its script."
    ]


def trial(finished: Study, name: str) -> None:
    with (
        FileLock(FOLDER / "slurm.lock"),
        copied(finished, name) as study,
        running(study.folder.with_name("slurm")) as cluster,
    ):
        assert cluster, "Slurm's daemons do not start here"
        untrain(study, cluster)
        MISHAPS[name](study, finished)
        no_doubles(study)


def no_doubles(study: Study) -> None:
    """No two jobs of the cluster for the same work ran at one time."""
    rows = study.run("squeue", "--noheader", "--states=all", "--format=%k %S %e").stdout.splitlines()
    times = sorted(row.rsplit(maxsplit=2) for row in rows if "N/A" not in row)  # of one comment, by start
    for (comment, _, end), (other, start, _) in pairwise(times):
        assert comment != other or end <= start, f"{comment} ran twice at {start}"


if __name__ == "__main__":
    trial(reference(), sys.argv[1])
