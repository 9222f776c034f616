"""Another data set, bad clips, bad parameters: what a user meets, in real runs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from blemore.challenge.submission import check
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities

from .conftest import Study, clone, executed, only_the_quick_encoder

pytestmark = pytest.mark.slow


def as_blemore(study: Study) -> None:
    """Copy the demo's clips to the real data set's place, and choose that, with one quick encoder."""
    shutil.copytree(study.folder / "data/demo", study.folder / "data/blemore")
    (study.folder / "data/blemore/truth.json").unlink()

    def change(values: dict) -> None:
        values["dataset"] = "blemore"
        values["blemore"]["folds"] = values["demo"]["folds"]
        only_the_quick_encoder(values)

    study.edit_params(change)


@pytest.mark.parametrize("runner", ["snakemake", "dvc"])
def test_with_blemore_nothing_of_the_demo_is_made_or_needed(finished: Study, tmp_path: Path, runner: str) -> None:
    study = clone(tmp_path / "study")
    shutil.copytree(finished.folder / "data/demo", study.folder / "data/demo")
    as_blemore(study)
    shutil.rmtree(study.folder / "data/demo")
    if runner == "snakemake":
        study.submission()
    else:
        study.repro()
    assert not (study.folder / "data/demo").exists()
    assert check(study.folder / "results/submission/submission.zip") == []
    assert not list((study.folder / "results").rglob("*videomae*"))
    nobody_is_told_apart_or_shown(study.folder / "results")
    assert study.would_run() == {}
    assert study.repro() == []


def nobody_is_told_apart_or_shown(results: Path) -> None:
    """Without an approval no face is compared, no transductive file is written, and the page names and shows nobody."""
    assert sorted(path.name for path in (results / "submission").iterdir()) == ["submission.json", "submission.zip"]
    summary = json.loads((results / "individuals/summary.json").read_text())
    assert not summary["active"]
    assert "individuals.approved" in summary["reason"]
    assert pd.read_parquet(results / "individuals/clusters.parquet").empty
    assert not (results / "report/held_back.json").exists()
    page = (results / "report/index.html").read_text()
    assert "data:image/jpeg" not in page
    assert "A901" not in page


def test_blemore_without_its_data_says_what_to_download_and_how_to_import(study: Study) -> None:
    study.edit_params(lambda values: values.update(dataset="blemore"))
    for command in (("snakemake", "submission"), ("dvc", "repro")):
        refused = study.run(*command, check=False)
        text = refused.stdout + refused.stderr
        assert refused.returncode
        assert "zenodo" in text.lower()
        assert "blemore data import" in text


def test_faulty_metadata_is_refused_before_any_work_all_faults_at_once(study: Study) -> None:
    as_blemore(study)
    metadata = study.folder / "data/blemore/train_metadata.csv"
    table = pd.read_csv(metadata)
    table = table[table["filename"] != "A901_ang_int4_ver1"].replace({"emotion_1": {"hap": "joy"}})
    table.to_csv(metadata, index=False)
    refused = study.run("snakemake", "submission", check=False)
    text = refused.stdout + refused.stderr
    assert refused.returncode
    assert "A901_ang_int4_ver1" in text
    assert "joy" in text
    assert executed(text) == []


def test_a_switch_sets_bad_clips_aside_predicts_bad_test_clips_and_leaves_no_old_file(study: Study) -> None:
    as_blemore(study)
    folder = study.folder / "data/blemore"
    (folder / "train/A901_ang_int4_ver1.mov").write_bytes(b"")
    clip = folder / "test/test_0001.mov"
    clip.write_bytes(clip.read_bytes()[:3000])
    study.edit_params(lambda values: values["media"].update(max_bad_share=0.05, shards=1))
    log = study.submission()
    assert [path.name for path in (study.folder / "results/media/faces").iterdir()] == ["000.parquet"]
    assert [path.name for path in (study.folder / "results/encoders").iterdir()] == ["face_geometry"]
    assert not (study.folder / "results/report/held_back.json").exists()
    assert study.would_run() == {}
    shutil.rmtree(study.folder / "data/demo")
    study.run("blemore", "lineage", "verify")
    listed = pd.read_csv(study.folder / "results/clips/quarantine.csv")
    assert set(listed["clip"]) == {"A901_ang_int4_ver1", "test_0001"}
    assert listed["quarantine"].str.len().min() > 0
    assert "2 clip(s)" in log
    predictions = json.loads((study.folder / "results/submission/submission.json").read_text())["predictions"]
    assert predictions["test_0001.mov"]
    study.edit_params(lambda values: values["media"].update(max_bad_share=0.0))
    stopped = study.run("snakemake", "submission", check=False)
    assert stopped.returncode
    assert "A901_ang_int4_ver1" in stopped.stdout + stopped.stderr


def save_checkpoints(folder: Path) -> None:
    """Small networks in the real formats: folders as transformers saves them, a state dict as timm does."""
    from blemore.encoders.torch_compat import torch

    # isort: split
    import timm
    from safetensors.torch import save_file
    from transformers import TimesformerConfig, TimesformerForVideoClassification, WavLMConfig, WavLMModel

    torch.manual_seed(1)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    body = TimesformerConfig(image_size=32, num_frames=4, num_labels=400, **small)
    TimesformerForVideoClassification(body).save_pretrained(folder / "timesformer")
    WavLMModel(WavLMConfig(conv_dim=(16,) * 7, num_conv_pos_embeddings=16, **small)).save_pretrained(folder / "wavlm")
    save_file(timm.create_model("test_vit.r160_in1k", num_classes=10).state_dict(), folder / "test_vit.safetensors")


def check_bundle(study: Study) -> None:
    """A bundle holds the checkpoints that its networks start from, says that their licences are not known, and gives test clips the study's bytes."""
    study.run("blemore", "bundle", "bundle")
    (study.folder / "weights").rename(study.folder / "away")
    clips = sorted((study.folder / "data/demo/test").glob("*.mov"))
    found = json.loads(study.run("blemore", "predict", "--bundle", "bundle", "--json", *map(str, clips[:2])).stdout)
    (study.folder / "away").rename(study.folder / "weights")
    fused = read_probabilities(study.folder / "results/fusion/probabilities.parquet").set_index("clip")
    for clip in found["clips"]:
        assert clip["probabilities"] == fused.loc[clip["clip"], list(CLASSES)].to_dict()
    card = (study.folder / "bundle/README.md").read_text()
    assert card.count("unknown: read it before use") == 3  # checkpoints of one's own


