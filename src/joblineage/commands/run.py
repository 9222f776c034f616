"""`blemore recover` and `blemore summary`: what people need around a run of the workflow."""

from pathlib import Path
from typing import Annotated

import typer

Workspace = Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")]


def recover(workspace: Workspace = Path()) -> None:
    """After a kill: end what that run left running and release its lock. Finished work is kept."""
    from joblineage.recovery import RunActive, recover

    try:
        done = recover(workspace)
    except RunActive as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    for line in done:
        typer.echo(line)


def summary(workspace: Workspace = Path()) -> None:
    """What the finished study made, where, and its out-of-fold scores."""
    from blemore.study import summary

    if not (workspace / "results/submission/submission.json").is_file():
        typer.echo("no finished study here: `snakemake submission` (or `make submission`) makes it", err=True)
        raise typer.Exit(1)
    typer.echo(summary(workspace))
