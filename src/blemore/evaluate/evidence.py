"""What a sceptic asks beside the headline: the optimism of other protocols, the flat surface, each person's share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.scored import Labelled
from blemore.fusion.nested import FINAL
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import scores
from blemore.scoring.optima import plateau
from blemore.scoring.persons import accuracies, jackknife_error
from joblineage import declare

ACCURACIES = ("acc_presence", "acc_salience", "score")


def evidence(
    clips: pd.DataFrame,
    decisions: pd.DataFrame,
    methods: pd.DataFrame,
    weights: Mapping[str, Any],
    views: pd.DataFrame,
    offsets: pd.DataFrame,
    gains: Mapping[str, Any],
    *,
    seed: int,
) -> dict[str, Any]:
    """The blocks "protocols", "fusion", "surface", "persons", "gains" and "style" of results/metrics.json.

    Parameters
    ----------
    clips : clips table of the study; decisions, offsets : as made by `calibration.run.calibrate`.
    methods, weights, views : as made by `fusion.run.fuse`.
    gains : {"gains": as `gains.gains`, "style": as `gains.style`}.
    seed : of the persons drawn for the intervals.

    Returns
    -------
    "protocols": {"nested": entry, "paper": scores, "optimism": paper minus nested}; "fusion": {"chosen": {"final",
    "folds"}, "methods": {name: {"in_sample": scores, "nested": entry}}}; "surface": {"alpha", "beta", "score",
    "standard_error", "plateau" {"alpha", "beta", "area"}} of the final view, the standard error by the jackknife over
    persons; "persons": one dict per training person.
    """
    labelled = Labelled.of(clips, seed)
    decided = {
        name: labelled.values(part)
        for name, part in decisions[decisions["split"] == "train"].groupby("variant", sort=True)
    }
    made = {key: labelled.values(part) for key, part in methods.groupby(["method", "protocol"], sort=True)}
    final = weights["method"]["final"]
    nested, paper = labelled.entry(decided["global"]), scores(made[final, "paper"], labelled.truth)
    names = [name for name, protocol in made if protocol == "nested"]
    return {
        "protocols": {
            "nested": nested,
            "paper": paper,
            "optimism": {name: paper[name] - nested[name] for name in ACCURACIES},
        },
        "fusion": {
            "chosen": weights["method"],
            "methods": {
                name: {
                    "in_sample": scores(made[name, "in_sample"], labelled.truth),
                    "nested": labelled.entry(made[name, "nested"]),
                }
                for name in names
            },
        },
        "surface": _surface(labelled, labelled.values(views[views["outer"] == FINAL])),
        "persons": _persons(labelled, decided, offsets),
        **gains,
    }


def _surface(labelled: Labelled, values: np.ndarray) -> dict[str, Any]:
    best = exact_optimum(values, labelled.truth)
    declare.fitted("score/in sample/surface", declare.IN_SAMPLE, labelled.clips, labelled.clips)
    sums = labelled.sums(best.decide(values))
    error = jackknife_error(accuracies(sums.sum(axis=0) - sums)[2])
    flat = plateau(values, labelled.truth, error)
    return {
        "alpha": best.alpha,
        "beta": best.beta,
        "score": best.score,
        "standard_error": error,
        "plateau": {"alpha": list(flat.alpha), "beta": list(flat.beta), "area": flat.area},
    }


def _persons(labelled: Labelled, decided: Mapping[str, np.ndarray], offsets: pd.DataFrame) -> list[dict[str, Any]]:
    """One dict per training person: "person", "fold", "clips", "blends", the accuracies, "score_with_offset", "offsets"."""
    sums = labelled.sums(decided["global"])
    shown, moved = accuracies(sums), accuracies(labelled.sums(decided["person_offset"]))[2]
    rows = offsets.set_index("person")
    return [
        {
            "person": person,
            "fold": int(rows.loc[person, "fold"]),
            "clips": int(sums[k, 1]),
            "blends": int(sums[k, 3]),
            **{name: float(values[k]) for name, values in zip(ACCURACIES, shown, strict=True)},
            "score_with_offset": float(moved[k]),
            "offsets": {name: float(rows.loc[person, name]) for name in CLASSES},
        }
        for k, person in enumerate(labelled.persons)
    ]
