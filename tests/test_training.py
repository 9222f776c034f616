"""Promises of the training loop: the held-out fold stays unseen, an interruption leaves no trace."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import small_study
import torch
from hypothesis import given
from hypothesis import strategies as st

from blemore.encoders import vitmoe
from blemore.encoders.ahead import prefetched
from blemore.encoders.network import Network
from blemore.encoders.pictures import Pictures
from blemore.encoders.sound import Sound
from blemore.learning.folds import gather_folds, join_curves
from blemore.learning.training import loop as training
from blemore.learning.training import state as training_state
from blemore.learning.training.data import Examples
from blemore.learning.training.media import read_media
from blemore.learning.training.recipe import EarlyStopping, Recipe, half_precision
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities
from joblineage.errors import DataError

SETTINGS = {
    "name": "s4d", "module": "vitmoe", "media": "faces", "learning": "finetuned", "scale": "tiny",
    "epochs": 4, "batch": 8, "learning_rate": 1e-3,
}  # fmt: skip


class Ear(Network):
    """As small a network of sound as can be; says that memory is full when it sees more than `most` clips."""

    def __init__(self, most=1000):
        super().__init__()
        self.preprocessing = Sound(seconds=0.25)
        self.depth = 1
        self.most = most
        self.seen = []
        self.stem = torch.nn.Conv1d(1, 16, 400, 200)
        self.head = torch.nn.Linear(16, len(CLASSES))

    def layer_of(self, name):
        return 0 if name.startswith("stem") else 2

    def auxiliary_loss(self):
        return 0.1 * self.activity

    def forward(self, x):
        self.seen.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        hidden = self.stem(x[:, None]).relu().mean(dim=2)  # (B, 16)
        self.activity = hidden.square().mean()
        return self.head(hidden)


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr(vitmoe, "TINY_PICTURES", Pictures(count=8, size=32, time_first=False))
    monkeypatch.setattr(vitmoe, "TINY", {"dim": 32, "depth": 2, "heads": 2, "patch": 8, "experts": 4})


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    return clips, small_study.write_pictures(clips, tmp_path_factory.mktemp("faces"), side=32)


@pytest.fixture(scope="module")
def heard(study, tmp_path_factory):
    return study[0], small_study.write_sound(study[0], tmp_path_factory.mktemp("audio"))


@pytest.fixture
def ear(monkeypatch):
    """Trainings are of an `Ear`; says of how many clips at most."""

    def fill(most=1000):
        def build(settings, seed):
            torch.manual_seed(0)
            return Ear(most)

        monkeypatch.setattr(training, "build", build)

    fill()
    return fill


def run(study, folder, *, fold=0, seed=17, **changes):
    """Train one fold into `folder`; returns the bytes of what was written."""
    clips, shards = study
    folder.mkdir(exist_ok=True)
    files = {"probabilities": "rows.parquet", "curve": "curve.csv", "weights": "weights.safetensors"}
    training.train_fold(
        SETTINGS | changes, clips, shards, fold=fold, seed=seed, state=folder / "state.pt",
        **{kind: folder / name for kind, name in files.items()},
    )  # fmt: skip
    return {kind: (folder / name).read_bytes() for kind, name in files.items()}


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


def sets_of(monkeypatch):
    """What `fit` is given to learn from and to stop by, training by training."""
    seen = []
    fit = training.fit
    monkeypatch.setattr(
        training,
        "fit",
        lambda network, **given: seen.append((given["learned"], given["inner"])) or fit(network, **given),
    )
    return seen


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
def test_the_state_of_another_training_is_ignored(study, tmp_path, monkeypatch):
    whole = run(study, tmp_path / "whole", epochs=2)
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


def test_a_clip_without_pictures_is_named(study):
    clips, shards = study
    with pytest.raises(DataError, match="clip A900_0: not in the prepared files"):
        read_media(shards[1:], clips["clip"], vitmoe.TINY_PICTURES)


def test_more_threads_read_the_same_clips_in_the_same_order(study):
    clips, shards = study
    one, three = (read_media(shards, clips["clip"], vitmoe.TINY_PICTURES, workers=workers) for workers in (1, 3))
    np.testing.assert_array_equal(np.stack(one), np.stack(three))


@pytest.mark.thorough
def test_a_network_of_sound_learns_pitches_from_clips_of_all_lengths(heard, tmp_path, ear):
    run(heard, tmp_path, epochs=40, learning_rate=1e-2)
    losses = pd.read_csv(tmp_path / "curve.csv")["loss"]
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]
    assert len(read_probabilities(tmp_path / "rows.parquet")) == 16 + 4
    assert len({len(clip) for clip in read_media(heard[1], heard[0]["clip"], Sound())}) > 1


def test_the_gradients_of_a_batch_do_not_depend_on_how_many_clips_are_computed_at_once():
    torch.manual_seed(0)
    network = Ear().double()
    network.auxiliary_loss = lambda: 0.1 * network.activity
    network.preprocessing = SimpleNamespace(finished=lambda batch, changes: batch * changes)
    batch, gains = torch.randn(7, 4000).double(), torch.rand(7, 1).double()
    labels = torch.rand(7, 6).double().softmax(dim=1)
    scaler = torch.amp.GradScaler("cpu", enabled=False)

    def found(size):
        loss = training.find_gradients(size, network, batch, gains, labels, scaler, "a")
        return [loss, *(parameter.grad.clone() for parameter in network.parameters())]

    whole = found(7)
    assert all(tensor.abs().max() > 0 for tensor in whole)
    for size in (1, 3, 4):
        torch.testing.assert_close(found(size), whole, rtol=1e-5, atol=1e-7)
    assert network.seen == [7, *[1] * 7, 3, 3, 1, 4, 3]


def test_out_of_device_memory_means_fewer_clips_at_once_and_the_same_training(heard, tmp_path, ear, caplog):
    wanted = run(heard, tmp_path / "small", micro_batch=2)
    ear(3)
    caplog.clear()
    got = run(heard, tmp_path / "full")
    assert got["weights"] == wanted["weights"]
    assert got["curve"] == wanted["curve"]
    tables = [read_probabilities(tmp_path / name / "rows.parquet") for name in ("small", "full")]
    assert tables[0]["clip"].tolist() == tables[1]["clip"].tolist()
    np.testing.assert_allclose(*(table[list(CLASSES)].to_numpy(float) for table in tables), atol=1e-6)
    assert "17/s4d/fold0: out of device memory, going on with 2 clip(s) at once" in caplog.text


def test_a_device_too_small_for_one_clip_is_told_with_what_to_do(heard, tmp_path, ear):
    ear(0)
    with pytest.raises(DataError, match="gradient_checkpointing: true") as told:
        run(heard, tmp_path)
    assert "17/s4d/fold0: 1 fault(s)" in str(told.value)


def test_a_device_too_small_for_the_network_is_told_with_what_to_do(heard, tmp_path, ear, monkeypatch):
    def too_large(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.optim.AdamW, "step", too_large)
    with pytest.raises(DataError, match="does not hold the network"):
        run(heard, tmp_path)


def test_gradient_checkpointing_changes_nothing_but_rounding(study, tmp_path):
    weights = [
        safetensors.torch.load(run(study, tmp_path / str(on), epochs=1, gradient_checkpointing=on)["weights"])
        for on in (False, True)
    ]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-5)


def test_a_network_that_cannot_checkpoint_its_gradients_says_so(heard, tmp_path, ear):
    with pytest.raises(DataError, match="leave gradient_checkpointing out"):
        run(heard, tmp_path, gradient_checkpointing=True)


def test_a_diverging_training_is_told(heard, tmp_path, ear):
    with pytest.raises(DataError, match="take a smaller learning_rate"):
        run(heard, tmp_path, learning_rate=1e30, largest_gradient=1e30, weight_decay=0.0)


def test_persons_set_aside_are_neither_learned_from_nor_of_the_reported_fold(heard, tmp_path, ear, monkeypatch):
    clips, shards = heard
    persons = dict(zip(clips["clip"], clips["person"], strict=True))
    owner = {clip.tobytes(): persons[name] for name, clip in zip(
        clips["clip"], read_media(shards, clips["clip"], Sound()), strict=True)}  # fmt: skip
    seen = sets_of(monkeypatch)
    run(heard, tmp_path, fold=1, epochs=1, early_stopping={"persons": 0.5, "patience": 3})
    learned, inner = ([owner[clip.tobytes()] for clip in examples.clips] for examples in seen[0])
    assert len(set(learned)) == len(set(inner)) == 1
    assert {*learned, *inner} == {"A900", "A902"}
    assert len(learned) == len(inner) == 8


def test_training_stops_when_the_inner_loss_rises_and_keeps_the_best_epoch(heard, tmp_path, ear, monkeypatch):
    losses, weights = iter([3.0, 1.0, 2.0, 1.0, 0.5]), []

    def loss(network, examples, name):
        weights.append({key: tensor.clone() for key, tensor in network.state_dict().items()})
        return next(losses)

    monkeypatch.setattr(training, "soft_cross_entropy", loss)
    run(heard, tmp_path, epochs=9, early_stopping={"persons": 0.5, "patience": 2})
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["inner_loss"].tolist() == [3.0, 1.0, 2.0, 1.0]
    kept = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    assert all(torch.equal(kept[key], tensor) for key, tensor in weights[1].items())
    assert not torch.equal(kept["head.weight"], weights[3]["head.weight"])


def test_the_inner_loss_is_the_soft_cross_entropy_of_the_clips_set_aside():
    torch.manual_seed(0)
    network = Ear()
    clips = [np.random.default_rng(k).integers(-999, 999, 800 + 100 * (k % 2)).astype(np.int16) for k in range(5)]
    labels = torch.rand(5, 6).softmax(dim=1)
    found = training.predict(network, clips, "a")
    expected = -(labels.numpy() * np.log(found)).sum(axis=1).mean()
    assert training.soft_cross_entropy(network, Examples(clips, labels), "a") == pytest.approx(expected, rel=1e-6)


@given(st.integers(2, 40), st.floats(0.01, 0.9), st.integers(0, 5))
def test_somebody_is_set_aside_and_somebody_left_whatever_the_clips_order(persons, share, seed):
    stopping = EarlyStopping(share, 3)
    clips = pd.Series([f"A{k % persons}" for k in range(3 * persons)])
    if round(share * persons) >= persons:
        with pytest.raises(DataError, match="nobody is left"):
            stopping.set_aside(clips, str(seed))
        return
    aside = stopping.set_aside(clips, str(seed))
    inner, learned = set(clips[aside]), set(clips[~aside])
    assert inner
    assert learned
    assert not inner & learned
    assert abs(len(inner) - share * persons) <= 1
    turned = clips[::-1]
    assert set(turned[stopping.set_aside(turned, str(seed))]) == inner


def test_a_single_training_person_cannot_be_set_aside():
    with pytest.raises(DataError, match="leave early_stopping out"):
        EarlyStopping(0.25, 3).set_aside(pd.Series(["A901"] * 4), "17/s4d/fold0")


def test_batches_made_ahead_are_those_made_when_asked_for(heard):
    clips, shards = heard
    media = read_media(shards, clips["clip"], Sound(seconds=0.25))
    examples = Examples(media, torch.rand(len(media), 6))
    plain, ahead = (
        list(made(examples.batches(8, Sound(seconds=0.25), torch.Generator().manual_seed(3), torch.device("cpu"))))
        for made in (iter, prefetched)
    )
    assert len(plain) == len(ahead) > 2
    for one, other in zip(plain, ahead, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_what_fails_while_a_batch_is_made_ahead_is_not_swallowed():
    def broken():
        yield 1
        raise DataError("here", ["wrong"])

    with pytest.raises(DataError, match="wrong"):
        list(prefetched(broken()))


@pytest.mark.thorough
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
