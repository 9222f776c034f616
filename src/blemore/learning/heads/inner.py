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
    """The inner folds of a fold's clips; no person is in both parts of one.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.
    model : ModelName
        The model for which something is chosen here.

    Returns
    -------
    list of ((n,) int, (m,) int)
        Numbers of the rows learned from and judged, for each inner fold; empty with a single person.
    """
    names, owner, sizes = np.unique(rows.person, return_inverse=True, return_counts=True)
    number = min(INNER_FOLDS, len(names))
    fold, filled = np.zeros(len(names), int), np.zeros(number)
    for largest in np.argsort(sizes, kind="stable")[::-1]:  # the person with most clips first, to the emptiest fold
        fold[largest] = filled.argmin()
        filled[fold[largest]] += sizes[largest]
    apart = [fold[owner] == k for k in range(number)] if number > 1 else []
    parts = [(np.flatnonzero(~judged), np.flatnonzero(judged)) for judged in apart]
    for k, (learned, judged) in enumerate(parts):
        inner = replace(model, inner=k)
        rows.to_fit(inner, "inner", learned)
        rows.to_judge(inner, judged).to_fit(model, "selection")
    return parts


@dataclass(frozen=True)
class Scaler:
    """Features in standard deviations from the mean.

    Parameters
    ----------
    mean : (d,) float32
        Mean of each feature.
    scale : (d,) float32, > 0
        What it is divided by.
    """

    mean: np.ndarray
    scale: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Scale features.

        Parameters
        ----------
        x : (n, d) float32
            Features of the clips.

        Returns
        -------
        (n, d) float32
            Scaled features.
        """
        return (x - self.mean) / self.scale


def row_by_row(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Matrix product x @ weights, one product for each row: its last bits depend on no other row.

    Parameters
    ----------
    x : (m, d) float
        Rows.
    weights : (d, k) float
        Weights.

    Returns
    -------
    (m, k) float
        The products.
    """
    return (x[:, None] @ weights)[:, 0]


def scaler_of(x: np.ndarray) -> Scaler:
    """Mean and deviation of features from which a model learns; a constant feature is not scaled.

    Parameters
    ----------
    x : (n, d) float32
        Features of the clips.

    Returns
    -------
    Scaler
        The scaler.
    """
    count, mean = len(x), x.mean(axis=0, dtype=float)
    off = x - mean
    error = off.sum(axis=0) ** 2 / count
    off **= 2
    variance = (off.sum(axis=0) - error) / count
    noise = count * EPSILON * variance + (count * mean * EPSILON) ** 2  # what a constant feature may come to
    scale = np.where(variance <= noise, 1, np.sqrt(variance)).astype(x.dtype)
    return Scaler(mean.astype(x.dtype), scale)


def scaler_for(learned: Rows, model: ModelName) -> Scaler:
    """Fit a scaler as `scaler_of`, and declare on which clips.

    Parameters
    ----------
    learned : Rows
        The clips to learn from, values (n, d) float32.
    model : ModelName
        The name under which the fit is recorded.

    Returns
    -------
    Scaler
        The scaler.
    """
    return scaler_of(learned.to_fit(model, "scaler").values)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Summed soft cross-entropy.

    Parameters
    ----------
    labels : (n, 6) float, 0..1
        Soft labels; each row sums to 1.
    probabilities : (..., n, 6) float, 0..1
        Predictions, or several sets of them.

    Returns
    -------
    (...) float, nats
        The sum over clips.
    """
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
