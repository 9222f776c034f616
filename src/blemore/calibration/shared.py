"""No personal calibration: one pair of thresholds for everybody. What every other calibration is compared with."""

from collections.abc import Callable, Mapping

import numpy as np

from blemore.calibration.problem import OFF, Decided, Strength
from blemore.heads.inner import cross_entropy
from blemore.labels import CLASSES
from blemore.rows import ModelName, Rows
from blemore.thresholds import fit


def decide(rows: Rows) -> Decided:
    """Thresholds of the exact optimum on the other folds."""
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


def best_strength(candidates: list[float], corrected: Callable[[Strength], np.ndarray], truth: np.ndarray) -> Strength:
    """The strength whose corrected rows have the least mean soft cross-entropy; OFF is a candidate, and wins ties.

    Parameters
    ----------
    candidates : strengths besides OFF.
    corrected : strength -> (..., m, 6) corrected rows of the clips to choose on; truth : (..., m, 6) percent.
    """
    losses: dict[Strength, float] = {strength: loss(truth, corrected(strength)) for strength in (OFF, *candidates)}
    return min(losses, key=lambda strength: losses[strength])


def loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Summed soft cross-entropy, in nats, of (m, 6) saliences in percent and probabilities."""
    return float(np.sum(cross_entropy(truth / 100, probabilities)))
