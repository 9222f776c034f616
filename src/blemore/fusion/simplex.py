"""Fusion by a weighted arithmetic mean: one weight per encoder, none negative, summing to 1.

A fusion method is a module with `fit` and `apply`, found by its name in `params.yaml`.
"""

import numpy as np
from scipy.optimize import minimize

from blemore.errors import DataError

FLOOR = 1e-12
"""Added to a probability before its logarithm: an encoder may give a true class no probability at all."""
PRECISION = 1e-12
"""Change of the objective at which the minimiser stops."""
MOST_ITERATIONS = 500


def fit(probabilities: np.ndarray, soft: np.ndarray, *, l2: float) -> np.ndarray:
    """Weights that minimise the soft cross-entropy of the mean, drawn towards equal weights by `l2`.

    Minimises over the simplex the convex function
        mean over clips of -sum_c soft_c log(sum_e w_e p_ec)  +  l2 * ||w - 1/E||^2
    Only clips that every encoder has count: with gaps filled by renormalising it would not be convex.

    Parameters
    ----------
    probabilities : (E, n, 6) of each encoder; a row of NaN where an encoder lacks a clip.
    soft : (n, 6) soft labels, rows sum to 1.
    l2 : >= 0; 0 leaves the weights to the data, a large one gives equal weights.

    Returns
    -------
    (E,) float64 weights, >= 0, summing to 1. The same input gives the same weights.

    Raises
    ------
    DataError : no clip that all encoders have. ValueError : a negative `l2`, or no minimum found.
    """
    if l2 < 0:
        raise ValueError(f"l2 must be at least 0, found {l2}")
    encoders = len(probabilities)
    complete = np.isfinite(probabilities).all(axis=(0, 2))
    if not complete.any():
        raise DataError("fusion", ["no labelled clip has a row in every encoder's table: weights cannot be fitted"])
    known, soft = probabilities[:, complete], soft[complete]
    clips = len(soft)
    equal = np.full(encoders, 1 / encoders)

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = np.einsum("e,enc->nc", weights, known) + FLOOR  # (n, 6)
        away = weights - equal
        value = -np.sum(soft * np.log(mixed)) / clips + l2 * np.sum(away**2)
        gradient = -np.einsum("enc,nc->e", known, soft / mixed) / clips + 2 * l2 * away
        return value, gradient

    result = minimize(
        objective,
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * encoders,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": PRECISION, "maxiter": MOST_ITERATIONS},
    )
    if not result.success:
        raise ValueError(f"the weights were not found: {result.message}")
    weights = np.clip(result.x, 0, None)
    return weights / weights.sum()


def apply(weights: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Weighted mean of the encoders that have the clip; their weights are renormalised.

    Where only encoders of weight 0 have a clip, these count equally.

    Parameters
    ----------
    weights : (E,) as given by `fit`.
    probabilities : (E, n, 6); a row of NaN where an encoder lacks a clip.

    Returns
    -------
    (n, 6) float64, rows sum to 1; a row of NaN where no encoder has the clip.
    """
    present = np.isfinite(probabilities).all(axis=2)  # (E, n)
    shares = weights[:, None] * present
    shares = np.where(shares.sum(axis=0) > 0, shares, present)
    mixed = np.einsum("en,enc->nc", shares, np.where(present[:, :, None], probabilities, 0.0))
    with np.errstate(invalid="ignore"):  # 0 / 0 is the promised NaN
        return mixed / mixed.sum(axis=1, keepdims=True)
