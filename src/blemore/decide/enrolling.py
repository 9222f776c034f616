"""Enrolment of one person from files: labelled clips in, the person's style and corrected probabilities out."""

from pathlib import Path

import numpy as np
import pandas as pd

from blemore.challenge.files import read_truth
from blemore.decide.enrolment import apply_styles, fit_styles
from blemore.scoring.labels import CLASSES, EMOTIONS, soft_labels
from blemore.tables import check_probabilities, read_clips, read_probabilities, write_csv, write_table
from joblineage.errors import DataError
from joblineage.files import write_json

ENOUGH = 6
"""With fewer labelled clips the style is mostly the prior: said, not refused."""


def enroll_person(
    probabilities: Path, truth: Path, out: Path, *, spread: float, clips: Path | None = None
) -> list[str]:
    """Fit the style of the person whose clips these are, and write the corrected table and `out`'s .style.json.

    Parameters
    ----------
    probabilities : table of fused probabilities of one person's clips, labelled or not.
    truth : labels of some of them, in the form of the challenge's train_metadata.csv; labels of other clips are left aside.
    out : .parquet or .csv; beside it <name>.style.json with the offsets, the slope and how many clips they come from.
    spread : S of `enrolment.fit_styles`.
    clips : clips table of the study behind the probabilities (optional); enrolling with one of its training clips is
        warned about: the models behind have seen that person.

    Returns
    -------
    Lines that say what was made and where.

    Raises
    ------
    DataError : no clip is labelled, the table names several persons, another ending than .parquet or .csv.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise DataError(str(out), ["a probabilities table is a .csv or a .parquet file"])
    table, labels = read_probabilities(probabilities), pd.DataFrame(read_truth(truth))
    persons = sorted(set(table["person"].dropna())) if "person" in table.columns else []
    if len(persons) > 1:
        raise DataError(
            str(probabilities),
            [
                f"holds clips of {len(persons)} persons ({', '.join(persons[:5])}, ...), expected those of one: enrol each alone"
            ],
        )
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
    lines = [
        f"enrolled with {len(rows)} of {len(table)} clips: "
        + ", ".join(f"{name} {value:+.2f}" for name, value in offsets.items())
        + f", slope {style[-1]:.2f}",
        f"written: {out} and {beside}; decide with `blemore decode {out}`",
    ]
    if len(rows) < ENOUGH:
        lines.append(
            f"warning: {len(rows)} labelled clip(s) say little of a style; 12, spread over the emotions, say more"
        )
    if clips is not None:
        lines += _in_sample(labels["clip"], persons, clips)
    return lines


def _in_sample(labelled: pd.Series, persons: list[str], clips: Path) -> list[str]:
    """A warning where the enrolled person is one of the study's training persons."""
    study = read_clips(clips)
    train = study[study["split"] == "train"]
    seen = sorted({*train.loc[train["clip"].isin(labelled), "person"], *(set(persons) & set(train["person"]))})
    if not seen:
        return []
    return [
        f"warning: {', '.join(seen)} is a training person of {clips}: with probabilities of models that saw the person, "
        "and thresholds fitted on the person, what follows is in-sample and flatters"
    ]
