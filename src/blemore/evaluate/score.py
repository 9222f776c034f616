"""The honest score of one table: thresholds from other persons, an interval over persons, and what the usual shortcut adds.

It is what the study says of each encoder alone (`summary.summarise`) and of the person offset (`gains.gains`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from blemore.evaluate.gains import gains
from blemore.scoring.exact import exact_optimum
from blemore.scoring.metrics import ACCURACIES, scores
from blemore.scoring.persons import draw_persons, entry
from blemore.scoring.rows import Rows
from blemore.scoring.thresholds import commonest_of_others, leave_one_fold_out
from joblineage.errors import DataError, refuse

KAPPAS = (0, 2, 5, 10, 20, 40, 80)
"""Strengths of the person offset to choose from, as in the study (`params.yaml`)."""
CONTROLS = 10
"""How often each control of the person's gain is drawn, as in the study."""
FOLDS = 5
"""Folds that are made where there are none."""


def score(
    rows: Rows,
    *,
    seed: int,
    kappas: Sequence[float] = KAPPAS,
    controls: int = CONTROLS,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The honest score of probabilities, with everything that it should be read beside.

    Parameters
    ----------
    rows : labelled clips with probabilities (n, 6), folds and persons; a person's clips lie in one fold.
    seed : of the persons drawn for the intervals, and of the controls.
    kappas : strengths of the person offset to choose from; controls : how often each control is drawn (at least 2).
    step : called after each draw of a control.

    Returns
    -------
    "honest" entry and "thresholds" {fold: {"alpha", "beta"}}, both chosen on the other folds; "trivial" entry, for
    each fold the other folds' commonest label; "in_sample" scores with the best thresholds of all
    clips, "alpha" and "beta"; "optimism" in_sample minus honest {accuracy: difference}; "person_offset" as
    `gains.gains` says it. An entry holds acc_presence, acc_salience, score, clips, blends and "interval", 90 %, over persons.

    Raises
    ------
    DataError : one person only, a person in two folds, or fewer than two folds.
    """
    number = len(rows.persons)
    if number < 2:
        raise DataError("score", [f"found one person only ({rows.persons[0]}): thresholds are chosen on other persons"])
    folds = [np.unique(rows.fold[rows.person == k]) for k in range(number)]
    several = [(rows.persons[k], own.tolist()) for k, own in enumerate(folds) if len(own) > 1]
    refuse(
        "folds", (f"person {name}: in folds {own}; thresholds would have seen whom they judge" for name, own in several)
    )

    decided, chosen = leave_one_fold_out(rows)
    drawn = draw_persons(number, seed)
    honest, best = entry(rows, decided, drawn), exact_optimum(rows.values, rows.truth)
    in_sample = scores(best.decide(rows.values), rows.truth)
    views = replace(rows, values=np.broadcast_to(rows.values, (len(rows.outers), *rows.values.shape)))
    gain = gains(views, {"kappas": kappas, "controls": controls}, seed=seed, only=["person_offset"], step=step)
    return {
        "honest": honest,
        "thresholds": {str(fold): {"alpha": one.alpha, "beta": one.beta} for fold, one in chosen.items()},
        "trivial": entry(rows, commonest_of_others(rows), drawn),
        "in_sample": in_sample | {"alpha": best.alpha, "beta": best.beta},
        "optimism": {name: in_sample[name] - honest[name] for name in ACCURACIES},
        **gain,
    }


def folds_over_persons(person: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """(n,) folds 0.. of rows whose person is numbered in `person` (n,); all of a person's rows lie in one.

    The person with most clips comes first, to the emptiest fold; no more folds than persons.
    """
    sizes = np.bincount(person)
    filled, fold = np.zeros(min(folds, len(sizes)), int), np.zeros(len(sizes), int)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = filled.argmin()
        filled[fold[one]] += sizes[one]
    return fold[person]
