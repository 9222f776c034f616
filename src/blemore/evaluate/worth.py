"""Which encoders are worth it: what each adds to the fusion of all, how few do as well, and what each sees of the person.

The fusion here is the plain mean of the encoders' rows, each encoder's confidence and bias set right (`fusion.scaling`): it has no
weights to fit, so an encoder's value is not that of a weight. What decides fold f (scaling, decoder, which encoders come first) is fitted
on the other folds.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from blemore.evaluate.gains import offsets_of_persons, random_spread
from blemore.fusion import scaling, simplex
from blemore.fusion.base import Labelled, WeightedMean
from blemore.scoring import decoders
from blemore.scoring.intervals import interval_of
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import entry, gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled

if TYPE_CHECKING:
    import pandas as pd

L2 = 0.05
"""Pull of the fitted weights towards equal ones, as in params.yaml."""
PAPER = 0.62
"""Share of the weight that task-adapted encoders receive in arXiv 2603.23650."""
DRAWS = 5
"""Random groups beside which the spread of persons' offsets is shown."""


def worth(
    rows: Rows,
    names: tuple[str, ...],
    *,
    adapted: Collection[str] = (),
    costs: Mapping[str, float] | None = None,
    seed: int,
) -> dict[str, Any]:
    """The worth of encoders in a fusion with equal weights.

    Parameters
    ----------
    rows : Rows
        Labelled clips of at least two folds, values (E, n, 6), a row of NaN where an encoder lacks a clip; each clip
        has a row in one of them at least.
    names : tuple of str
        Names of the E encoders.
    adapted : collection of str
        Those that were finetuned for the task.
    costs : mapping of str to float, or None, s
        CPU seconds of encoders, as far as they are known.
    seed : int, >= 0
        Decides the random groups.

    Returns
    -------
    dict of str to object
        "all" entry of all encoders together; "encoders" {name: {"adds": what all gain over all but it
        (`gain_and_interval`; None for one encoder), "bias": {"offset_sd", "offset_sd_random" (root mean square over
        classes, in logits), "excess", "interval" of the excess, "persons"}}}; "greedy" {"steps": [entry + "added" +
        "cpu_seconds" of all so far, None while none is known], "folds" {fold: [encoder, ...]}, "smallest" {"encoders",
        "behind", "standard_error"}}: at each step the encoder that brings the largest Score; a fold's clips are decided
        in the order that the other folds give, so the Scores are out-of-fold; the smallest subset within one standard
        error of the best; "adapted" {"encoders", "weight", "interval", "persons", "equal", "paper"}: the share of the
        weights of the simplex that finetuned encoders get, that of equal weights, and the paper's; None where all or
        none are, or no clip has all encoders.
    """
    rows = replace(rows, clip=None)  # one study of its own, of no decision: nothing is declared
    everyone = list(range(len(names)))
    views = {outer: _scaled(rows, rows.fold != outer) for outer in rows.outers}
    decided = _decide(views, dict.fromkeys(rows.folds, everyone))
    together = sums_of_persons(rows, decided)
    encoders = {}
    for e, name in enumerate(names):
        others = [encoder for encoder in everyone if encoder != e]
        without = _decide(views, dict.fromkeys(rows.folds, others)) if others else None
        own = rows.where(np.isfinite(rows.values[e]).all(axis=1))
        encoders[name] = {
            "adds": None if without is None else gain_and_interval(sums_of_persons(rows, without), together),
            "bias": _bias(replace(own, values=own.values[e]), seed),
        }
    return {
        "all": entry(rows, decided),
        "encoders": encoders,
        "greedy": _greedy(rows, views, names, costs or {}),
        "adapted": _adapted(views[FINAL], names, adapted),
    }


def worth_of_tables(
    tables: Mapping[str, "pd.DataFrame"],
    clips: "pd.DataFrame",
    *,
    origins: Mapping[str, str],
    costs: Mapping[str, Mapping[str, float]],
    seed: int,
) -> dict[str, Any]:
    """The `worth` of a study's encoders, for results/worth.json.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        {encoder: probabilities table}.
    clips : DataFrame
        Clips table of the study.
    origins : mapping of str to str
        Origin of each encoder (`encoders.settings.origin`).
    costs : mapping of str to mapping
        As `comparison.read_costs` reads them.
    seed : int, >= 0
        Decides the random groups.

    Returns
    -------
    dict of str to object
        As `worth`.
    """
    train, names = labelled(clips), tuple(sorted(tables))
    values = [tables[name].set_index("clip").reindex(train["clip"])[list(CLASSES)].to_numpy() for name in names]
    rows = Rows.of(train, np.stack(values))
    adapted = [name for name in names if origins[name] == "finetuned"]
    spent = {name: cost["cpu_seconds"] for name, cost in costs.items()}
    return worth(
        rows.where(np.isfinite(rows.values).all(axis=2).any(axis=0)), names, adapted=adapted, costs=spent, seed=seed
    )


