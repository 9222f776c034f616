"""What the study can honestly say of itself: scores with their uncertainty over persons, controls, and how they came about.

Everything is counted on the out-of-fold decisions of the usable train clips; test labels are never looked at.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from blemore.calibration.run import VARIANTS
from blemore.calibration.thresholds import commonest_decision, leave_one_fold_out
from blemore.labels import CLASSES
from blemore.metrics import blends, combine, presence_correct, salience_correct, scores, true_saliences
from blemore.tables import usable

INTERVAL = (0.05, 0.95)
"""Quantiles of a 90 % interval."""
FUSED = "global"
"""The variant that test clips get, and that is compared with the single encoders."""
PROTOCOL = {
    "probabilities": "Out-of-fold: no base model saw a clip, or a person, that it is scored on.",
    "weights": "Fusion weights of a fold are fitted on the other folds' clips.",
    "thresholds": "Alpha and beta of a fold are the exact optimum on the other folds' clips, for the fusion and for every encoder alone.",
    "person_offset": "Label-free, from all clips of the person together (transductive); its prior comes from the other folds' labels.",
    "shortcut": "The other folds' out-of-fold probabilities come from base models that saw the reported fold in training: "
    "the usual shortcut of stacking, not fully nested.",
    "disjointness": "By fold: trained here, without the fold's persons. Declared: a sidecar names whom an outside model was "
    "trained on. Unknown: nobody says; the headline is repeated without such encoders. What a public checkpoint saw in its "
    "pre-training is not known here.",
    "interval": "90 %, percentiles over persons drawn with replacement.",
    "permutation": "Share of label permutations over all clips with at least the observed ACC_presence (the observed one counts in).",
}
DEMO_NOTE = "Generated demo actors: these scores say nothing about BLEMORE."


@dataclass(frozen=True)
class _Truth:
    """The labelled clips: names, (n, 6) true saliences, folds, person numbers, and the persons drawn (draws, persons)."""

    clips: pd.Series
    saliences: np.ndarray
    fold: np.ndarray
    person: np.ndarray
    drawn: np.ndarray

    def subset(self, keep: np.ndarray) -> "_Truth":
        return _Truth(self.clips[keep], self.saliences[keep], self.fold[keep], self.person[keep], self.drawn)


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
    draws: int = 1000,
    permutations: int = 1000,
) -> dict[str, Any]:
    """Scores of the fusion's variants, of every encoder alone, and of the commonest label, for results/metrics.json.

    Parameters
    ----------
    decisions : as made by `calibration.run.calibrate`.
    tables : out-of-fold probabilities table of each encoder.
    clips : clips table of the study.
    dataset : name of the data set; "demo" adds a note that its scores say nothing about BLEMORE.
    weights : the scale of the encoders, "tiny" or "pretrained"; kept beside the scores.
    seed : of the persons drawn and of the permutations.
    origins : what each encoder's figures can tell, as `encoders.settings.origin` says it.
    unknown : encoders of which nobody says whom their models were trained on.
    without_unknown : decisions made without those (`known.decisions_without`).
    draws, permutations : how many.

    Returns
    -------
    JSON-able dict: "variants" {name: entry}, "without_unknown" entry or None, "encoders" {name: entry + "origin" +
    "disjointness" ("by fold", "declared" by an outside table's sidecar, or "unknown") + "permutation_p" + "thresholds"}, "trivial" entry (the other folds' commonest label), "fused_minus_best_single", "protocol", "dataset", "weights", "quarantined" and
    "note" (None unless demo). An entry holds acc_presence, acc_salience, score, clips, blends, and "interval" with [low, high]
    of each accuracy.
    """
    train = clips[clips["split"] == "train"]
    labelled = usable(train).sort_values("clip", kind="stable").reset_index(drop=True)
    person, persons = pd.factorize(labelled["person"], sort=True)
    chances = np.full(len(persons), 1 / len(persons))
    drawn = _generator(seed, "persons").multinomial(len(persons), chances, size=draws).astype(float)
    truth = _Truth(labelled["clip"], true_saliences(labelled), labelled["fold"].to_numpy(), person, drawn)

    decided = {variant: _decided(decisions, variant, truth) for variant in VARIANTS}

    encoders, said = {}, {}
    for name in sorted(tables):
        here = truth.subset(truth.clips.isin(tables[name]["clip"]).to_numpy())
        values = tables[name].set_index("clip").loc[here.clips, list(CLASSES)].to_numpy(float)
        saliences, chosen = leave_one_fold_out(values, here.saliences, here.fold)
        encoders[name] = _entry(saliences, here) | {
            "origin": origins[name],
            "disjointness": _disjointness(name, origins[name], unknown),
            "permutation_p": _permutation_p(
                saliences, here.saliences, permutations, _generator(seed, f"permute/{name}")
            ),
            "thresholds": {str(fold): {"alpha": best.alpha, "beta": best.beta} for fold, best in chosen.items()},
        }
        said[name] = (saliences, here)

    trivial = np.zeros(truth.saliences.shape, dtype=np.int64)
    for fold in np.unique(truth.fold):
        trivial[truth.fold == fold] = commonest_decision(truth.saliences[truth.fold != fold])

    summary = {
        "dataset": dataset,
        "weights": weights,
        "quarantined": int((clips["quarantine"] != "").sum()),
        "variants": {variant: _entry(saliences, truth) for variant, saliences in decided.items()},
        "without_unknown": None if without_unknown is None else _entry(_decided(without_unknown, FUSED, truth), truth),
        "encoders": encoders,
        "trivial": _entry(trivial, truth),
        "fused_minus_best_single": _paired(decided[FUSED], truth, encoders, said),
        "protocol": PROTOCOL,
    }
    return summary | {"note": DEMO_NOTE if dataset == "demo" else None}


def _decided(decisions: pd.DataFrame, variant: str, truth: _Truth) -> np.ndarray:
    """(n, 6) saliences of one variant, in the order of the labelled clips."""
    rows = decisions[decisions["variant"] == variant].set_index("clip")
    return rows.loc[truth.clips, list(CLASSES)].to_numpy()


def _disjointness(name: str, origin: str, unknown: Collection[str]) -> str:
    if name in unknown:
        return "unknown"
    return "declared" if origin == "outside" else "by fold"


def _entry(saliences: np.ndarray, truth: _Truth) -> dict[str, Any]:
    presence, salience = _drawn_accuracies(saliences, truth)
    return scores(saliences, truth.saliences) | {
        "interval": {
            "acc_presence": np.quantile(presence, INTERVAL).tolist(),
            "acc_salience": np.quantile(salience, INTERVAL).tolist(),
            "score": np.quantile(combine(presence, salience), INTERVAL).tolist(),
        }
    }


def _drawn_accuracies(saliences: np.ndarray, truth: _Truth) -> tuple[np.ndarray, np.ndarray]:
    """(draws,) ACC_presence and ACC_salience of the persons drawn: sums per person, then one matrix product."""
    per_person = [
        np.bincount(truth.person, counted, minlength=truth.drawn.shape[1])
        for counted in (
            presence_correct(saliences, truth.saliences),
            np.ones(len(saliences)),
            salience_correct(saliences, truth.saliences),
            blends(truth.saliences),
        )
    ]
    right, clips, right_blends, all_blends = (truth.drawn @ np.stack(per_person, axis=1)).T  # each (draws,)
    return right / np.maximum(clips, 1), right_blends / np.maximum(all_blends, 1)


def _paired(
    fused: np.ndarray, truth: _Truth, encoders: Mapping[str, Any], said: Mapping[str, tuple[np.ndarray, _Truth]]
) -> dict[str, Any]:
    """ACC_presence of the fusion minus that of the best encoder alone, on the clips that this encoder has."""
    best = max(sorted(encoders), key=lambda name: encoders[name]["acc_presence"])
    alone, here = said[best]
    fused = fused[truth.clips.isin(here.clips).to_numpy()]
    difference = presence_correct(fused, here.saliences).mean() - presence_correct(alone, here.saliences).mean()
    drawn = _drawn_accuracies(fused, here)[0] - _drawn_accuracies(alone, here)[0]
    return {
        "best_single": best,
        "acc_presence": float(difference),
        "lower_5_percent": float(np.quantile(drawn, INTERVAL[0])),
        "clips": len(here.clips),
    }


def _permutation_p(saliences: np.ndarray, truth: np.ndarray, permutations: int, rng: np.random.Generator) -> float:
    """Share of permuted truths, the real one included, that the decisions match at least as often as the real one."""
    bits = 2 ** np.arange(len(CLASSES))
    said, shown = (saliences > 0) @ bits, (truth > 0) @ bits  # (n,) one number per set of emotions
    observed = np.sum(said == shown)
    permuted = rng.permuted(np.tile(shown, (permutations, 1)), axis=1)
    return float((1 + np.sum((permuted == said).sum(axis=1) >= observed)) / (1 + permutations))


def _generator(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each name: adding an encoder does not change the others' numbers."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8]))
