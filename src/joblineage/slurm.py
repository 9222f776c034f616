"""What Slurm says of jobs: which are in its queue, which work in a folder; and how to cancel them."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ATTEMPT = "LINEAGE_ATTEMPT"
"""Environment variable of the jobs that have a Snakemake of their own: which try this is."""
COUNT, STARTED = "SLURM_RESTART_COUNT", "LINEAGE_RESTART_COUNT"
"""Environment variables of a job that a cluster had to start again: how often; Slurm's own, and the one that stays."""
SECONDS = 60
"""So long an answer is waited for."""


@dataclass(frozen=True)
class Queued:
    """A job in the queue, waiting or at work.

    folder : that it works in.
    comment : Snakemake's executor gives "rule_NAME...".
    """

    state: str
    folder: str
    comment: str


def own_job() -> str | None:
    """The id of the Slurm job that this process is part of, on a node of the cluster; None elsewhere.

    A shell of `salloc` on a login node has a job's id as well, but outlives the job.
    """
    return os.environ.get("SLURM_JOB_ID") if "SLURMD_NODENAME" in os.environ else None


def place() -> dict[str, Any]:
    """Where this job runs, for its record: host, slurm_job, start (how often Slurm has started that job)."""
    job = own_job()
    return {
        "host": (job and os.environ.get("SLURMD_NODENAME")) or socket.gethostname(),
        "slurm_job": job,
        "start": int(os.environ.get(COUNT) or os.environ.get(STARTED) or 0) + 1 if job else None,
    }


def gpus() -> str:
    """The GPUs that Slurm gave this job, as it numbers them; empty where it gave none, or elsewhere (`SLURM_JOB_GPUS`)."""
    given = os.environ.get("SLURM_JOB_GPUS") or os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return given if own_job() and given not in ("NoDevFiles", "-1") else ""


def attempt() -> int | None:
    """Which try of Snakemake's this job is, 1 for the first; None where Snakemake does not say."""
    return int(os.environ[ATTEMPT]) if ATTEMPT in os.environ else None


def keep_counts(attempt: int | None) -> None:
    """Keep in the environment how often this job was tried, which only its Snakemake knows, and started: the executor takes
    Slurm's own count away before the job's step begins.

    Parameters
    ----------
    attempt : which try of Snakemake's it is; None: this is no job.
    """
    if attempt is None:
        os.environ.pop(ATTEMPT, None), os.environ.pop(STARTED, None)
        return
    os.environ[ATTEMPT] = str(attempt)
    if COUNT in os.environ:
        os.environ[STARTED] = os.environ[COUNT]


def queue() -> dict[str, Queued] | None:
    """{id: job} of all jobs in the queue; None where nobody can be asked."""
    if shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--array", "--format=%i\t%T\t%Z\t%k"]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=SECONDS
        )
    except (subprocess.SubprocessError, OSError):
        return None
    rows = (line.split("\t", 3) for line in done.stdout.splitlines())
    return {row[0]: Queued(*row[1:]) for row in rows if len(row) == 4}


def working_in(folder: Path, recorded: Collection[str], jobs: dict[str, Queued]) -> list[str]:
    """Ids of Snakemake's jobs of a workspace that are in the queue, sorted.

    Parameters
    ----------
    recorded : ids that Snakemake has noted. One that was submitted just before its Snakemake was killed is not noted.
    """
    place = folder.resolve()

    def ours(queued: Queued) -> bool:
        return queued.comment.startswith("rule_") and Path(queued.folder).resolve() == place

    return sorted(name for name, job in jobs.items() if name in recorded or ours(job))


def cancel(ids: Collection[str]) -> list[str]:
    """Cancel jobs and wait until they are out of the queue; ids of those that are not, after a minute."""
    subprocess.run(["scancel", *ids], capture_output=True, check=False, timeout=SECONDS)
    left, until = sorted(ids), time.monotonic() + SECONDS
    while left and time.monotonic() < until:
        if (jobs := queue()) is not None:
            left = sorted(set(ids) & jobs.keys())
        time.sleep(0.5 if left else 0)
    return left
