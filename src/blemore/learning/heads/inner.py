"""Inner folds of a head: what it chooses, it chooses on persons that its models did not see.

Folds and scaling are those of scikit-learn's GroupKFold and StandardScaler, to the last bit. A dozen of the study's jobs
would load that library for these two alone, a second each.
"""

from dataclasses import dataclass, replace

import numpy as np

from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows

INNER_FOLDS = 3
EPSILON = np.finfo(float).eps
FLOOR = 1e-6
"""Least probability in the cross-entropy: a class unknown to an inner part must not cost infinity."""


def inner_parts(rows: Rows, model: ModelName) -> list[tuple[np.ndarray, np.ndarray]]:
    """(learned, judged) numbers of the rows of each inner fold; no person is in both. Empty with a single person.

    Parameters
    ----------
    model : for which something is chosen here.
    """
    names, owner, sizes = np.unique(rows.person, return_inverse=True, return_counts=True)
    number = min(INNER_FOLDS, len(names))
    fold, filled = np.zeros(len(names), int), np.zeros(number)
    for one in np.argsort(sizes, kind="stable")[::-1]:  # the person with most clips first, to the emptiest fold
        fold[one] = filled.argmin()
        filled[fold[one]] += sizes[one]
    apart = [fold[owner] == k for k in range(number)] if number > 1 else []
    parts = [(np.flatnonzero(~judged), np.flatnonzero(judged)) for judged in apart]
    for k, (learned, judged) in enumerate(parts):
        inner = replace(model, inner=k)
        rows.to_fit(inner, "inner", learned)
        rows.to_judge(inner, judged).to_fit(model, "selection")
    return parts


@dataclass(frozen=True)
class Scaler:
    """Features in standard deviations from the mean; mean, scale : (d,) float32."""

    mean: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """(n, d) float32, of (n, d) float32."""
        return (x - self.mean) / self.scale


def row_by_row(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """x @ weights, (m, d) and (d, k) -> (m, k), a product for each row: its last bits depend on no other row."""
    return (x[:, None] @ weights)[:, 0]


def scaler_of(x: np.ndarray) -> Scaler:
    """Mean and deviation of features (n, d) float32, from which a model learns; a constant feature is not scaled."""
    count, mean = len(x), x.mean(axis=0, dtype=float)
    off = x - mean
    error = off.sum(axis=0) ** 2 / count
    off **= 2
    variance = (off.sum(axis=0) - error) / count
    noise = count * EPSILON * variance + (count * mean * EPSILON) ** 2  # what a constant feature may come to
    scale = np.where(variance <= noise, 1, np.sqrt(variance)).astype(x.dtype)
    return Scaler(mean.astype(x.dtype), scale)


def scaler_for(learned: Rows, model: ModelName) -> Scaler:
    """As `scaler_of`, for `model`."""
    return scaler_of(learned.to_fit(model, "scaler").values)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(...,) summed soft cross-entropy, in nats, of labels (n, 6) and probabilities (..., n, 6)."""
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
