"""Conditional logit models on soft labels: logits that are linear in a few numbers.

Minimises   sum over clips of cross_entropy(soft, softmax(inputs @ x))  +  1/2 sum_k precision_k (x_k - centre_k)^2,
which is convex, by Newton's method with halved steps, projected where a number is held (Bertsekas 1982).
"""

import numpy as np

MOST_STEPS = 100
TOLERANCE = 1e-9
"""The steps end when the next one promises to lower the objective by less than this, in nats."""
SHORTEST = 1e-6
"""Least length of a halved step."""
TINY = 1e-300
FLOOR = 1e-6
"""Least probability whose logarithm is taken."""


def fit(
    inputs: np.ndarray,
    soft: np.ndarray,
    centre: np.ndarray,
    precision: np.ndarray,
    *,
    low: np.ndarray | float = -np.inf,
    high: np.ndarray | float = np.inf,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Fit the numbers of a conditional logit model.

    Parameters
    ----------
    inputs : (K, n, C) float
        Derivative of each clip's C logits by each number.
    soft : (n, C) float, 0..1
        Soft labels; each row sums to 1.
    centre, precision : (K,) float
        What the numbers are drawn to, and how strongly (> 0).
    low, high : float or (K,) float
        Where the numbers are held; the optimum is that within these bounds.
    start : (K,) float or None
        Where to begin, for fewer steps; None begins at the centre.

    Returns
    -------
    (K,) float64
        The numbers of the least objective.
    """
    numbers, clips, classes = inputs.shape
    flat = np.ascontiguousarray(inputs.reshape(numbers, -1), float)  # (K, n * C)
    wanted, now = soft.ravel(), np.array(centre if start is None else start, float)
    value, shown = _objective(flat, soft, now, centre, precision)
    for _ in range(MOST_STEPS):
        slope = np.einsum("km,m->k", flat, shown - wanted) + precision * (now - centre)
        weighted = shown * flat
        means = weighted.reshape(numbers, clips, classes).sum(axis=2)  # (K, n)
        hessian = np.einsum("km,lm->kl", weighted, flat) - np.einsum("kn,ln->kl", means, means) + np.diag(precision)
        # A number that is held at a bound leaves the step to the others.
        free = ~((now <= low) & (slope > 0) | (now >= high) & (slope < 0))
        step = np.linalg.solve(np.where(free[:, None] & free, hessian, np.eye(numbers)), slope * free)
        if slope @ step < TOLERANCE:
            break
        length = 1.0
        while True:  # halve the step until it descends
            moved = np.clip(now - length * step, low, high)
            new, shown = _objective(flat, soft, moved, centre, precision)
            if new <= value or length <= SHORTEST:
                break
            length /= 2
        now, value = moved, new
    return now


def _objective(
    flat: np.ndarray, soft: np.ndarray, at: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> tuple[float, np.ndarray]:
    """The objective, and (n * C,) probabilities."""
    # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
    shown = softmax(np.einsum("km,k->m", flat, at).reshape(soft.shape))
    loss = -np.sum(soft * np.log(np.maximum(shown, TINY)))
    return float(loss + 0.5 * np.sum(precision * (at - centre) ** 2)), shown.ravel()


def logarithm(probabilities: np.ndarray) -> np.ndarray:
    """Logarithm of probabilities, those below FLOOR counting as FLOOR.

    Parameters
    ----------
    probabilities : (...) float, 0..1
        Any probabilities.

    Returns
    -------
    (...) float, nats
        The logarithms; NaN stays.
    """
    return np.log(np.maximum(probabilities, FLOOR))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, along the last axis.

    Parameters
    ----------
    logits : (..., C) float
        Logits.

    Returns
    -------
    (..., C) float, 0..1
        Probabilities that sum to 1 along the last axis.
    """
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
