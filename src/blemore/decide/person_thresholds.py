"""Thresholds of each person's own, from a few labelled clips, shrunk towards everybody's on the surface of the Score.

A person's thresholds are the optimum of all other folds' clips and the person's own labelled ones together, each of the
latter counting `weight` times: 0 gives everybody's thresholds, a large one the person's alone.
"""

from collections.abc import Sequence

import numpy as np

from blemore.decide.enrolment import enrolled, enrolled_clips
from blemore.decide.problem import OFF, Decided, Strength
from blemore.scoring.decoding import decode
from blemore.scoring.exact import weighted_optima
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows


def decide(rows: Rows, *, clips: int, draws: int, weights: Sequence[float], name: str) -> Decided:
    """Decide every person's unlabelled clips with the person's own thresholds; several draws of the labelled ones.

    For each outer fold, the weight of best Score on the other folds' persons is taken; OFF (weight 0) is a candidate.
    """
    saliences = np.zeros((draws, len(rows), len(CLASSES)), dtype=np.int64)
    masks = np.stack([enrolled_clips(rows, clips, f"{name}/{k}") for k in range(draws)])
    fold_of = np.zeros(len(rows.persons), dtype=np.int64)
    fold_of[rows.person] = rows.fold
    strengths: dict[int, Strength] = {}
    for outer in rows.outers:
        others = rows.fold != outer
        judged = ~masks & others
        model = ModelName.of("calibration", outer, "person_thresholds")
        scores: dict[Strength, tuple[float, np.ndarray]] = {}
        for weight in (OFF, *weights):
            made = np.stack([_decide_one(rows.view(outer), outer, mask, weight, fold_of, model) for mask in masks])
            truth = np.broadcast_to(rows.truth, made.shape)
            scores[weight] = score(made[judged], truth[judged]), made
        rows.to_fit(model, "strength", judged.any(axis=0))
        strengths[outer] = max(scores, key=lambda weight: scores[weight][0])  # ties: OFF, then the smaller weight
        saliences[:, ~others] = scores[strengths[outer]][1][:, ~others]
    return enrolled(rows, Decided(saliences, ~masks, strengths, {}), masks, "person_thresholds")


def _decide_one(
    view: Rows, outer: int, mask: np.ndarray, weight: Strength, fold_of: np.ndarray, model: ModelName
) -> np.ndarray:
    """(n, 6) decisions of all clips, each by the thresholds of its person; fitted without fold `outer` and the person's."""
    everybody = (view.fold != outer) & (view.fold[None, :] != np.unique(fold_of)[:, None])  # (folds, n)
    if outer != FINAL:
        view.to_fit(model, "thresholds", everybody[np.searchsorted(np.unique(fold_of), outer)])
    if weight == OFF:
        best = weighted_optima(view.values, view.truth, everybody.astype(float))
        at = np.searchsorted(np.unique(fold_of), view.fold)
    else:
        base = everybody[np.searchsorted(np.unique(fold_of), fold_of)].astype(float)  # (persons, n)
        own = mask & (view.person[None, :] == np.arange(len(fold_of))[:, None])
        best = weighted_optima(view.values, view.truth, base + float(weight) * own)
        at = view.person
    return decode(view.values, *best[:, at])
