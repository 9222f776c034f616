"""Promises of training and embedding on a CUDA device; skipped where there is none."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import small_study
import torch

from blemore.encoders.base import build
from blemore.encoders.embedding import embedded
from blemore.encoders.settings import kinds_of, shards_of
from blemore.learning.training import loop
from blemore.learning.training.loop import train_fold
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

ENCODERS = {
    "s4d": {"module": "vitmoe", "media": "faces"},
    "timesformer": {"module": "timesformer", "media": "body"},
    "videomae": {"module": "videomae", "media": "body"},
    "wav2vec2_finetuned": {"module": "wav2vec2", "media": "audio", "seconds": 0.5},
    "hicmae": {"module": "hicmae", "media": ["faces", "audio"]},
}
FROZEN = {
    "clip": {"module": "image", "media": "faces"},
    "videomae_frozen": {"module": "videomae", "media": "body"},
    "wavlm": {"module": "speech", "media": "audio", "architecture": "wavlm"},
    "hicmae_frozen": {"module": "hicmae", "media": ["faces", "audio"]},
}
RECIPE = {"learning": "finetuned", "scale": "tiny", "epochs": 4, "batch": 8, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    media = {"audio": small_study.write_sound(clips, tmp_path_factory.mktemp("audio"))}
    for kind in ("faces", "body"):
        media[kind] = small_study.write_pictures(clips, tmp_path_factory.mktemp(kind), side=112, kind=kind)
    return clips, media


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the device's lock file


def read_by(settings, media):
    """The prepared files that an encoder reads, kind by kind."""
    return [file for kind in kinds_of(settings) for file in media[kind]]


def run(study, folder, name="s4d", **changes):
    """Train fold 0 into `folder`; the folder."""
    clips, media = study
    settings = {"name": name, **ENCODERS[name], **RECIPE, **changes}
    folder.mkdir(exist_ok=True)
    files = {"probabilities": "rows.parquet", "curve": "curve.csv", "weights": "weights.safetensors"}
    train_fold(
        settings, clips, read_by(settings, media), fold=0, seed=17, state=folder / "state.pt",
        **{kind: folder / file for kind, file in files.items()},
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", ENCODERS)
def test_a_fold_is_trained_on_a_cuda_device(study, tmp_path, name):
    folder = run(study, tmp_path / "out", name, epochs=10, micro_batch=3)
    losses = pd.read_csv(folder / "curve.csv")["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    assert np.isfinite(read_probabilities(folder / "rows.parquet")[list(CLASSES)].to_numpy(float)).all()
    assert torch.cuda.max_memory_allocated() > 0


@pytest.mark.parametrize("name", ENCODERS)
def test_gradient_checkpointing_trains_to_about_the_same_losses(study, tmp_path, name):
    plain = run(study, tmp_path / "plain", name, epochs=2)
    again = run(study, tmp_path / "again", name, epochs=2, gradient_checkpointing=True)
    losses = [pd.read_csv(folder / "curve.csv")["loss"] for folder in (plain, again)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)


def test_an_interrupted_training_goes_on_from_its_last_saved_epoch(study, tmp_path, monkeypatch):
    whole = run(study, tmp_path / "whole")
    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    find_gradients, steps = loop.find_gradients, []

    def breaking(*given):
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return find_gradients(*given)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "find_gradients", breaking)
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "again")
    assert (tmp_path / "again" / "state.pt").exists()
    run(study, tmp_path / "again")
    losses = [pd.read_csv(folder / "curve.csv")["loss"] for folder in (whole, tmp_path / "again")]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)


@pytest.mark.parametrize("name", FROZEN)
def test_features_of_a_gpu_are_those_of_the_cpu(study, name):
    clips, media = study
    settings = {"name": name, **FROZEN[name], "learning": "frozen", "scale": "tiny"}
    wanted = set(clips["clip"])
    there = build(settings, seed="17/x")
    assert there.device.type == "cuda"
    found, _ = embedded(there, shards_of(settings, read_by(settings, media)), wanted, name, workers=2)
    here = build(settings, seed="17/x")
    here.network.cpu()
    here.device = torch.device("cpu")
    expected, _ = embedded(here, shards_of(settings, read_by(settings, media)), wanted, name, workers=1)
    assert set(found) == set(expected) == wanted
    for clip in wanted:
        np.testing.assert_allclose(found[clip], expected[clip], rtol=2e-3, atol=1e-3)


def test_a_training_that_does_not_fit_takes_fewer_clips_at_once_and_says_so(study, tmp_path, caplog):
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_reserved()
    roomy = run(study, tmp_path / "roomy", "videomae", epochs=1, batch=32)
    needed = torch.cuda.max_memory_reserved() - held
    torch.cuda.empty_cache()
    limit = torch.cuda.memory_reserved() + 0.6 * needed
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(0).total_memory)
    try:
        tight = run(study, tmp_path / "tight", "videomae", epochs=1, batch=32)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of device memory, going on with" in caplog.text
    losses = [pd.read_csv(folder / "curve.csv")["loss"] for folder in (roomy, tight)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)


def test_two_jobs_of_one_device_share_it_and_the_second_says_so(tmp_path):
    code = """
import logging
logging.basicConfig(level=logging.WARNING)
from blemore.encoders.device import use_one_thread
print(use_one_thread(), flush=True)
input()
"""
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    jobs = []
    for _ in range(torch.cuda.device_count() + 1):
        jobs.append(subprocess.Popen(command, cwd=tmp_path, **pipes))
        assert jobs[-1].stdout.readline().startswith("cuda:")
    said = [job.communicate("\n")[1] for job in jobs]
    assert "sharing device" in said[-1]
    assert not any("sharing device" in text for text in said[:-1])


def test_the_same_training_twice_ends_in_nearly_the_same_weights(study, tmp_path):
    first, second = (safetensors.torch.load_file(run(study, tmp_path / name) / "weights.safetensors") for name in "ab")
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=0.05, atol=5e-3)
    same = all(torch.equal(second[name], tensor) for name, tensor in first.items())
    print(f"\ntwo trainings on {torch.cuda.get_device_name()}: {'the same' if same else 'NOT the same'} bytes")
