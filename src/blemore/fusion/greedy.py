"""Bagged greedy selection on the Score: encoders are added one at a time, with repetition, while the Score rises.

Caruana et al. 2004, "Ensemble selection from libraries of models": on each of several random halves of the persons a
committee is grown, and the committees are averaged. The bags keep single lucky clips from deciding.
"""

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean
from blemore.scoring.surface import official_grid
from blemore.seeds import letters_generator


def fit(data: Labelled, *, bags: int, members: int) -> WeightedMean:
    """Fit the mean of the committees' weights.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.
    bags : int, >= 1
        Random halves of the persons.
    members : int, >= 1
        Most members of a committee; it stops earlier where none raises the Score any more.

    Returns
    -------
    WeightedMean
        The weights.
    """
    draw = letters_generator(data.name)
    persons = np.unique(data.person)
    total = np.zeros(len(data.families))
    for _ in range(bags):
        chosen = draw.choice(persons, max(1, len(persons) // 2), replace=False)
        rows = data.where(np.isin(data.person, chosen))
        total += _committee(rows.values, rows.truth, members)
    return WeightedMean(total / total.sum())


def _committee(probabilities: np.ndarray, truth: np.ndarray, members: int) -> np.ndarray:
    """(E,) how often each encoder is in the committee, divided by its size."""
    counts, reached = np.zeros(len(probabilities)), -1.0
    for _ in range(members):
        grown = counts + np.eye(len(counts))  # (E, E): by each encoder
        scores = [score_of(counted / counted.sum(), probabilities, truth) for counted in grown]
        best = int(np.argmax(scores))  # ties: the first encoder
        if scores[best] <= reached:
            break
        counts, reached = grown[best], scores[best]
    return counts / counts.sum()


def score_of(weights: np.ndarray, probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The Score of a weighted mean at the best thresholds of the kit's grid.

    Parameters
    ----------
    weights : (E,) float, 0..1
        One per encoder; they sum to 1.
    probabilities : (E, n, 6) float, 0..1
        Probabilities of each encoder; clips that no encoder has are left out.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    float, 0..1
        The Score on these very clips.
    """
    fused = WeightedMean(weights).apply(probabilities)
    known = np.isfinite(fused).all(axis=1)
    return official_grid(fused[known], truth[known]).score
