"""`blemore report ...`: pages over finished studies.

Imports stand inside the commands: `blemore --help` must not wait for pandas.
"""

from pathlib import Path
from typing import Annotated

import typer

from joblineage.telling import say

app = typer.Typer(help="Pages about finished studies.", no_args_is_help=True)


@app.callback()
def _app() -> None:
    """A group, although it has one command."""


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of a finished study (where its params.yaml is).")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of another one, of the same clips.")],
    out: Annotated[Path, typer.Option(help="Where the page goes, .html.")] = Path("comparison.html"),
) -> None:
    """Two studies side by side: figures with intervals, the paired difference of each person, parameters that differ."""
    from blemore.report.compare import FILES, page
    from joblineage.files import check_output, write_text

    check_output(out, [".html"], *(folder / file for folder in (a, b) for file in FILES.values()))
    write_text(out, page(a, b))
    say(f"{out}: {a} and {b}, side by side")
