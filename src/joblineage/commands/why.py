"""`why`: why an artifact would be remade, or is not what it was."""

import json
from pathlib import Path
from typing import Annotated

import typer


def why(
    context: typer.Context,
    artifact: Annotated[str, typer.Argument(help="A file, a job (rule/wildcard=value) or a record's id.")],
    against: Annotated[
        str | None, typer.Option(help='Compare with that run instead of the present: its id, "last" or "previous".')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Why it would run again, and why it was remade: the first changed field, followed up to where it began."""
    from joblineage import explaining, naming
    from joblineage.sides import find_run
    from joblineage.store import Store

    store = Store(workspace, context.obj)
    found = naming.find(artifact, store)
    older = find_run(against, store) if against is not None else explaining.before(found, store)
    told = [explaining.now(found, store)] if against is None else []
    told += [explaining.then(found, store, older)] if older else []
    if as_json:
        typer.echo(json.dumps([one.as_dict() for one in told], indent=2))
        return
    for one in told:
        typer.echo("\n".join(one.lines()))
