"""How far a long loop is: a bar with the time left on a terminal, one line per round in a log."""

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Rounds:
    """Iterate over `first`..`last` (last included) and show progress; `tell` adds what a round found."""

    def __init__(self, title: str, first: int, last: int):
        self.title = title
        self.first = first
        self.last = last
        self.found = ""

    def tell(self, found: str) -> None:
        """Show `found` at the end of the present round."""
        self.found = found

    def __iter__(self) -> Iterator[int]:
        if not sys.stderr.isatty():
            for number in range(self.first, self.last + 1):
                yield number
                print(f"{self.title} {number}/{self.last} {self.found}", file=sys.stderr, flush=True)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(self.title, total=self.last, completed=self.first - 1)
            for number in range(self.first, self.last + 1):
                yield number
                bar.update(task, advance=1, description=f"{self.title} {self.found}")
