"""Label-free correction of a person's style: class offsets that bring the person's mean posterior to the prior.

A person who smiles through everything draws every clip towards happiness. All persons show the same schedule, so a
person's posteriors should average to the training prior: p' ~ p * exp(w) with the w for which they do.
The equation is that of iterative proportional fitting (Deming and Stephan 1940) with fixed row sums.
"""

import numpy as np

from blemore.scoring.labels import CLASSES

MOST_ITERATIONS = 1000
TOLERANCE = 1e-10
"""Iteration stops when no person's mean posterior is further from the prior than this."""
LIMIT = 5.0
"""Largest offset in size: certain posteriors (zeros, ones) cannot be moved, and would drive it to infinity."""
FLOOR = 1e-6
"""Least prior of a class: one that training never shows is made rare, not impossible."""


def fit_offsets(probabilities: np.ndarray, person: np.ndarray, prior: np.ndarray, *, kappa: float) -> np.ndarray:
    """Offsets of each person, shrunk by n / (n + kappa) with n the person's number of clips.

    Parameters
    ----------
    probabilities : (n, 6) rows of all persons, no NaN.
    person : (n,) ints 0..persons-1, who shows each row.
    prior : (6,) mean soft label of the training clips.
    kappa : >= 0 clips; at `kappa` clips a person's offset counts half.

    Returns
    -------
    (persons, 6) float64 offsets w, in -LIMIT..LIMIT, centred (mean 0 over classes). No label is looked at.
    """
    if kappa < 0:
        raise ValueError(f"kappa must be at least 0, found {kappa}")
    prior = np.maximum(np.asarray(prior, float), FLOOR)
    prior = prior / prior.sum()
    persons = int(person.max()) + 1 if len(person) else 0
    clips = np.bincount(person, minlength=persons)[:, None]
    offsets = np.zeros((persons, len(CLASSES)))
    for _ in range(MOST_ITERATIONS):
        moved = apply_offsets(probabilities, offsets[person])
        sums = np.stack([np.bincount(person, moved[:, k], minlength=persons) for k in range(len(CLASSES))], axis=1)
        mean = sums / np.maximum(clips, 1)  # (persons, 6)
        if np.abs(mean - prior).max(initial=0.0) < TOLERANCE:
            break
        # A class that all of a person's rows exclude cannot be raised: its offset stays.
        step = np.where(mean > 0, np.log(prior) - np.log(np.where(mean > 0, mean, 1.0)), 0.0)
        offsets = offsets + step
        offsets = np.clip(offsets - offsets.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
    return offsets * shrinkage(clips, kappa)


def shrinkage(clips: np.ndarray, kappa: float) -> np.ndarray:
    """n / (n + kappa): how much a person's own estimate counts after n clips; 0 without any."""
    return clips / np.maximum(clips + kappa, 1)


def apply_offsets(probabilities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """p' = p * exp(w), rows renormalised.

    Parameters
    ----------
    probabilities : (n, 6); offsets : (n, 6), one row per clip, or (6,).
    """
    moved = probabilities * np.exp(offsets)
    return moved / moved.sum(axis=1, keepdims=True)
