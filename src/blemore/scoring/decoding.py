"""From six probabilities to a decision: the challenge kit's post-processing, for all clips at once.

A decision is a row of six saliences in percent: 100 on one class (single), or 50/50, 70/30, 30/70 on two emotions (blend).
"""

import numpy as np

from blemore.scoring.labels import CLASSES, NEUTRAL


def top_two(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the decision rule looks at in each row.

    Parameters
    ----------
    probabilities : (n, 6) float64.

    Returns
    -------
    first, second : (n,) class indices of the two largest values; among equal values the lower index comes first.
    second_largest : (n,) the second value; a blend needs it to reach alpha.
    difference : (n,) largest minus second; at most beta gives 50/50.
    can_blend : (n,) bool; False where neutral is one of the two, or the second value is zero: single for any alpha.

    Raises
    ------
    ValueError : another shape, or a value that is NaN (it would pass every comparison unseen).
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
    """(n,) bool: rows of (n, 6) in which equal values leave open which classes are the two largest, or which of them is the larger.

    The kit sorts with numpy's default sort, which is not stable: there, which of equal values counts first depends on the machine.
    Here the lower index does.
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
    probabilities : (n, 6) float64, columns in the order of ``CLASSES``.
    alpha : presence threshold, a number or one per row; a probability equal to it stays.
    beta : salience threshold, a number or one per row; a difference equal to it is 50/50.

    Returns
    -------
    (n, 6) int64 saliences in percent, each row sums to 100.

    Raises
    ------
    ValueError : wrong shape, NaN in the probabilities or the thresholds.
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
