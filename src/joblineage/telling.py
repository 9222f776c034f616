"""The one way to a screen or a log: what a file, a table or a service is called never moves a terminal's cursor or forges a line.

Whatever is printed goes through `say`, messages of `DataError` are `escaped` where they are made, and so are the lines of logs.
"""

import json
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from joblineage.errors import escaped

if TYPE_CHECKING:
    from rich.console import Console


def say(*lines: str, err: bool = False, **style: Any) -> None:
    """Print lines, in which everything but letters, signs and blanks is `escaped`.

    Parameters
    ----------
    *lines : str
        One for each; a line feed within one is escaped too.
    err : bool
        Whether to print on the standard error stream.
    **style : object
        Options of `typer.secho`, for people at a terminal.
    """
    text = "\n".join(map(escaped, lines))
    if style:
        import typer  # the start of a workflow goes without

        text = typer.style(text, **style) if (sys.stderr if err else sys.stdout).isatty() else text
    print(text, file=sys.stderr if err else sys.stdout, flush=True)


def say_json(value: Any) -> None:
    """Print a value as indented JSON.

    Parameters
    ----------
    value : object
        Anything that JSON can hold.
    """
    say(*json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).split("\n"))


def plain_console(**options: Any) -> "Console":
    """Make a console of rich for tables, trees and bars.

    Brackets in a text are no marks of style, and nothing moves the cursor but a bar.

    Parameters
    ----------
    **options : object
        Options of `rich.console.Console`.

    Returns
    -------
    Console
        The console.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Escaping(Console):
        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(escaped(segment.text, kept="\n"), segment.style)

    return Escaping(**{"markup": False, "highlight": False} | options)


class Plain(logging.Formatter):
    """Lines of a log.

    A message's own line feeds stay, as in a list of faults; a traceback follows it. Its parameters are those of `logging.Formatter`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Make the line, and what follows it.

        Parameters
        ----------
        record : LogRecord
            What was logged.

        Returns
        -------
        str
            The text.
        """
        return escaped(super().format(record), kept="\n\t")
