"""Which fusion method: the simplest one that is not clearly worse, judged on folds that nothing here was fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from blemore.scoring.model_name import ModelName
from blemore.scoring.persons import accuracies, jackknife_error, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.scoring.thresholds import leave_one_fold_out


def choose(
    views: Mapping[str, Rows], outer: int, simplest_first: Sequence[str]
) -> tuple[str, dict[str, dict[str, float]]]:
    """The one-standard-error rule on the Score: the first method whose Score lies within one standard error of the best.

    Thresholds are fitted on the other folds of those chosen on. The standard error is that of the paired difference to
    the best method, by the jackknife over persons.

    Parameters
    ----------
    views : {method: all labelled clips (n, 6)}, each clip fused by a fit that did not see it.
    outer : the fold to choose for, on the clips of the others.
    simplest_first : the methods; the first is taken where nothing can be chosen (one fold or one person only).

    Returns
    -------
    The method's name, and {method: {"score", "behind", "standard_error"}}; empty where nothing could be chosen.
    """
    model = ModelName.of("fusion", outer, "choice")
    rows = {name: views[name].outside(outer, model, "choice") for name in simplest_first}
    first = rows[simplest_first[0]]
    views[simplest_first[0]].inside(outer, model)
    if len(first.folds) < 2 or len(np.unique(first.person)) < 2:
        return simplest_first[0], {}
    scores = {name: _leave_one_out(one) for name, one in rows.items()}
    best = max(simplest_first, key=lambda name: scores[name][0])  # ties: the simpler one
    most, best_without = scores[best]
    table = {
        name: {"score": one, "behind": most - one, "standard_error": jackknife_error(best_without - without)}
        for name, (one, without) in scores.items()
    }
    chosen = next(name for name in simplest_first if table[name]["behind"] <= table[name]["standard_error"])
    return chosen, table


def _leave_one_out(rows: Rows) -> tuple[float, np.ndarray]:
    """The Score of all clips, and (persons,) the Scores without each person."""
    saliences, _ = leave_one_fold_out(replace(rows, clip=None))  # the choice is declared as a whole
    sums = sums_of_persons(rows, saliences)
    sums = sums[sums[:, 1] > 0]  # persons who have clips here
    whole = sums.sum(axis=0)
    return float(accuracies(whole)[2]), accuracies(whole - sums)[2]
