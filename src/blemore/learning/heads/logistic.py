"""Multinomial logistic regression on soft labels: many strengths of regularisation and parts of the clips at once.

The objective of one model, with C = strength / d and F = x W + b,

    minimise over W (d, 6), b (6,):   sum_i cross_entropy(label_i, softmax(F_i)) + |W|^2 / (2 C)

has a solution W = x' A with one row of A (n, 6) per clip. So inner products of clips are all that is needed: they are
made once, and serve every part of the clips and every strength.

The Hessian of the cross-entropy in F_i is at most 1/2 (Bohning 1992). Steps are those of a quadratic of curvature h,
1/4 at first, halved in length where the gradients show that it lies below the objective: then h stands for 1/2, the
bound. A quadratic in W is one Cholesky factor of I + h C x x'. Nesterov's momentum speeds the steps up; it is dropped
when it points uphill (O'Donoghue and Candes 2015).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from blemore.scoring.logits import softmax

CURVATURE = 0.25
MOST_STEPS = 1000

Solve = Callable[[np.ndarray], np.ndarray]


class Clips:
    """What the models of clips are fitted from: their inner products (n, n), or the few features themselves (n, d).

    Parameters
    ----------
    x : (n, d) float
        Standardised features.
    wide : bool or None
        Whether to use inner products; None takes the faster form, they break even at about d = 0.4 n.
    """

    def __init__(self, x: np.ndarray, wide: bool | None = None):
        self.features = x.shape[1]
        self.wide = 2 * x.shape[1] >= len(x) if wide is None else wide
        self.values = x @ x.T if self.wide else x

    def solvers(self, seen: np.ndarray, shifts: np.ndarray) -> list[Solve]:
        """Make r -> (I + c G)^-1 r for each c, with G the inner products of the seen clips around their mean.

        Of few features, G = x x': (I + c x x')^-1 = I - c x (I + c x' x)^-1 x' (Woodbury).

        Parameters
        ----------
        seen : (m,) int
            Rows of the clips.
        shifts : (S,) float, > 0
            The values of c.

        Returns
        -------
        list of callable
            One for each c, from (m, 6) to (m, 6).
        """
        if self.wide:
            gram = self.values[np.ix_(seen, seen)].astype(shifts.dtype)
            mean = gram.mean(axis=0)
            gram -= mean
            gram -= (mean - mean.mean())[:, None]
            return [_inverse(gram, shift) for shift in shifts]
        x = self.values[seen].astype(shifts.dtype)
        x -= x.mean(axis=0)
        products = x.T @ x

        def solve(shift: np.floating, inner: Solve, r: np.ndarray) -> np.ndarray:
            return r - shift * (x @ inner(x.T @ r))

        return [partial(solve, shift, _inverse(products, shift)) for shift in shifts]

    def logits(self, seen: np.ndarray, shown: np.ndarray, dual: np.ndarray) -> np.ndarray:
        """Logits of clips without the intercept: x_shown W, less its mean over the seen clips.

        Parameters
        ----------
        seen : (m,) int
            Rows that the models were fitted on.
        shown : (k,) int
            Rows that are predicted.
        dual : (..., m, 6) float
            One row of A per seen clip.

        Returns
        -------
        (..., k, 6) float
            Logits.
        """
        if self.wide:
            mean = self.values[np.ix_(seen, seen)].mean(axis=0)
            return (self.values[np.ix_(shown, seen)] - mean) @ dual
        return (self.values[shown] - self.values[seen].mean(axis=0)) @ (self.values[seen].T @ dual)


def _inverse(products: np.ndarray, shift: np.floating) -> Solve:
    """r -> (I + shift * products)^-1 r, by Cholesky."""
    matrix = shift * products
    matrix[np.diag_indices_from(matrix)] += 1
    factor = cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
    return lambda r: cho_solve(factor, r, check_finite=False)


@dataclass(frozen=True)
class Fitted:
    """Models of one part of the clips, one per strength (S of them).

    Parameters
    ----------
    seen : (n,) int
        Rows the models were fitted on.
    dual : (S, n, 6) float
        One row of A per clip.
    intercepts : (S, 6) float
        -inf for a class not seen.
    """

    seen: np.ndarray
    dual: np.ndarray
    intercepts: np.ndarray

    def predict(self, clips: Clips, shown: np.ndarray) -> np.ndarray:
        """Predict other rows of the same clips.

        Parameters
        ----------
        clips : Clips
            The clips that the models were fitted from.
        shown : (k,) int
            Rows that are predicted.

        Returns
        -------
        (S, k, 6) float, 0..1
            Probabilities; 0 for a class that the part does not hold.
        """
        return softmax(clips.logits(self.seen, shown, self.dual) + self.intercepts[:, None])


def fit(
    clips: Clips, labels: np.ndarray, seen: np.ndarray, strengths: Sequence[float], *, tolerance: float,
    dtype: type[np.floating] = np.float64,
) -> Fitted:  # fmt: skip
    """Fit the models of some rows of the clips, one per strength, all at once.

    Parameters
    ----------
    clips : Clips
        Clips with standardised features.
    labels : (n_clips, 6)
        Soft labels, rows sum to 1.
    seen : (n,) int
        Rows to fit on.
    strengths : sequence of float, > 0
        The variance that the penalty expects of a logit.
    tolerance : float, > 0, logits
        A model is done when its next step moves no logit by more than this. One that is not done within `MOST_STEPS`
        steps is named in the log.
    dtype : type
        Precision of the steps; half the time in float32, for tolerances down to 1e-4.

    Returns
    -------
    Fitted
        The models.
    """
    targets: np.ndarray = np.asarray(labels[seen], dtype)
    n, means = len(targets), targets.mean(axis=0)
    # Added to the logits: a class not seen has probability 0.
    absent: np.ndarray = np.where(means > 0, 0, -np.inf).astype(dtype)
    weights = np.asarray(strengths, dtype)[:, None, None] / clips.features  # C, (S, 1, 1)
    solvers = clips.solvers(seen, CURVATURE * weights.ravel())

    # Iterates (S, 2 n + 1, 6): dual, logits without the intercept, intercept. `ahead` is where the momentum leads.
    now = np.zeros((len(solvers), 2 * n + 1, 6), dtype)
    now[:, -1] = np.log(np.where(means > 0, means, 1))
    ahead, done, before = now, now.copy(), None
    speed, length = np.ones_like(weights), np.ones_like(weights)
    waiting = np.arange(len(solvers))  # numbers of the models that are not done
    for _ in range(MOST_STEPS):
        error = softmax(logits(ahead, n) + absent) - targets
        if before is not None:
            change = logits(ahead, n) - before[0]
            curved = total((error - before[1]) * change) * length > CURVATURE * total(change**2)
            length = np.where(curved, 0.5, length).astype(dtype)
        bias = error.mean(axis=1, keepdims=True)
        slope = weights * (error - bias) + ahead[:, :n]
        step = np.stack([solvers[k](slope[row]) for row, k in enumerate(waiting)])
        moved = (slope - step) / (CURVATURE * weights)  # G step, as (I + h C G) step = slope
        new = ahead - length * np.concatenate([step, moved, bias / CURVATURE], axis=1)
        farthest = np.abs(logits(new, n) - logits(ahead, n)).max(axis=(1, 2))
        going = farthest > tolerance
        done[waiting] = new
        if not going.any():
            break

        away = new - now
        uphill = total(weights * error * logits(away, n)) + total(ahead[:, :n] * away[:, n:-1]) > 0
        faster: np.ndarray = np.where(uphill, 1, (1 + np.sqrt(1 + 4 * speed**2)) / 2).astype(dtype)
        momentum: np.ndarray = np.where(uphill, 0, (speed - 1) / faster).astype(dtype)
        before = logits(ahead, n)[going], error[going]
        ahead, now = new[going] + (momentum * away)[going], new[going]
        speed, length, weights, waiting = faster[going], length[going], weights[going], waiting[going]
    else:
        names = ", ".join(f"{strengths[k]:g}" for k in waiting.tolist())
        logging.warning(
            "the linear head did not converge for strength %s within %d steps: a step still moves a logit by %.1g",
            names, MOST_STEPS, farthest.max(),
        )  # fmt: skip
    return Fitted(seen, done[:, :n], done[:, -1] + absent)


def logits(iterates: np.ndarray, n: int) -> np.ndarray:
    """Logits of iterates.

    Parameters
    ----------
    iterates : (s, 2 n + 1, 6) float
        Dual, logits without the intercept, intercept.
    n : int
        How many clips.

    Returns
    -------
    (s, n, 6) float
        Logits.
    """
    return iterates[:, n:-1] + iterates[:, -1:]


def total(values: np.ndarray) -> np.ndarray:
    """Sums over clips and classes.

    Parameters
    ----------
    values : (s, n, 6) float
        What is summed.

    Returns
    -------
    (s, 1, 1) float
        The sums.
    """
    return values.sum(axis=(1, 2), keepdims=True)
