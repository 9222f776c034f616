"""What every personal calibration gives, and the controls that it is repeated on.

Each gets the labelled clips of a study as `Rows`, whose values (outers, n, 6) are the fused rows for each outer fold
(`fusion.run.Fused.views`). What is drawn at random for a person depends on the person's name alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from blemore.scoring.rows import Rows
from blemore.seeds import generator

Strength = float | str
"""How strongly a personal calibration corrects: a number of its own kind, or OFF."""
OFF: Strength = "off"
"""Strength of a personal calibration that changes nothing; always a candidate."""


def random_groups(rows: Rows, name: str, *, within_folds: bool = False) -> Rows:
    """The same clips in random groups of the persons' sizes: a control that no person stands behind.

    within_folds : a group's clips come from its person's fold alone; they then share what the fold's persons have in
        common on average.
    """
    mixed = _shuffled(rows, rows.person, name) if within_folds else generator(name).permutation(rows.person)
    return replace(rows, person=mixed, clip=None)


def permuted_labels(rows: Rows, name: str) -> Rows:
    """The same clips with their labels dealt out anew within each fold: a control in which nothing can be learned."""
    return replace(rows, truth=rows.truth[_shuffled(rows, np.arange(len(rows)), name)], clip=None)


def _shuffled(rows: Rows, values: np.ndarray, name: str) -> np.ndarray:
    draw, mixed = generator(f"{name}/folds"), values.copy()
    for fold in rows.folds:
        inside = rows.fold == fold
        mixed[inside] = draw.permutation(values[inside])
    return mixed


@dataclass(frozen=True)
class Decided:
    """What a calibration decides about the clips of each outer fold, fitted without that fold.

    saliences : (draws, n, 6) percent; judged : (draws, n) bool, False where a clip's label was shown (enrolment).
    strengths : {outer: the strength that was chosen, or OFF}.
    thresholds : {outer: (alpha, beta)} of the decisions, where all persons share them; else empty.
    """

    saliences: np.ndarray
    judged: np.ndarray
    strengths: Mapping[int, Strength]
    thresholds: Mapping[int, tuple[float, float]]
