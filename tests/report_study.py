"""A plausible complete study on disk, seeded, for the tests of the report page: every file that the page can read."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_blocks import (
    ORIGINS,
    difference,
    expected,
    gained,
    held_back,
    individuals,
    licences,
    new_blocks,
    reliability,
    shifted,
    worth,
)
from simulated import study
from small_study import write_pictures

from blemore.media.clips import write_quarantine, write_remarks
from blemore.report.page import build
from blemore.scoring.decoding import decode
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import scores, true_saliences
from blemore.scoring.surface import official_grid
from blemore.tables import write_clips, write_csv, write_probabilities, write_table
from joblineage.files import write_json

CITED = {"title": "Blends 7, seen twice", "authors": ["Doe, Jo", "The 3rd Lab"], "date": "2026-11-23"}


def write_study(root: Path, dataset: str = "demo", persons: int = 8, seed: int = 3) -> dict[str, Any]:
    """Write the study below `root`; give the arguments of `report.page.build`.

    One train clip and one test clip are quarantined, four are remarked; the encoder "theirs" comes from outside, nobody says how it was trained.
    """
    rng = np.random.default_rng(seed)
    clips, tables = study(persons=persons, encoders=len(ORIGINS), seed=seed)
    tables = dict(zip(ORIGINS, tables.values(), strict=True))
    clips["quarantine"] = ""
    clips["clip"] = clips["clip"].where(clips["split"] == "test", clips["clip"] + "_x_int2_ver1")
    for table in tables.values():
        table["clip"] = clips["clip"]
    lost = clips["clip"].isin([clips["clip"].iloc[3], clips["clip"].iloc[-1]])
    clips["face_share"] = np.where(lost, np.nan, 1.0)
    clips["remarks"] = ""
    odd = clips.index[[1, 3, 5, -2]]  # one of them is set aside
    clips.loc[odd[[0, 2]], "face_share"] = [0.8125, 0.0]
    clips.loc[odd, "remarks"] = [f"{name}: shown mirrored; no sound track" for name in clips.loc[odd, "clip"]]
    clips.loc[lost, "quarantine"] = [f"data/train/{name}.mov: no video stream" for name in clips["clip"][lost]]
    tables = {name: table[~lost].reset_index(drop=True) for name, table in tables.items()}

    fused = _fused(tables, clips, rng)
    decisions, models = _decide(fused["views"], fused["probabilities"], clips)
    metrics = _metrics(decisions, tables, clips, rng) | {"dataset": dataset, "quarantined": int(lost.sum())}
    metrics["note"] = "Generated demo actors: these scores say nothing about BLEMORE." if dataset == "demo" else None
    metrics |= new_blocks(metrics, clips, rng)
    costs = {name: {"cpu_seconds": round(float(rng.uniform(2, 1500)), 2), "peak_mb": 600} for name in ORIGINS}
    del costs["theirs"]

    usable = clips[clips["quarantine"] == ""].reset_index(drop=True)
    files: dict[str, Any] = {
        "metrics": root / "metrics.json",
        "encoders": root / "encoders.csv",
        "worth": root / "worth.json",
        "licences": root / "licences.json",
        "weights": root / "fusion/weights.json",
        "probabilities": root / "fusion/probabilities.parquet",
        "views": root / "fusion/views.parquet",
        "models": root / "calibration/models.json",
        "decisions": root / "calibration/decisions.parquet",
        "clips": root / "clips/clips.parquet",
        "quarantine": root / "clips/quarantine.csv",
        "remarks": root / "clips/remarks.json",
        "reliability": root / "reliability.json",
        "individuals": root / "individuals/summary.json",
        "held_back": root / "held_back.json" if dataset == "demo" else [],
        "curves": root / "plots/curves.csv",
        "software": Path(__file__).parents[1] / "CITATION.cff",
        "costs": [root / "features/wav2vec2_prosody.cost.json", *(root / f"s4d/fold{k}.cost.json" for k in range(2))],
    }
    write_json(files["metrics"], metrics)
    write_csv(_encoders(metrics, fused["weights"], costs), files["encoders"])
    write_json(files["worth"], worth(metrics))
    write_csv(_curves(rng), files["curves"])
    write_json(files["licences"], licences())
    write_json(files["weights"], fused["weights"])
    write_probabilities(fused["probabilities"], files["probabilities"])
    write_table(fused["views"], files["views"])
    write_json(files["models"], models)
    write_table(decisions, files["decisions"])
    write_clips(clips, files["clips"])
    write_quarantine(clips, files["quarantine"])
    write_remarks(clips, files["remarks"])
    write_json(files["reliability"], reliability(rng))
    write_json(files["individuals"], individuals())
    if dataset == "demo":
        write_json(files["held_back"], held_back(metrics))
    for k, path in enumerate(files["costs"]):
        numbers = {key: round(float(rng.uniform(5, 90)), 2) for key in ("seconds", "cpu_seconds")}
        write_json(path, {**numbers, "peak_mb": 640 + k, "peak_gpu_mb": 0, "device": "cpu"})
    (root / "faces").mkdir()
    files["faces"] = write_pictures(usable[usable["split"] == "train"], root / "faces")
    about = {
        "dataset": dataset,
        "weights": "tiny",
        "seed": seed,
        "fusion": {"method": "simplex", "l2": 0.05},
        "report": CITED,
    }
    best = {
        "number": 2, "uploaded": "2026-10-03T11:00:00Z", "file": "submission.zip", "sha256": "5e" * 32, "variant": "inductive",
        "returned": {"acc_presence": 0.39101, "acc_salience": None, "score": 0.27931}, "note": "",
    }  # fmt: skip
    uploads = {
        "uploads": 3,
        "files": 2,
        "scored": 2,
        "best": best,
        "warning": "The best of 2 test scores is selection.",
    }
    return {**files, "study": about, "uploads": uploads, "data_set": "Nobody et al. 2026, doi 10.9/x.7"}


def make(folder: Path, dataset: str) -> None:
    """Write the study and its page below `folder`."""
    study = write_study(folder, dataset)
    (folder / "arguments.pickle").write_bytes(pickle.dumps(study))
    (folder / "page.html").write_text(build(**study))


def made(folder: Path) -> tuple[dict[str, Any], str]:
    """The arguments of `report.page.build`, and the page, that `make` left in `folder`."""
    return pickle.loads((folder / "arguments.pickle").read_bytes()), (folder / "page.html").read_text()


def without_new_blocks(study: Mapping[str, Any]) -> dict[str, Any]:
    """The same study as if only today's files were there: no new block in metrics.json, no optional file."""
    path = Path(study["metrics"])
    metrics = json.loads(path.read_text())
    for block in ("protocols", "fusion", "surface", "sets", "tied_rows", "gain", "persons", "style"):
        metrics.pop(block)
    old = path.with_name("old") / "metrics.json"
    write_json(old, metrics | {"without_unknown": None})
    return {
        **study, "metrics": old, "reliability": None, "individuals": None, "held_back": None, "uploads": None, "costs": [],
    }  # fmt: skip


