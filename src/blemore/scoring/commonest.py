"""The trivial decision: the commonest label of other persons, whatever a clip shows."""

import numpy as np

from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows


def commonest_of_others(rows: Rows) -> np.ndarray:
    """The trivial decisions: each fold's clips get the other folds' commonest label.

    Parameters
    ----------
    rows : Rows
        The clips with their values, labels, folds and persons.

    Returns
    -------
    (n, 6) int64, percent
        Saliences; each row sums to 100.
    """
    saliences = np.zeros(rows.truth.shape, dtype=np.int64)
    for fold in rows.folds:
        model = ModelName.of("score", fold, "commonest label")
        saliences[rows.fold == fold] = commonest_decision(rows.outside(fold, model, "prior").truth)
        rows.inside(fold, model)
    return saliences


def commonest_decision(truth: np.ndarray) -> np.ndarray:
    """The one decision to make without looking at a clip: the most frequent true label of the training clips.

    The most frequent set of emotions first, for ACC_presence; then its most frequent saliences. Ties: singles before
    blends, then the order of the classes, then 30/70 before 50/50 before 70/30.

    Parameters
    ----------
    truth : (n, 6) float, percent
        Saliences of the training clips, n >= 1.

    Returns
    -------
    (6,) int64, percent
        Saliences that sum to 100.
    """
    whole = np.rint(truth).astype(np.int64)
    labels, counts = np.unique(whole, axis=0, return_counts=True)
    sets, of_set = np.unique(labels > 0, axis=0, return_inverse=True)
    set_counts = np.bincount(of_set.ravel(), counts)
    # Python's max keeps the first of equals: order the sets as promised, and the labels by rising salience.
    order = sorted(range(len(sets)), key=lambda k: (sets[k].sum(), np.flatnonzero(sets[k]).tolist()))
    best_set = max(order, key=lambda k: set_counts[k])
    inside = np.flatnonzero(of_set.ravel() == best_set).tolist()
    return labels[max(inside, key=lambda k: counts[k])]