def _scaled(rows: Rows, learned: np.ndarray) -> Rows:
    """The same clips, each encoder scaled by what the clips `learned` (n,) bool say of it."""
    return replace(rows, values=scaling.fit(rows.values[:, learned], rows.soft[learned]).apply(rows.values))


def _mean(view: Rows, chosen: list[int]) -> Rows:
    """The mean of some encoders, values (n, 6); that of all where these lack a clip."""
    fused = WeightedMean(np.full(len(chosen), 1 / len(chosen))).apply(view.values[chosen])
    lost = np.isnan(fused).any(axis=1)
    if lost.any():
        number = len(view.values)
        fused[lost] = WeightedMean(np.full(number, 1 / number)).apply(view.values[:, lost])
    return replace(view, values=fused)


def _decide(views: Mapping[int, Rows], chosen: Mapping[int, list[int]]) -> np.ndarray:
    """(n, 6) saliences: each fold by the mean of its chosen encoders, and a decoder of the other folds."""
    saliences = np.zeros(views[FINAL].truth.shape, dtype=np.int64)
    for fold, encoders in chosen.items():
        fused = _mean(views[fold], encoders)
        own, others = fused.where(fused.fold == fold), fused.where(fused.fold != fold)
        saliences[fused.fold == fold] = decoders.KINDS["expected"](others.values, others.truth).decide(own.values)
    return saliences


def _order(view: Rows) -> list[int]:
    """The encoders, first the best, then always the one with which the mean of those so far has the largest Score.

    By thresholds of the challenge's grid, chosen on the other ones of these folds: that is fast enough to try all. Ties: the first.
    """
    order: list[int] = []
    while len(order) < len(view.values):
        left = [e for e in range(len(view.values)) if e not in order]
        order.append(max(left, key=lambda e: _quick_score(_mean(view, [*order, e]))))
    return order


def _quick_score(rows: Rows) -> float:
    if len(rows.folds) == 1:  # a study of two folds
        return decoders.KINDS["official"](rows.values, rows.truth).score  # type: ignore[union-attr]
    return score(decoders.leave_one_fold_out(rows, kind="official")[0], rows.truth)


def _greedy(
    rows: Rows, views: Mapping[int, Rows], names: tuple[str, ...], costs: Mapping[str, float]
) -> dict[str, Any]:
    orders = {outer: _order(view.where(view.fold != outer)) for outer, view in views.items()}
    steps, decided, spent = [], {}, 0.0
    for k, e in enumerate(orders[FINAL], 1):
        saliences = _decide(views, {fold: orders[fold][:k] for fold in rows.folds})
        decided[str(k)] = saliences
        spent += costs.get(names[e], 0.0)
        steps.append(entry(rows, saliences) | {"added": names[e], "cpu_seconds": round(spent, 2) or None})
    number, table = decoders.within_one_error(decided, rows)
    return {
        "steps": steps,
        "folds": {str(fold): [names[e] for e in orders[fold]] for fold in rows.folds},
        "smallest": {"encoders": [names[e] for e in orders[FINAL][: int(number)]]}
        | {key: table[number][key] for key in ("behind", "standard_error")},
    }


def _bias(rows: Rows, seed: int) -> dict[str, Any]:
    """How far the persons' offsets lie apart beyond those of random groups, of values (n, 6)."""
    offsets, random = offsets_of_persons(rows), random_spread(rows, draws=DRAWS, seed=seed)
    chance = np.sqrt(np.mean(random**2))

    def beyond(chosen: np.ndarray) -> np.ndarray:
        return np.sqrt(np.mean(chosen.var(axis=0))) - chance

    without = np.array([beyond(np.delete(offsets, k, axis=0)) for k in range(len(offsets))])
    excess = float(beyond(offsets))
    return {
        "offset_sd": excess + float(chance),
        "offset_sd_random": float(chance),
        "excess": excess,
        "interval": interval_of(np.array(excess), without).tolist(),
        "persons": len(offsets),
    }


def _adapted(view: Rows, names: tuple[str, ...], adapted: Collection[str]) -> dict[str, Any] | None:
    """The share of the fitted weights that finetuned encoders get, each person left out once for its interval."""
    chosen = np.array([name in adapted for name in names])
    present = np.isfinite(view.values).all(axis=2)  # (E, n)
    complete = view.where(present.all(axis=0))
    if not 0 < chosen.sum() < len(names) or len(np.unique(complete.person)) < 2:
        return None

    def share(rows: Rows) -> float:
        return float(simplex.fit(Labelled(**vars(rows)), l2=L2).weights[chosen].sum())

    persons = np.unique(complete.person)
    without = np.array([share(complete.where(complete.person != person)) for person in persons])
    weight = share(complete)
    return {
        "encoders": [name for name, taken in zip(names, chosen, strict=True) if taken],
        "weight": weight,
        "interval": np.clip(interval_of(np.array(weight), without), 0, 1).tolist(),
        "persons": len(persons),
        "equal": float(chosen.mean()),
        "paper": PAPER,
    }
