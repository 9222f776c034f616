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
    from joblineage.errors import DataError
    from joblineage.sides import find_run
    from joblineage.store import Store, key

    store = Store(workspace, context.obj)
    found = naming.find(artifact, store)
    job = key(store.records[found.record])
    if against is None:
        older = explaining.before(found, store)
        told = [explaining.now(found, store)] + ([explaining.then(found, store, older)] if older else [])
    else:
        run = find_run(against, store).run
        same = [name for name in (*run["executed"], *run["reused"]) if name in store.records]
        same = [name for name in same if key(store.records[name]) == job]
        if not same:
            raise DataError(against, [f"that run has no job {job}"])
        told = [explaining.then(found, store, same[0])]
    if as_json:
        typer.echo(json.dumps([one.as_dict() for one in told], indent=2))
        return
    for one in told:
        typer.echo("\n".join(explaining.text(one, store)))
