"""`sign`."""

from pathlib import Path
from typing import Annotated

import typer


def sign(
    context: typer.Context,
    key: Annotated[Path, typer.Argument(help="Private key file (PEM); keep it outside the study's folder.")],
    new_key: Annotated[bool, typer.Option(help="Make a new pair first: KEY and KEY.pub.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Sign the last run, offline; `verify --key KEY.pub` then also finds a chain that was re-forged as a whole."""
    from joblineage.signing import make_keys
    from joblineage.signing import sign as sign_run
    from joblineage.store import Store
    from joblineage.verify import verify

    if new_key:
        typer.echo(f"made {key} (keep it secret) and {make_keys(key)} (give it to who verifies)")
    store = Store(workspace, context.obj)
    verify(store).refuse("signed", workspace)
    typer.echo(f"signed: {sign_run(store, key)}")
    typer.echo("`dvc commit` keeps the signature with the study")
