"""Promises of the training loop, on a network of sound: little device memory, persons set aside, batches made ahead."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import small_study
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_training import run, sets_of

from blemore.encoders.ahead import prefetched
from blemore.encoders.network import Network
from blemore.encoders.sound import Sound
from blemore.learning.training import loop as training
from blemore.learning.training.loop import Examples
from blemore.learning.training.media import read_media
from blemore.learning.training.recipe import EarlyStopping
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities
from joblineage.errors import DataError


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


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    clips = small_study.make_clips(persons=4, folds=2, tests=4)
    return clips, small_study.write_sound(clips, tmp_path_factory.mktemp("audio"))


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


def test_what_is_predicted_of_a_clip_depends_on_no_other_clip():
    torch.manual_seed(0)
    network = Ear()
    clips = [np.random.default_rng(k).integers(-999, 999, 800 + 100 * (k % 2)).astype(np.int16) for k in range(40)]
    alone = np.concatenate([training.predict(network, [clip], "a") for clip in clips])
    np.testing.assert_array_equal(training.predict(network, clips, "a"), alone)


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
