"""Who is at work in a workspace: a record of each run's main process, kept as long as the run, and whether it still lives.

A process id means something within one boot of one machine, and there within one PID namespace (a container has its own).
A record names these three, so nobody elsewhere takes an id of another machine for a dead process.
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from enum import Enum
from functools import wraps
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil

from joblineage import slurm
from joblineage.capture import now, user
from joblineage.files import parse_json, write_text

FOLDER = Path(".snakemake/owners")
CALLER = "LINEAGE_CALLER_PID"
"""Environment variable of a Snakemake that a wrapper (make) started: the wrapper's process id."""
INITIAL = "pid:[4026531836]"
"""Linux's first PID namespace: that of the machine itself, the same number everywhere."""


class State(Enum):
    """Of a run's main process."""

    ALIVE = "alive"
    ABANDONED = "alive, but what started it (make, dvc) is gone"
    GONE = "gone"
    UNKNOWN = "elsewhere: it cannot be asked from here"


@dataclass(frozen=True)
class Owner:
    """A run's main process.

    boot, namespace : of the machine and the container that `pid` counts in.
    machine : the machine's installation, the same after a boot; "" where it has no number.
    start : when the process started, in the kernel's own ticks, as text; "" where there is no such process.
    caller : process id and start of the wrapper (make, dvc) for which it runs; None without one.
    job : the Slurm job that it is part of; None on a login node, or without Slurm.
    """

    host: str
    boot: str
    namespace: str
    machine: str
    pid: int
    start: str
    user: str | None
    since: str
    caller: tuple[int, str] | None = None
    job: str | None = None

    def token(self) -> str:
        """Names the process in the environment of its jobs."""
        return " ".join([self.boot, self.namespace, str(self.pid), self.start])

    def state(self) -> State:
        """Whether it still lives, as far as it can be known from here."""
        if (self.boot, self.namespace) == _place():
            if not _lives(self.pid, self.start):
                return State.GONE
            return State.ALIVE if self.caller is None or _lives(*self.caller) else State.ABANDONED
        if self.job is not None and (queue := slurm.queue()) is not None:
            return State.ALIVE if self.job in queue else State.GONE
        same = (self.host, self.machine, self.namespace) == (socket.gethostname(), _line("/etc/machine-id"), INITIAL)
        rebooted = same and self.machine and self.boot != _place()[0] and _place()[1] == INITIAL
        return State.GONE if rebooted else State.UNKNOWN

    def __str__(self) -> str:
        where = f"process {self.pid} on {self.host}"
        where += f" in Slurm job {self.job}" if self.job else ""
        other = self.boot == _place()[0] and self.namespace != _place()[1]
        return (
            f"{where}{' in another container' * other}, of {self.user or 'an unknown user'}, since {self.since[:19]}Z"
        )


def this_process() -> Owner:
    """The present process as an owner."""
    boot, namespace = _place()
    pid, machine = os.getpid(), _line("/etc/machine-id")
    return Owner(
        socket.gethostname(), boot, namespace, machine, pid, _start(pid), user(), now(), _caller(), slurm.own_job()
    )


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """Keep a record of this process in the workspace while it runs a workflow there."""
    me = this_process()
    path = root / FOLDER / f"{me.host}.{me.pid}.{token_hex(4)}.json"
    write_text(path, json.dumps(asdict(me)))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def record_runs() -> None:
    """From now on Snakemake keeps a record of this process in its working directory, from planning to the end of a run that
    is no dry one. That of a single job says which try it is, which Snakemake does not know earlier."""
    from snakemake.workflow import Workflow

    inner = getattr(Workflow.execute, "__wrapped__", Workflow.execute)  # a process may read several Snakefiles

    @wraps(inner)
    def execute(workflow: Any, executor_plugin: Any, *given: Any, **named: Any) -> Any:
        if not workflow.is_main_process:
            slurm.keep_counts(workflow.attempt)
        if executor_plugin.common_settings.dryrun_exec or not workflow.is_main_process:
            return inner(workflow, executor_plugin, *given, **named)
        with at_work(Path.cwd()):
            return inner(workflow, executor_plugin, *given, **named)

    Workflow.execute = execute


def owners(root: Path) -> dict[Path, Owner | None]:
    """{file: whom it is a record of} in a workspace; None: it cannot be read."""
    by_path: dict[Path, Owner | None] = {}
    for path in sorted((root / FOLDER).glob("*.json")):
        with suppress(FileNotFoundError):  # its run has just ended
            by_path[path] = None
            try:
                values = parse_json(path.read_bytes())
                caller = values.pop("caller")
                by_path[path] = Owner(**values, caller=tuple(caller) if caller else None)
            except (ValueError, TypeError, KeyError, AttributeError):
                pass
    return {path: owner for path, owner in by_path.items() if path.exists()}


def gone(token: str) -> bool:
    """Whether the process that a job's environment names (`Owner.token`) ran here, and does not live any longer."""
    boot, namespace, pid, start = ([*token.split(" "), "", "", "", ""])[:4]
    return (boot, namespace) == _place() and re.fullmatch("[0-9]+", pid) is not None and not _lives(int(pid), start)


def _place() -> tuple[str, str]:
    """This boot of this machine, and the PID namespace in it."""
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return _line("/proc/sys/kernel/random/boot_id") or socket.gethostname(), namespace


def _line(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text("utf-8").strip()
    return ""


def _lives(pid: int, start: str) -> bool:
    """Whether that very process lives, and not a later one with the same number."""
    return start != "" and _start(pid) in (start, "hidden")


def _start(pid: int) -> str:
    """When a process started; "" where there is none, or only what its parent has not waited for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:  # of another user
        pass
    with suppress(OSError):
        # Ticks since the boot: unlike a time of day, nobody sets them.
        state, *numbers = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if state in "ZX" else numbers[18]
    if Path("/proc/self/stat").exists():
        return "hidden"  # the machine shows no processes of other users
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return str(psutil.Process(pid).create_time())
    return "hidden"


def _caller() -> tuple[int, str] | None:
    """The wrapper that this process runs for: what a Makefile names, or the DVC whose stage this is."""
    if given := os.environ.get(CALLER, ""):
        return int(given), _start(int(given))
    if "DVC_STAGE" in os.environ:
        for parent in psutil.Process().parents():
            with suppress(psutil.Error):
                if "DVC_STAGE" not in parent.environ():  # a shell between them has it
                    return parent.pid, _start(parent.pid)
    return None
