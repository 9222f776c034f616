"""Conditional logit models on soft labels: logits that are linear in a few numbers.

Minimises   sum over clips of cross_entropy(soft, softmax(inputs @ x))  +  1/2 sum_k precision_k (x_k - centre_k)^2,
which is convex, by Newton's method with halved steps, projected where a number is held (Bertsekas 1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_STEPS = 100
TOLERANCE = 1e-9
"""The steps end when the next one promises to lower the objective by less than this, in nats."""
SHORTEST = 1e-6
"""Least length of a halved step."""
FLOOR = 1e-6
"""Least probability whose logarithm is taken."""


@dataclass(frozen=True)
class Block:
    """Classes whose logits the same numbers act on.

    Parameters
    ----------
    numbers : (k,) int
        Which numbers.
    classes : (c,) int
        Which classes.
    inputs : (k, c, n) float
        Derivative of the classes' logits by these numbers, for each clip.
    """

    numbers: np.ndarray
    classes: np.ndarray
    inputs: np.ndarray

    @classmethod
    def whole(cls, inputs: np.ndarray) -> "Block":
        """All numbers act on all classes.

        Parameters
        ----------
        inputs : (K, n, C) float
            Derivative of each clip's C logits by each number.

        Returns
        -------
        Block
            The only block.
        """
        numbers, _, classes = inputs.shape
        return cls(np.arange(numbers), np.arange(classes), inputs.transpose(0, 2, 1))


def fit(
    blocks: Sequence[Block],
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
    blocks : sequence of Block
        How the logits come from the numbers; each class is in one block.
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
    parts = [_Part.of(block) for block in blocks]
    wanted = [np.ascontiguousarray(soft.T[block.classes], float).ravel() for block in blocks]  # (c * n,) each
    now = np.array(centre if start is None else start, float)
    value, shown = _objective(parts, wanted, now, centre, precision)
    for _ in range(MOST_STEPS):
        slope, hessian = precision * (now - centre), np.diag(precision)
        means = np.zeros((len(now), len(soft)))
        for part, expected, found in zip(parts, wanted, shown, strict=True):
            weighted = found * part.inputs  # (k, c * n)
            slope[part.numbers] += np.einsum("km,m->k", part.inputs, found - expected)
            hessian[part.square] += np.einsum("km,lm->kl", weighted, part.inputs)
            means[part.numbers] += weighted.reshape(len(weighted), -1, len(soft)).sum(axis=1)  # (k, n)
        hessian = hessian - np.einsum("kn,ln->kl", means, means)
        # A number that is held at a bound leaves the step to the others.
        free = ~((now <= low) & (slope > 0) | (now >= high) & (slope < 0))
        step = np.linalg.solve(np.where(free[:, None] & free, hessian, np.eye(len(now))), slope * free)
        if slope @ step < TOLERANCE:
            break
        length = 1.0
        while True:  # halve the step until it descends
            moved = np.clip(now - length * step, low, high)
            new, shown = _objective(parts, wanted, moved, centre, precision)
            if new <= value or length <= SHORTEST:
                break
            length /= 2
        now, value = moved, new
    return now


def linear(blocks: Sequence[Block], numbers: np.ndarray) -> np.ndarray:
    """Logits of the classes.

    Parameters
    ----------
    blocks : sequence of Block
        How the logits come from the numbers; each class is in one block.
    numbers : (K,) float
        The numbers.

    Returns
    -------
    (n, C) float64
        The logits.
    """
    found = np.empty((sum(len(block.classes) for block in blocks), blocks[0].inputs.shape[2]))
    for block in blocks:
        found[block.classes] = np.einsum("kcn,k->cn", block.inputs, numbers[block.numbers])
    return np.ascontiguousarray(found.T)


@dataclass(frozen=True)
class _Part:
    """A block as the steps need it: numbers (k,), `square` their rows and columns, inputs (k, c * n), and n."""

    numbers: np.ndarray
    square: tuple[np.ndarray, ...]
    inputs: np.ndarray
    clips: int

    @classmethod
    def of(cls, block: Block) -> "_Part":
        flat = np.ascontiguousarray(block.inputs, float).reshape(len(block.numbers), -1)
        return cls(block.numbers, np.ix_(block.numbers, block.numbers), flat, block.inputs.shape[2])


def _objective(
    parts: list[_Part], wanted: list[np.ndarray], at: np.ndarray, centre: np.ndarray, precision: np.ndarray
) -> tuple[float, list[np.ndarray]]:
    """The objective, and of each part the (c * n,) probabilities."""
    # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
    logits = [np.einsum("km,k->m", part.inputs, at[part.numbers]).reshape(-1, part.clips) for part in parts]
    most = np.max([one.max(axis=0) for one in logits], axis=0)  # (n,)
    logits = [one - most for one in logits]
    shown = [np.exp(one) for one in logits]
    total = sum(one.sum(axis=0) for one in shown)  # (n,)
    loss = np.log(total).sum() - sum(np.sum(soft * one.ravel()) for soft, one in zip(wanted, logits, strict=True))
    return float(loss + 0.5 * np.sum(precision * (at - centre) ** 2)), [(one / total).ravel() for one in shown]


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
