"""After a kill -9: end what that run left running, release its lock, so that the next run finishes the work.

A job that outlives its Snakemake would go on writing beside the next run's copy of the same job. Every job carries
the workspace in its environment (`MARK`, set by rules/common.smk), so such orphans are recognised.
"""

import os
import shutil
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import Thread

import psutil

from joblineage.store import Store
from joblineage.telling import say

MARK = "LINEAGE_WORKSPACE"
"""Environment variable of every job: the workspace it works for."""

CALLER = "LINEAGE_CALLER_PID"
"""Environment variable of a Snakemake that a wrapper (make) started: the wrapper's process id."""


class RunActive(RuntimeError):
    """A healthy run is at work in this workspace."""


def _read(process: psutil.Process) -> tuple[list[str], str, dict[str, str]]:
    """Command, folder and environment; nothing of a process that is gone, or just ending: it has lost its environment."""
    try:
        command, folder, environment = process.cmdline(), process.cwd(), process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return [], "", {}
    return (command, folder, environment) if environment else ([], "", {})


def _ancestors(process: psutil.Process) -> dict[int, psutil.Process]:
    """Its parents by process id; none of a process that is gone."""
    try:
        return {parent.pid: parent for parent in process.parents()}
    except psutil.NoSuchProcess:
        return {}


def _runs(command: list[str], program: str) -> bool:
    return any(Path(word).name == program for word in command[:3])


def _caller_died(environment: dict[str, str], ancestors: dict[int, psutil.Process]) -> bool:
    """Whether a wrapper (make, dvc) started this Snakemake and is gone."""
    if CALLER in environment:
        return int(environment[CALLER]) not in ancestors
    if "DVC_STAGE" in environment:
        return not any(_runs(_read(parent)[0], "dvc") for parent in ancestors.values())
    return False


def survey(workspace: Path) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Healthy runs (Snakemake's main processes) and orphans of dead runs in this workspace."""
    place = str(workspace.resolve())
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    healthy: list[psutil.Process] = []
    orphans: list[psutil.Process] = []
    marked: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        command, folder, environment = _read(process)
        if environment.get(MARK) == place:
            marked.append(process)
        elif folder == place and _runs(command, "snakemake"):
            (orphans if _caller_died(environment, _ancestors(process)) else healthy).append(process)
    alive = {process.pid for process in healthy}
    return healthy, orphans + [process for process in marked if not alive & _ancestors(process).keys()]


def holding(workspace: Path, program: str = "dvc") -> int | None:
    """The id of a process of another program that writes files in this workspace, such as `dvc pull`; None: there is none."""
    place, own = str(workspace.resolve()), {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        command, folder, _ = _read(process)
        if process.pid not in own and folder == place and _runs(command, program):
            return int(process.pid)
    return None


def stale_lock(workspace: Path) -> bool:
    """Whether a lock of Snakemake lies in the workspace while no run is at work there."""
    locks = workspace / ".snakemake" / "locks"
    return locks.is_dir() and any(locks.iterdir()) and not survey(workspace)[0]


def heed_sigterm() -> None:
    """Have SIGTERM end this Snakemake at any moment: what it does then waits for a lock, for ever where the code that the
    signal interrupts holds it (9.27). A thread waits until that code has gone on."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    inner = getattr(JobScheduler.exit_gracefully, "__wrapped__", JobScheduler.exit_gracefully)

    @wraps(inner)
    def exit_gracefully(scheduler: JobScheduler, *signalled: object) -> None:
        Thread(target=inner, args=(scheduler, *signalled), daemon=True).start()

    JobScheduler.exit_gracefully = exit_gracefully


def mark(root: Path, how_to_go_on: str) -> None:
    """Mark this run's jobs as the workspace's own, and say how to go on where a killed run left its lock."""
    if MARK in os.environ:  # a job of a run that is already marked
        return
    os.environ[MARK] = str(root.resolve())
    heed_sigterm()
    if stale_lock(root):
        say(f"A run in this folder was killed and left its lock. {how_to_go_on}", err=True)


def recover(store: Store) -> list[str]:
    """End the orphans of dead runs, release their lock and bring back what is damaged or lost, as far as it can be; say
    what was done and what is left to be made again, one sentence each (none: nothing to do).

    Raises
    ------
    RunActive : a healthy run is at work here; nothing was touched.
    """
    from joblineage.repairing import repair  # every start of a workflow imports this module

    workspace = store.root
    healthy, orphans = survey(workspace)
    if healthy:  # one that was just killed may need a moment to end
        psutil.wait_procs(healthy, timeout=1)
        healthy, orphans = survey(workspace)
    if healthy:
        raise RunActive(f"a run is at work here (process {healthy[0].pid}): wait for it, or end it first")
    done = []
    for process in orphans:
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    psutil.wait_procs(orphans, timeout=30)
    if orphans:
        done.append(f"ended {len(orphans)} process(es) that a killed run had left behind")
    if stale_lock(workspace):
        # What `snakemake --unlock` does, without seconds of a process that another `recover` would take for a run.
        with suppress(FileNotFoundError):  # another one is doing the same
            shutil.rmtree(workspace / ".snakemake" / "locks")
        done.append("released the lock of a killed run")
    return done + repair(store)
