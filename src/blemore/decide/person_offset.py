"""Class offsets that bring a person's mean probabilities to the prior; no label of the person is used.

A person who smiles through everything draws every clip towards happiness. All persons show the same schedule, so a
person's posteriors should average to the training prior: p' ~ p * exp(w) with the w for which they do.
The equation is that of iterative proportional fitting (Deming and Stephan 1940) with fixed row sums.
"""

import numpy as np

from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import SumsOfPersons, settle

MOST_ITERATIONS = 1000
TOLERANCE = 1e-8
"""A person's iteration stops when the mean posterior is no further from the prior than this."""
LIMIT = 5.0
"""Largest offset in size: certain posteriors (zeros, ones) cannot be moved, and would drive it to infinity."""
FLOOR = 1e-6
"""Least prior of a class: one that training never shows is made rare, not impossible."""


def fit_offsets(probabilities: np.ndarray, person: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Offsets of each person, at full strength (see `strength_of`).

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Rows of all persons, no NaN.
    person : (n,) int
        Who shows each row, 0 to persons - 1.
    prior : (6,) float, 0..1
        Mean soft label of the training clips.

    Returns
    -------
    (persons, 6) float64
        Offsets w, in -LIMIT..LIMIT, centred (mean 0 over classes). No label is used.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.decide.person_offset import apply_offsets, fit_offsets
    >>> probabilities = np.array([[0.1, 0.1, 0.1, 0.5, 0.1, 0.1], [0.1, 0.1, 0.1, 0.4, 0.2, 0.1]])  # leans to happiness
    >>> offsets = fit_offsets(probabilities, np.array([0, 0]), np.full(6, 1 / 6))
    >>> apply_offsets(probabilities, offsets).mean(axis=0).round(3).tolist()
    [0.167, 0.167, 0.167, 0.167, 0.167, 0.167]
    """
    prior = np.maximum(np.asarray(prior, float), FLOOR)
    prior = prior / prior.sum()

    def step(offsets: np.ndarray, sums: SumsOfPersons, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = sums(apply_offsets(rows, offsets, sums.who)) / sums.clips  # (persons, 6)
        settled = np.abs(mean - prior).max(axis=1) < TOLERANCE
        # A class that all of a person's rows exclude cannot be raised: its offset stays.
        change = np.where(mean > 0, np.log(prior) - np.log(np.where(mean > 0, mean, 1.0)), 0.0)
        changed = offsets + change
        changed = np.clip(changed - changed.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
        return np.where(settled[:, None], offsets, changed), settled

    return settle(person, len(CLASSES), MOST_ITERATIONS, step, probabilities)


def apply_offsets(probabilities: np.ndarray, offsets: np.ndarray, who: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Move probabilities by offsets: p' = p * exp(w), rows renormalised.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    offsets : (persons, 6), (n, 6) or (6,) float, logits
        Offsets of each person, of each row, or of all.
    who : (n,) int or slice
        Number of each row's person; by default the offsets are those of the rows.

    Returns
    -------
    (n, 6) float, 0..1
        Each row sums to 1.
    """
    moved = probabilities * np.exp(offsets)[who]
    return moved / moved.sum(axis=1, keepdims=True)


def strength_of(kappa: float, who: np.ndarray) -> np.ndarray:
    """How much each person's offsets count: n / (n + kappa) after n clips.

    Parameters
    ----------
    kappa : float, >= 0, clips
        Clips after which an offset counts half.
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.

    Returns
    -------
    (persons, 1) float, 0..1
        The factor; 0 without any clip.
    """
    clips = np.bincount(who)[:, None]
    return clips / np.maximum(clips + kappa, 1)
