"""`blemore enroll`: a person's own style from a few labelled clips, and that person's other clips decided with it.

Imports stand inside the command: `blemore --help` must not wait for pandas.
"""

from pathlib import Path
from typing import Annotated

import typer


def enroll(
    probabilities: Annotated[
        Path, typer.Argument(help="Fused probabilities of the person's clips: clip, ang, disg, fea, hap, sad, neu.")
    ],
    truth: Annotated[Path, typer.Option(help="Labels of the clips to enrol with, in the form of train_metadata.csv.")],
    out: Annotated[Path, typer.Option(help="Where the corrected probabilities go (.parquet or .csv).")],
    spread: Annotated[
        float, typer.Option(min=1e-6, help="Expected spread of offsets between persons, in logits.")
    ] = 0.6,
    clips: Annotated[
        Path | None, typer.Option(help="Clips table of the study behind the probabilities, to see who trained it.")
    ] = Path("results/clips/clips.parquet"),
) -> None:
    """Fit one person's emotion offsets and slope on labelled clips; write all clips' corrected probabilities."""
    from blemore.decide.enrolling import enroll_person

    known = clips if clips is not None and clips.is_file() else None
    for line in enroll_person(probabilities, truth, out, spread=spread, clips=known):
        typer.echo(line)
