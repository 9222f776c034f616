"""What a run shows: a line for each finished job, of a failed one its message, and how much is left.

Snakemake's own text, most of it lists of inputs and outputs, goes to its log in .snakemake/log alone.
"""

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblineage.errors import DataError, escaped
from joblineage.progress import never_fail_to_print, spoken, time_left
from joblineage.telling import plain_console, say

if TYPE_CHECKING:
    from rich.live import Live

LOGGER = "snakemake.logging"
SCREEN = "DefaultStreamHandler"
"""Snakemake's name of its handler for the terminal."""
ROUTINE = (
    *("Assuming unrestricted shared", "Building DAG", "Using shell", "Conda environments: ignored", "Select jobs"),
    *("Removing output files of failed job", "Exiting because a job execution failed", "Elapsed time", "Shutting down"),
)
"""How messages begin that say nothing of this run."""
DIED = re.compile(r"died with <Signals\.(\w+)|returned non-zero exit status ([0-9]+)")
LONG = 600.0
"""After so many seconds a job's start is reported too, where no bar shows what is running."""
Status = tuple[int, int, int]
"""Of a file: when it was written, size and inode."""
AT_THE_END = "At least one job did not complete successfully"


def when_planned(workflow: Any, check: Callable[[list[Any]], None]) -> None:
    """Have `check` called with the jobs that will run, before the first: in a dry run too, which has no `onstart`.

    What it finds wrong with them, a `DataError`, ends the run, or the dry run, with its message.
    """

    def look(record: logging.LogRecord) -> bool:
        if _event(record) == "run_info":
            try:
                check(list(workflow.dag.needrun_jobs()))
            except DataError as error:
                raise SystemExit(str(error)) from None  # ends Snakemake without a traceback
        return True

    if workflow.is_main_process:
        logging.getLogger(LOGGER).addFilter(look)


def show(workflow: Any, expected: Callable[[dict[int, Any]], dict[int, float]]) -> None:
    """Show this run as `Screen` does from now on; a dry run, or one with --quiet, --verbose or the like, as ever.

    Parameters
    ----------
    workflow : object
        Snakemake's workflow, while the Snakefile is read.
    expected : callable
        Of {number: job}, the seconds that each will take.
    """
    settings, logger = workflow.output_settings, logging.getLogger(LOGGER)
    as_ever = settings.dryrun or settings.quiet or settings.verbose or settings.printshellcmds or settings.debug_dag
    theirs = [handler for handler in logger.handlers if handler.name == SCREEN]
    if workflow.is_main_process:
        never_fail_to_print()  # in a dry run too, where the folder's name has letters that the terminal lacks
    if workflow.is_main_process and not as_ever and theirs:
        logger.removeHandler(theirs[0])
        logger.addHandler(Screen(workflow, expected))


@dataclass
class Shown:
    """A job, as far as it is shown.

    seconds : that it is expected to take.
    begun : when, by the clock; None before. over : whether it is done, or failed.
    logs : {its log: the file's status when it began}.
    """

    seconds: float
    name: str = ""
    made: Sequence[str] = ()
    begun: float | None = None
    over: bool = False
    logs: Mapping[Path, Status | None] = field(default_factory=dict)

    def done(self, now: float) -> float:
        """How many of its seconds are over; never quite all while it runs."""
        if self.over:
            return self.seconds
        return 0.0 if self.begun is None else min(0.95 * self.seconds, now - self.begun)