def _fused(tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
    """Weights drawn at random, final and for each fold left out, and what they make of the tables."""
    table = next(iter(tables.values()))
    stacked = np.stack([one[list(CLASSES)].to_numpy() for one in tables.values()])  # (encoders, clips, 6)
    train = (table["split"] == "train").to_numpy()
    drawn = {
        outer: rng.dirichlet([9.0, 0.1, 4.0, 2.0, 1.0]) for outer in [-1, *sorted(table.loc[train, "fold"].unique())]
    }
    views, probabilities = [], table.copy()
    for outer, weights in drawn.items():
        values = np.einsum("e,enc->nc", weights, stacked)
        view = table[train].assign(outer=int(outer))
        view[list(CLASSES)] = values[train]
        views.append(view)
        own = (table["fold"] == outer).to_numpy()
        probabilities.loc[own, list(CLASSES)] = values[own]
    named = {outer: dict(zip(tables, weights.tolist(), strict=True)) for outer, weights in drawn.items()}
    weights = {"final": named.pop(-1), "folds": {str(outer): one for outer, one in named.items()}}
    return {"weights": weights, "probabilities": probabilities, "views": pd.concat(views, ignore_index=True)}


def _decide(
    views: pd.DataFrame, probabilities: pd.DataFrame, clips: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Decisions of all clips of the table for one variant, and the models of both."""
    truth = clips.set_index("clip")
    chosen: dict[str, Any] = {"folds": {}}
    decided = probabilities.copy()
    for outer, view in views.groupby("outer"):
        others = view[view["fold"] != outer]
        best = official_grid(others[list(CLASSES)].to_numpy(), true_saliences(truth.loc[others["clip"]]))
        pair = {"alpha": best.alpha + 0.0012, "beta": best.beta + 0.0034}
        rule = {"decoder": "exact"} | pair
        chosen |= {"final": rule} if outer == -1 else {"folds": chosen["folds"] | {str(outer): rule}}
        own = (decided["fold"] == outer).to_numpy()
        decided.loc[own, list(CLASSES)] = decode(
            probabilities.loc[own, list(CLASSES)].to_numpy(), pair["alpha"], pair["beta"]
        )
    personal = {"model": "both", "kappa": 2, "weight": 20, "k": 5}
    together = {"final": personal, "folds": dict.fromkeys(chosen["folds"], personal)}
    return decided.assign(variant="inductive", decided_by="model"), {"inductive": chosen, "transductive": together}


def _metrics(
    decisions: pd.DataFrame, tables: Mapping[str, pd.DataFrame], clips: pd.DataFrame, rng: np.random.Generator
) -> dict[str, Any]:
    """The blocks of metrics.json as they are today."""
    train = clips[(clips["split"] == "train") & (clips["quarantine"] == "")]
    truth = true_saliences(train)

    def entry(saliences: np.ndarray) -> dict[str, Any]:
        found = scores(saliences, truth)
        keys = ("acc_presence", "acc_salience", "score")
        return found | {
            "persons": 8,
            "interval": {key: [found[key] - 0.031, found[key] + 0.034] for key in keys},
        }

    encoders = {
        name: entry(decode(table.set_index("clip").loc[train["clip"], list(CLASSES)].to_numpy(), 0.1, 0.2))
        | {"origin": ORIGINS[name], "disjointness": "unknown" if name == "theirs" else "by fold",
           "over_commonest": gained(rng.uniform(-0.01, 0.1)), "decoders": {},
           "over_computed": None if name == "face_geometry" else gained(rng.uniform(-0.1, 0.01))}
        for name, table in tables.items()
    }  # fmt: skip
    fused = entry(decisions.set_index("clip").loc[train["clip"], list(CLASSES)].to_numpy())
    return {
        "weights": "tiny",
        "variants": {"inductive": fused | expected(fused), "transductive": shifted(fused, 0.0204) | expected(fused)},
        "without_unknown": shifted(fused, -0.0117),
        "encoders": encoders,
        "trivial": entry(np.tile([0, 0, 0, 0, 0, 100], (len(train), 1))),
        "with_quarantined": {name: shifted(fused, -0.0009) for name in ("inductive", "transductive")},
        "fused_minus_best_single": {"chosen": {"0": "s4d", "1": "theirs"}, "clips": len(train)} | gained(0.0213),
        "protocol": {
            "inductive": "The decoder of a fold is fitted on the other folds' clips.",
            "interval": "90 % over persons: jackknife.",
        },
    }  # fmt: skip


def _curves(rng: np.random.Generator) -> pd.DataFrame:
    """Five folds of the one encoder that is trained."""
    rows = [{"encoder": "s4d", "fold": fold, "epoch": epoch, "loss": 1.6 / epoch + float(rng.uniform(0, 0.1)),
             "inner_loss": None, "learning_rate": 0.001 / epoch} for fold in range(5) for epoch in (1, 2, 3)]  # fmt: skip
    return pd.DataFrame(rows)


def _encoders(metrics: Mapping[str, Any], weights: Mapping[str, Any], costs: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "encoder": name,
            **{key: entry[key] for key in ("origin", "disjointness", "clips", "acc_presence", "acc_salience", "score")},
            "score_low": entry["interval"]["score"][0],
            "score_high": entry["interval"]["score"][1],
            "persons": entry["persons"],
            **difference("over_commonest", entry["over_commonest"]),
            **difference("over_computed", entry["over_computed"]),
            **difference("adds", gained(0.01)),
            **difference("personal_bias", gained(0.2)),
            "greedy_rank": [*ORIGINS].index(name) + 1,
            "greedy_score": 0.4,
            "greedy_cpu_seconds": None,
            "fusion_weight": weights["final"][name],
            "cpu_seconds": costs.get(name, {}).get("cpu_seconds"),
            "peak_mb": costs.get(name, {}).get("peak_mb"),
            "note": None,
        }
        for name, entry in metrics["encoders"].items()
    ]
    return pd.DataFrame(rows).sort_values("score", ascending=False, ignore_index=True)
