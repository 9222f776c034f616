"""Decision thresholds that never saw the clips they decide: one pair per fold left out, one for test clips."""

import numpy as np

from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.scoring.surface import Chosen
from joblineage.errors import DataError


def fit(rows: Rows, outer: int, model: ModelName) -> Chosen:
    """The thresholds of the exact optimum of the Score on the rows outside fold `outer` (see `exact.exact_optimum`)."""
    learned = rows.outside(outer, model, "thresholds")
    return exact_optimum(learned.values, learned.truth)


def leave_one_fold_out(rows: Rows, name: str = "") -> tuple[np.ndarray, dict[int, Chosen]]:
    """Decide each fold's clips with thresholds fitted on all other folds.

    Parameters
    ----------
    rows : out-of-fold probabilities (n, 6) of at least two folds.
    name : of what is decided here.

    Returns
    -------
    (n, 6) int64 saliences in percent, and the thresholds used for each fold.

    Raises
    ------
    DataError : one fold only.
    """
    saliences, chosen = np.zeros((len(rows), len(CLASSES)), dtype=np.int64), {}
    if len(rows.folds) == 1:
        raise DataError("thresholds", [f"honest thresholds need at least two folds, found only {rows.folds[0]}"])
    for outer in rows.folds:
        model = ModelName.of("score", outer, name)
        chosen[outer] = fit(rows, outer, model)
        saliences[rows.fold == outer] = chosen[outer].decide(rows.inside(outer, model).values)
    return saliences, chosen


def commonest_of_others(rows: Rows) -> np.ndarray:
    """(n, 6) saliences in percent, the trivial decisions: each fold's clips get the other folds' commonest label."""
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
    truth : (n, 6) saliences in percent, n >= 1.

    Returns
    -------
    (6,) int64 saliences in percent.
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
