"""The honest score of one table: decoders from other persons, an interval over persons, and what the usual shortcut adds.

It is what the study says of each encoder alone (`summary.summarise`) and of the person's clips together (`gains.gain`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from blemore.evaluate.gains import gain
from blemore.scoring import decoders
from blemore.scoring.commonest import commonest_of_others
from blemore.scoring.exact import exact_optimum
from blemore.scoring.metrics import ACCURACIES, scores
from blemore.scoring.persons import entry
from blemore.scoring.rows import Rows
from joblineage.errors import DataError, refuse

PERSONAL = {"candidates": ["both"], "kappas": [2], "weights": [20], "ks": [5], "powers": [1, 2]}
"""Personal models to choose from besides off: that of the study (`params.yaml`) which is never far from the best."""
CONTROLS = 2
"""How often each control of the person's gain is drawn."""


def score(
    rows: Rows,
    *,
    seed: int,
    decoding: str = decoders.AUTO,
    personal: Mapping[str, Any] = PERSONAL,
    controls: int = CONTROLS,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The honest score of probabilities, with everything that it should be read beside.

    Parameters
    ----------
    rows : Rows
        Labelled clips with probabilities (n, 6), folds and persons; a person's clips lie in one fold.
    seed : int, >= 0
        Decides the controls.
    decoding : str
        Kind of decoder (`scoring.decoders`); "auto" is "expected".
    personal : mapping of str to object
        Which personal models to choose from.
    controls : int, >= 2
        How often each control is drawn.
    step : callable
        Called after each draw of a control.

    Returns
    -------
    dict of str to object
        "honest" entry and "decoders" {fold: decoder}, fitted on the other folds; "trivial" entry, for each fold the
        other folds' commonest label; "thresholds" {"honest" entry, "in_sample" scores with the best thresholds of all
        clips, "alpha" and "beta", "optimism" in_sample minus honest {accuracy: difference}}; "together", what all clips
        of a person together gain, as `gains.gain` says it. An entry holds acc_presence, acc_salience, score, clips,
        blends, persons and "interval", 90 %, over persons.

    Raises
    ------
    DataError
        One person only, a person in two folds, or fewer than two folds.
    """
    number = len(rows.persons)
    if number < 2:
        raise DataError("score", [f"found one person only ({rows.persons[0]}): decoders are fitted on other persons"])
    folds = [np.unique(rows.fold[rows.person == k]) for k in range(number)]
    several = [(rows.persons[k], own.tolist()) for k, own in enumerate(folds) if len(own) > 1]
    refuse(
        "folds", (f"person {name}: in folds {own}; decoders would have seen whom they judge" for name, own in several)
    )

    kind = decoders.preferred(decoding)
    decided, fitted = decoders.leave_one_fold_out(rows, kind=kind)
    by_thresholds = entry(rows, decoders.leave_one_fold_out(rows, kind="exact")[0])
    best = exact_optimum(rows.values, rows.truth)
    in_sample = scores(best.decide(rows.values), rows.truth) | {"alpha": best.alpha, "beta": best.beta}
    views = replace(rows, values=np.broadcast_to(rows.values, (len(rows.outers), *rows.values.shape)))
    return {
        "honest": entry(rows, decided),
        "decoders": {str(fold): decoder.to_json() for fold, decoder in fitted.items()},
        "trivial": entry(rows, commonest_of_others(rows)),
        "thresholds": {
            "honest": by_thresholds,
            "in_sample": in_sample,
            "optimism": {name: in_sample[name] - by_thresholds[name] for name in ACCURACIES},
        },
        "together": gain(views, personal, decoding=kind, controls=controls, seed=seed, step=step),
    }
