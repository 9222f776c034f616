"""Label-free calibration: each person's mean posterior is moved to the training prior (`offsets`), by a chosen strength."""

from collections.abc import Sequence

import numpy as np

from blemore.decide.offsets import apply_offsets, fit_offsets, shrinkage
from blemore.decide.problem import Decided, Problem, Strength
from blemore.decide.shared import best_strength, decide_with
from blemore.fusion.nested import FINAL, place
from blemore.scoring.decoding import decode
from joblineage import declare


def decide(problem: Problem, kappas: Sequence[float]) -> tuple[Decided, dict[int, np.ndarray]]:
    """Decide with person offsets; for each outer fold the strength of least soft cross-entropy on the other folds.

    Parameters
    ----------
    kappas : strengths to choose from besides OFF: an offset counts n / (n + kappa) after n clips of the person.

    Returns
    -------
    The decisions, and {outer: (persons, 6) offsets, each person's for that outer fold}.
    """
    views, strengths, offsets = {}, {}, {}
    for outer in problem.outers:
        others = problem.fold != outer
        prior = problem.truth[others].mean(axis=0) / 100
        declare.fitted(f"calibration/{place(outer)}/person_offset", "prior", declare.of(problem.clips, others))
        whole = fit_offsets(problem.views[outer], problem.who, prior, kappa=0.0)
        strengths[outer] = _choose(problem, outer, whole, kappas)
        declare.fitted(
            f"calibration/{place(outer)}/offsets", "offsets", problem.clips, declare.of(problem.clips, ~others)
        )
        offsets[outer] = whole * strength_of(strengths[outer], problem.who)
        views[outer] = apply_offsets(problem.views[outer], offsets[outer][problem.who])
    return decide_with(problem, views, strengths, "person_offset"), offsets


def decide_new(
    values: np.ndarray, who: np.ndarray, prior: np.ndarray, decided: Decided
) -> tuple[np.ndarray, np.ndarray]:
    """Decide clips of new individuals as `decided` was fitted on all training persons.

    Parameters
    ----------
    values : (m, 6) fused rows; who : (m,) ints 0.., the individual of each; prior : (6,) of the training clips.

    Returns
    -------
    (m, 6) saliences in percent, and (individuals, 6) the offsets.
    """
    offsets = fit_offsets(values, who, prior, kappa=0.0) * strength_of(decided.strengths[FINAL], who)
    return decode(apply_offsets(values, offsets[who]), *decided.thresholds[FINAL]), offsets


def strength_of(strength: Strength, who: np.ndarray) -> np.ndarray:
    """(persons, 1) factor of each person's offsets: 0 for OFF."""
    clips = np.bincount(who)[:, None]
    return np.zeros(clips.shape) if isinstance(strength, str) else shrinkage(clips, strength)


def _choose(problem: Problem, outer: int, whole: np.ndarray, kappas: Sequence[float]) -> Strength:
    others = problem.fold != outer
    rows, who = problem.views[outer][others], problem.who[others]
    declare.fitted(f"calibration/{place(outer)}/person_offset", "strength", declare.of(problem.clips, others))

    def corrected(strength: Strength) -> np.ndarray:
        return apply_offsets(rows, (whole * strength_of(strength, problem.who))[who])

    return best_strength(list(kappas), corrected, problem.truth[others])
