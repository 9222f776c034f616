"""`diff`: two runs, what differs, and what that did to the headline."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[
    str,
    typer.Argument(help="last, previous, the beginning of a run's id, or the folder of a workspace (its last run)."),
]


def diff(
    context: typer.Context,
    run_a: Run,
    run_b: Run,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Divide the change of the headline over what changed, by replaying.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=0, help="--attribute: other seeds to replay each run with, for the noise of chance.")
    ] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """What differs between two runs: the cause first, then the headline, then every job that is not the same."""
    import json

    from joblineage.comparing import Comparison
    from joblineage.outcome import Outcome
    from joblineage.sides import find_run
    from joblineage.store import Store

    store = Store(workspace, context.obj)
    outcome = Outcome(Comparison(find_run(run_a, store), find_run(run_b, store)))
    said, lines = outcome.as_dict(), [*outcome.lines()]
    if attribute:
        if store.study.divide is None:
            raise typer.BadParameter("--attribute: this study does not say how its headline is divided")
        divided = store.study.divide(outcome, seeds)
        said["attribution"] = divided.as_dict()
        lines += ["", *divided.lines()]
    typer.echo(json.dumps(said, indent=2, allow_nan=False) if as_json else "\n".join(lines))
