"""The challenge's metrics: ACC_presence, ACC_salience and their mean, the Score.

Decisions and truths have one form here: (n, 6) saliences in percent, 0 for an absent class, columns as ``CLASSES``.
"""

import numpy as np

from blemore.scoring.columns import Table
from blemore.scoring.labels import soft_labels

ACCURACIES = ("acc_presence", "acc_salience", "score")


def true_saliences(clips: Table) -> np.ndarray:
    """The true saliences of labelled clips.

    Parameters
    ----------
    clips : table
        Columns as in `labels.soft_labels`.

    Returns
    -------
    (n, 6) float64, percent
        Saliences; each row sums to 100.
    """
    return np.rint(100 * soft_labels(clips))


def blends(truth: np.ndarray) -> np.ndarray:
    """Find the clips whose truth has two emotions.

    Parameters
    ----------
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    (n,) bool
        True for a blend.
    """
    return (np.asarray(truth) > 0).sum(axis=1) == 2


def presence_correct(saliences: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Find the clips whose decided set of emotions equals the true set.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    (n,) bool
        True for a clip that counts in ACC_presence.
    """
    return ((np.asarray(saliences) > 0) == (np.asarray(truth) > 0)).all(axis=1)


def salience_correct(saliences: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Find the blends that are right: the set is, and both saliences agree once rounded to whole percents.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    (n,) bool
        True for a clip that counts in ACC_salience; False for a single.
    """
    # Like the kit's round(float(x)); np.rint and round() both take halves to the even number.
    same = (np.rint(np.asarray(saliences, float)) == np.rint(np.asarray(truth, float))).all(axis=1)
    return blends(truth) & presence_correct(saliences, truth) & same


def acc_presence(saliences: np.ndarray, truth: np.ndarray) -> float:
    """Share of all clips whose decided set of emotions equals the true one.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    float, 0..1
        ACC_presence; 0 without clips.
    """
    return float(presence_correct(saliences, truth).sum() / max(1, len(truth)))


def acc_salience(saliences: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true blends that have the right pair and the right saliences.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    float, 0..1
        ACC_salience; 0 without blends.
    """
    return float(salience_correct(saliences, truth).sum() / max(1, blends(truth).sum()))


def combine(presence: float | np.ndarray, salience: float | np.ndarray) -> float | np.ndarray:
    """Score of given accuracies, in the kit's own arithmetic, so that ties fall as they do in the kit.

    Parameters
    ----------
    presence : float or (...) float, 0..1
        ACC_presence.
    salience : float or (...) float, 0..1
        ACC_salience.

    Returns
    -------
    float or (...) float, 0..1
        The Score.
    """
    return 0.5 * presence + (1 - 0.5) * salience


def score(saliences: np.ndarray, truth: np.ndarray) -> float:
    """The challenge's Score: mean of ACC_presence and ACC_salience.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    float, 0..1
        The Score.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.metrics import score
    >>> truth = np.array([[70, 0, 0, 0, 30, 0], [0, 0, 0, 100, 0, 0]])
    >>> score(np.array([[50, 0, 0, 0, 50, 0], [0, 0, 0, 100, 0, 0]]), truth)  # both sets right, the saliences wrong
    0.5
    """
    return float(combine(acc_presence(saliences, truth), acc_salience(saliences, truth)))


def scores(saliences: np.ndarray, truth: np.ndarray) -> dict[str, float | int]:
    """All accuracies, and over how many clips and blends they are counted.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    dict of str to float
        "acc_presence", "acc_salience", "score" in 0..1, "clips", "blends".
    """
    measures = acc_presence, acc_salience, score
    shown = {name: of(saliences, truth) for name, of in zip(ACCURACIES, measures, strict=True)}
    return shown | {"clips": len(truth), "blends": int(blends(truth).sum())}
