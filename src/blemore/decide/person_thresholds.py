"""Thresholds of each person's own, from a few labelled clips, shrunk towards everybody's on the surface of the Score.

A person's thresholds are the optimum of all other folds' clips and the person's own labelled ones together, each of the
latter counting `weight` times: 0 gives everybody's thresholds, a large one the person's alone.
"""

from collections.abc import Sequence

import numpy as np

from blemore.decide.enrolment import enrolled, enrolled_clips
from blemore.decide.problem import OFF, Decided, Problem, Strength
from blemore.fusion.nested import place
from blemore.scoring.decoding import decode
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.optima import weighted_optima
from joblineage import declare


def decide(problem: Problem, *, clips: int, draws: int, weights: Sequence[float], name: str) -> Decided:
    """Decide every person's unlabelled clips with the person's own thresholds; several draws of the labelled ones.

    For each outer fold, the weight of best Score on the other folds' persons is taken; OFF (weight 0) is a candidate.
    """
    n = len(problem.who)
    saliences = np.zeros((draws, n, len(CLASSES)), dtype=np.int64)
    masks = np.stack([enrolled_clips(problem, clips, f"{name}/{k}") for k in range(draws)])
    fold_of = np.zeros(len(problem.names), dtype=np.int64)
    fold_of[problem.who] = problem.fold
    strengths: dict[int, Strength] = {}
    for outer in problem.outers:
        others = problem.fold != outer
        judged = ~masks & others
        scores: dict[Strength, tuple[float, np.ndarray]] = {}
        for weight in (OFF, *weights):
            made = np.stack([_decide_one(problem, outer, mask, weight, fold_of) for mask in masks])
            truth = np.broadcast_to(problem.truth, made.shape)
            scores[weight] = score(made[judged], truth[judged]), made
        model = f"calibration/{place(outer)}/person_thresholds"
        declare.fitted(model, "strength", declare.of(problem.clips, judged.any(axis=0)))
        strengths[outer] = max(scores, key=lambda weight: scores[weight][0])  # ties: OFF, then the smaller weight
        saliences[:, ~others] = scores[strengths[outer]][1][:, ~others]
    return enrolled(problem, Decided(saliences, ~masks, strengths, {}), masks, "person_thresholds")


def _decide_one(problem: Problem, outer: int, mask: np.ndarray, weight: Strength, fold_of: np.ndarray) -> np.ndarray:
    """(n, 6) decisions of all clips, each by the thresholds of its person; fitted without fold `outer` and the person's."""
    rows = problem.views[outer]
    everybody = (problem.fold != outer) & (problem.fold[None, :] != np.unique(fold_of)[:, None])  # (folds, n)
    for own, base in zip(np.unique(fold_of).tolist(), everybody, strict=True):
        if own == outer:
            declare.fitted(
                f"calibration/{place(outer)}/person_thresholds", "thresholds", declare.of(problem.clips, base)
            )
    if weight == OFF:
        best = weighted_optima(rows, problem.truth, everybody.astype(float))
        at = np.searchsorted(np.unique(fold_of), problem.fold)
    else:
        base = everybody[np.searchsorted(np.unique(fold_of), fold_of)].astype(float)  # (persons, n)
        own = mask & (problem.who[None, :] == np.arange(len(fold_of))[:, None])
        best = weighted_optima(rows, problem.truth, base + float(weight) * own)
        at = problem.who
    return decode(rows, best.alpha[at], best.beta[at])
