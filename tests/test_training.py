"""Promises of the training loop: the held-out fold stays unseen, an interruption leaves no trace."""

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import small_study
import torch

from blemore import training
from blemore.augmentation import augment
from blemore.encoders import vitmoe
from blemore.encoders.base import Pictures
from blemore.errors import DataError
from blemore.folds import gather_folds
from blemore.labels import CLASSES
from blemore.recipe import Recipe, half_precision
from blemore.tables import read_probabilities

SETTINGS = {
    "name": "s4d", "module": "vitmoe", "media": "faces", "learning": "finetuned", "scale": "tiny",
    "epochs": 4, "batch": 8, "learning_rate": 1e-3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(vitmoe, "TINY_PICTURES", Pictures(count=8, size=32, time_first=False))
    monkeypatch.setattr(vitmoe, "TINY", {"dim": 32, "depth": 2, "heads": 2, "patch": 8, "experts": 4})


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    return clips, small_study.write_pictures(clips, tmp_path_factory.mktemp("faces"), side=32)


def run(study, folder, *, fold=0, seed=17, **settings):
    """Train one fold into `folder`; returns the bytes of what was written."""
    clips, shards = study
    folder.mkdir(exist_ok=True)
    files = {"probabilities": "rows.parquet", "curve": "curve.csv", "weights": "weights.safetensors"}
    training.train_fold(
        SETTINGS | settings, clips, shards, fold=fold, seed=seed, state=folder / "state.pt",
        **{kind: folder / name for kind, name in files.items()},
    )  # fmt: skip
    return {kind: (folder / name).read_bytes() for kind, name in files.items()}


def test_a_fold_s_table_holds_its_train_clips_and_all_test_clips(study, tmp_path):
    clips, _ = study
    run(study, tmp_path, epochs=1)
    table = read_probabilities(tmp_path / "rows.parquet")
    assert table["clip"].tolist() == sorted(clips.loc[(clips["fold"] == 0) | (clips["split"] == "test"), "clip"])
    assert table.loc[table["split"] == "test", "person"].isna().all()
    assert (table.loc[table["split"] == "test", "fold"] == -1).all()
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert list(curve.columns) == ["epoch", "loss", "learning_rate"]
    assert "head.video.weight" in safetensors.torch.load_file(tmp_path / "weights.safetensors")
    assert not (tmp_path / "state.pt").exists()


def test_no_person_of_the_held_out_fold_nor_a_test_clip_is_trained_on(study, tmp_path, monkeypatch):
    clips, shards = study
    seen = []
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda network, pictures, *rest, **options: seen.append(pictures) or
                        fit(network, pictures, *rest, **options))  # fmt: skip
    run(study, tmp_path, fold=1, epochs=1)
    learned = clips[(clips["split"] == "train") & (clips["fold"] == 0)].sort_values("clip")
    assert set(learned["person"]) == {"A900", "A902"}
    expected = training.read_pictures(shards, learned["clip"], vitmoe.TINY_PICTURES)
    assert torch.equal(seen[0], expected)


def test_an_interrupted_training_ends_in_the_same_bytes(study, tmp_path, monkeypatch):
    whole = run(study, tmp_path / "whole")
    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)
    changes = []

    def breaking(clips, generator):
        changes.append(1)
        if len(changes) == 2 * 2 + 2:  # two batches an epoch: in the middle of the third epoch
            raise KeyboardInterrupt
        return augment(clips, generator)

    with monkeypatch.context() as patched:
        patched.setattr(training, "augment", breaking)
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "broken")
    assert (tmp_path / "broken" / "state.pt").exists()
    epochs = []
    seed_of = training.seed_of
    monkeypatch.setattr(training, "seed_of", lambda name: epochs.append(name) or seed_of(name))
    assert run(study, tmp_path / "broken") == whole
    assert "17/s4d/fold0/epoch3" in epochs
    assert "17/s4d/fold0/epoch2" not in epochs
    assert not (tmp_path / "broken" / "state.pt").exists()


def test_the_state_of_another_training_is_ignored(study, tmp_path, monkeypatch):
    whole = run(study, tmp_path / "whole", epochs=2)
    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    run(study, tmp_path / "other", epochs=2, seed=18)
    assert (tmp_path / "other" / "state.pt").exists()
    assert run(study, tmp_path / "other", epochs=2) == whole


def test_two_trainings_give_the_same_bytes_and_another_seed_or_fold_does_not(study, tmp_path):
    first = run(study, tmp_path / "first", epochs=1)
    assert run(study, tmp_path / "second", epochs=1) == first
    assert run(study, tmp_path / "third", epochs=1, seed=18)["weights"] != first["weights"]
    assert run(study, tmp_path / "fourth", epochs=1, fold=1)["weights"] != first["weights"]


