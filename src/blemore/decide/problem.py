"""What every calibration gives, the one that is shared by all persons, and the controls that the others are repeated on.

Each gets the labelled clips of a study as `Rows`, whose values (outers, n, 6) are the fused rows for each outer fold
(`fusion.run.Fused.views`). What is drawn at random for a person depends on the person's name alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from blemore.learning.heads.inner import cross_entropy
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.scoring.thresholds import fit
from blemore.seeds import generator

Strength = float | str
"""How strongly a personal calibration corrects: a number of its own kind, or OFF."""
OFF: Strength = "off"
"""Strength of a personal calibration that changes nothing; always a candidate."""


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


def decide_shared(rows: Rows) -> Decided:
    """No personal calibration: one pair of thresholds for everybody, the exact optimum on the other folds."""
    return decide_with(rows, dict.fromkeys(rows.outers, OFF), "global")


def decide_with(rows: Rows, strengths: Mapping[int, Strength], name: str = "") -> Decided:
    """Decide every fold's clips from corrected rows, with one pair of thresholds fitted on the corrected other folds.

    Parameters
    ----------
    rows : values (outers, n, 6), corrected; strengths : {outer: how strongly they were corrected}.
    name : of the calibration.
    """
    saliences = np.zeros((1, len(rows), len(CLASSES)), dtype=np.int64)
    thresholds = {}
    for outer in rows.outers:
        view, model = rows.view(outer), ModelName.of("calibration", outer, name)
        chosen = fit(view, outer, model)
        thresholds[outer] = (chosen.alpha, chosen.beta)
        saliences[0, rows.fold == outer] = chosen.decide(view.inside(outer, model).values)
    return Decided(saliences, np.ones(saliences.shape[:2], bool), strengths, thresholds)


def best_strength(corrected: Mapping[Strength, np.ndarray], truth: np.ndarray) -> Strength:
    """The strength whose corrected rows (m, 6) have the least soft cross-entropy; ties: the first, which is OFF.

    truth : (m, 6) percent, of the clips to choose on.
    """
    return min(corrected, key=lambda strength: np.sum(cross_entropy(truth / 100, corrected[strength])))


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
