"""`blemore lineage leaks`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from blemore.lineage.leaks import Audit


def leaks(
    artifact: Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the whole table of persons x models there, as CSV.")] = None,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Was anybody judged by a model that had seen them? Persons x models, what is unknown, and every leak by name.

    Exit codes: 0 where no leak was found, 15 otherwise. What is unknown is no leak, and not "ok" either.
    """
    from blemore.lineage.leaks import check
    from blemore.lineage.store import Store
    from blemore.lineage.verdict import worst
    from blemore.tables import write_csv

    found = check(Store(workspace), artifact)
    if csv is not None:
        write_csv(found.table.reset_index(), csv)
    _tell_json(found) if as_json else _tell(found)
    if found.findings:
        raise typer.Exit(worst(found.findings).code)


def _tell_json(found: "Audit") -> None:
    from blemore.lineage.leaks_matrix import as_json

    about = {
        "leaks": [{"node": one.node, "what": one.what, "follows": list(one.follows)} for one in found.findings],
        "unknown": found.unknown,
        "notes": found.notes,
        "checked": {"models": found.models, "rows": found.rows, "clips": found.clips},
        "matrix": as_json(found.table, found.pretraining),
    }
    typer.echo(json.dumps(about, indent=2, ensure_ascii=False))


def _tell(found: "Audit", shown: int = 20) -> None:
    from rich.console import Console
    from rich.table import Table

    from blemore.lineage.leaks_matrix import SIGNS, folded

    cells = folded(found.table)
    table = Table("person", *cells.columns, title="Persons x models: a sign per fold, then the model of test clips")
    for person, row in zip(cells.index, cells.to_numpy().tolist(), strict=True):
        table.add_row(person, *row, style="red" if SIGNS["leak"] in "".join(row) else None)
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, Console(width=10_000).measure(table).maximum)
    console.print(table)
    typer.echo("  ".join(f"{sign} {word or 'neither'}" for word, sign in SIGNS.items()))
    for one in found.findings[:shown]:
        typer.secho(f"LEAK  {one.node}", fg="red")
        typer.echo(f"  {one.what}")
    if len(found.findings) > shown:
        typer.echo(f"... and {len(found.findings) - shown} more (--json lists all)")
    for note in found.notes:
        typer.echo(f"note: {note}")
    for doubt in found.unknown:
        typer.echo(f"unknown: {doubt}")
    looked = f"{found.models} models, {len(found.table) - 1} persons, {found.clips} clips, {found.rows} rows of tables"
    if found.findings:
        typer.secho(f"LEAK: {len(found.findings)} found in {looked}", fg="red", bold=True)
    else:
        typer.secho(
            f"No leak: of {looked}, no model judged a person that it was fitted on; unknown: {len(found.unknown)}",
            fg="green",
            bold=True,
        )
