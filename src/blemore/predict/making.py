"""A finished study as one folder for new clips: `blemore bundle`.

The encoders' models are taken as the study kept them. Fusion, decoder and personal model are fitted again, by the study's own
functions, on its stored out-of-fold tables: without services and tables from outside, which a bundle cannot run.
"""

import shutil
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from blemore.decide.chains import INDUCTIVE
from blemore.decide.run import VARIANTS, calibrate
from blemore.encoders.settings import enabled_encoders, head_settings, network_settings, weights_settings
from blemore.encoders.weight_files import CONFIG, weight_files
from blemore.evaluate.summary import without_salience
from blemore.fusion.run import Fused, fuse
from blemore.params.families import family
from blemore.predict.card import card
from blemore.predict.contents import ABOUT, CARD, FORMAT, FUSION, write_fusion, write_manifest
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import entry
from blemore.scoring.rows import Rows
from blemore.tables import labelled, read_clips, read_probabilities
from blemore.weights.catalogue import licences
from joblineage.errors import DataError, MissingDataError, refuse
from joblineage.files import read_yaml, write_json, write_text

CANNOT = {
    "service": "a service computes it, and a bundle sends no clip anywhere",
    "outside": "it was made elsewhere, so that nothing here can make it of a new clip",
}
"""Kinds of families that a bundle cannot run, and why."""
LIBRARIES = ("torch", "transformers", "timm", "numpy", "av", "opencv-python-headless", "safetensors")


def make_bundle(
    study: Path, out: Path, lineage: str | None = None, step: Callable[[str], None] = lambda done: None
) -> None:
    """Write the bundle of a finished study, whole or not at all.

    Parameters
    ----------
    study : its folder.
    out : the folder to write; must not exist.
    lineage : id of the study's last run, under which its records prove where every file came from.
    step : called with what was done, part by part.

    Raises
    ------
    MissingDataError : the study is not finished, or was made before heads were kept.
    DataError : `out` exists; no encoder can be bundled; without an encoder left out, the fused table is not the study's.
    """
    if out.exists():
        raise DataError(str(out), ["exists already: a bundle is never written over, name another folder"])
    if not (study / "results/metrics.json").is_file():
        raise MissingDataError(str(study), ["no finished study is here: `make submission` makes one"])
    config = read_yaml(study / "params.yaml")
    names, left_out = bundled(config)
    clips = read_clips(study / "results/clips/clips.parquet")
    with threadpool_limits(1):  # as the study's jobs
        refitted = _refitted(study, config, names, clips)
    if not left_out:
        _compare(refitted[0], study)
    step("fusion, decoder and personal model fitted")
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        part, encoders = Path(folder, out.name), {}
        for name in names:
            encoders[name] = _copy_encoder(study, config, name, part)
            step(name)
        write_fusion(part / FUSION, refitted[0].final)
        about = _about(config, clips, encoders, left_out, refitted, lineage)
        terms = licences(weights_settings(config, name) for name in names)
        write_json(part / ABOUT, about)
        write_json(part / "licences.json", terms)
        write_text(part / CARD, card(about, terms))
        write_manifest(part)
        part.rename(out)