def test_a_study_at_full_scale_loads_its_checkpoints_and_follows_their_content(study: Study) -> None:
    checkpoints = {"timesformer": "timesformer", "wavlm": "wavlm", "clip": "test_vit.safetensors"}
    save_checkpoints(study.folder / "weights")

    def change(values: dict) -> None:
        values["weights"] = "pretrained"
        for name, entry in values["encoders"].items():
            entry["enabled"] = name in checkpoints
            if name in checkpoints:
                entry["pretrained"]["checkpoint"] = f"weights/{checkpoints[name]}"
        values["encoders"]["timesformer"]["pretrained"].update(epochs=1, batch=4, micro_batch=2)
        values["encoders"]["wavlm"]["pretrained"]["layers"] = [1, 2]
        values["encoders"]["clip"]["pretrained"]["architecture"] = "test_vit.r160_in1k"

    study.edit_params(change)
    study.submission()
    assert study.would_run() == {}
    metrics = json.loads((study.folder / "results/metrics.json").read_text())
    origins = {name: entry["origin"] for name, entry in metrics["encoders"].items()}
    assert origins == {"timesformer": "finetuned", "wavlm": "pretrained", "clip": "pretrained"}
    licences = json.loads((study.folder / "results/licences.json").read_text())
    assert len(licences["encoders"]["clip"]["files"]["test_vit.safetensors"]) == 64
    check_bundle(study)
    path = study.folder / "weights/wavlm/model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    jobs = study.would_run()
    assert (jobs["embed_clips"], jobs["fit_head"], jobs["licences"]) == (1, 1, 1)
    assert "train_fold" not in jobs
    path.write_bytes(path.read_bytes()[:1000])
    refused = study.run("snakemake", "submission", check=False)
    assert refused.returncode
    assert "weights/wavlm/model.safetensors" in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values["fusion"].update(l3=0.1), ["fusion.l3"]),
        (lambda values: values["media"].update(shards="many"), ["media.shards"]),
        (lambda values: values["encoders"]["videomae"]["tiny"].update(epochs=0), ["encoders.videomae.tiny.epochs"]),
    ],
)
def test_a_wrong_parameter_is_refused_before_any_work(study: Study, change, words: list[str]) -> None:
    study.edit_params(change)
    refused = study.run("snakemake", "-n", check=False)
    assert refused.returncode
    assert all(word in refused.stdout + refused.stderr for word in words)
