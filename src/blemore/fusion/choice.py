"""Which fusion method: the simplest one that is not clearly worse, judged on folds that nothing here was fitted on."""

from collections.abc import Mapping, Sequence

import numpy as np

from blemore.scoring.persons import accuracies, jackknife_error, sums_of_persons
from blemore.scoring.thresholds import leave_one_fold_out


def choose(
    views: Mapping[str, np.ndarray],
    truth: np.ndarray,
    fold: np.ndarray,
    person: np.ndarray,
    simplest_first: Sequence[str],
) -> tuple[str, dict[str, dict[str, float]]]:
    """The one-standard-error rule on the Score: the first method whose Score lies within one standard error of the best.

    Thresholds are fitted on the other folds of those given. The standard error is that of the paired difference to the
    best method, by the jackknife over persons.

    Parameters
    ----------
    views : {method: (n, 6)} rows of the folds to choose on, each fused by a fit that did not see it.
    truth : (n, 6) saliences in percent; fold, person : (n,).
    simplest_first : the methods; the first is taken where nothing can be chosen (one fold or one person only).

    Returns
    -------
    The method's name, and {method: {"score", "behind", "standard_error"}}; empty where nothing could be chosen.
    """
    if len(np.unique(fold)) < 2 or len(np.unique(person)) < 2:
        return simplest_first[0], {}
    decided = {name: leave_one_fold_out(views[name], truth, fold)[0] for name in simplest_first}
    scores = {name: _leave_one_out(decided[name], truth, person) for name in simplest_first}
    best = max(simplest_first, key=lambda name: scores[name][0])  # ties: the simpler one
    table: dict[str, dict[str, float]] = {}
    for name in simplest_first:
        whole, without = scores[best][0] - scores[name][0], scores[best][1] - scores[name][1]
        table[name] = {
            "score": scores[name][0],
            "behind": whole,
            "standard_error": jackknife_error(without),
        }
    chosen = next(name for name in simplest_first if table[name]["behind"] <= table[name]["standard_error"])
    return chosen, table


def _leave_one_out(saliences: np.ndarray, truth: np.ndarray, person: np.ndarray) -> tuple[float, np.ndarray]:
    """The Score of all clips, and (persons,) the Scores without each person."""
    names, who = np.unique(person, return_inverse=True)
    sums = sums_of_persons(saliences, truth, who, len(names))
    whole = sums.sum(axis=0)
    return float(accuracies(whole)[2]), accuracies(whole - sums)[2]
