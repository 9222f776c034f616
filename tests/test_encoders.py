"""Promises of the encoder families: frozen features that see one clip only, networks that see the whole clip."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_study
import torch

from blemore.encoders import base, embedding, videomae
from blemore.encoders.base import Pictures
from blemore.errors import DataError, MissingDataError

VOICE = {"name": "prosody", "module": "wav2vec2", "media": "audio", "learning": "frozen", "scale": "tiny"}
BODY = {"name": "videomae", "module": "videomae", "media": "body", "learning": "finetuned", "scale": "tiny"}


@pytest.fixture(scope="module")
def voice():
    torch.manual_seed(0)
    return base.build(VOICE | {"layers": [2, 4]})


@pytest.fixture(scope="module")
def sounds():
    noise = np.random.default_rng(0)
    return [noise.uniform(-0.5, 0.5, n).astype(np.float32) for n in (16000, 9000, 400, 16000)]


@pytest.fixture
def body():
    torch.manual_seed(0)
    return base.build(BODY)


def test_frozen_features_do_not_depend_on_the_batch(voice, sounds):
    together = voice.embed(sounds)
    alone = np.concatenate([voice.embed([samples]) for samples in sounds])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.shape == (4, 128)
    assert together.dtype == np.float32


def test_features_do_not_depend_on_loudness_or_offset(voice, sounds):
    np.testing.assert_allclose(voice.embed([sounds[0] * 0.1 + 0.2]), voice.embed(sounds[:1]), atol=1e-3)


def test_a_silent_clip_and_an_empty_one_have_features(voice):
    assert np.isfinite(voice.embed([np.zeros(8000, np.float32), np.zeros(0, np.float32)])).all()


def test_layers_2_to_4_are_the_outputs_of_the_second_to_fourth_layer(voice, sounds):
    outputs = []
    hooks = [layer.register_forward_hook(lambda _, __, output: outputs.append(output))
             for layer in voice.network.encoder.layers]  # fmt: skip
    features = voice.embed(sounds[:1])[0]
    for hook in hooks:
        hook.remove()
    states = torch.cat([output[0] if isinstance(output, tuple) else output for output in outputs[1:4]])
    expected = torch.cat([states.mean(1), states.std(1, correction=0)], dim=1).mean(0)
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_a_frozen_network_has_no_gradients_and_stays_in_evaluation(voice):
    assert not voice.network.training
    assert not any(parameter.requires_grad for parameter in voice.network.parameters())


@pytest.mark.parametrize("layers", [[2, 5], [0, 3], [3, 2]])
def test_layers_that_the_network_does_not_have_are_refused(layers):
    with pytest.raises(DataError, match="the network has layers 1 to 4"):
        base.build(VOICE | {"layers": layers})


def test_a_saved_voice_folder_loads_with_the_same_features(voice, sounds, tmp_path):
    voice.network.save_pretrained(tmp_path)
    loaded = base.build(VOICE | {"layers": [2, 4], "scale": "pretrained", "checkpoint": str(tmp_path)})
    np.testing.assert_allclose(loaded.embed(sounds[:1]), voice.embed(sounds[:1]), atol=1e-6)


def test_features_of_every_usable_clip_are_written_sorted_and_twice_the_same(tmp_path):
    clips = small_study.make_clips(persons=2, tests=2)
    shards = small_study.write_sound(clips, tmp_path)
    clips.loc[3, "quarantine"] = "unreadable"
    settings = VOICE | {"layers": [2, 4]}
    for name in ("once", "twice"):
        embedding.embed(settings, clips.sample(frac=1, random_state=1), shards, tmp_path / name, seed=17)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()
    table = pq.read_table(tmp_path / "once")
    assert table["clip"].to_pylist() == sorted(clips.loc[clips["quarantine"] == "", "clip"])
    assert str(table["features"].type) == "fixed_size_list<element: float>[128]"
    embedding.embed(settings, clips, shards, tmp_path / "other", seed=18)
    assert (tmp_path / "once").read_bytes() != (tmp_path / "other").read_bytes()


def test_a_clip_without_prepared_sound_is_named(tmp_path):
    clips = small_study.make_clips(persons=2, tests=2)
    shards = small_study.write_sound(clips[clips["clip"] != "A901_3"], tmp_path)
    with pytest.raises(DataError, match="clip A901_3: not in the prepared audio files"):
        embedding.embed(VOICE | {"layers": [2, 4]}, clips, shards, tmp_path / "out", seed=17)


def test_sound_of_another_rate_is_refused(voice, tmp_path):
    shards = small_study.write_sound(small_study.make_clips(1, 1, 0), tmp_path, shards=1, rate=8000)
    with pytest.raises(DataError, match="prepared at 8000 Hz"):
        voice.read(shards[0])


def test_videomae_pools_all_patches(body):
    clips = torch.randn(2, 8, 3, 64, 64)
    body.eval()
    with torch.no_grad():
        before = body(clips)
        states = body.network.videomae(clips).last_hidden_state
        pooled = body.network.classifier(body.network.fc_norm(states.mean(1)))
    assert before.shape == (2, 6)
    torch.testing.assert_close(before, pooled)


def test_videomae_layers_are_counted_from_the_stem_to_the_head(body):
    layers = {body.layer_of(name) for name, _ in body.named_parameters()}
    assert layers == {0, 1, 2, 3, 4, 5}
    assert body.layer_of("network.videomae.embeddings.patch_embeddings.projection.weight") == 0
    assert body.layer_of("network.classifier.weight") == 5


def test_a_videomae_folder_without_mean_pooling_loads_with_a_new_pooled_head(tmp_path):
    sizes = videomae.TINY | {"num_frames": 8, "image_size": 32}
    config = videomae.VideoMAEConfig(**sizes, num_labels=400, use_mean_pooling=False)
    saved = videomae.VideoMAEForVideoClassification(config)
    saved.save_pretrained(tmp_path)
    loaded = base.build(BODY | {"scale": "pretrained", "checkpoint": str(tmp_path)})
    assert loaded.network.config.use_mean_pooling
    assert loaded.network.classifier.weight.shape == (6, 96)
    assert loaded.pictures == Pictures(count=8, size=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    kept, ours = saved.videomae.encoder.layer[2], loaded.network.videomae.encoder.layer[2]
    assert torch.equal(kept.intermediate.dense.weight, ours.intermediate.dense.weight)


@pytest.mark.parametrize("settings", [VOICE | {"layers": [6, 12], "checkpoint": "nobody/voice"}, BODY | {"checkpoint": "nobody/body"}])  # fmt: skip
def test_missing_weights_are_refused_at_once_and_the_parameter_named(settings):
    with pytest.raises(MissingDataError, match=f"encoders: {settings['name']}: pretrained: checkpoint"):
        base.build(settings | {"scale": "pretrained"})


def test_pictures_are_spread_over_the_clip_and_normalised():
    frames = np.arange(16, dtype=np.uint8).reshape(16, 1, 1, 1).repeat(3, axis=3)
    assert Pictures(count=4, size=1).choose(frames)[:, 0, 0, 0].tolist() == [0, 5, 10, 15]
    assert Pictures(count=16, size=1).choose(frames)[:, 0, 0, 0].tolist() == list(range(16))
    means = torch.tensor(base.IMAGENET_MEAN).view(1, 1, 3, 1, 1).expand(2, 4, 3, 1, 1)
    assert Pictures(4, 1).normalise(means).abs().max() == 0
    assert Pictures(4, 1, time_first=False).normalise(means).shape == (2, 3, 4, 1, 1)


def test_relative_pictures_show_what_moves_whatever_the_face_and_the_light():
    face, motion = torch.rand(1, 1, 3, 8, 8), torch.rand(1, 4, 3, 8, 8)
    motion[:, 0] = 0
    relative = Pictures(4, 8, relative=True)
    seen = relative.normalise(face + motion)
    assert seen[:, 0].abs().max() == 0
    torch.testing.assert_close(relative.normalise(0.5 * (face + motion) + 0.1), seen, rtol=0.02, atol=0.02)
    assert relative.normalise(torch.ones(1, 4, 3, 8, 8)).abs().max() == 0


def test_the_border_is_cut_off():
    frames = np.zeros((2, 8, 8, 3), np.uint8)
    frames[:, 2:6, 2:6] = 1
    wanted = Pictures(count=2, size=4, border=2)
    assert wanted.read_size == 8
    assert wanted.choose(frames).shape == (2, 4, 4, 3)
    assert wanted.choose(frames).min() == 1


def test_torch_s_neighbours_import_after_the_compatibility_module_and_torchaudio_computes():
    said = "from blemore.torch_compat import torch; import torchvision, torchaudio; import timm.layers;" \
        "print(torchaudio.functional.resample(torch.ones(1, 160), 16000, 8000).shape[1])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "80"


def test_seeds_come_from_names_not_from_order():
    assert base.seed_of("17/s4d/fold0") == base.seed_of("17/s4d/fold0") != base.seed_of("17/s4d/fold1")
    assert 0 <= base.seed_of("17/s4d/fold0") < 2**63


def test_every_clip_of_the_made_up_study_is_in_one_shard(tmp_path):
    clips = small_study.make_clips()
    names = pd.concat([pd.read_parquet(path) for path in small_study.write_sound(clips, tmp_path)])["clip"]
    assert sorted(names) == sorted(clips["clip"])
