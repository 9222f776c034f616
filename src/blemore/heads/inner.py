"""Inner folds of a head: what it chooses, it chooses on persons that its models did not see."""

import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

INNER_FOLDS = 3
FLOOR = 1e-6
"""Least probability in the cross-entropy: a class unknown to an inner part must not cost infinity."""


def inner_parts(persons: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(seen, unseen) rows of each inner fold; no person is in both. Empty with a single person.

    Parameters
    ----------
    persons : (n,) name of each clip's person.
    """
    number = min(INNER_FOLDS, len(np.unique(persons)))
    return [] if number < 2 else list(GroupKFold(number).split(persons, groups=persons))


def standardised(x: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in standard deviations from the mean, both of `x`; a constant feature is 0 in `x`, and not scaled.

    Parameters
    ----------
    x : (n, d) float32, what a model learns from; others : (m, d) float32.
    """
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(others)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(...,) summed soft cross-entropy, in nats, of labels (n, 6) and probabilities (..., n, 6)."""
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
