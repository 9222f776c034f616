"""A made-up finished study with two encoders of two folds, in two runs, for the tests of the lineage page."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from made_records import LOCK, Lineage
from simulated import study

from blemore.study import STUDY
from blemore.tables import write_clips
from joblineage.capture import hashed
from joblineage.verdict import Finding
from joblineage.verify import Report

AT = "2026-01-02T03:04:05.000000Z"
STEPS = {
    "data": ["fetch"],
    "prepare": ["prepare_shard", "clips"],
    "embed": ["embed_clips"],
    "encode": ["fit_head", "train_fold", "gather_folds"],
    "fuse": ["fuse"],
    "submit": ["write_submission"],
}
FOLDS = (0, 1)
SUBMISSION = "results/submission/submission.json"


def report(*findings: Finding) -> Report:
    """What verify would say."""
    return Report(list(findings), ["a note"], {"records": 12, "files": 34, "bytes": 56})


def write_study(root: Path, dataset: str = "demo", leak: bool = False) -> Lineage:
    """Write the study below `root`: the encoder s4d is trained per fold from a checkpoint, prosody gets heads. The second
    run trains fold 1 anew, with a source file that is not committed.

    leak : whether s4d of fold 1 was also trained on the first person, whom it judges.
    """
    made = Lineage(root, STUDY)
    params = {"dataset": dataset, "weights": "tiny", "seed": 17, "fusion": {"method": "simplex"}, "encoders": {}}
    made.file("params.yaml", yaml.safe_dump(params | {"report": {"publication_list": None}}))
    made.file(
        "dvc.yaml", yaml.safe_dump({"stages": {step: {"cmd": step, "outs": []} for step in STEPS}}, sort_keys=False)
    )
    for step, rules in STEPS.items():
        made.file(f"rules/{step}.smk", "".join(f"rule {rule}:\n    output: []\n\n" for rule in rules))
    for source in ("src/train.py", "src/fuse.py", LOCK, "weights/vit.pt"):
        made.file(source, f"content of {source}")

    clips, _ = study(persons=4, folds=2, encoders=1, test=3)
    raw = {f"data/{dataset}/{file}": file for file in clips["file"]}
    made.job("fetch", [], raw)
    for shard in FOLDS:
        made.job(f"prepare_shard/shard={shard}", sorted(raw)[shard::2], {f"results/media/{shard}": f"media {shard}"})
    write_clips(clips, root / "results/clips/clips.parquet")
    made.job("clips", ["results/media/0", "results/media/1"], {}, outputs=[_made(root, "results/clips/clips.parquet")])
    made.job("embed_clips/frozen=prosody", ["results/media/0"], {"results/features/prosody": "features"})
    made.job("fit_head/frozen=prosody", ["results/features/prosody"], {"results/encoders/prosody": "heads"})
    for fold in FOLDS:
        train(made, clips, fold, leak=leak)
    finish(made)
    made.run()
    dirty = {"commit": "c0ffee" + 34 * "0", "dirty": ["src/train.py"], "diff": made.store.put(b"a difference")}
    train(made, clips, 1, leak=leak, rate=0.2, code=dirty)
    finish(made)
    made.run()
    return made


def train(made: Lineage, clips: Any, fold: int, *, leak: bool, rate: float = 0.1, **more: Any) -> None:
    train = clips[clips["split"] == "train"]
    inner, outer = (train.loc[keep, "clip"].tolist() for keep in (train["fold"] != fold, train["fold"] == fold))
    fitted = inner + (outer[:1] if leak and fold else [])
    weights = {
        name: one for name, one in hashed("weights", str(made.root / "weights/vit.pt")).items() if name != "role"
    }
    made.job(
        f"train_fold/finetuned=s4d/fold={fold}",
        ["results/clips/clips.parquet", "results/media/0", "results/media/1", "src/train.py", LOCK, "weights/vit.pt"],
        {f"results/encoders/s4d/fold{fold}": f"fold {fold} at {rate}"},
        params={"encoder": {"name": "s4d", "checkpoint": "weights/vit.pt", "learning_rate": rate}, "seed": 17},
        seeds={"seed": 17},
        model={"checkpoint": "weights/vit.pt", "revision": None, "files": [weights | {"path": "weights/vit.pt"}]},
        split={"models": [_fit(made, f"s4d/fold{fold}", "network", fitted, outer)]},
        **more,
    )


def finish(made: Lineage) -> None:
    """Everything after the encoders."""
    folds = [f"results/encoders/s4d/fold{fold}" for fold in FOLDS]
    text = " ".join((made.root / fold).read_text() for fold in folds)
    made.job("gather_folds/finetuned=s4d", folds, {"results/encoders/s4d/all": text})
    made.job("fuse", ["results/encoders/s4d/all", "results/encoders/prosody", "src/fuse.py"], {"results/fused": text})
    made.job("write_submission", ["results/fused"], {SUBMISSION: text})


def _made(root: Path, path: str) -> dict[str, Any]:
    return hashed("file", str(root / path), md5=True) | {"path": path}


def _fit(made: Lineage, model: str, kind: str, on: Iterable[str], judges: Iterable[str]) -> dict[str, str]:
    put = made.store.put_json
    return {"model": model, "kind": kind, "on": put(sorted(on)), "judges": put(sorted(judges))}
