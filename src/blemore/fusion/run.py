"""Fuse the encoders' tables: every method fitted in nested folds, one chosen, none judged on clips it was fitted on.

Fold f is judged by a model fitted on the other folds; the method, and whatever is fitted later on fused rows (thresholds,
strengths), is chosen on rows whose models saw neither f nor the row's own fold (`nested`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blemore.fusion.base import Labelled
from blemore.fusion.choice import choose
from blemore.fusion.nested import FINAL, Candidate, fit_all, place
from blemore.params.parts import AUTO, FUSION_METHOD
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.surface import official_grid
from blemore.scoring.thresholds import Rows
from blemore.tables import PROBABILITY_COLUMNS, check_probabilities, usable
from joblineage import declare
from joblineage.errors import DataError

_OWNER = ["person", "split", "fold"]


@dataclass(frozen=True)
class Fused:
    """What fusion makes.

    weights : {"final": {encoder: weight}, "folds": {"0": {encoder: weight}, ...}, "method": {"final": name, "folds":
        {"0": name}}, "choice": {"final": {method: {"score", "behind", "standard_error"}}, "folds": {...}},
        "temperatures": {encoder: number}}; a weight is the method's share of the encoder (`base.Model.shares`).
    probabilities : probabilities table; a train clip is fused by its own fold's model, a test clip by the final one.
    views : all train clips for each outer fold: a probabilities table with the column `outer`, FINAL or the fold that is
        left out; each row is fused by a model that saw neither that fold nor the row's own. Whoever fits something for
        fold f takes the rows of view f that lie in other folds.
    methods : decisions on train clips, saliences in percent, with the columns clip, method, protocol and the classes;
        protocol "nested", "in_sample" (model and thresholds fitted on the very clips), and, for the final method,
        "paper": models fitted on all clips, thresholds of the kit's grid chosen on each fold that they are reported on.
    """

    weights: dict[str, Any]
    probabilities: pd.DataFrame
    views: pd.DataFrame
    methods: pd.DataFrame


def fuse(
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    options: Mapping[str, Any],
    *,
    families: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Fused:
    """Fit every candidate in nested folds, choose one, and fuse with it.

    Parameters
    ----------
    tables : probabilities table of each encoder, train rows out-of-fold; some clips may be missing in some tables.
    clips : clips table of the study; quarantined clips are left out.
    options : "method", a name or `AUTO`; "candidates", the names to choose from, simplest first; "scaling", whether the
        confidence of encoders and fused rows is set right (`nested.fit_all`); and under a method's name that method's own options.
    families : family of each encoder; None: each is a family of its own.
    seed : of the methods that draw at random.

    Raises
    ------
    DataError : a table names unknown or quarantined clips or disagrees with the clips' folds, a clip has no row in any
        table, only one fold, an unknown method.
    """
    names = list(options["candidates"]) if options["method"] == AUTO else [options["method"]]
    methods = {name: (FUSION_METHOD.load(name), options.get(name, {})) for name in names}
    clips = usable(clips).sort_values("clip", kind="stable").reset_index(drop=True)
    encoders = sorted(tables)
    stacked = _stack({name: tables[name] for name in encoders}, clips)

    train = (clips["split"] == "train").to_numpy()
    labelled = clips[train].reset_index(drop=True)
    fold, person = labelled["fold"].to_numpy(), pd.factorize(labelled["person"], sort=True)[0]
    folds = np.unique(fold).tolist()
    if len(folds) < 2:
        raise DataError("fusion", [f"honest weights need at least two folds, found {folds}"])
    data = Labelled(
        stacked[:, train], soft_labels(labelled), person, tuple((families or {}).get(e, e) for e in encoders), str(seed),
        labelled["clip"].to_numpy(),
    )  # fmt: skip
    truth = data.truth()
    candidates = fit_all(data, fold, methods, scaled=options["scaling"])

    chosen, tables_of_choice, test = {}, {}, clips.loc[~train, "clip"].to_numpy()
    for outer in (FINAL, *folds):
        others = fold != outer
        rows = {name: candidate.views[outer][others] for name, candidate in candidates.items()}
        chosen[outer], tables_of_choice[outer] = choose(rows, truth[others], fold[others], person[others], names)
        judges = test if outer == FINAL else declare.of(data.clips, ~others)
        declare.fitted(f"fusion/{place(outer)}/choice", "choice", declare.of(data.clips, others), judges)
    final = candidates[chosen[FINAL]]

    fused = np.zeros((len(clips), len(CLASSES)))
    fused[~train] = final.apply(stacked[:, ~train], test)
    for outer in folds:
        fused[np.flatnonzero(train)[fold == outer]] = candidates[chosen[outer]].held_out(outer, fold == outer)
    views = [_table(labelled, candidates[chosen[o]].views[o]).assign(outer=o) for o in (FINAL, *folds)]

    def shares(outer: int) -> dict[str, float]:
        return _named(encoders, candidates[chosen[outer]].outer(outer).model.shares)

    return Fused(
        weights={
            "final": shares(FINAL),
            "folds": {str(outer): shares(outer) for outer in folds},
            "method": {"final": chosen[FINAL], "folds": {str(outer): chosen[outer] for outer in folds}},
            "choice": {
                "final": tables_of_choice[FINAL],
                "folds": {str(outer): tables_of_choice[outer] for outer in folds},
            },
            "temperatures": _named(encoders, 1 / final.outer(FINAL).scaling.slopes),
        },
        probabilities=_table(clips, fused),
        views=pd.concat(views, ignore_index=True),
        methods=_decisions_of_methods(candidates, chosen[FINAL], data, fold, labelled["clip"]),
    )


def _decisions_of_methods(
    candidates: Mapping[str, Candidate], final: str, data: Labelled, fold: np.ndarray, clips: pd.Series
) -> pd.DataFrame:
    """The table `Fused.methods`."""
    truth, parts = data.truth(), []

    def add(method: str, protocol: str, saliences: np.ndarray) -> None:
        table = pd.DataFrame(saliences, columns=list(CLASSES))
        parts.append(pd.DataFrame({"clip": clips, "method": method, "protocol": protocol}).join(table))

    for name, candidate in candidates.items():
        nested = np.zeros(truth.shape, dtype=np.int64)
        for outer in np.unique(fold).tolist():
            rows, others = Rows(candidate.views[outer], truth, data.clips), fold != outer
            model = f"fusion/{place(outer)}/{name} thresholds"
            best = rows.where(others).fit(model)
            declare.judged(model, clips[~others])
            nested[~others] = best.decide(candidate.held_out(outer, ~others))
        add(name, "nested", nested)
        declare.fitted(f"fusion/in sample/{name}", declare.IN_SAMPLE, clips, clips)
        values = candidate.apply(data.probabilities)
        best = exact_optimum(values, truth)
        add(name, "in_sample", best.decide(values))
        if name == final:
            paper = np.zeros(truth.shape, dtype=np.int64)
            for outer in np.unique(fold):
                own = fold == outer
                best = official_grid(values[own], truth[own])
                paper[own] = best.decide(values[own])
            add(name, "paper", paper)
    return pd.concat(parts, ignore_index=True)


def _stack(tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> np.ndarray:
    """(E, n, 6) probabilities in the order of `clips`; NaN where an encoder lacks a clip."""
    if not tables:
        raise DataError("fusion", ["no encoder to fuse"])
    study = clips.set_index("clip")[_OWNER].add_suffix("_study").reset_index()
    faults = []
    for name, table in tables.items():
        check_probabilities(table, name)
        known = table.merge(study, on="clip", how="left")
        strange = known["split_study"].isna()
        faults += [f"{name}: clip {clip} is no usable clip of the study" for clip in known.loc[strange, "clip"]]
        for column in _OWNER:
            if column not in table.columns:  # a table from outside needs only clips and probabilities
                continue
            other = known[f"{column}_study"]
            differs = ~strange & (known[column] != other) & ~(known[column].isna() & other.isna())
            faults += [
                f"{name}: clip {row['clip']} has {column} {row[column]}, the study says {row[f'{column}_study']}"
                for row in known[differs].to_dict("records")
            ]
    if faults:
        raise DataError("fusion", faults)
    stacked = np.stack([table.set_index("clip")[list(CLASSES)].reindex(clips["clip"]) for table in tables.values()])
    nowhere = np.isnan(stacked).any(axis=2).all(axis=0)
    if nowhere.any():
        raise DataError("fusion", [f"clip {clip}: no encoder has a row for it" for clip in clips["clip"][nowhere]])
    return stacked


def _table(clips: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    table = clips[["clip", "person", "split", "fold"]].reset_index(drop=True)
    table[list(CLASSES)] = values
    return table[list(PROBABILITY_COLUMNS)]


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
