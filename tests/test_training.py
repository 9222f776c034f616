"""Promises of the training loop: the held-out fold stays unseen, an interruption leaves no trace."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import small_study
import torch
from small_training import run, sets_of

from blemore.encoders import vitmoe
from blemore.encoders.pictures import Pictures
from blemore.learning.folds import gather_folds, join_curves
from blemore.learning.training import loop as training
from blemore.learning.training import state as training_state
from blemore.learning.training.media import read_media
from blemore.learning.training.recipe import Recipe, half_precision
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities
from joblineage import declare
from joblineage.errors import DataError
from joblineage.files import sealed


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(vitmoe, "TINY_PICTURES", Pictures(count=8, size=32, time_first=False))
    monkeypatch.setattr(vitmoe, "TINY", {"dim": 32, "depth": 2, "heads": 2, "patch": 8, "experts": 4})


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    return clips, small_study.write_pictures(clips, tmp_path_factory.mktemp("faces"), side=32)


def breaking_at(step, monkeypatch):
    """Within the context, training stops like a killed one at its `step`."""
    steps = []
    find_gradients = training.find_gradients

    def breaking(*given):
        steps.append(1)
        if len(steps) == step:
            raise KeyboardInterrupt
        return find_gradients(*given)

    monkeypatch.setattr(training, "find_gradients", breaking)


def test_a_fold_s_table_holds_its_train_clips_and_all_test_clips(study, tmp_path):
    clips, _ = study
    run(study, tmp_path, epochs=1)
    table = read_probabilities(tmp_path / "rows.parquet")
    assert table["clip"].tolist() == sorted(clips.loc[(clips["fold"] == 0) | (clips["split"] == "test"), "clip"])
    assert table.loc[table["split"] == "test", "person"].isna().all()
    assert (table.loc[table["split"] == "test", "fold"] == -1).all()
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert list(curve.columns) == ["epoch", "loss", "inner_loss", "learning_rate"]
    assert curve["inner_loss"].isna().all()
    assert "head.video.weight" in safetensors.torch.load_file(tmp_path / "weights.safetensors")


def test_no_person_of_the_held_out_fold_nor_a_test_clip_is_trained_on(study, tmp_path, monkeypatch):
    clips, shards = study
    seen = sets_of(monkeypatch)
    run(study, tmp_path, fold=1, epochs=1)
    learned = clips[(clips["split"] == "train") & (clips["fold"] == 0)].sort_values("clip")
    assert set(learned["person"]) == {"A900", "A902"}
    expected = read_media(shards, learned["clip"], vitmoe.TINY_PICTURES)
    np.testing.assert_array_equal(np.stack(seen[0][0].clips), np.stack(expected))
    assert len(seen[0][1]) == 0


@pytest.mark.thorough
@pytest.mark.parametrize("stopping", [{}, {"early_stopping": {"persons": 0.5, "patience": 4}}], ids=["fixed", "early"])
def test_an_interrupted_training_ends_in_the_same_bytes(study, tmp_path, monkeypatch, stopping):
    whole = run(study, tmp_path / "whole", **stopping)
    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)
    batches = 1 if stopping else 2
    with monkeypatch.context() as patched:
        breaking_at(2 * batches + 1, patched)  # the first step of the third epoch
        with pytest.raises(KeyboardInterrupt):
            run(study, tmp_path / "broken", **stopping)
    assert (tmp_path / "broken" / "state.pt").exists()
    seeds = []
    seed_of = training.seed_of
    monkeypatch.setattr(training, "seed_of", lambda name: seeds.append(name) or seed_of(name))
    assert run(study, tmp_path / "broken", **stopping) == whole
    assert "17/s4d/fold0/epoch3" in seeds
    assert "17/s4d/fold0/epoch2" not in seeds
    seeds.clear()
    assert run(study, tmp_path / "broken", **stopping) == whole  # a finished one is not trained again
    assert not [name for name in seeds if "epoch" in name]


@pytest.mark.thorough
@pytest.mark.parametrize("damage", ["noise in the weights", "cut", "empty"])
def test_a_state_that_is_not_as_it_was_written_is_not_resumed_and_said(study, tmp_path, caplog, damage):
    whole = run(study, tmp_path / "whole", epochs=1)
    path = tmp_path / "whole" / "state.pt"
    declare.begin()
    assert run(study, tmp_path / "whole", epochs=1) == whole
    assert declare.taken(list) == [{"path": str(path), "sha256": sealed(path)}]
    if damage == "noise in the weights":
        kept = torch.load(path, weights_only=True)
        kept["network"] = {name: tensor + 1 for name, tensor in kept["network"].items()}
        torch.save(kept, path)
    else:
        path.write_bytes(path.read_bytes()[:-100] if damage == "cut" else b"")
    declare.begin()
    assert run(study, tmp_path / "whole", epochs=1) == whole
    assert declare.taken(list) is None
    assert "state.pt: not as it was written; the training starts again" in caplog.text
    declare.forget()


@pytest.mark.thorough
def test_the_state_of_another_training_is_ignored(study, tmp_path, monkeypatch):
    whole = run(study, tmp_path / "whole", epochs=2)
    run(study, tmp_path / "other", epochs=2, seed=18)
    assert (tmp_path / "other" / "state.pt").exists()
    assert run(study, tmp_path / "other", epochs=2) == whole


class Part:
    """Something with a state."""

    def __init__(self, value: float):
        self.value = torch.full((50,), value)

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, kept):
        self.value = kept["value"]


@pytest.mark.parametrize("damage", ["none", "cut", "emptied", "zeros", "one other byte", "foreign"])
def test_a_damaged_state_is_never_gone_on_from(tmp_path, damage):
    path = tmp_path / "state.pt"
    training_state.TrainingState(path, "one", {"network": Part(1.0)}).save()
    data = path.read_bytes()
    other = {"none": data, "cut": data[:-40], "emptied": b"", "zeros": bytes(len(data)), "foreign": b"<html>" * 30}
    path.write_bytes(other.get(damage, data[:300] + bytes([data[300] ^ 1]) + data[301:]))
    part = Part(0.0)
    training_state.TrainingState(path, "one", {"network": part}).load()
    assert part.value.unique().tolist() == ([1.0] if damage == "none" else [0.0])


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


def test_a_clip_without_pictures_is_named(study):
    clips, shards = study
    with pytest.raises(DataError, match="clip A900_0: not in the prepared files"):
        read_media(shards[1:], clips["clip"], vitmoe.TINY_PICTURES)


def test_more_threads_read_the_same_clips_in_the_same_order(study):
    clips, shards = study
    one, three = (read_media(shards, clips["clip"], vitmoe.TINY_PICTURES, workers=workers) for workers in (1, 3))
    np.testing.assert_array_equal(np.stack(one), np.stack(three))


@pytest.mark.thorough
def test_gradient_checkpointing_changes_nothing_but_rounding(study, tmp_path):
    weights = [
        safetensors.torch.load(run(study, tmp_path / str(on), epochs=1, gradient_checkpointing=on)["weights"])
        for on in (False, True)
    ]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_training_step_does_not_wait_for_torch_s_compiler():
    code = """
