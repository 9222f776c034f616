"""A finished study of a dozen small clips, made by the workflow's own functions, for the tests of bundles."""

from pathlib import Path

import av
import numpy as np
import pandas as pd
import yaml
from media_samples import OPTIONS, talking_face, tone, write_clip

from blemore.decide.run import calibrate
from blemore.encoders.embedding import embed
from blemore.encoders.settings import head_settings, network_settings
from blemore.fusion.run import fuse
from blemore.learning.folds import gather_folds
from blemore.learning.heads.run import fit_head
from blemore.learning.training.loop import train_fold
from blemore.media.clips import gather
from blemore.media.prepare import prepare_shard
from blemore.predict.making import make_bundle
from blemore.tables import NO_FOLD, read_probabilities, write_clips, write_probabilities
from joblineage.files import write_json

EMOTIONS = [("ang", None), ("hap", None), ("ang", "hap"), ("neu", None)]
PERSONS, TESTS = 3, 4
KINDS = ("faces", "body", "audio", "probe")
FUSION = {"method": "simplex", "candidates": ["simplex"], "scaling": True, "simplex": {"l2": 0.05}}
PERSONAL = {"candidates": ["offset"], "kappas": [2], "weights": [20], "ks": [5], "powers": [1]}
PARAMS = {
    "seed": 17, "dataset": "demo", "weights": "tiny", "demo": {"folds": PERSONS},
    "media": {"samples": OPTIONS | {"faces": OPTIONS["faces"] | {"every": 16}, "body": {"frames": 8, "size": 64, "quality": 90}}},
    "encoders": {
        "videomae": {
            "enabled": True, "module": "videomae", "media": "body", "learning": "finetuned",
            "tiny": {"epochs": 1, "batch": 4, "learning_rate": 1e-3}, "pretrained": {},
        },
        "hubert": {
            "enabled": True, "module": "speech", "media": "audio", "learning": "frozen",
            "tiny": {"architecture": "hubert", "layers": [2, 4]}, "pretrained": {},
        },
        "face_geometry": {"enabled": True, "module": "geometry", "media": "faces", "learning": "frozen"},
    },
    "fusion": FUSION, "decoding": "expected", "calibration": {"personal": PERSONAL, "controls": 2},
}  # fmt: skip


def draw_clips(folder: Path) -> pd.DataFrame:
    """Clips of four labels for each of some persons, and test clips, all of the same face at other times; their roster."""
    folder.mkdir(parents=True)
    with av.open(str(talking_face())) as container:
        frames = [frame.to_ndarray(format="rgb24")[:, 16:160] for frame in container.decode(video=0)]
    rows = []
    for k in range(PERSONS * len(EMOTIONS) + TESTS):
        person, (first, second) = k // len(EMOTIONS), EMOTIONS[k % len(EMOTIONS)]
        name = f"A90{person}_{k:02d}" if person < PERSONS else f"test_{k:04d}"
        sound = tone(0.8, 16000, hertz=150.0 * 1.5 ** (k % len(EMOTIONS)) + 10 * person)
        write_clip(
            folder / f"{name}.mov", seconds=0.8, size=(144, 144), wave=sound, rate=16000,
            draw=lambda time, *_, first=6 * k: np.ascontiguousarray(frames[first + round(25 * time)]),
        )  # fmt: skip
        row = {"clip": name, "file": f"{name}.mov", "split": "test", "person": None, "fold": NO_FOLD}
        if person < PERSONS:
            row |= {"split": "train", "person": f"A90{person}", "fold": person, "mix": int(second is not None)}
            row |= {"emotion_1": first, "emotion_2": second, "emotion_1_salience": 70.0 if second else 100.0}
            row |= {"emotion_2_salience": 30.0 if second else None}
        rows.append(row)
    return pd.DataFrame(rows)


def make(folder: Path) -> None:
    """The study in `folder`: raw clips below raw/, params.yaml, results/ as a workflow leaves them."""
    results, config = folder / "results", PARAMS
    roster = draw_clips(folder / "raw")
    (folder / "params.yaml").write_text(yaml.safe_dump(config))
    media = {kind: results / f"media/{kind}/000.parquet" for kind in KINDS}
    for path in [*media.values(), *(results / f"encoders/{name}/x" for name in config["encoders"])]:
        path.parent.mkdir(parents=True)
    files = {name: folder / "raw" / f"{name}.mov" for name in roster["clip"]}
    prepare_shard(files, config["media"]["samples"], **media)
    clips = gather(roster, [media["probe"]], 0.0)
    (results / "clips").mkdir()
    write_clips(clips, results / "clips/clips.parquet")
    for name, entry in config["encoders"].items():
        made, settings = results / f"encoders/{name}", network_settings(config, name)
        shards = [media[entry["media"]]]
        if entry["learning"] == "frozen":
            embed(settings, clips, shards, folder / f"{name}.parquet", seed=17)
            head = head_settings(config, name)
            heads = made / "heads.safetensors"
            table = fit_head(folder / f"{name}.parquet", clips, head, seed=17, heads=heads)
        else:
            for fold in range(PERSONS):
                paths = {"probabilities": "parquet", "curve": "csv", "weights": "safetensors"}
                train_fold(
                    settings, clips, shards, fold=fold, seed=17, state=folder / "state.pt",
                    **{kind: made / f"fold{fold}.{ending}" for kind, ending in paths.items()},
                )  # fmt: skip
            table = gather_folds([made / f"fold{fold}.parquet" for fold in range(PERSONS)], clips)
        write_probabilities(table, made / "probabilities.parquet")
    tables = {
        name: read_probabilities(results / f"encoders/{name}/probabilities.parquet") for name in config["encoders"]
    }
    families = {name: entry["module"] for name, entry in config["encoders"].items()}
    fused = fuse(tables, clips, FUSION, decoding="expected", families=families, seed=17)
    (results / "fusion").mkdir()
    write_probabilities(fused.probabilities, results / "fusion/probabilities.parquet")
    decided = calibrate(fused.views, fused.probabilities, clips, decoding="expected", personal=PERSONAL, seed=17)
    decided.decisions.to_parquet(folder / "decisions.parquet")
    write_json(results / "metrics.json", {})


def make_with_bundle(folder: Path) -> None:
    """The study, and its bundle in bundle/."""
    make(folder)
    make_bundle(folder, folder / "bundle", "run of lineage")
