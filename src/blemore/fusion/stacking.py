"""Logistic stacking, kept as the warning: a soft-label regression on every encoder's log-probabilities.

It can learn anything, the training clips included: best of all where it was fitted, and behind the plain mean on new
persons.
"""

from dataclasses import dataclass

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean
from blemore.learning.heads import linear, logistic
from blemore.scoring.logits import logarithm, softmax

TOLERANCE = 1e-4
"""Largest step, in logits, of a finished regression."""


@dataclass(frozen=True)
class Stacked:
    """A fitted regression.

    Parameters
    ----------
    mean, scale : (E * 6,) float
        Mean and deviation of the log-probabilities.
    weights : (E * 6, 6) float
        Coefficients.
    intercept : (6,) float
        -inf for a class that no label holds.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Each encoder's share (E,) of the coefficients' size: no weights, but what comes nearest to them."""
        size = np.abs(self.weights).reshape(-1, 6, 6).sum(axis=(1, 2))
        return size / size.sum() if size.sum() > 0 else np.full(len(size), 1 / len(size))

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Fuse the encoders' rows; a missing encoder speaks as the mean of those that have the clip.

        Parameters
        ----------
        probabilities : (E, n, 6) float, 0..1
            Probabilities of each encoder; a row of NaN where an encoder lacks a clip.

        Returns
        -------
        (n, 6) float, 0..1
            Each row sums to 1; a row of NaN where no encoder has the clip.
        """
        x, known = _logarithms(probabilities)
        fused = softmax((x - self.mean) / self.scale @ self.weights + self.intercept)
        return np.where(known[:, None], fused, np.nan)


def fit(data: Labelled) -> Stacked:
    """Multinomial logistic regression on soft labels; its strength is chosen in inner folds that share no person.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.

    Returns
    -------
    Stacked
        The fitted regression.
    """
    x, known = _logarithms(data.values)
    x, rows = x[known], data.where(known)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    x = (x - mean) / scale
    clips = logistic.Clips(x)
    strength = linear.choose_strength(clips, rows, data.model)
    model = logistic.fit(clips, rows.soft, np.arange(len(x)), [strength], tolerance=TOLERANCE)
    return Stacked(mean, scale, x.T @ model.dual[0], model.intercepts[0])


def _logarithms(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, E * 6) log-probabilities without gaps, and (n,) whether any encoder has the clip."""
    present = np.isfinite(probabilities).all(axis=2)  # (E, n)
    typical = WeightedMean(np.full(len(probabilities), 1 / len(probabilities))).apply(probabilities)
    known = present.any(axis=0)
    filled = np.where(present[:, :, None], probabilities, np.where(known[:, None], typical, 1 / 6))
    logs = logarithm(filled)
    return logs.transpose(1, 0, 2).reshape(len(known), 6 * len(present)), known
