"""After a kill -9: end what that run left running, release its lock, so that the next run finishes the work.

A job that outlives its Snakemake would go on writing beside the next run's copy of the same job. Every job carries
the workspace and its run's main process in its environment (`MARK`, `TOKEN`), so such orphans are recognised. A lock is
released when the run that took it (`joblineage.owner`) is gone for certain, never because no process looks like one.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from joblineage import owner, slurm
from joblineage.files import parse_json
from joblineage.owner import Owner, State
from joblineage.store import Store
from joblineage.telling import say
from joblineage.workspace import hard_links_replaceable, notes_apart

MARK = "LINEAGE_WORKSPACE"
"""Environment variable of every job: the workspace it works for."""
TOKEN = "LINEAGE_OWNER"
"""Environment variable of every job: the main process of its run, as `Owner.token` names it."""
FORCE = "If you know that it is gone: `recover --force`"


class RunActive(RuntimeError):
    """A run is at work in this workspace, or nobody here can know that it is not."""


def _environment(process: psutil.Process) -> dict[str, str]:
    """Nothing of a process that is gone, or of another user."""
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return {}


def survey(workspace: Path) -> tuple[list[Owner], list[psutil.Process]]:
    """Runs that are at work in this workspace, or may be; and processes here that dead runs left behind."""
    states = [(process, process.state()) for process in owner.owners(workspace).values() if process is not None]
    healthy = [process for process, state in states if state in (State.ALIVE, State.UNKNOWN)]
    abandoned = [process for process, state in states if state is State.ABANDONED]
    tokens, place = {lost.token() for lost in abandoned}, str(workspace.resolve())
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    spared |= {process.pid for process, state in states if state is State.ALIVE}
    orphans = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        environment = _environment(process)
        if environment.get(MARK) == place and TOKEN in environment:
            token = environment[TOKEN]
            if token in tokens or owner.gone(token):
                orphans.append(process)
    for lost in abandoned:
        with suppress(psutil.NoSuchProcess):
            orphans.append(psutil.Process(lost.pid))
    return healthy, orphans


def holding(workspace: Path) -> int | None:
    """The id of a DVC that writes files in this workspace, such as `dvc pull`; None: its lock is free."""
    try:
        with open(workspace / ".dvc/tmp/lock", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read().strip() or 0)
    except (OSError, ValueError):  # never locked, or on a disk without locks, where DVC says so itself
        pass
    return None


def locked(workspace: Path) -> bool:
    """Whether a lock of Snakemake lies in the workspace."""
    locks = workspace / ".snakemake" / "locks"
    return locks.is_dir() and any(locks.iterdir())


def heed_sigterm() -> None:
    """Have SIGTERM end this Snakemake at any moment: what it does then waits for a lock, for ever where the code that the
    signal interrupts holds it (9.27). A thread waits until that code has gone on."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    inner = getattr(JobScheduler.exit_gracefully, "__wrapped__", JobScheduler.exit_gracefully)

    @wraps(inner)
    def exit_gracefully(scheduler: JobScheduler, *signalled: object) -> None:
        Thread(target=inner, args=(scheduler, *signalled), daemon=True).start()

    JobScheduler.exit_gracefully = exit_gracefully


def mark(root: Path, how_to_go_on: str, workflow: Any) -> None:
    """Mark this run's jobs as the workspace's own, and say how to go on where a killed run left its lock. Snakemake writes its
    notes through no link, and replaces outputs that are links.

    Parameters
    ----------
    workflow : Snakemake's, while the Snakefile is read.
    """
    notes_apart()
    hard_links_replaceable()
    owner.record_runs()
    if not workflow.is_main_process:  # but that of a single job
        return
    slurm.keep_counts(None)
    own = owner.this_process().token()
    os.environ[MARK], os.environ[TOKEN] = str(root.resolve()), own
    heed_sigterm()
    if not locked(root):
        return
    healthy = survey(root)[0]
    if any(run.token() == own for run in healthy):  # a run that plans once more, in this process
        return
    said = f"A run in this folder was killed and left its lock. {how_to_go_on}"
    say(f"A run is at work in this folder: {healthy[0]}." if healthy else said, err=True)


