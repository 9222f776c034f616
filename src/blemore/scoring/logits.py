"""Conditional logit models on soft labels: logits that are linear in a few numbers, fitted for many problems at once.

Minimises for each problem   sum over clips of cross_entropy(soft, softmax(inputs @ x))  +  1/2 sum_k precision_k (x_k - centre_k)^2,
which is convex, by Newton's method with halved steps, projected where a number is held (Bertsekas 1982).
"""

import numpy as np

MOST_STEPS = 100
TOLERANCE = 1e-9
"""The steps end when none promises to lower an objective by more than this, in nats."""
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
) -> np.ndarray:
    """The numbers x of each of P problems.

    Parameters
    ----------
    inputs : (P, n, 6, K) derivative of each clip's logits by x; zeros for places without a clip.
    soft : (P, n, 6) soft labels; zeros for places without a clip, which then counts nothing.
    centre, precision : (K,) what x is drawn to, and how strongly (> 0).
    low, high : (K,) or one number: where x is held; the optimum is that within these bounds.

    Returns
    -------
    (P, K) float64.
    """
    there = soft.sum(axis=2, keepdims=True)  # 1, or 0 without a clip
    now = np.tile(np.asarray(centre, float), (len(inputs), 1))
    value, shown = _objective(inputs, soft, now, centre, precision)
    for _ in range(MOST_STEPS):
        slope = np.einsum("pnck,pnc->pk", inputs, shown * there - soft) + precision * (now - centre)
        weighted = shown[..., None] * inputs
        means = weighted.sum(axis=2)
        hessian = np.einsum("pnck,pncl->pkl", weighted, inputs) - np.einsum("pnk,pnl->pkl", means, means)
        # A number that is held at a bound leaves the step to the others.
        free = ~((now <= low) & (slope > 0) | (now >= high) & (slope < 0))
        system = np.where(free[:, :, None] & free[:, None, :], hessian + np.diag(precision), np.eye(len(precision)))
        step = np.linalg.solve(system, (slope * free)[..., None])[..., 0]
        going = np.sum(slope * step, axis=1) >= TOLERANCE
        if not going.any():
            break
        step[~going] = 0.0
        length = np.ones(len(now))
        while True:  # halve the steps that do not descend
            moved = np.clip(now - length[:, None] * step, low, high)
            new, shown = _objective(inputs, soft, moved, centre, precision)
            worse = (new > value) & (length > SHORTEST)
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        now, value = moved, new
    return now


def _objective(
    inputs: np.ndarray, soft: np.ndarray, at: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(P,) objectives and (P, n, 6) probabilities."""
    # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
    shown = softmax(np.einsum("pnck,pk->pnc", inputs, at))
    loss = -np.einsum("pnc,pnc->p", soft, np.log(np.maximum(shown, TINY)))
    return loss + 0.5 * np.sum(precision * (at - centre) ** 2, axis=1), shown


def logarithm(probabilities: np.ndarray) -> np.ndarray:
    """Logarithm of probabilities, those below FLOOR counting as FLOOR; NaN stays."""
    return np.log(np.maximum(probabilities, FLOOR))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
