"""Plausible contents of the files that the report page reads, in the form that the steps make them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from blemore.scoring.labels import CLASSES, EMOTIONS

ORIGINS = {
    "face_geometry": "computed",
    "gemini": "stand-in",
    "s4d": "finetuned",
    "theirs": "outside",
    "wav2vec2_prosody": "random",
}
METHODS = {"simplex": (0.004, 0.0), "uniform": (0.0, -0.006), "stacking": (0.052, -0.021)}
"""Of each way to fuse: how far in-sample lies above the honest Score, and that above the study's."""


def accuracies(presence: float, salience: float) -> dict[str, float]:
    return {"acc_presence": presence, "acc_salience": salience, "score": (presence + salience) / 2}


def shifted(entry: Mapping[str, Any], by: float) -> dict[str, Any]:
    keys = ("acc_presence", "acc_salience", "score")
    intervals = {key: [end + by for end in entry["interval"][key]] for key in keys}
    return {**entry, **{key: entry[key] + by for key in keys}, "interval": intervals}


def gained(by: float) -> dict[str, Any]:
    """A gain, as `scoring.persons.gain_and_interval` gives it."""
    return {
        "gain": accuracies(by + 0.01, by - 0.01),
        "interval": [by - 0.0213, by + 0.0217],
        "persons": 8,
        "detectable": 0.0317,
    }


def difference(column: str, one: Mapping[str, Any] | None) -> dict[str, float | None]:
    """The columns of a gain in encoders.csv."""
    value, (low, high) = (one["gain"]["score"], one["interval"]) if one else (None, (None, None))
    return {column: value, f"{column}_low": low, f"{column}_high": high}


