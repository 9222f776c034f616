"""No personal calibration: one pair of thresholds for everybody. What every other calibration is compared with."""

from collections.abc import Mapping

import numpy as np

from blemore.decide.problem import OFF, Decided, Strength
from blemore.learning.heads.inner import cross_entropy
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.scoring.thresholds import fit


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


def best_strength(corrected: Mapping[Strength, np.ndarray], truth: np.ndarray) -> Strength:
    """The strength whose corrected rows (m, 6) have the least soft cross-entropy; ties: the first, which is OFF.

    Parameters
    ----------
    truth : (m, 6) percent, of the clips to choose on.
    """
    return min(corrected, key=lambda strength: loss(truth, corrected[strength]))


def loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Summed soft cross-entropy, in nats, of (m, 6) saliences in percent and probabilities."""
    return float(np.sum(cross_entropy(truth / 100, probabilities)))
