"""From six probabilities to a decision: the challenge kit's post-processing, for all clips at once.

A decision is a row of six saliences in percent: 100 on one class (single), or 50/50, 70/30, 30/70 on two emotions (blend).
"""

import numpy as np

from blemore.scoring.labels import CLASSES, NEUTRAL


def top_two(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the decision rule looks at in each row.

    Parameters
    ----------
    probabilities : (n, 6) float64
        Probabilities of the classes, or any other scores of them.

    Returns
    -------
    first, second : (n,) int
        Classes of the two largest values; among equal values the lower index comes first.
    second_largest : (n,) float
        The second value; a blend needs it to reach alpha.
    difference : (n,) float
        Largest minus second; at most beta gives 50/50.
    can_blend : (n,) bool
        False where neutral is one of the two, or the second value is zero: single for any alpha.

    Raises
    ------
    ValueError
        Another shape, or a value that is NaN (it would pass every comparison unseen).
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(CLASSES):
        raise ValueError(f"expected (n, {len(CLASSES)}) probabilities, found shape {probabilities.shape}")
    if np.isnan(probabilities).any():
        rows = np.flatnonzero(np.isnan(probabilities).any(axis=1))
        raise ValueError(f"{len(rows)} row(s) hold NaN, the first is row {rows[0] + 1}")
    order = np.argsort(-probabilities, axis=1, kind="stable")
    first, second = order[:, 0], order[:, 1]
    rows = np.arange(len(probabilities))
    largest, second_largest = probabilities[rows, first], probabilities[rows, second]
    can_blend = (first != NEUTRAL) & (second != NEUTRAL) & (second_largest > 0)
    return first, second, second_largest, largest - second_largest, can_blend


def tied(probabilities: np.ndarray) -> np.ndarray:
    """Find rows in which equal values leave open which two are the largest, or which of them is the larger.

    The kit sorts with numpy's default sort, which is not stable: there, which of equal values counts first depends on the machine.
    Here the lower index does.

    Parameters
    ----------
    probabilities : (n, 6) float
        Probabilities of the classes.

    Returns
    -------
    (n,) bool
        True for a row with such a tie above 0.
    """
    largest = -np.sort(-np.asarray(probabilities, dtype=np.float64), axis=1)[:, :3]
    return ((largest[:, :-1] == largest[:, 1:]) & (largest[:, 1:] > 0)).any(axis=1)


def decode(probabilities: np.ndarray, alpha: float | np.ndarray, beta: float | np.ndarray) -> np.ndarray:
    """The kit's decision for each clip (`probs2dict` after `get_top_2_predictions`, neutral rule included).

    Only the two largest probabilities count. Single: the second lies below `alpha`, or is zero, or neutral is one of
    the two; then the larger stands alone (on a tie the class that comes first, so neutral loses, and an all-zero row
    is anger). Else a blend: 50/50 when they differ by at most `beta`, 70/30 towards the larger otherwise.

    Parameters
    ----------
    probabilities : (n, 6) float64
        Columns in the order of ``CLASSES``.
    alpha : float or (n,) float
        Presence threshold; a probability equal to it stays.
    beta : float or (n,) float
        Salience threshold; a difference equal to it is 50/50.

    Returns
    -------
    (n, 6) int64, percent
        Saliences; each row sums to 100.

    Raises
    ------
    ValueError
        Wrong shape, NaN in the probabilities or the thresholds.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.decoding import decode
    >>> decode(np.array([[0.5, 0.1, 0.0, 0.0, 0.4, 0.0], [0.1, 0.1, 0.1, 0.5, 0.1, 0.1]]), alpha=0.2, beta=0.05)
    array([[ 70,   0,   0,   0,  30,   0],
           [  0,   0,   0, 100,   0,   0]])
    """
    if np.isnan(alpha).any() or np.isnan(beta).any():
        raise ValueError(f"alpha and beta must be numbers, found {alpha} and {beta}")
    first, second, second_largest, difference, can_blend = top_two(probabilities)
    blend = can_blend & (second_largest >= alpha)
    larger = np.where(blend, np.where(difference <= beta, 50, 70), 100)
    saliences = np.zeros((len(first), len(CLASSES)), dtype=np.int64)
    rows = np.arange(len(first))
    saliences[rows, first] = larger
    saliences[rows[blend], second[blend]] = 100 - larger[blend]
    return saliences