def recover(store: Store, *, force: bool = False) -> list[str]:
    """End the orphans of dead runs, release their lock and bring back what is damaged or lost, as far as it can be; say
    what was done and what is left to be made again, one sentence each (none: nothing to do).

    Parameters
    ----------
    force : take a run that cannot be asked from here for dead, and cancel the cluster jobs of a dead run.

    Raises
    ------
    RunActive : a healthy run is at work here, or one that cannot be asked, or its cluster jobs; nothing was touched.
    """
    from joblineage.repairing import repair  # every start of a workflow imports this module

    workspace = store.root
    healthy, orphans = survey(workspace)
    alive = [process.pid for process in healthy if process.state() is State.ALIVE]
    if alive:  # one just killed may need a moment to end
        _wait(alive)
        healthy, orphans = survey(workspace)
    records = owner.owners(workspace)
    for process in healthy:
        if process.state() is State.ALIVE:
            raise RunActive(f"a run is at work here ({process}): wait for it, or end it first")
        if not force:
            raise RunActive(
                f"a run that cannot be asked from here may be at work ({process}): wait for it there. {FORCE}"
            )
    if not force and (None in records.values() or (locked(workspace) and not records)):
        what = "Snakemake's lock lies here, without a record of who took it that can be read"
        raise RunActive(f"{what}: see whether a run is at work, on other machines too. {FORCE}")
    done = _cluster(workspace, dead=bool(records) or locked(workspace), force=force)
    for process in orphans:
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    psutil.wait_procs(orphans, timeout=30)
    if orphans:
        done.append(f"ended {len(orphans)} process(es) that a killed run had left behind")
    if locked(workspace):
        # What `snakemake --unlock` does, without seconds of a process.
        with suppress(FileNotFoundError):  # another one is doing the same
            shutil.rmtree(workspace / ".snakemake" / "locks")
        done.append("released the lock of a killed run")
    for path in records:
        path.unlink(missing_ok=True)
    return done + repair(store)


def _wait(pids: Iterable[int]) -> None:
    processes = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    psutil.wait_procs(processes, timeout=1)


def _cluster(workspace: Path, *, dead: bool, force: bool) -> list[str]:
    """Refuse, or with `force` cancel, jobs of a dead run that a cluster still has; what was done.

    dead : whether there was a run that did not end by itself.
    """
    recorded = _recorded(workspace)
    if not dead and not recorded:
        return []
    jobs = slurm.queue()
    if jobs is None:  # no Slurm here
        if recorded and dead and not force:
            what = f"a killed run had handed jobs to a cluster that cannot be asked from here ({', '.join(recorded)})"
            raise RunActive(
                f"{what}: recover on a machine with `squeue`. If you know that they are gone: `recover --force`"
            )
        return []
    left = slurm.working_in(workspace, recorded, jobs)
    if left and not force:
        what = f"jobs of a killed run are still in the queue ({', '.join(left)})"
        raise RunActive(f"{what}: wait until they have ended, or have them cancelled by `recover --force`")
    if left and (still := slurm.cancel(left)):
        raise RunActive(f"jobs of a killed run are still in the queue after `scancel`: {', '.join(still)}")
    return [f"cancelled {len(left)} job(s) of a killed run: {', '.join(left)}"] if left else []


def _recorded(workspace: Path) -> list[str]:
    """Ids of cluster jobs that Snakemake has noted and not seen end, sorted."""
    ids = set()
    for path in (path for path in (workspace / ".snakemake/incomplete").rglob("*") if path.is_file()):
        with suppress(OSError, ValueError, KeyError, TypeError):
            ids.add(parse_json(path.read_bytes())["external_jobid"])
    return sorted(ids - {None})