def expected(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a posterior expects of itself."""
    keys = ("acc_presence", "acc_salience", "score")
    said = {key: entry[key] - 0.004 for key in keys}
    return {"expected": said | {"realised_minus_expected": 0.004, "interval": [-0.011, 0.019], "persons": 8}}


def new_blocks(metrics: Mapping[str, Any], clips: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
    """The blocks that are new in metrics.json."""
    train = clips[(clips["split"] == "train") & (clips["quarantine"] == "")]
    persons = train.groupby("person").agg(fold=("fold", "first"), clips=("clip", "size"), blends=("mix", "sum"))
    offsets = pd.DataFrame(rng.normal(0, 0.12, (len(persons), len(CLASSES))), persons.index, list(CLASSES))
    fused = metrics["variants"]["inductive"]
    keys = ("acc_presence", "acc_salience", "score")
    paper = {key: fused[key] + gap for key, gap in zip(keys, (0.021, 0.034, 0.0275), strict=True)}
    folds = [str(fold) for fold in sorted(persons["fold"].unique())]
    drawn = rng.uniform(0.2, 0.55, (len(persons), 2))
    return {
        "protocols": {
            "nested": fused,
            "paper": paper,
            "optimism": {key: paper[key] - fused[key] for key in keys},
        },
        "fusion": {
            "chosen": {"final": "simplex", "folds": {fold: ["simplex", "uniform"][k % 2] for k, fold in enumerate(folds)}},
            "methods": {
                name: {
                    "nested": shifted(fused, honest),
                    "in_sample": {key: fused[key] + honest + gap for key in keys},
                    "over_uniform": None if name == "uniform" else gained(honest + 0.006),
                }
                for name, (gap, honest) in METHODS.items()
            },
        },
        "surface": {
            "alpha": 0.0912, "beta": 0.2776, "score": fused["score"] + 0.01, "standard_error": 0.0191,
            "folds": {fold: {"alpha": 0.09 + 0.001 * k, "beta": 0.2 + 0.03 * k} for k, fold in enumerate(folds)},
            "plateau": {"alpha": [0.0511, 0.1398], "beta": [0.1203, 0.4417], "area": 0.0285},
        },
        "gain": {
            "chosen": {"final": "both (kappa 2, weight 20, k 5)", "folds": dict.fromkeys(folds, "off")},
            "clips": fused["clips"],
            "persons": len(persons),
            "gain": {"acc_presence": 0.0304, "acc_salience": 0.0104, "score": 0.0204},
            "interval": [0.0031, 0.0379], "detectable": 0.0257,
            "persons_gaining": 5, "persons_losing": 2, "persons_unusual": 1,
            "mixtures": {"what": "some clips of each person", "mean": -0.0043, "standard_error": 0.0021, "draws": 200},
            "controls": {
                "random_groups": {"what": "groups of the same sizes, drawn at random", "mean": -0.0021,
                                  "standard_error": 0.0011, "draws": 200, "beyond": {"difference": 0.0225, "interval": [0.0041, 0.0409], "detectable": 0.0271}},
                "one_group": {"what": "all clips of a fold as one person", "mean": 0.0031, "standard_error": None, "draws": 1,
                              "beyond": {"difference": 0.0173, "interval": [0.0011, 0.0335], "detectable": 0.0239}},
                "permuted_labels": {"what": "labels shuffled among the clips", "mean": -0.0007, "standard_error": 0.0009,
                                    "draws": 200, "beyond": {"difference": 0.0211, "interval": [0.0035, 0.0387], "detectable": 0.0259}},
            },
        },
        "clusters": {
            "trusted": True,
            "over": {"random_clusters": {"difference": 0.0161, "standard_error": 0.0052},
                     "one_cluster": {"difference": 0.0143, "standard_error": 0.0049}},
            "folds": {fold: {"trusted": True, "over": {}} for fold in folds},
            "scores": shifted(fused, 0.0182),
            "gain": {"acc_presence": 0.0271, "acc_salience": 0.0093, "score": 0.0182},
            "interval": [0.0024, 0.0351], "persons": 8,
        },
        "sets": {
            variant: {"ang": {"clips": 40, "right": 0}, "ang+sad": {"clips": 12, "right": 3}}
            for variant in ("inductive", "transductive")
        },
        "tied_rows": 3,
        "persons": [
            {
                "person": row.Index, "fold": int(row.fold), "clips": int(row.clips), "blends": int(row.blends),
                **accuracies(*map(float, drawn[k])),
                "score_transductive": float(drawn[k].mean() + rng.normal(0.02, 0.02)),
                "usual": None if k == 1 else float(rng.uniform()),
                "offsets": {name: float(offsets.loc[row.Index, name]) for name in CLASSES},
            }
            for k, row in enumerate(persons.itertuples())
        ],
        "style": {
            "offset_sd": {name: float(offsets[name].std()) for name in CLASSES},
            "offset_sd_random": {name: float(rng.uniform(0.02, 0.06)) for name in CLASSES},
        },
    }  # fmt: skip


def worth(metrics: Mapping[str, Any]) -> dict[str, Any]:
    fused, names = metrics["variants"]["inductive"], [*ORIGINS]
    return {
        "all": shifted(fused, -0.0041),
        "encoders": {
            name: {
                "adds": gained(0.0117 - 0.006 * k),
                "bias": {"offset_sd": 0.51, "offset_sd_random": 0.22, "excess": 0.29 - 0.05 * k, "interval": [0.07, 0.41], "persons": 8},
            }
            for k, name in enumerate(names)
        },
        "greedy": {
            "steps": [shifted(fused, -0.03 / (k + 1)) | {"added": name, "cpu_seconds": 17.3 * (k + 1)} for k, name in enumerate(names)],
            "folds": {"0": names, "1": names},
            "smallest": {"encoders": names[:2], "behind": 0.0051, "standard_error": 0.0064},
        },
        "adapted": {"encoders": ["s4d"], "weight": 0.412, "interval": [0.31, 0.514], "persons": 8, "equal": 0.2, "paper": 0.62},
    }  # fmt: skip


def licences() -> dict[str, Any]:
    entry = {
        "scale": "tiny", "module": "speech", "checkpoint": None, "code": "MIT (this package)", "weights": None,
        "note": "small network with random weights drawn from the study's seed", "unknown": [],
    }  # fmt: skip
    known = {"checkpoint": "facebook/wav2vec2-base", "weights": "Apache-2.0"}
    outside = {"code": None, "note": "a table from outside", "unknown": ["code", "weights"]}
    special = {"wav2vec2_prosody": known, "theirs": outside}
    return {"looked_up": "2026-11-20", "encoders": {name: entry | special.get(name, {}) for name in ORIGINS}}


def reliability(rng: np.random.Generator) -> dict[str, Any]:
    edges = np.linspace(0, 1, 11)
    classes: dict[str, Any] = {}
    for name in CLASSES:
        bins = []
        for k, (low, high) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            empty = k == 9 and name in EMOTIONS[:2]
            middle = (low + high) / 2
            shown = float(np.clip(middle + rng.normal(0, 0.06), 0, 1))
            bins.append({"low": low, "high": high, "clips": 0 if empty else int(80 / (k + 1)),
                         "predicted": None if empty else middle, "shown": None if empty else shown})  # fmt: skip
        classes[name] = bins
    salience = [
        {"low": k / 5, "high": (k + 1) / 5, "blends": 40 - 7 * k, "even": 0.6 - 0.1 * k, "towards_larger": 0.25 + 0.12 * k,
         "towards_smaller": 0.15 - 0.02 * k}
        for k in range(5)
    ]  # fmt: skip
    return {
        "classes": classes,
        "expected_calibration_error": 0.0413,
        "interval": [0.0312, 0.0514],
        "persons": 8,
        "salience": salience,
        "note": None,
    }


def individuals() -> dict[str, Any]:
    return {
        "active": True, "reason": "Groups on train clips reach the purity asked for.", "descriptor": "face geometry",
        "approved": None,
        "train": {"persons": 8, "clips": 336, "purity": 0.964, "adjusted_rand": 0.927},
        "test": {"clips": 84, "without_face": 1, "clusters": 2, "sizes": [42, 41]},
    }  # fmt: skip


def held_back(metrics: Mapping[str, Any]) -> dict[str, Any]:
    inductive = metrics["variants"]["inductive"]
    none = {"persons": 1, "interval": None, "interval_reason": "1 person(s): an interval over persons needs at least 2"}
    return {
        "variants": {"inductive": inductive | none, "transductive": shifted(inductive, 0.012) | none},
        "difference": {"acc_presence": 0.012, "acc_salience": 0.012, "score": 0.012, **none},
        "clusters": {"purity": 0.976, "adjusted_rand": 0.95, "clusters": 2, "persons": 2},
        "note": "Judged once, after everything was decided.",
    }
