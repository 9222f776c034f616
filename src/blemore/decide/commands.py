"""`blemore enroll`: a person's own style from a few labelled clips, and that person's other clips decided with it.

Imports stand inside the command: `blemore --help` must not wait for pandas.
"""

from pathlib import Path
from typing import Annotated

import typer

ENOUGH = 6
"""With fewer labelled clips the style is mostly the prior: said, not refused."""


def enroll(
    probabilities: Annotated[
        Path, typer.Argument(help="Fused probabilities of the person's clips: clip, ang, disg, fea, hap, sad, neu.")
    ],
    truth: Annotated[Path, typer.Option(help="Labels of the clips to enrol with, in the form of train_metadata.csv.")],
    out: Annotated[Path, typer.Option(help="Where the corrected probabilities go (.parquet or .csv).")],
    logits: Annotated[bool, typer.Option("--logits", help="The table holds logits: take their softmax.")] = False,
    spread: Annotated[
        float, typer.Option(min=1e-6, help="Expected spread of offsets between persons, in logits.")
    ] = 0.6,
    clips: Annotated[
        Path | None, typer.Option(help="Clips table of the study behind the probabilities, to see who trained it.")
    ] = Path("results/clips/clips.parquet"),
) -> None:
    """Fit one person's emotion offsets and slope on labelled clips; write all clips' corrected probabilities."""
    import numpy as np
    import pandas as pd

    from blemore.challenge.files import read_truth
    from blemore.decide.enrolment import apply_styles, fit_styles
    from blemore.scoring.labels import CLASSES, EMOTIONS, soft_labels
    from blemore.tables import check_probabilities, read_clips, read_probabilities, write_csv, write_table
    from joblineage.errors import DataError
    from joblineage.files import write_json

    if out.suffix not in (".parquet", ".csv"):
        raise DataError(str(out), ["a probabilities table is a .csv or a .parquet file"])
    table, labels = read_probabilities(probabilities, logits=logits), pd.DataFrame(read_truth(truth))
    persons = sorted(set(table["person"].dropna())) if "person" in table.columns else []
    if len(persons) > 1:
        several = f"{len(persons)} persons ({', '.join(persons[:5])}, ...)"
        raise DataError(str(probabilities), [f"holds clips of {several}, expected those of one: enrol each alone"])
    labels = labels[labels["clip"].isin(table["clip"])].reset_index(drop=True)
    if labels.empty:
        raise DataError(str(truth), [f"labels no clip of {probabilities}: nothing to enrol with"])
    values = table[list(CLASSES)].to_numpy(float)
    rows = table.set_index("clip").index.get_indexer(labels["clip"])
    shown = np.ones((1, len(rows)), bool)
    style = fit_styles(values[rows][None], soft_labels(labels)[None], shown, spread=spread)[0]
    table[list(CLASSES)] = apply_styles(values, np.tile(style, (len(values), 1)))
    check_probabilities(table, str(out))
    (write_table if out.suffix == ".parquet" else write_csv)(table, out)
    offsets = dict(zip(EMOTIONS, style[:-1].tolist(), strict=True))
    beside = out.with_suffix(".style.json")
    write_json(beside, {"offsets": offsets, "slope": float(style[-1]), "clips": len(rows), "spread": spread})
    said = ", ".join(f"{name} {value:+.2f}" for name, value in offsets.items())
    typer.echo(f"enrolled with {len(rows)} of {len(table)} clips: {said}, slope {style[-1]:.2f}")
    typer.echo(f"written: {out} and {beside}; decide with `blemore decode {out}`")
    if len(rows) < ENOUGH:
        typer.echo(
            f"warning: {len(rows)} labelled clip(s) say little of a style; 12, spread over the emotions, say more"
        )
    if clips is not None and clips.is_file():
        train = read_clips(clips).query("split == 'train'")
        of_clips = train.loc[train["clip"].isin(labels["clip"]), "person"]
        if seen := sorted({*of_clips, *(set(persons) & set(train["person"]))}):
            typer.echo(
                f"warning: {', '.join(seen)} is a training person of {clips}: with probabilities of models that saw the "
                "person, and thresholds fitted on the person, what follows is in-sample and flatters"
            )
