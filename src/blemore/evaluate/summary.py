"""What the study can honestly say of itself: scores with their uncertainty over persons, controls, and how they came about.

Everything is counted on the out-of-fold decisions of the usable train clips; test labels are never looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.chains import INDUCTIVE
from blemore.decide.run import CHANCES, VARIANTS, calibrate
from blemore.fusion.run import fuse
from blemore.scoring.commonest import commonest_decision, commonest_of_others
from blemore.scoring.decoders import AUTO, Decoder, leave_one_fold_out, preferred
from blemore.scoring.intervals import interval_over_persons
from blemore.scoring.metrics import ACCURACIES, blends, score
from blemore.scoring.model_name import ModelName
from blemore.scoring.persons import accuracies, entry, gain_and_interval, score_gain, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled, train_clips
from joblineage import declare
from joblineage.files import read_json

FUSED = INDUCTIVE
"""The variant that test clips get, and that is compared with the single encoders."""
PROTOCOL = {
    "probabilities": "Out-of-fold: no base model saw a clip, or a person, that it is scored on.",
    "weights": "Fusion method, weights and the encoders' confidence for a fold are fitted on the other folds' clips; the method is "
    "the simplest within one standard error of the best, judged on folds left out inside.",
    "inductive": "A clip is decided by itself. The decoder of a fold is fitted on the other folds' clips, for the fusion and for every "
    "encoder alone; those clips are fused by models that saw neither them nor the reported fold.",
    "transductive": "All clips of a person are decided together, no label of the person being looked at. The personal model, its kind and "
    "its constants come from the other folds' persons.",
    "shortcut": "The other folds' out-of-fold probabilities come from base models that saw the reported fold in training: "
    "the usual shortcut of stacking, not fully nested.",
    "disjointness": "By fold: trained here, without the fold's persons. Declared: a sidecar names whom an outside model was "
    "trained on. Unknown: it is not known on whom; the headline is repeated without such encoders. What a public checkpoint saw in its "
    "pre-training is not known here.",
    "controls": "The gain of deciding a person's clips together is repeated with random groups of clips in place of persons, with all clips "
    "of a fold as one person, and with shuffled labels. By how much the gain exceeds each control is paired over persons.",
    "expected": "The Score that the posterior of the answers expects, without any label: not a measured Score.",
    "interval": "90 % over persons: jackknife with quantiles of Student's t. Nothing is refitted without a person. Of 40,000 simulated groups of "
    "8, 11 and 47 persons such intervals hold the true Score in .894, .895 and .897. Each stands for itself: one in ten misses by chance.",
    "best_single": "The fusion is compared by Score, paired over persons, with the encoder that is best on the other folds; and each encoder "
    "with the other folds' commonest label, and with the computed encoder (no network) that is best on the other folds.",
    "quarantine": "Training clips that could not be used are in no figure but in 'with_quarantined', where the other folds' commonest label "
    "decides them, as it does for test clips.",
    "paper": "Beside it, as the challenge's kit does: fusion fitted on all clips, thresholds of its grid chosen on each fold that they are "
    "reported on. The difference is optimism.",
    "from_the_paper": "The encoders, and layers 6 to 12 of wav2vec2_prosody, are those of arXiv 2603.23650, whose authors chose them on BLEMORE's "
    "training persons: on these persons the choice is not out-of-fold.",
}
NO_BLENDS = "No clip of this data set is a blend: there is no ACC_salience, and the Score is half of ACC_presence."
DEMO_NOTE = "Generated demo actors: these scores say nothing about BLEMORE."


def summarise(
    decisions: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    *,
    dataset: str,
    weights: str,
    origins: Mapping[str, str],
    unknown: Collection[str] = (),
    without_unknown: pd.DataFrame | None = None,
    decoding: str = AUTO,
) -> dict[str, Any]:
    """Scores of the fusion's variants, of every encoder alone, and of the commonest label, for results/metrics.json.

    Parameters
    ----------
    decisions : DataFrame
        As made by `decide.run.calibrate`.
    tables : mapping of str to DataFrame
        {encoder: out-of-fold probabilities table}.
    clips : DataFrame
        Clips table of the study.
    dataset : str
        Name of the data set; "demo" adds a note that its scores say nothing about BLEMORE.
    weights : {"tiny", "pretrained"}
        The scale of the encoders; kept beside the scores.
    origins : mapping of str to str
        What each encoder's figures can tell, as `encoders.settings.origin` says it.
    unknown : collection of str
        Encoders whose models' training persons are unknown.
    without_unknown : DataFrame or None
        Decisions made without those (`decisions_without`).
    decoding : str
        Kind of decoder of the encoders alone (`scoring.decoders.preferred`).

    Returns
    -------
    dict of str to object
        JSON-able dict: "variants" {name: entry + "expected" {the accuracies that the posterior expects,
        "realised_minus_expected" of the Score, its "interval" and "persons"}}, "with_quarantined" {name: entry} or
        None, "without_unknown" entry or None, "encoders" {name: entry + "origin" + "disjointness" ("by fold",
        "declared" by an outside table's sidecar, or "unknown") + "over_commonest" and "over_computed"
        (`gain_and_interval`; the latter None for computed encoders, and without any) + "decoders"}, "trivial" entry
        (the other folds' commonest label), "fused_minus_best_single" {"chosen" {fold: encoder}, "clips" +
        `gain_and_interval`}, "protocol", "dataset", "weights", "quarantined" and "note" (DEMO_NOTE, NO_BLENDS or None).
        An entry holds acc_presence, acc_salience, score, clips, blends, persons, and "interval" with [low, high] of
        each accuracy.
    """
    train = labelled(clips)
    rows = Rows.of(train)
    of_variant = {variant: decisions[decisions["variant"] == variant] for variant in VARIANTS}
    decided = {variant: rows.lookup(table) for variant, table in of_variant.items()}
    trivial = commonest_of_others(rows)

    alone = {name: _alone(rows, tables[name], name, preferred(decoding)) for name in sorted(tables)}
    computed = {name: judged for name, judged in alone.items() if origins[name] == "computed"}
    beside = _best_of(rows, computed, "best computed encoder") if computed else None
    encoders = {}
    for name, judged in alone.items():
        disjointness = "declared" if origins[name] == "outside" else "by fold"
        encoders[name] = entry(rows.where(judged.there), judged.saliences[judged.there]) | {
            "origin": origins[name],
            "disjointness": "unknown" if name in unknown else disjointness,
            "over_commonest": _paired(rows, trivial, judged.saliences, judged.there),
            "over_computed": _paired(rows, beside.saliences, judged.saliences, judged.there & beside.there)
            if beside and name not in computed
            else None,
            "decoders": {str(fold): decoder.to_json() for fold, decoder in judged.decoders.items()},
        }
    single = _best_of(rows, alone, "best single encoder")
    known = None
    if without_unknown is not None:
        known = entry(rows, rows.lookup(without_unknown[without_unknown["variant"] == FUSED]))
    return {
        "dataset": dataset,
        "weights": weights,
        "quarantined": int((clips["quarantine"] != "").sum()),
        "variants": {
            variant: entry(rows, saliences) | {"expected": _expected(rows, saliences, of_variant[variant])}
            for variant, saliences in decided.items()
        },
        "with_quarantined": _with_quarantined(clips, rows, decided),
        "without_unknown": known,
        "encoders": encoders,
        "trivial": entry(rows, trivial),
        "fused_minus_best_single": {"chosen": {str(fold): name for fold, name in single.chosen.items()}}
        | _paired(rows, single.saliences, decided[FUSED], single.there),
        "protocol": PROTOCOL,
        "note": DEMO_NOTE if dataset == "demo" else None if blends(rows.truth).any() else NO_BLENDS,
    }


@dataclass(frozen=True)
class _Alone:
    """What one encoder decides: saliences (n, 6) where it has the clip, there (n,) bool; a decoder for each fold left out."""

    saliences: np.ndarray
    there: np.ndarray
    decoders: Mapping[int, Decoder]
    values: np.ndarray

    def score_elsewhere(self, rows: Rows, fold: int, others: np.ndarray) -> float:
        """Score on the clips `others` (n,) bool, by the decoder of `fold`, which was fitted on them; below 0 without any."""
        here = self.there & others
        if fold not in self.decoders or not here.any():
            return -1.0
        return score(self.decoders[fold].decide(self.values[here]), rows.truth[here])


@dataclass(frozen=True)
class _Best:
    """What the best encoders decide: saliences (n, 6) where there (n,) bool; chosen {fold: encoder}, best on the others."""

    saliences: np.ndarray
    there: np.ndarray
    chosen: Mapping[int, str]


def _alone(rows: Rows, table: pd.DataFrame, name: str, kind: str) -> _Alone:
    there = pd.Series(rows.clip).isin(table["clip"]).to_numpy()
    here = rows.where(there)
    here = replace(here, values=here.lookup(table))
    saliences, values = np.zeros(rows.truth.shape, dtype=np.int64), np.full(rows.truth.shape, np.nan)
    saliences[there], fitted = leave_one_fold_out(here, name, kind)
    values[there] = here.values
    return _Alone(saliences, there, fitted, values)


def _best_of(rows: Rows, alone: Mapping[str, _Alone], name: str) -> _Best:
    """For each fold the encoder whose Score on the other folds is the largest; ties: the first."""
    saliences, there, chosen = np.zeros(rows.truth.shape, dtype=np.int64), np.zeros(len(rows), bool), {}
    for fold in rows.folds:
        others, own = rows.fold != fold, rows.fold == fold
        model = ModelName.of("score", fold, name)
        rows.to_fit(model, "selection", others)
        scored = {encoder: judged.score_elsewhere(rows, fold, others) for encoder, judged in alone.items()}
        chosen[fold] = max(scored, key=lambda encoder: scored[encoder])
        rows.to_judge(model, own)
        best = alone[chosen[fold]]
        saliences[own], there[own] = best.saliences[own], best.there[own]
    return _Best(saliences, there, chosen)


def _paired(rows: Rows, before: np.ndarray, after: np.ndarray, there: np.ndarray) -> dict[str, Any]:
    """What decisions `after` gain over `before`, on the clips that both have."""
    here = rows.where(there)
    sums = (sums_of_persons(here, saliences[there]) for saliences in (before, after))
    return {"clips": len(here)} | gain_and_interval(*sums)


def _with_quarantined(
    clips: pd.DataFrame, rows: Rows, decided: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]] | None:
    """The variants' entries with the unusable training clips, which the other folds' commonest label decides; None without any."""
    every = Rows.of(train_clips(clips))
    usable = pd.Series(every.clip).isin(pd.Series(rows.clip)).to_numpy()
    if usable.all():
        return None
    saliences = np.zeros(every.truth.shape, dtype=np.int64)
    for fold in every.folds:
        own = ~usable & (every.fold == fold)
        saliences[own] = commonest_decision(rows.truth[rows.fold != fold])
    scores = {}
    for variant, decisions in decided.items():
        saliences[usable] = decisions
        scores[variant] = entry(every, saliences)
    return scores


def _expected(rows: Rows, saliences: np.ndarray, table: pd.DataFrame) -> dict[str, Any]:
    """What the posterior expects of a variant's decisions, and how far the realised Score lies from it, over persons."""
    chances = table.set_index("clip").loc[rows.clip, list(CHANCES)].to_numpy(float)
    presence, salience, blend = (np.bincount(rows.person, part, minlength=len(rows.persons)) for part in chances.T)
    clips = np.bincount(rows.person, minlength=len(rows.persons))
    expected, realised = np.stack([presence, clips, salience, blend], axis=-1), sums_of_persons(rows, saliences)
    return {
        **dict(zip(ACCURACIES, map(float, accuracies(expected.sum(axis=0))), strict=True)),
        "realised_minus_expected": float(score_gain(expected.sum(axis=0), realised.sum(axis=0))),
        "interval": interval_over_persons(score_gain, expected, realised).tolist(),
        "persons": len(rows.persons),
    }


def decisions_without(
    unknown: Collection[str],
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    *,
    fusion: Mapping[str, Any],
    personal: Mapping[str, Any],
) -> pd.DataFrame | None:
    """The headline once more, without encoders whose models' training persons are unknown.

    Parameters
    ----------
    unknown : collection of str
        Names of the encoders to leave out.
    tables : mapping of str to DataFrame
        {encoder: probabilities table}.
    clips : DataFrame
        Clips table of the study.
    fusion : mapping of str to object
        What `fusion.run.fuse` takes besides tables and clips: options, decoding, families and seed.
    personal : mapping of str to object
        As for `decide.run.calibrate`.

    Returns
    -------
    DataFrame or None
        As `decide.run.Calibrated.decisions`, fused and calibrated again; None where nothing is left out, or nothing
        would be left.
    """
    known = {name: table for name, table in tables.items() if name not in unknown}
    if not unknown or not known:
        return None
    with declare.within("known"):
        fused = fuse(known, clips, **fusion)
        decoding = fusion.get("decoding", AUTO)
        return calibrate(fused.views, fused.probabilities, clips, decoding=decoding, personal=personal).decisions


def headline(made: Mapping[str, str]) -> dict[str, float]:
    """The accuracies of the fused decisions.

    Parameters
    ----------
    made : mapping of str to str
        {role: file}; the one with the role "metrics" is read.

    Returns
    -------
    dict of str to float, 0..1
        "acc_presence" and, where there are blends, "acc_salience".
    """
    fused = read_json(made["metrics"])["variants"][FUSED]
    return {name: fused[name] for name in ("acc_presence", "acc_salience") if fused[name] is not None}


def without_salience(metrics: Any, shown: int) -> Any:
    """Metrics in which every `acc_salience` is None where there are no blends.

    Parameters
    ----------
    metrics : object
        Any value out of JSON.
    shown : int, >= 0
        How many blends there are.

    Returns
    -------
    object
        The metrics; as they are where there are blends.
    """
    if shown or not isinstance(metrics, dict | list):
        return metrics
    if isinstance(metrics, list):
        return [without_salience(part, shown) for part in metrics]
    return {name: None if name == "acc_salience" else without_salience(part, shown) for name, part in metrics.items()}