def bundled(config: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Names of the encoders that a bundle of the study can hold, sorted, and {name: why not} of the others."""
    names, left_out = [], {}
    for name in sorted(enabled_encoders(config)):
        entry = config["encoders"][name]
        kind = "outside" if entry["learning"] == "given" else family(entry["module"]).kind
        if kind in CANNOT:
            left_out[name] = CANNOT[kind]
        else:
            names.append(name)
    if not names:
        raise DataError("bundle", [f"no encoder is left: {name}: {why}" for name, why in left_out.items()])
    return names, left_out


def _refitted(
    study: Path, config: Mapping[str, Any], names: list[str], clips: pd.DataFrame
) -> tuple[Fused, Mapping[str, Any], dict[str, Any]]:
    """Fusion, models and honest scores of the encoders `names`, from their stored tables."""
    tables = {name: read_probabilities(study / f"results/encoders/{name}/probabilities.parquet") for name in names}
    families = {name: config["encoders"][name]["module"] for name in names}
    seed, decoding = config["seed"], config["decoding"]
    fused = fuse(tables, clips, config["fusion"], decoding=decoding, families=families, seed=seed)
    personal = config["calibration"]["personal"]
    calibrated = calibrate(fused.views, fused.probabilities, clips, decoding=decoding, personal=personal, seed=seed)
    rows = Rows.of(labelled(clips))
    train = calibrated.decisions[calibrated.decisions["split"] == "train"]
    scores = {name: entry(rows, rows.lookup(train[train["variant"] == name])) for name in VARIANTS}
    scores = without_salience(scores, scores[INDUCTIVE]["blends"])
    return fused, {name: calibrated.models[name]["final"] for name in VARIANTS}, scores


def _compare(fused: Fused, study: Path) -> None:
    """Refuse a fusion that is not the study's own, where all of its encoders are fused."""
    path = study / "results/fusion/probabilities.parquet"
    theirs, ours = read_probabilities(path), fused.probabilities
    same = theirs["clip"].tolist() == ours["clip"].tolist()
    if not same or not np.array_equal(theirs[list(CLASSES)].to_numpy(), ours[list(CLASSES)].to_numpy()):
        text = "is not what the study's parameters and tables give here; `snakemake -n` says what is out of date"
        raise DataError(str(path), [f"{text}, on the machine that made it"])


def _copy_encoder(study: Path, config: Mapping[str, Any], name: str, out: Path) -> dict[str, Any]:
    """Copy an encoder's models, and the checkpoint that its network starts from; what bundle.json says of it."""
    network, learning = network_settings(config, name), config["encoders"][name]["learning"]
    folds = config[config["dataset"]]["folds"]
    parts = ["heads"] if learning == "frozen" else [f"fold{fold}" for fold in range(folds)]
    files = [study / f"results/encoders/{name}/{part}.safetensors" for part in parts]
    absent = [f"{file}: is not there" for file in files if not file.is_file()]
    advice = "models are kept by studies of this version on: run the study again (`make submission`)"
    if absent:
        raise MissingDataError(f"encoder {name}", [f"{fault}; {advice}" for fault in absent])
    folder = out / "encoders" / name
    folder.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)
    if "checkpoint" in network:
        network = {key: value for key, value in network.items() if key not in ("revision", "sha256")}
        network["checkpoint"] = _copy_checkpoint(study, network_settings(config, name), out)
    return {"network": network, "head": head_settings(config, name) if learning == "frozen" else None}


def _copy_checkpoint(study: Path, settings: Mapping[str, Any], out: Path) -> str:
    """Copy a checkpoint, its weights as safetensors; its path in the bundle."""
    from safetensors.torch import save_file

    from blemore.encoders.checkpoints import load_tensors

    here = study / settings["checkpoint"]
    files = weight_files({**settings, "checkpoint": str(here) if here.exists() else settings["checkpoint"]})
    refuse(f"encoder {settings['name']}", [] if files else [f"no weights {settings['checkpoint']} on this machine"])
    folder = Path("weights", settings["name"], Path(settings["checkpoint"]).stem)
    (out / folder).mkdir(parents=True)
    for file in files:
        if file.name == CONFIG:
            shutil.copyfile(file, out / folder / CONFIG)
        elif file.suffix == ".safetensors":
            shutil.copyfile(file, out / folder / "model.safetensors")
        else:
            tensors = {key: value.contiguous().clone() for key, value in load_tensors(file).items()}
            save_file(tensors, out / folder / "model.safetensors", metadata={"format": "pt"})
    one_file = family(settings["module"]).form != "folder"
    return (folder / "model.safetensors" if one_file else folder).as_posix()


def _about(
    config: Mapping[str, Any],
    clips: pd.DataFrame,
    encoders: Mapping[str, Any],
    left_out: Mapping[str, str],
    refitted: tuple[Fused, Mapping[str, Any], Mapping[str, Any]],
    lineage: str | None,
) -> dict[str, Any]:
    """What bundle.json says."""
    fused, models, scores = refitted
    train = labelled(clips)
    return {
        "format": FORMAT,
        "blemore": metadata.version("blemore"),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        **{key: config[key] for key in ("dataset", "weights", "seed")},
        "folds": config[config["dataset"]]["folds"],
        "media": config["media"]["samples"],
        "encoders": dict(encoders),
        "left_out": dict(left_out),
        "fusion": {"method": fused.final.name, "encoders": list(fused.encoders), "weights": fused.weights["final"]},
        "models": models,
        "scores": {**scores, "decides": INDUCTIVE},
        "learned_from": {
            "clips": len(train),
            "persons": int(train["person"].nunique()),
            "seconds": [float(train["duration"].min()), float(train["duration"].max())],
        },
        "parameters": {key: config[key] for key in ("fusion", "decoding", "calibration")},
        "lineage": lineage,
    }