def test_the_loss_falls_on_spots_that_tell_the_class(study, tmp_path):
    run(study, tmp_path, epochs=20, learning_rate=3e-3)
    losses = pd.read_csv(tmp_path / "curve.csv")["loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


def test_the_balance_loss_is_part_of_what_is_learned(study, tmp_path, monkeypatch):
    with_balance = run(study, tmp_path / "with", epochs=1)
    monkeypatch.setattr(vitmoe, "BALANCE", 0.0)
    without = run(study, tmp_path / "without", epochs=1)
    weights = [safetensors.torch.load(outputs["weights"]) for outputs in (with_balance, without)]
    name = "blocks.1.moe_layer.router.topkroute_linear.weight"
    assert not torch.equal(weights[0][name], weights[1][name])


def test_a_clip_without_pictures_is_named(study, tmp_path):
    clips, shards = study
    with pytest.raises(DataError, match="clip A900_0: no pictures"):
        training.read_pictures(shards[1:], clips["clip"], vitmoe.TINY_PICTURES)


def test_folds_are_gathered_to_one_row_per_train_clip_and_the_mean_of_test_rows(study, tmp_path):
    clips, _ = study
    paths = []
    for fold in (0, 1):
        run(study, tmp_path / str(fold), fold=fold, epochs=1)
        paths.append(tmp_path / str(fold) / "rows.parquet")
    table = gather_folds(paths, clips)
    assert table["clip"].tolist() == sorted(clips["clip"])
    parts = [read_probabilities(path).set_index("clip") for path in paths]
    table = table.set_index("clip")
    mean = (parts[0].loc["test_0001", list(CLASSES)] + parts[1].loc["test_0001", list(CLASSES)]) / 2
    np.testing.assert_allclose(table.loc["test_0001", list(CLASSES)].astype(float), mean.astype(float))
    np.testing.assert_allclose(table.loc["A900_0", list(CLASSES)].astype(float),
                               parts[0].loc["A900_0", list(CLASSES)].astype(float))  # fmt: skip
    with pytest.raises(DataError, match="clip A901_0: in 0 tables, expected in 1"):
        gather_folds(paths[:1], clips)


def test_augmentation_treats_all_frames_alike_and_never_turns_a_clip_upside_down():
    generator = torch.Generator().manual_seed(0)
    ramp = torch.linspace(0.2, 0.8, 32).view(32, 1).expand(32, 32)  # darker above
    clips = ramp.expand(12, 4, 3, 32, 32).contiguous()
    changed = augment(clips, generator)
    assert torch.equal(changed[:, :1].expand_as(changed), changed)
    assert (changed[..., -1, :] > changed[..., 0, :]).all()
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert len({tuple(clip.flatten().tolist()) for clip in changed}) == 12


def test_about_half_of_the_clips_are_mirrored():
    clips = torch.linspace(0.2, 0.8, 32).expand(200, 1, 3, 32, 32).contiguous()
    changed = augment(clips, torch.Generator().manual_seed(0))
    mirrored = (changed[..., 0] > changed[..., -1]).flatten(1).all(1).float().mean()
    assert 0.4 < mirrored < 0.6


def test_the_learning_rate_rises_then_falls_to_nearly_nothing():
    recipe = Recipe(epochs=1, batch=1, learning_rate=1.0, warm_up=0.1)
    factors = [recipe.factor(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert np.argmax(factors) in (9, 10)
    assert all(np.diff(factors[10:]) < 0)
    assert factors[-1] < 1e-3


def test_layer_decay_slows_lower_layers_and_biases_are_not_decayed():
    network = vitmoe.ViTMoE(6, pictures=vitmoe.TINY_PICTURES, **vitmoe.TINY)
    optimizer = Recipe(1, 1, 1e-3, weight_decay=0.1, layer_decay=0.5).optimizer(network)
    of = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    assert of[id(network.head["video"].weight)]["lr"] == pytest.approx(1e-3)
    assert of[id(network.patch_embed.proj.weight)]["lr"] == pytest.approx(1e-3 * 0.5**3)
    assert of[id(network.head["video"].weight)]["weight_decay"] == 0.1
    assert of[id(network.blocks[0].norm1.weight)]["weight_decay"] == 0.0
    assert len(of) == sum(1 for _ in network.parameters())


def test_a_cpu_is_never_asked_for_half_precision():
    assert half_precision(torch.device("cpu")) is None
