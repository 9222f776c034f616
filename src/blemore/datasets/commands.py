"""`blemore data ...`: bring the challenge's data in, and check that it is whole.

Exit codes: 0 complete; 1 something is missing or wrong (what was found is kept), or refused before any work.
Imports are inside the commands: `blemore --help` must not wait for pandas.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from joblineage.errors import DataError
from joblineage.telling import say, say_json

if TYPE_CHECKING:
    from blemore.datasets.completeness import Completeness
    from blemore.datasets.importing import Imported

app = typer.Typer(help="Import and check the challenge's data.", no_args_is_help=True)

NEXT = "Next: set `dataset: blemore` and `weights: pretrained` in params.yaml, then run `snakemake`."
AGAIN = "Get or repair what is named above, then run `blemore data import PATH...` again: what is imported stays."

Root = Annotated[Path, typer.Option(help="Folder of the data set.")]
Denylist = Annotated[
    Path, typer.Option("--withdrawn", help="List of who withdrew consent (none where there is no such file).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command("import")
def import_command(
    paths: Annotated[list[Path], typer.Argument(help="The downloaded zips, or the folders unpacked from them.")],
    root: Root = Path("data/blemore"),
    link: Annotated[
        bool, typer.Option("--link", help="Hard-link unpacked clips of the same disk; never edit them afterwards.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that are there but differ.")] = False,
    denylist: Denylist = Path("withdrawn.json"),
    as_json: AsJson = False,
) -> None:
    """Find clips and tables in zips and folders, sort them into place, check that the data is whole.

    Run it again at any time: files already in place are kept.
    """
    from blemore.datasets.importing import import_data
    from blemore.datasets.withdrawn import known_withdrawn

    try:
        withdrawn = known_withdrawn(denylist)
        report = import_data(paths, root, link=link, replace=replace, withdrawn=withdrawn, show_progress=not as_json)
    except DataError as error:
        if not as_json:
            raise
        say_json({"complete": False, "refused": error.faults})
        raise typer.Exit(1) from error
    _tell(report, as_json)


@app.command("check")
def check_command(
    root: Root = Path("data/blemore"), denylist: Denylist = Path("withdrawn.json"), as_json: AsJson = False
) -> None:
    """Say what is missing or wrong."""
    from blemore.datasets.completeness import check_data
    from blemore.datasets.withdrawn import known_withdrawn

    _tell(check_data(root, withdrawn=known_withdrawn(denylist)), as_json)


def _tell(result: "Imported | Completeness", as_json: bool) -> NoReturn:
    """Print what was done or found, and exit with its code."""
    if as_json:
        say_json({"complete": result.complete, **dataclasses.asdict(result)})
    else:
        say(*result.lines(), NEXT if result.complete else AGAIN)
    raise typer.Exit(0 if result.complete else 1)
