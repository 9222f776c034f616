"""`blemore lineage report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    context: typer.Context,
    artifact: Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")] = None,
    out: Annotated[Path, typer.Option(help="Where the page goes; beside the study's results, not among them.")] = Path(
        "lineage.html"
    ),
    deep: Annotated[
        bool, typer.Option(help="Verify by reading every byte instead of trusting the files' status.")
    ] = False,
    part: Annotated[bool, typer.Option("--part", help="Print only the part that goes into another page.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """One page for a reviewer: data, code, parameters, checkpoints, who was seen by whom, time, and what verify says."""
    from blemore.audit.page.build import Check, page
    from blemore.audit.page.build import part as inner
    from joblineage.capture import now
    from joblineage.files import write_text
    from joblineage.store import Store
    from joblineage.verify import verify

    check = Check(verify(Store(workspace, context.obj), artifact, deep=deep), now())
    if part:
        typer.echo(inner(workspace, check, artifact))
        return
    target = workspace / out
    write_text(target, page(workspace, check, artifact))
    typer.echo(f"{target}: {check.report.verdict.value}")
