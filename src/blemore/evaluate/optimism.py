"""What a sceptic asks beside the headline: the optimism of other protocols, the flat surface, each person's share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.chains import INDUCTIVE, TRANSDUCTIVE
from blemore.scoring.decoding import tied
from blemore.scoring.exact import exact_optimum, plateau
from blemore.scoring.intervals import jackknife_error
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import ACCURACIES, presence_correct, scores
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.persons import accuracies, entry, gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled
from joblineage import declare

PLAIN = "uniform"
"""The way to fuse that fits no weights."""


def optimism(
    clips: pd.DataFrame,
    decisions: pd.DataFrame,
    methods: pd.DataFrame,
    weights: Mapping[str, Any],
    views: pd.DataFrame,
    offsets: pd.DataFrame,
    gain: Mapping[str, Any],
    trust: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The blocks "protocols", "fusion", "surface", "sets", "tied_rows", "persons", "gain", "style" and "clusters" of results/metrics.json.

    Parameters
    ----------
    clips : DataFrame
        Clips table of the study.
    decisions : DataFrame
        As made by `decide.run.calibrate`.
    methods : DataFrame
        As made by `fusion.run.fuse`.
    weights : mapping of str to object
        As made by `fusion.run.fuse`.
    views : DataFrame
        As made by `fusion.run.fuse`.
    offsets : DataFrame
        As made by `decide.run.calibrate`.
    gain : mapping of str to object
        {"gain": as `gains.gain`, "style": as `gains.style`}.
    trust : mapping of str to object, or None
        As made by `decide.run.calibrate`.

    Returns
    -------
    dict of str to object
        "protocols": {"nested": entry, "paper": scores, "optimism": paper minus nested}; "fusion": {"chosen": {"final",
        "folds"}, "methods": {name: {"in_sample": scores, "nested": entry, "over_uniform": what
        the nested decisions gain over those of the plain mean (`gain_and_interval`), None for the mean itself and without it}}}; "surface": {"alpha", "beta", "score",
        "folds" {fold: the best alpha and beta without it}, "standard_error", "plateau" {"alpha", "beta", "area"}} of
        the final view, the standard error by the jackknife over persons; "sets" {variant: {true set: {"clips",
        "right"}}}; "tied_rows" of the final view (`decoding.tied`); "persons": one dict per training person;
        "clusters": `trust`.
    """
    rows = Rows.of(labelled(clips))
    decided = {
        name: rows.lookup(part) for name, part in decisions[decisions["split"] == "train"].groupby("variant", sort=True)
    }
    by_method = {key: rows.lookup(part) for key, part in methods.groupby(["method", "protocol"], sort=True)}
    final = weights["method"]["final"]
    nested, paper = entry(rows, decided[INDUCTIVE]), scores(by_method[final, "paper"], rows.truth)
    return {
        "protocols": {
            "nested": nested,
            "paper": paper,
            "optimism": {name: paper[name] - nested[name] for name in ACCURACIES},
        },
        "fusion": {
            "chosen": weights["method"],
            "methods": _methods(rows, by_method),
        },
        "surface": _surface(rows, views),
        "sets": {variant: _sets(rows, saliences) for variant, saliences in decided.items()},
        "tied_rows": int(tied(rows.lookup(views[views["outer"] == FINAL])).sum()),
        "persons": _persons(rows, decided, offsets),
        "clusters": trust,
        **gain,
    }


def _methods(rows: Rows, by_method: Mapping[tuple[str, str], np.ndarray]) -> dict[str, dict[str, Any]]:
    """Each way to fuse, of the saliences (n, 6) that it decides under each protocol."""
    nested = {name: sums_of_persons(rows, said) for (name, protocol), said in by_method.items() if protocol == "nested"}
    return {
        name: {
            "in_sample": scores(by_method[name, "in_sample"], rows.truth),
            "nested": entry(rows, by_method[name, "nested"]),
            "over_uniform": gain_and_interval(nested[PLAIN], sums) if name != PLAIN and PLAIN in nested else None,
        }
        for name, sums in nested.items()
    }


def _surface(rows: Rows, views: pd.DataFrame) -> dict[str, Any]:
    folds = {}
    for fold in rows.folds:
        others = replace(rows, values=rows.lookup(views[views["outer"] == fold])).where(rows.fold != fold)
        best = exact_optimum(others.values, others.truth)
        folds[str(fold)] = {"alpha": best.alpha, "beta": best.beta}
    rows = replace(rows, values=rows.lookup(views[views["outer"] == FINAL]))
    model = ModelName("score", None, ("in sample", "surface"))
    rows.to_fit(model, declare.IN_SAMPLE).to_judge(model)
    best = exact_optimum(rows.values, rows.truth)
    of_persons = sums_of_persons(rows, best.decide(rows.values))
    error = float(jackknife_error(accuracies(of_persons.sum(axis=0) - of_persons)[2]))
    chosen = {name: getattr(best, name) for name in ("alpha", "beta", "score")}
    return chosen | {"folds": folds, "standard_error": error, "plateau": plateau(rows.values, rows.truth, error)}


def _sets(rows: Rows, saliences: np.ndarray) -> dict[str, dict[str, int]]:
    """{true set of emotions: {"clips", "right"}}, singles first, in the order of the classes."""
    right, counts = presence_correct(saliences, rows.truth), {}
    shown = rows.truth > 0
    for emotions in sorted(
        {tuple(row) for row in shown.tolist()}, key=lambda row: (sum(row), np.flatnonzero(row).tolist())
    ):
        own = (shown == emotions).all(axis=1)
        name = "+".join(name for name, there in zip(CLASSES, emotions, strict=True) if there)
        counts[name] = {"clips": int(own.sum()), "right": int(right[own].sum())}
    return counts


def _persons(rows: Rows, decided: Mapping[str, np.ndarray], offsets: pd.DataFrame) -> list[dict[str, Any]]:
    """One dict per training person: "person", "fold", "clips", "blends", the accuracies, "score_transductive", "usual" (None: unknown), "offsets"."""
    of_persons = sums_of_persons(rows, decided[INDUCTIVE])
    own = offsets.set_index("person").loc[list(rows.persons)]
    table = pd.DataFrame({"person": rows.persons, "fold": own["fold"].to_numpy()})
    table[["clips", "blends"]] = of_persons[:, [1, 3]].astype(int)
    table[list(ACCURACIES)] = np.transpose(accuracies(of_persons))
    table["score_transductive"] = accuracies(sums_of_persons(rows, decided[TRANSDUCTIVE]))[2]
    table["usual"] = [None if np.isnan(share) else share for share in own["usual"].tolist()]
    table["offsets"] = own[list(CLASSES)].to_dict("records")
    return table.to_dict("records")
