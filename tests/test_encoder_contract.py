"""What every encoder that params.yaml names promises, whatever its family: one test of each promise for all of them."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_study
import torch
import yaml
from safetensors.torch import load, save

from blemore.encoders import base, embedding
from blemore.encoders.ahead import alike, decoded
from blemore.encoders.network import Network, NetworkEmbedder
from blemore.encoders.settings import encoder_settings, kinds_of, shards_of
from blemore.learning.training.loop import train_fold
from blemore.params.families import family
from blemore.params.parts import ENCODER_FAMILY
from blemore.scoring.labels import CLASSES

CONFIG = yaml.safe_load(Path("params.yaml").read_text()) | {"weights": "tiny", "dataset": "demo"}
INSIDE = [name for name, entry in CONFIG["encoders"].items() if family(entry["module"]).kind != "outside"]
LEARNING = {name: CONFIG["encoders"][name]["learning"] for name in INSIDE}
FINETUNED = [name for name in INSIDE if LEARNING[name] == "finetuned"]
FROZEN = [name for name in INSIDE if LEARNING[name] == "frozen"]
SILENT, FACELESS = "A900_3", "A901_2"
SEED = "17/contract"


@pytest.fixture(scope="module")
def clips() -> pd.DataFrame:
    return small_study.make_clips(persons=2, folds=2, tests=2)


@pytest.fixture(scope="module")
def media(clips, tmp_path_factory) -> dict[str, list[Path]]:
    """Prepared files of each kind, with a silent clip and one without a face."""
    folder = tmp_path_factory.mktemp("media")
    return {
        "faces": small_study.write_pictures(clips, folder, faceless=[FACELESS]),
        "body": small_study.write_pictures(clips, folder, kind="body"),
        "audio": small_study.write_sound(clips, folder, silent=[SILENT]),
        "pieces": small_study.write_pieces(clips, folder),
    }


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Caches of services belong to the test; the stand-in is the only service asked."""
    for key in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.chdir(tmp_path)


def settings_of(name: str) -> dict[str, Any]:
    settings = encoder_settings(CONFIG, name)
    settings.pop("checkpoint", None)  # of a network without a small form: random weights here
    if "service" in settings:
        settings["service"] = settings["service"] | {"backend": "stand-in"}
    return settings


def reader_of(encoder: Any) -> Any:
    return encoder.preprocessing if isinstance(encoder, Network) else encoder


def read_by(name: str, media: dict[str, list[Path]]) -> list[Path]:
    """The prepared files that an encoder reads, kind by kind."""
    return [file for kind in kinds_of(CONFIG["encoders"][name]) for file in media[kind]]


def decoded_media(encoder: Any, name: str, media: dict[str, list[Path]], clips: pd.DataFrame) -> dict[str, Any]:
    shards = shards_of(CONFIG["encoders"][name], read_by(name, media))
    return dict(decoded(reader_of(encoder), shards, set(clips["clip"])))


@pytest.fixture(scope="module")
def seen(clips, media) -> Callable[[str], dict[str, Any]]:
    """The decoded clips of an encoder, decoded once: tests change none of them."""

    @cache
    def of(name: str) -> dict[str, Any]:
        return decoded_media(base.build(settings_of(name), SEED), name, media, clips)

    return of


def some(found: dict[str, Any], number: int) -> dict[str, Any]:
    return dict(islice(found.items(), number))


@torch.inference_mode()
def rows(encoder: Any, batch: Sequence[Any]) -> np.ndarray:
    """What the encoder makes of clips of equal shape, a row each."""
    if not isinstance(encoder, Network):
        return encoder.embed(encoder.ready(batch))
    return encoder.eval()(small_study.taken(encoder.preprocessing, batch)).numpy()


def every_row(encoder: Any, found: dict[str, Any], most: int) -> dict[str, np.ndarray]:
    made = {}
    for names, batch in alike(found.items(), most):
        made |= dict(zip(names, rows(encoder, batch), strict=True))
    return made


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float = 0.0) -> None:
    """Equal to `tolerance`, or where half precision is coarser to its last digit."""
    assert one.keys() == other.keys()
    for clip, row in one.items():
        tolerance = max(tolerance, np.finfo(row.dtype).eps) if tolerance else 0.0
        np.testing.assert_allclose(other[clip], row, rtol=tolerance, atol=tolerance, err_msg=clip)


@pytest.mark.parametrize("module", ENCODER_FAMILY.names())
def test_what_a_family_says_without_being_imported_is_what_it_says_imported(module):
    assert family(module) == import_module(f"blemore.encoders.{module}").FAMILY


def test_every_family_of_the_folder_has_an_encoder_that_is_tested_here():
    tested = {CONFIG["encoders"][name]["module"] for name in INSIDE}
    assert tested == {module for module in ENCODER_FAMILY.names() if family(module).kind != "outside"}


def test_a_family_is_a_network_exactly_if_its_encoders_are():
    for name in INSIDE:
        encoder = base.build(settings_of(name), SEED)
        kind = family(CONFIG["encoders"][name]["module"]).kind
        assert isinstance(encoder, Network | NetworkEmbedder) is (kind == "network"), name


