"""Inner folds of a head: what it chooses, it chooses on persons that its models did not see.

Folds and scaling are those of scikit-learn's GroupKFold and StandardScaler, to the last bit. A dozen of the study's jobs
would load that library for these two alone, a second each.
"""

from dataclasses import dataclass

import numpy as np

from joblineage import declare

INNER_FOLDS = 3
EPSILON = np.finfo(float).eps
FLOOR = 1e-6
"""Least probability in the cross-entropy: a class unknown to an inner part must not cost infinity."""


@dataclass(frozen=True)
class Rows:
    """Features (n, d) float32 of clips whose names (n,) go with them, whichever rows are taken; None: nobody asks."""

    x: np.ndarray
    clips: np.ndarray | None = None

    def where(self, chosen: np.ndarray) -> "Rows":
        """Those rows."""
        return Rows(self.x[chosen], declare.of(self.clips, chosen))


def inner_parts(
    persons: np.ndarray, clips: np.ndarray | None = None, model: str = ""
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(seen, unseen) rows of each inner fold; no person is in both. Empty with a single person.

    Parameters
    ----------
    persons : (n,) name of each clip's person; clips : (n,) its own name; model : for which something is chosen here.
    """
    names, owner, sizes = np.unique(persons, return_inverse=True, return_counts=True)
    number = min(INNER_FOLDS, len(names))
    fold, filled = np.zeros(len(names), int), np.zeros(number)
    for one in np.argsort(sizes, kind="stable")[::-1]:  # the person with most clips first, to the emptiest fold
        fold[one] = filled.argmin()
        filled[fold[one]] += sizes[one]
    apart = [fold[owner] == k for k in range(number)] if number > 1 else []
    parts = [(np.flatnonzero(~unseen), np.flatnonzero(unseen)) for unseen in apart]
    for k, (inside, outside) in enumerate(parts):
        declare.fitted(f"{model}/inner{k}", "inner", declare.of(clips, inside), declare.of(clips, outside))
        declare.fitted(model, "selection", declare.of(clips, outside))
    return parts


def standardised(x: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in standard deviations from the mean, both of `x`; a constant feature is 0 in `x`, and not scaled.

    Parameters
    ----------
    x : (n, d) float32, what a model learns from; others : (m, d) float32.
    """
    count, mean = len(x), x.mean(axis=0, dtype=float)
    off = x - mean
    error = off.sum(axis=0) ** 2 / count
    off **= 2
    variance = (off.sum(axis=0) - error) / count
    noise = count * EPSILON * variance + (count * mean * EPSILON) ** 2  # what a constant feature may come to
    scale = np.where(variance <= noise, 1, np.sqrt(variance)).astype(x.dtype)
    return (x - mean.astype(x.dtype)) / scale, (others - mean.astype(x.dtype)) / scale


def scaled(x: Rows, others: Rows, model: str) -> tuple[np.ndarray, np.ndarray]:
    """As `standardised`, for `model`."""
    declare.fitted(model, "scaler", x.clips, others.clips)
    return standardised(x.x, others.x)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(...,) summed soft cross-entropy, in nats, of labels (n, 6) and probabilities (..., n, 6)."""
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
