"""Decision thresholds that never saw the clips they decide: one pair per fold left out, one for test clips."""

from dataclasses import dataclass

import numpy as np

from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.surface import Chosen
from joblineage import declare
from joblineage.errors import DataError


@dataclass(frozen=True)
class Rows:
    """Rows to fit thresholds on, or to decide; the clips' names go with them, whichever rows are taken.

    probabilities : (n, 6); truth : (n, 6) saliences in percent; clips : (n,) names, None where nobody asks (`declare`).
    """

    probabilities: np.ndarray
    truth: np.ndarray
    clips: np.ndarray | None = None

    def where(self, chosen: np.ndarray) -> "Rows":
        """Those rows."""
        return Rows(self.probabilities[chosen], self.truth[chosen], declare.of(self.clips, chosen))

    def fit(self, model: str) -> Chosen:
        """Their best thresholds; `model` : how these are called."""
        declare.fitted(model, "thresholds", self.clips)
        return fit(self.probabilities, self.truth)

    def decided(self, chosen: Chosen, model: str) -> np.ndarray:
        """(n, 6) int64 saliences in percent, by the thresholds of that name."""
        declare.judged(model, self.clips)
        return chosen.decide(self.probabilities)


def fit(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> Chosen:
    """The thresholds of the exact optimum of the Score on these clips (see `exact.exact_optimum`).

    Parameters
    ----------
    probabilities : (n, 6); truth : (n, 6) saliences in percent; weights : (n,) optional.
    """
    return exact_optimum(probabilities, truth, weights)


def leave_one_fold_out(
    probabilities: np.ndarray, truth: np.ndarray, fold: np.ndarray, clips: np.ndarray | None = None, name: str = ""
) -> tuple[np.ndarray, dict[int, Chosen]]:
    """Decide each fold's clips with thresholds fitted on all other folds.

    Parameters
    ----------
    probabilities : (n, 6) out-of-fold; truth : (n, 6) saliences in percent; fold : (n,) ints, at least two different.
    clips : (n,) names, and name of what is decided here; for `declare`.

    Returns
    -------
    (n, 6) int64 saliences in percent, and the thresholds used for each fold.

    Raises
    ------
    DataError : one fold only.
    """
    saliences = np.zeros((len(fold), len(CLASSES)), dtype=np.int64)
    rows, chosen = Rows(probabilities, truth, clips), {}
    for left_out in np.unique(fold).tolist():
        inside = fold == left_out
        if inside.all():
            raise DataError("thresholds", [f"honest thresholds need at least two folds, found only {left_out}"])
        model = f"score/fold{left_out}/{name}"
        chosen[left_out] = rows.where(~inside).fit(model)
        saliences[inside] = rows.where(inside).decided(chosen[left_out], model)
    return saliences, chosen


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
