"""`blemore lineage diff`: two runs, what differs, and what that did to the score."""

from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[
    str,
    typer.Argument(help="last, previous, the beginning of a run's id, or the folder of a workspace (its last run)."),
]


def diff(
    run_a: Run,
    run_b: Run,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Divide the change in Score over what changed, by replaying fusion.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=0, help="--attribute: other seeds to replay each run with, for the noise of chance.")
    ] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """What differs between two runs: the cause first, then the scores, then every job that is not the same."""
    import json

    from joblineage.diffing import Comparison
    from joblineage.outcome import Outcome
    from joblineage.sides import find_run

    outcome = Outcome(Comparison(find_run(run_a, workspace), find_run(run_b, workspace)))
    said, lines = outcome.as_dict(), [*outcome.lines()]
    if attribute:
        from blemore.audit.attribution.divided import divide

        divided = divide(outcome, seeds=seeds)
        said["attribution"] = divided.as_dict()
        lines += ["", *divided.lines()]
    typer.echo(json.dumps(said, indent=2, allow_nan=False) if as_json else "\n".join(lines))
