"""`show`: the chain of an artifact."""

import json
from pathlib import Path
from typing import Annotated

import typer

WIDTH = 200
"""Columns where the output is no terminal, so that lines stay whole."""


def show(
    context: typer.Context,
    artifact: Annotated[str, typer.Argument(help="A file, a job (rule/wildcard=value) or a record's id.")],
    depth: Annotated[int | None, typer.Option(min=0, help="So many steps above the artifact's own job.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a tree.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """What an artifact was made from: each job with when, how long, parameters, checkpoints, seeds and commit."""
    from joblineage import naming, showing
    from joblineage.store import Store

    store = Store(workspace, context.obj)
    found = naming.find(artifact, store)
    if as_json:
        typer.echo(json.dumps(showing.as_dict(found, store, depth), indent=2))
        return
    from rich.console import Console

    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    console.print(showing.tree(found, store, depth))
