"""`blemore lineage leaks`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from blemore.audit.leaks.audit import Audit


def leaks(
    context: typer.Context,
    artifact: Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Was anybody judged by a model that had seen them? Persons x models, what is unknown, and every leak by name.

    Exit codes: 0 where no leak was found, 15 otherwise. What is unknown is no leak, and not "ok" either.
    """
    from blemore.audit.leaks.audit import check
    from joblineage.graph import Graph
    from joblineage.store import Store
    from joblineage.verdict import worst

    found = check(Graph(Store(workspace, context.obj)), artifact)
    typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False)) if as_json else _tell(found)
    if found.findings:
        raise typer.Exit(worst(found.findings).code)


def _tell(found: "Audit", shown: int = 20) -> None:
    from rich.console import Console
    from rich.table import Table

    from blemore.audit.leaks.matrix import PRETRAINING, SIGNS

    steps = found.matrix.folded()
    table = Table("person", *steps, title="Persons x models: a sign per fold, then the model of the test clips")
    for name, *row in zip([*found.matrix.persons, PRETRAINING], *steps.values(), strict=True):
        table.add_row(name, *row, style="red" if SIGNS["leak"][0] in "".join(row) else None)
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, Console(width=10_000).measure(table).maximum)
    console.print(table)
    typer.echo("  ".join(f"{sign} {words}" for sign, words in SIGNS.values()))
    for one in found.findings[:shown]:
        typer.secho(f"LEAK  {one.node}", fg="red")
        typer.echo(f"  {one.what}")
    if len(found.findings) > shown:
        typer.echo(f"... and {len(found.findings) - shown} more (--json lists all)")
    for note in found.notes:
        typer.echo(f"note: {note}")
    for doubt in found.unknown:
        typer.echo(f"unknown: {doubt}")
    looked = ", ".join(f"{number} {what}" for what, number in found.checked.items())
    if found.findings:
        typer.secho(f"LEAK: {len(found.findings)} found in {looked}", fg="red", bold=True)
    else:
        typer.secho(
            f"No leak: of {looked}, no model judged a person that it was fitted on; unknown: {len(found.unknown)}",
            fg="green",
            bold=True,
        )
