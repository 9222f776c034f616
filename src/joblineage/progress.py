"""How far a long loop or a run is: a bar with the time left on a terminal, a line now and then in a log."""

import io
import logging
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from joblineage.telling import plain_console, say

if TYPE_CHECKING:  # rich is loaded on a terminal alone
    from rich.progress import Progress

SCRIPT_MARK = "__real_file__"
"""Name that Snakemake sets in the main module of a process which it starts for a job's script."""
SETTLING = 20.0
"""Seconds for which the speed that is assumed at the start of a run counts beside the measured one."""
UNITS = ((1, 100, "s"), (60, 100, "min"), (3600, 48, "h"), (86400, float("inf"), "days"))
"""Seconds in a unit, up to how many of it are said so, its name."""


def in_job() -> bool:
    """Whether this process was started by Snakemake for a job: what it does is read in the job's log.

    Returns
    -------
    bool
        True in a job.
    """
    return hasattr(sys.modules["__main__"], SCRIPT_MARK)


def spoken(seconds: float) -> str:
    """A length of time as people say it.

    Parameters
    ----------
    seconds : float, s
        The length.

    Returns
    -------
    str
        Such as "40 s", "12 min", "3.5 h", "4.2 days".

    Examples
    --------
    >>> from joblineage.progress import spoken
    >>> spoken(40), spoken(12_600)
    ('40 s', '3.5 h')
    """
    number, unit = next((seconds / size, unit) for size, most, unit in UNITS if seconds < most * size)
    return f"{number:.1f} {unit}" if unit in ("h", "days") and number < 10 else f"{number:,.0f} {unit}"


def time_left(done: float, left: float, elapsed: float, at_once: int) -> float:
    """Seconds until a run is done, by what its jobs cost and by how fast the finished ones were; not by their number.

    Parameters
    ----------
    done, left : float, s
        What the finished and the other jobs were expected to take; of a running one both in part.
    elapsed : float, s
        Time since the first job began.
    at_once : int, >= 1
        Jobs that run at the same time, as far as is known before the first is done.

    Returns
    -------
    float, s
        The time.
    """
    return left * (elapsed + SETTLING) / (done + at_once * SETTLING)


def never_fail_to_print() -> None:
    """Have a terminal of another encoding than UTF-8 show an escape for a letter that it lacks, and end nothing."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # another file than when Python started
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")


class Steps:
    """Progress of a long loop; in a job it goes to the job's log.

    `with Steps("count/a", 30) as steps: ... steps.advance(1, "loss 0.31")`.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        Steps in all.
    done : int
        Steps that were done before.
    every : int, >= 1
        Without a terminal, a line is printed after this many steps, and after the last.
    after : float, s
        Time that passes before anything is shown; what is done sooner stays quiet.
    """

    def __init__(self, title: str, total: int, *, done: int = 0, every: int = 1, after: float = 0.0):
        self.title = title
        self.total = total
        self.done = done
        self.every = every
        self.shown_from = time.monotonic() + after
        self.bar: Progress | None = None

    def __enter__(self) -> "Steps":
        if sys.stderr.isatty() and not in_job():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=plain_console(stderr=True))
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.done)
            if time.monotonic() >= self.shown_from:
                self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, steps: int, found: str = "") -> None:
        """Count steps as done and show what they found.

        Parameters
        ----------
        steps : int
            How many.
        found : str
            Shown behind the count.
        """
        before, self.done = self.done, self.done + steps
        if time.monotonic() < self.shown_from:
            return
        if self.bar is not None:
            self.bar.start()
            self.bar.update(self.task, advance=steps, description=f"{self.title} {found}".rstrip())
        elif self.done == self.total or self.done // self.every > before // self.every:
            line = f"{self.title} {self.done}/{self.total} {found}".rstrip()
            if in_job():
                logging.info(line)
            else:
                say(line, err=True)