@pytest.mark.thorough
@pytest.mark.parametrize("name", INSIDE)
def test_every_clip_becomes_one_finite_row_of_one_shape_or_says_why_not(name, seen, clips):
    encoder = base.build(settings_of(name), SEED)
    found = seen(name)
    made = every_row(encoder, found, 4)
    assert made.keys() == set(clips["clip"])
    (shape,) = {row.shape for row in made.values()}
    if name in FINETUNED:
        assert shape == (len(CLASSES),)
        assert all(np.isfinite(row).all() for row in made.values())
        return
    for clip, row in made.items():
        assert np.isfinite(row).all() or (np.isnan(row).all() and encoder.remark(found[clip])), clip
    assert all(np.isfinite(made[clip]).all() for clip in made if clip not in (SILENT, FACELESS))


@pytest.mark.thorough
@pytest.mark.parametrize("name", INSIDE)
def test_a_shard_without_a_good_clip_is_read_as_no_clips(name, media, tmp_path):
    empty = {kind: [tmp_path / files[0].name] for kind, files in media.items()}
    for kind, (path,) in empty.items():
        pq.write_table(pq.read_table(media[kind][0]).slice(0, 0), path)
    (shard,) = shards_of(CONFIG["encoders"][name], read_by(name, empty))
    assert list(reader_of(base.build(settings_of(name), SEED)).read(shard)) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", INSIDE)
def test_the_seed_s_name_decides_random_weights_and_nothing_else_does(name, seen, media, clips):
    first, again, other = (base.build(settings_of(name), seed) for seed in (SEED, SEED, "18/contract"))
    found = some(seen(name), 3)
    made = every_row(first, found, 4)
    assert_same(made, every_row(first, found, 4))
    assert_same(made, every_row(again, some(decoded_media(again, name, media, clips), 3), 4))
    different = every_row(other, found, 4)
    if isinstance(first, Network | NetworkEmbedder):
        assert all(not np.allclose(different[clip], row, rtol=1e-3, atol=1e-6) for clip, row in made.items())
    else:
        assert_same(made, different)


@pytest.mark.thorough
@pytest.mark.parametrize("name", INSIDE)
def test_a_row_does_not_depend_on_the_batch_it_came_in(name, seen):
    encoder = base.build(settings_of(name), SEED)
    found = some(seen(name), 5)
    alone = every_row(encoder, found, 1)
    for most in (2, 5):
        assert_same(alone, every_row(encoder, found, most), 1e-5 if isinstance(encoder, Network) else 0.0)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FROZEN)
def test_features_fill_a_table_and_do_not_know_labels_or_persons(name, media, clips, tmp_path):
    stranger = clips.assign(person="A999", emotion_1="neu", fold=1)
    for file, table in (("known", clips), ("strange", stranger.iloc[::-1])):
        embedding.embed(settings_of(name), table, read_by(name, media), tmp_path / file, seed=17)
    assert (tmp_path / "known").read_bytes() == (tmp_path / "strange").read_bytes()
    table = pq.read_table(tmp_path / "known")
    assert table.column_names == ["clip", "features", "remark"]
    assert table["clip"].to_pylist() == sorted(clips["clip"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", FINETUNED)
def test_what_is_held_out_is_not_learned_from(name, media, clips, tmp_path):
    settings = settings_of(name) | {"epochs": 1, "batch": 4}
    other = clips.copy()
    other.loc[other["fold"] == 0, "emotion_1"] = "neu"
    other.loc[other["fold"] == 0, ["emotion_2", "emotion_2_salience"]] = None
    tables = []
    for labels, folder in ((clips, tmp_path / "one"), (other, tmp_path / "other")):
        paths = {key: folder / key for key in ("state", "probabilities", "curve", "weights")}
        train_fold(settings, labels, read_by(name, media), fold=0, seed=17, **paths)
        tables.append(pd.read_parquet(paths["probabilities"]))
    pd.testing.assert_frame_equal(*tables)
    held_out = (clips["fold"] == 0) | (clips["split"] == "test")
    assert sorted(tables[0]["clip"]) == sorted(clips.loc[held_out, "clip"])
    np.testing.assert_allclose(tables[0][list(CLASSES)].sum(axis=1), 1)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FINETUNED)
def test_saved_weights_give_the_same_network_back(name, seen):
    network, other = (base.build(settings_of(name), seed) for seed in (SEED, "18/contract"))
    found = some(seen(name), 3)
    tensors = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
    other.load_state_dict(load(save(tensors)))
    assert_same(every_row(network, found, 4), every_row(other, found, 4))


@pytest.mark.parametrize("name", FINETUNED)
def test_training_sees_each_clip_changed_in_a_reproducible_way_in_one_shape(name, seen):
    network = base.build(settings_of(name), SEED).train()
    found = list(some(seen(name), 4).values())
    draws = [network.preprocessing.augmented(found, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    batches = [network.preprocessing.finished(*draw) for draw in draws]
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])
    loss = -network(batches[0]).log_softmax(dim=1).mean() + network.auxiliary_loss()
    loss.backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("name", FINETUNED)
def test_layers_are_counted_from_the_stem_to_the_head_without_a_gap(name):
    network = base.build(settings_of(name), SEED)
    assert {network.layer_of(key) for key, _ in network.named_parameters()} == set(range(network.depth + 2))


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_network_has_no_gradients_and_stays_in_evaluation(name):
    encoder = base.build(settings_of(name), SEED)
    if isinstance(encoder, NetworkEmbedder):
        assert not encoder.network.training
        assert not any(parameter.requires_grad for parameter in encoder.network.parameters())
    assert encoder.batch >= 1