import sys
from types import SimpleNamespace
from blemore.encoders.vitmoe import TINY, ViTMoE
from blemore.encoders.pictures import Pictures
from blemore.learning.training.recipe import Recipe
import torch
network = ViTMoE(6, pictures=Pictures(2, 16, time_first=False), **TINY)
optimizer = Recipe(1, 1, 1e-3).optimizer(network)
network(torch.zeros(1, 3, 2, 16, 16)).sum().backward()
torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
assert "torch._dynamo.eval_frame" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_torch_s_compiler_is_there_for_whoever_asks():
    assert callable(torch._dynamo.reset)
    assert "torch._dynamo.eval_frame" in sys.modules


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


def test_the_curves_of_all_folds_are_joined_with_and_without_inner_losses(tmp_path):
    paths = [tmp_path / encoder / "fold0.csv" for encoder in ("s4d", "videomae")]
    for path, inner in zip(paths, (None, 1.9), strict=True):
        path.parent.mkdir()
        pd.DataFrame([training_state.Row(1, 1.7, inner, 1e-3)]).to_csv(path, index=False)
    table = join_curves(paths)
    assert list(table.columns) == ["encoder", "fold", "epoch", "loss", "inner_loss", "learning_rate"]
    assert table["inner_loss"].isna().tolist() == [True, False]
    assert join_curves([]).columns.tolist() == list(table.columns)


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
