"""Inner folds of a head: what it chooses, it chooses on persons that its models did not see."""

import numpy as np

INNER_FOLDS = 3
FLOOR = 1e-6
"""Least probability in the cross-entropy: a class unknown to an inner part must not cost infinity."""


def inner_parts(persons: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(seen, unseen) rows of each inner fold; no person is in both. Empty with a single person.

    Parameters
    ----------
    persons : (n,) name of each clip's person.
    """
    names, own = np.unique(persons, return_inverse=True)
    clips = np.bincount(own)
    number = min(INNER_FOLDS, len(names))
    inner, sizes = np.zeros(len(names), int), np.zeros(number, int)
    for person in np.argsort(-clips, kind="stable"):  # the person with the most clips first, to the smallest fold
        inner[person] = np.argmin(sizes)
        sizes[inner[person]] += clips[person]
    if number < 2:
        return []
    return [(np.flatnonzero(inner[own] != k), np.flatnonzero(inner[own] == k)) for k in range(number)]


def standardised(x: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in standard deviations from the mean, both of `x`; a constant feature is 0 in `x`, and not scaled.

    Parameters
    ----------
    x : (n, d) float32, what a model learns from; others : (m, d) float32.
    """
    mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
    x, others = x - mean, others - mean
    spread = np.sqrt(np.einsum("nd,nd->d", x, x) / len(x))
    spread[spread == 0] = 1
    x /= spread
    others /= spread
    return x, others


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(...,) summed soft cross-entropy, in nats, of labels (n, 6) and probabilities (..., n, 6)."""
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
