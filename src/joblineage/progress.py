"""How far a long loop is: a bar with the time left on a terminal, a line now and then in a log."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Steps:
    """`with Steps("count/a", 30) as steps: ... steps.advance(1, "loss 0.31")`.

    title : what is being done.
    total : steps in all.
    done : steps that were done before.
    every : without a terminal, a line is printed after this many steps, and after the last.
    after : seconds that pass before anything is shown; what is done sooner stays quiet.
    """

    def __init__(self, title: str, total: int, *, done: int = 0, every: int = 1, after: float = 0.0):
        self.title = title
        self.total = total
        self.done = done
        self.every = every
        self.shown_from = time.monotonic() + after
        self.bar: Progress | None = None

    def __enter__(self) -> "Steps":
        if sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task(self.title, total=self.total, completed=self.done)
            if time.monotonic() >= self.shown_from:
                self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, steps: int, found: str = "") -> None:
        """Count `steps` as done and show what they found."""
        before, self.done = self.done, self.done + steps
        if time.monotonic() < self.shown_from:
            return
        if self.bar is not None:
            self.bar.start()
            self.bar.update(self.task, advance=steps, description=f"{self.title} {found}".rstrip())
        elif self.done == self.total or self.done // self.every > before // self.every:
            print(f"{self.title} {self.done}/{self.total} {found}".rstrip(), file=sys.stderr, flush=True)
