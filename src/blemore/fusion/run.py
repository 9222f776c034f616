"""Fuse the encoders' tables: every method fitted in nested folds, one chosen, none judged on clips it was fitted on.

Fold f is judged by a model fitted on the other folds; the method, and whatever is fitted later on fused rows (decoders,
personal models), is chosen on rows whose models saw neither f nor the row's own fold (`nested`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.fusion.base import Labelled
from blemore.fusion.nested import Candidate, fit_all
from blemore.params.parts import AUTO, FUSION_METHOD
from blemore.scoring import decoders
from blemore.scoring.decoders import KINDS, fit, leave_one_fold_out, preferred, within_one_error
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.reading import once
from blemore.scoring.rows import Rows
from blemore.scoring.surface import official_grid
from blemore.tables import check_probabilities, class_rows, foreign_rows, usable
from joblineage import declare
from joblineage.errors import DataError, refuse


@dataclass(frozen=True)
class Fused:
    """What fusion makes.

    Parameters
    ----------
    weights : dict of str to object
        {"final": {encoder: weight}, "folds": {"0": {encoder: weight}, ...}, "method": {"final": name, "folds": {"0":
        name}}, "choice": {"final": {method: {"score", "behind", "standard_error"}}, "folds": {...}}, "temperatures":
        {encoder: number}}; a weight is the method's share of the encoder (`base.Model.shares`).
    probabilities : DataFrame
        Probabilities table; a train clip is fused by its own fold's model, a test clip by the final one.
    views : DataFrame
        All train clips for each outer fold: a probabilities table with the column `outer`, FINAL or the fold that is
        left out; each row is fused by a model that saw neither that fold nor the row's own. Whoever fits something for
        fold f takes the rows of view f that lie in other folds.
    methods : DataFrame
        Decisions on train clips, saliences in percent, with the columns clip, method, protocol and the classes;
        protocol "nested", "in_sample" (model and decoder fitted on the very clips), and, for the final method, "paper":
        models fitted on all clips, thresholds of the kit's grid chosen on each fold that they are reported on.
    final : Candidate
        The chosen method, fitted, for new clips.
    encoders : tuple of str
        Names of its encoders, in its order.
    """

    weights: dict[str, Any]
    probabilities: pd.DataFrame
    views: pd.DataFrame
    methods: pd.DataFrame
    final: Candidate
    encoders: tuple[str, ...]


def fuse(
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    options: Mapping[str, Any],
    *,
    decoding: str = decoders.AUTO,
    families: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Fused:
    """Fit every candidate in nested folds, choose one, and fuse with it.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        {encoder: probabilities table}, train rows out-of-fold; some clips may be missing in some tables.
    clips : DataFrame
        Clips table of the study; quarantined clips are left out.
    options : mapping of str to object
        "method", a name or `AUTO`; "candidates", the names to choose from, simplest first; "scaling", whether the
        confidence of encoders and fused rows is set right (`nested.fit_all`); and under a method's name that method's
        own options.
    decoding : str
        Kind of decoder that methods are compared with, or AUTO (`scoring.decoders`).
    families : mapping of str to str, or None
        Family of each encoder; with None each is a family of its own.
    seed : int, >= 0
        Decides what methods draw at random.

    Returns
    -------
    Fused
        Weights, fused tables, and the decisions of every method.

    Raises
    ------
    DataError
        A table names unknown or quarantined clips or disagrees with the clips' folds, a clip has no row in any table,
        only one fold, an unknown method.
    """
    names = list(options["candidates"]) if options["method"] == AUTO else [options["method"]]
    kind = preferred(decoding)
    methods = {name: (FUSION_METHOD.load(name), options.get(name, {})) for name in names}
    clips = usable(clips).sort_values("clip", kind="stable").reset_index(drop=True)
    encoders = sorted(tables)
    stacked = stack({name: tables[name] for name in encoders}, clips)

    train = (clips["split"] == "train").to_numpy()
    data = replace(
        Labelled.of(clips[train], stacked[:, train]),
        families=tuple((families or {}).get(name, name) for name in encoders),
        name=str(seed),
    )
    test = Rows.of(clips[~train], stacked[:, ~train])
    if len(data.folds) < 2:
        raise DataError("fusion", [f"honest weights need at least two folds, found {data.folds}"])
    candidates = fit_all(data, methods, scaled=options["scaling"])

    chosen, tables_of_choice = {}, {}
    for outer in data.outers:
        rows = {name: candidate.views[outer] for name, candidate in candidates.items()}
        chosen[outer], tables_of_choice[outer] = choose(rows, outer, names, kind)
    test.to_judge(ModelName.of("fusion", FINAL, "choice"))
    final = candidates[chosen[FINAL]]

    fused = np.zeros((len(clips), len(CLASSES)))
    fused[~train] = final.apply(test)
    for outer in data.folds:
        fused[np.flatnonzero(train)[data.fold == outer]] = candidates[chosen[outer]].held_out(outer, outer).values
    views = [class_rows(clips[train], candidates[chosen[o]].views[o].values).assign(outer=o) for o in data.outers]

    def named(values: np.ndarray) -> dict[str, float]:
        return dict(zip(encoders, values.tolist(), strict=True))

    def of_folds(values: Mapping[int, Any]) -> dict[str, Any]:
        return {"final": values[FINAL], "folds": {str(outer): values[outer] for outer in data.folds}}

    return Fused(
        weights={
            **of_folds({o: named(candidates[chosen[o]].outer(o).model.shares) for o in data.outers}),
            "method": of_folds(chosen),
            "choice": of_folds(tables_of_choice),
            "temperatures": named(1 / final.outer(FINAL).scaling.slopes),
        },
        probabilities=class_rows(clips, fused),
        views=pd.concat(views, ignore_index=True),
        methods=_decisions_of_methods(candidates, chosen[FINAL], data, kind),
        final=final,
        encoders=tuple(encoders),
    )


def choose(
    views: Mapping[str, Rows], outer: int, simplest_first: Sequence[str], kind: str
) -> tuple[str, dict[str, dict[str, float]]]:
    """The method to fuse with: the first whose Score lies within one standard error of the best (`within_one_error`).

    Decoders are fitted on the other folds of those chosen on.

    Parameters
    ----------
    views : mapping of str to Rows
        {method: all labelled clips (n, 6)}, each clip fused by a fit that did not see it.
    outer : int
        The fold to choose for, on the clips of the others.
    simplest_first : sequence of str
        The methods; the first is taken where nothing can be chosen (one fold or one person only).
    kind : str
        Of decoder.

    Returns
    -------
    method : str
        The method's name.
    compared : dict of str to dict
        {method: {"score", "behind", "standard_error"}}; empty where nothing could be chosen.
    """
    model = ModelName.of("fusion", outer, "choice")
    rows = {name: views[name].outside(outer, model, "choice") for name in simplest_first}
    first = rows[simplest_first[0]]
    views[simplest_first[0]].inside(outer, model)
    if len(first.folds) < 2 or len(np.unique(first.person)) < 2:
        return simplest_first[0], {}
    # The choice is declared as a whole.
    decided = {name: leave_one_fold_out(replace(fused, clip=None), kind=kind)[0] for name, fused in rows.items()}
    return within_one_error(decided, first)


def _decisions_of_methods(candidates: Mapping[str, Candidate], final: str, data: Labelled, kind: str) -> pd.DataFrame:
    """The table `Fused.methods`."""
    parts = []

    def add(method: str, protocol: str, saliences: np.ndarray) -> None:
        table = pd.DataFrame(saliences, columns=list(CLASSES))
        parts.append(pd.DataFrame({"clip": data.clip, "method": method, "protocol": protocol}).join(table))

    for name, candidate in candidates.items():
        nested = np.zeros(data.truth.shape, dtype=np.int64)
        for outer in data.folds:
            model = ModelName.of("fusion", outer, f"{name} decoder")
            best = fit(candidate.views[outer], outer, model, kind)
            nested[data.fold == outer] = best.decide(candidate.held_out(outer, outer).to_judge(model).values)
        add(name, "nested", nested)
        in_sample = ModelName("fusion", None, ("in sample", name))
        data.to_fit(in_sample, declare.IN_SAMPLE).to_judge(in_sample)
        values = candidate.apply(replace(data, clip=None))
        add(name, "in_sample", KINDS[kind](values, data.truth).decide(values))
        if name == final:
            paper = np.zeros(data.truth.shape, dtype=np.int64)
            for outer in data.folds:
                own = data.fold == outer
                paper[own] = official_grid(values[own], data.truth[own]).decide(values[own])
            add(name, "paper", paper)
    return pd.concat(parts, ignore_index=True)


def stack(tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> np.ndarray:
    """Stack the encoders' tables in the order of the clips.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        {encoder: probabilities table}.
    clips : DataFrame
        Clips table.

    Returns
    -------
    (E, n, 6) float, 0..1
        A row of NaN where an encoder lacks a clip.

    Raises
    ------
    DataError
        There is no table, one holds other clips than these, or a clip has no row in any.
    """
    if not tables:
        raise DataError("fusion", ["no encoder to fuse"])
    faults = []
    for name, table in tables.items():
        check_probabilities(table, name)
        faults += [f"{name}: {fault}" for fault in foreign_rows(table, clips)]
    refuse("fusion", faults)
    stacked = np.stack([table.set_index("clip")[list(CLASSES)].reindex(clips["clip"]) for table in tables.values()])
    nowhere = np.isnan(stacked).any(axis=2).all(axis=0)
    refuse("fusion", once((f"clip {clip}" for clip in clips["clip"][nowhere]), "no encoder has a row for it"))
    return stacked
