"""No personal calibration: one pair of thresholds for everybody. What every other calibration is compared with."""

from collections.abc import Callable, Mapping

import numpy as np

from blemore.decide.problem import OFF, Decided, Problem, Strength
from blemore.fusion.nested import place
from blemore.learning.heads.inner import cross_entropy
from blemore.scoring.labels import CLASSES
from blemore.scoring.thresholds import Rows


def decide(problem: Problem) -> Decided:
    """Thresholds of the exact optimum on the other folds."""
    return decide_with(problem, problem.views, dict.fromkeys(problem.outers, OFF), "global")


def decide_with(
    problem: Problem, views: Mapping[int, np.ndarray], strengths: Mapping[int, Strength], name: str = ""
) -> Decided:
    """Decide every fold's clips from corrected rows, with one pair of thresholds fitted on the corrected other folds.

    Parameters
    ----------
    views : {outer: (n, 6)} corrected rows; strengths : {outer: how strongly they were corrected}.
    name : of the calibration, for `declare`.
    """
    saliences = np.zeros((1, len(problem.fold), len(CLASSES)), dtype=np.int64)
    thresholds = {}
    for outer in problem.outers:
        others = problem.fold != outer
        rows, model = Rows(views[outer], problem.truth, problem.clips), f"calibration/{place(outer)}/{name}"
        chosen = rows.where(others).fit(model)
        thresholds[outer] = (chosen.alpha, chosen.beta)
        saliences[0, ~others] = rows.where(~others).decided(chosen, model)
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
