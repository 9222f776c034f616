"""What the study can honestly say of itself: scores with their uncertainty over persons, controls, and how they came about.

Everything is counted on the out-of-fold decisions of the usable train clips; test labels are never looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.chains import INDUCTIVE
from blemore.decide.run import CHANCES, VARIANTS, calibrate
from blemore.fusion.run import fuse
from blemore.scoring.commonest import commonest_of_others
from blemore.scoring.decoders import AUTO, leave_one_fold_out, preferred
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import ACCURACIES, presence_correct
from blemore.scoring.persons import DRAWS, INTERVAL, accuracies, draw_persons, entry, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from blemore.tables import labelled
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
    "trained on. Unknown: nobody says; the headline is repeated without such encoders. What a public checkpoint saw in its "
    "pre-training is not known here.",
    "paper": "Beside it, as the challenge's kit does: fusion fitted on all clips, thresholds of its grid chosen on each fold that they are "
    "reported on. The difference is optimism.",
    "controls": "The gain of deciding a person's clips together is repeated with random groups of clips in place of persons, with all clips "
    "of a fold as one person, and with labels dealt out anew.",
    "expected": "What the posterior of the answers expects of itself, no label being looked at: no score.",
    "interval": "90 %, percentiles over persons drawn with replacement.",
    "permutation": "Share of label permutations over all clips with at least the observed ACC_presence (the observed one counts in).",
}
DEMO_NOTE = "Generated demo actors: these scores say nothing about BLEMORE."


def summarise(
    decisions: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    *,
    dataset: str,
    weights: str,
    seed: int,
    origins: Mapping[str, str],
    unknown: Collection[str] = (),
    without_unknown: pd.DataFrame | None = None,
    decoding: str = AUTO,
    draws: int = DRAWS,
    permutations: int = 1000,
) -> dict[str, Any]:
    """Scores of the fusion's variants, of every encoder alone, and of the commonest label, for results/metrics.json.

    Parameters
    ----------
    decisions : as made by `decide.run.calibrate`.
    tables : out-of-fold probabilities table of each encoder.
    clips : clips table of the study.
    dataset : name of the data set; "demo" adds a note that its scores say nothing about BLEMORE.
    weights : the scale of the encoders, "tiny" or "pretrained"; kept beside the scores.
    seed : of the persons drawn and of the permutations.
    origins : what each encoder's figures can tell, as `encoders.settings.origin` says it.
    unknown : encoders of which nobody says whom their models were trained on.
    without_unknown : decisions made without those (`decisions_without`).
    decoding : kind of decoder of the encoders alone (`scoring.decoders.preferred`).
    draws, permutations : how many.

    Returns
    -------
    JSON-able dict: "variants" {name: entry + "expected" {the accuracies that the posterior expects, "realised_minus_expected" of the Score, and its "interval"}}, "without_unknown" entry or None, "encoders" {name: entry + "origin" +
    "disjointness" ("by fold", "declared" by an outside table's sidecar, or "unknown") + "permutation_p" + "decoders"}, "trivial" entry (the other folds' commonest label), "fused_minus_best_single", "protocol", "dataset", "weights", "quarantined" and
    "note" (None unless demo). An entry holds acc_presence, acc_salience, score, clips, blends, and "interval" with [low, high]
    of each accuracy.
    """
    train = labelled(clips)
    rows = Rows.of(train)
    drawn = draw_persons(len(rows.persons), seed, draws)
    of_variant = {variant: decisions[decisions["variant"] == variant] for variant in VARIANTS}
    decided = {variant: rows.lookup(table) for variant, table in of_variant.items()}

    encoders, said = {}, {}
    for name in sorted(tables):
        there = train["clip"].isin(tables[name]["clip"]).to_numpy()
        here = rows.where(there)
        here = replace(here, values=here.lookup(tables[name]))
        saliences, made = leave_one_fold_out(here, name, preferred(decoding))
        disjointness = "declared" if origins[name] == "outside" else "by fold"
        encoders[name] = entry(here, saliences, drawn) | {
            "origin": origins[name],
            "disjointness": "unknown" if name in unknown else disjointness,
            "permutation_p": _permutation_p(saliences, here.truth, permutations, generator(f"{seed}/permute/{name}")),
            "decoders": {str(fold): one.to_json() for fold, one in made.items()},
        }
        said[name] = saliences, here, there

    best = max(sorted(encoders), key=lambda name: encoders[name]["acc_presence"])
    saliences, here, there = said[best]
    known = None
    if without_unknown is not None:
        known = entry(rows, rows.lookup(without_unknown[without_unknown["variant"] == FUSED]), drawn)
    return {
        "dataset": dataset,
        "weights": weights,
        "quarantined": int((clips["quarantine"] != "").sum()),
        "variants": {
            variant: entry(rows, saliences, drawn)
            | {"expected": _expected(rows, saliences, of_variant[variant], drawn)}
            for variant, saliences in decided.items()
        },
        "without_unknown": known,
        "encoders": encoders,
        "trivial": entry(rows, commonest_of_others(rows), drawn),
        "fused_minus_best_single": {"best_single": best} | _paired(here, decided[FUSED][there], saliences, drawn),
        "protocol": PROTOCOL,
        "note": DEMO_NOTE if dataset == "demo" else None,
    }


def _expected(rows: Rows, saliences: np.ndarray, table: pd.DataFrame, drawn: np.ndarray) -> dict[str, Any]:
    """What the posterior expects of a variant's decisions, and how far the realised Score lies from it, over persons."""
    chances = table.set_index("clip").loc[rows.clip, list(CHANCES)].to_numpy(float)
    presence, salience, blend = (np.bincount(rows.person, part, minlength=len(rows.persons)) for part in chances.T)
    clips = np.bincount(rows.person, minlength=len(rows.persons))
    expected, realised = np.stack([presence, clips, salience, blend], axis=-1), sums_of_persons(rows, saliences)
    whole = accuracies(expected.sum(axis=0))
    of_draws = accuracies(drawn @ realised)[2] - accuracies(drawn @ expected)[2]
    return {
        **dict(zip(ACCURACIES, map(float, whole), strict=True)),
        "realised_minus_expected": float(accuracies(realised.sum(axis=0))[2] - whole[2]),
        "interval": np.quantile(of_draws, INTERVAL).tolist(),
    }


def _paired(rows: Rows, fused: np.ndarray, alone: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """ACC_presence of the fusion minus that of an encoder alone, on the clips that this encoder has."""
    difference = presence_correct(fused, rows.truth).mean() - presence_correct(alone, rows.truth).mean()
    own, other = (accuracies(drawn @ sums_of_persons(rows, made))[0] for made in (fused, alone))
    lowest = float(np.quantile(own - other, INTERVAL[0]))
    return {"acc_presence": float(difference), "lower_5_percent": lowest, "clips": len(rows)}


def _permutation_p(saliences: np.ndarray, truth: np.ndarray, permutations: int, rng: np.random.Generator) -> float:
    """Share of permuted truths, the real one included, that the decisions match at least as often as the real one."""
    bits = 2 ** np.arange(len(CLASSES))
    said, shown = (saliences > 0) @ bits, (truth > 0) @ bits  # (n,) one number per set of emotions
    observed = np.sum(said == shown)
    permuted = rng.permuted(np.tile(shown, (permutations, 1)), axis=1)
    return float((1 + np.sum((permuted == said).sum(axis=1) >= observed)) / (1 + permutations))


def decisions_without(
    unknown: Collection[str],
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    *,
    fusion: Mapping[str, Any],
    personal: Mapping[str, Any],
) -> pd.DataFrame | None:
    """The headline once more, without encoders of which nobody says whom their models were trained on.

    Parameters
    ----------
    unknown : names of the encoders to leave out.
    tables : probabilities table of each encoder; clips : clips table of the study.
    fusion : what `fusion.run.fuse` takes besides tables and clips: options, decoding, families and seed.
    personal : as for `decide.run.calibrate`.

    Returns
    -------
    As `decide.run.Calibrated.decisions`, fused and calibrated anew; None where nothing is left out, or nothing would be left.
    """
    known = {name: table for name, table in tables.items() if name not in unknown}
    if not unknown or not known:
        return None
    with declare.within("known"):
        fused = fuse(known, clips, **fusion)
        decoding = fusion.get("decoding", AUTO)
        return calibrate(fused.views, fused.probabilities, clips, decoding=decoding, personal=personal).decisions


def headline(made: Mapping[str, str]) -> dict[str, float]:
    """ACC_presence and ACC_salience of the fused decisions, from the file with the role "metrics"."""
    fused = read_json(made["metrics"])["variants"][FUSED]
    return {name: fused[name] for name in ("acc_presence", "acc_salience")}