class Screen(logging.Handler):
    """Writes to the standard error stream; on a terminal also a bar that tells what is running.

    Parameters
    ----------
    workflow, expected : as of `show`.
    """

    def __init__(self, workflow: Any, expected: Callable[[dict[int, Any]], dict[int, float]]):
        super().__init__()
        self.workflow = workflow
        self.expected = expected
        self.jobs: dict[int, Shown] = {}
        self.began = 0.0
        self.failed: dict[int, str] = {}
        self.errors: list[str] = []
        self.bar: Live | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a message of Snakemake's means."""
        act = getattr(self, f"_{_event(record)}", None)
        try:
            if act is not None:
                act(record)
            elif _tells(record):
                self.say(record.getMessage())
        except Exception:  # what is shown ends no run
            self.handleError(record)

    def close(self) -> None:
        """Take the bar away for good."""
        self._end_bar()
        super().close()

    def _end_bar(self) -> None:
        bar, self.bar = self.bar, None
        if bar is not None:
            bar.stop()

    def say(self, text: str) -> None:
        """Write lines, above the bar where there is one."""
        lines = text.split("\n")
        if self.bar is None:
            say(*lines, err=True)
        else:
            self.bar.console.print("\n".join(map(escaped, lines)), markup=False, highlight=False, soft_wrap=True)

    def left(self) -> str:
        """How much is left of the run."""
        now = time.time()
        done = [job.done(now) for job in self.jobs.values()]
        left = sum(job.seconds for job in self.jobs.values()) - sum(done)
        resources = self.workflow.resource_settings
        at_once = min(resources.cores or resources.nodes or 1, len(done))
        return f"about {spoken(time_left(sum(done), left, now - self.began, at_once))} left"

    def _run_info(self, record: logging.LogRecord) -> None:
        dag = self.workflow.dag
        jobs = {dag.jobid(job): job for job in dag.needrun_jobs() if job.output}
        self.jobs = {number: Shown(seconds) for number, seconds in self.expected(jobs).items()}
        self.began = time.time()
        if self.jobs:
            self.say(f"{len(self.jobs)} job(s) to run, {self.left()}")

    def _job_info(self, record: logging.LogRecord) -> None:
        said = record.__dict__
        job = self.jobs.get(said["jobid"])
        if job is not None:
            self.failed.pop(said["jobid"], None)  # it is tried again
            job.name = escaped(" ".join([said["rule_name"], *map(str, said["wildcards"].values())]))
            job.made, job.begun, job.over = said["output"], time.time(), False
            job.logs = {log: _status(log) for log in map(Path, said["log"])}
            if self.bar is None and sys.stderr.isatty():
                self.bar = _bar(self.view)
            if self.bar is None and job.seconds > LONG:
                self.say(f"begun: {job.name}, about {spoken(job.seconds)}; how far it is: {', '.join(said['log'])}")

    def _job_finished(self, record: logging.LogRecord) -> None:
        job = self.jobs.get(record.__dict__["job_id"])
        if job is None:
            return
        job.over = True
        over, total = sum(job.over for job in self.jobs.values()), len(self.jobs)
        took = spoken(time.time() - (job.begun or self.began))
        left = f"; {self.left()}" if over < total else ""
        self.say(f"{over:>{len(str(total))}} of {total}  {job.name}: {_together(job.made)}, {took}{left}")
        if over == total:
            self._end_bar()

    def _job_error(self, record: logging.LogRecord) -> None:
        from joblineage.job import failure  # a run with nothing to do goes without

        said = record.__dict__
        job = self.jobs.get(said["jobid"], Shown(0.0, name=said["rule_name"]))
        job.over = True
        self.failed[said["jobid"]] = job.name
        logs = [Path(path) for path in said["log"]]
        own = [log for log in logs if _status(log) not in (None, job.logs.get(log))]  # not those of a run before
        reason = next(filter(None, map(failure, own)), None) or self._end_of(said["rule_name"])
        self.say(f"FAILED {job.name}: {reason}")
        if own:
            self.say(f"  its log, with the traceback: {', '.join(map(str, own))}")

    def _error(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if AT_THE_END in text:
            self._end_bar()
            done = sum(job.over for job in self.jobs.values()) - len(self.failed)
            failed = [*self.failed.values(), *self._running()]  # the latter without an output, as was said
            ended = f"{len(failed)} job(s) failed: {', '.join(failed)}" if failed else "The run was ended"
            self.say(f"{ended}. {done} of {len(self.jobs)} are done and kept.")
            how = "Correct the faults above and run" if failed else "Run"
            self.say(f"{how} the same command again: it goes on from here.")
        elif DIED.search(text) and self._running():
            self.errors.append(text)  # a job's: `_job_error` follows
        else:
            self.say(text)

    def _running(self) -> list[str]:
        """Names of the jobs that are at work."""
        return [job.name for job in self.jobs.values() if job.begun is not None and not job.over]

    def _end_of(self, rule: str) -> str:
        """How a job ended that said nothing in its log."""
        from joblineage.job import NO_MEMORY

        its = [error for error in self.errors if f".{rule}.py" in error] or self.errors
        died = DIED.search(its[-1]) if its else None
        if died is None:
            return "it left no message; Snakemake's log says more"
        code = int(died[2] or 0)
        number = code - 128 if code > 128 else getattr(signal, died[1] or "", 0)
        if number == signal.SIGKILL:
            return f"killed from outside, as the system does when memory runs out: {NO_MEMORY}"
        if number:
            return f"ended by {signal.Signals(number).name}"
        return f"ended with exit status {code} before its work began; what it said is above"

    def view(self) -> Any:
        """The bar, as it stands."""
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table

        now, jobs = time.time(), list(self.jobs.values())
        over = sum(job.over for job in jobs)
        # One line: where there are more, rich wipes out as many lines above them that a job has printed itself.
        grid = Table.grid(Column(no_wrap=True), Column(no_wrap=True), padding=(0, 1))
        bar = ProgressBar(sum(job.seconds for job in jobs), sum(job.done(now) for job in jobs), width=30)
        grid.add_row(bar, f"{over} of {len(jobs)}, {self.left()}; running: {', '.join(self._running())}")
        return grid


def _event(record: logging.LogRecord) -> str | None:
    """What kind of message it is, of those that Snakemake marks."""
    event = getattr(record, "event", None)
    return None if event is None else str(event)


def _tells(record: logging.LogRecord) -> bool:
    """Whether it says something of this run."""
    aloud = _event(record) is None or record.levelno >= logging.WARNING
    return aloud and not record.getMessage().startswith(ROUTINE)


def _status(file: Path) -> Status | None:
    """What tells whether a file has been written since, whatever the clock of its disk says; None: no such file."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _together(paths: Sequence[str]) -> str:
    """What a job made: its file, or how many in which folder."""
    return paths[0] if len(paths) == 1 else f"{len(paths)} files in {os.path.commonpath(paths)}"


def _bar(view: Callable[[], Any]) -> "Live | None":
    """`view` at the foot of the terminal, twice a second; None on one that knows no moving cursor."""
    from rich.live import Live

    console = plain_console(stderr=True)
    if console.is_dumb_terminal:
        return None
    bar = Live(get_renderable=view, console=console, refresh_per_second=2, transient=True)
    bar.start()
    return bar
