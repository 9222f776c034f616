"""Promises of loading weights: both formats, tensors alone, the right network, and one clear error where it fails."""

import argparse
import json
import os
import shutil
import blemore.encoders.transformers_compat  # noqa: F401

import pytest
import safetensors.torch
import torch
import transformers
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, Wav2Vec2Config, Wav2Vec2Model

from blemore.encoders import checkpoints, weight_files
from blemore.encoders.checkpoints import checkpoint_file, from_pretrained, load_tensors
from joblineage.errors import DataError, MissingDataError
from joblineage.files import sha256

VOICE = {"name": "voice", "module": "wav2vec2", "scale": "pretrained"}
BODY = {"name": "body", "module": "videomae", "scale": "pretrained"}
FACE = {"name": "face", "module": "vitmoe", "scale": "pretrained"}
CLIP = {"name": "clip", "module": "image", "scale": "pretrained"}
SMALL_VOICE = {
    "conv_dim": (8, 8), "conv_kernel": (10, 3), "conv_stride": (5, 2), "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
SMALL_BODY = {
    "image_size": 32, "num_frames": 4, "patch_size": 16, "hidden_size": 16, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32,
}  # fmt: skip


class Trap:
    """Pickles to a call that leaves a file behind."""

    def __reduce__(self):
        return os.system, ("touch was_run",)


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("voice")
    network = Wav2Vec2Model(Wav2Vec2Config(**SMALL_VOICE)).eval()
    network.save_pretrained(folder)
    return network, folder


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    folder = tmp_path_factory.mktemp("body")
    VideoMAEForVideoClassification(VideoMAEConfig(**SMALL_BODY, num_labels=3)).save_pretrained(folder)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty local cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def into_cache(cache, name, revision, *files):
    """What the hub's own download leaves behind."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(revision)
    for file in files:
        shutil.copy(file, snapshot)


def as_torch_file(folder, target):
    """The same folder with pytorch_model.bin in place of model.safetensors."""
    target.mkdir()
    shutil.copy(folder / "config.json", target)
    torch.save(safetensors.torch.load_file(folder / "model.safetensors"), target / "pytorch_model.bin")
    return target


def same(network, other):
    ours, theirs = network.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_safetensors_folder_and_a_torch_folder_load_the_same_weights(voice, tmp_path):
    network, folder = voice
    for place in (folder, as_torch_file(folder, tmp_path / "torch")):
        assert same(network, from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(place)}))


def test_a_torch_folder_whose_file_holds_code_is_refused_and_the_code_not_run(voice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = as_torch_file(voice[1], tmp_path / "torch")
    torch.save({"weight": torch.zeros(1), "more": Trap()}, folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"(?s)pytorch_model\.bin.*code was not run.*system"):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(folder)})
    assert not (tmp_path / "was_run").exists()


def test_a_folder_of_another_kind_of_network_is_refused_by_its_configuration(body):
    with pytest.raises(DataError, match=r"is a 'videomae' network by its config\.json, 'wav2vec2' is needed"):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(body)})


def test_weights_with_other_names_than_their_configuration_says_are_refused(voice, tmp_path):
    folder = tmp_path / "renamed"
    folder.mkdir()
    shutil.copy(voice[1] / "config.json", folder)
    tensors = safetensors.torch.load_file(voice[1] / "model.safetensors")
    renamed = {f"other.{name}": value for name, value in tensors.items()}
    safetensors.torch.save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"(?s)tensors of Wav2Vec2Model are not in it.*they stand there as other\."):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(folder)})


SMALL_TOWER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
TWO_TOWERS = {
    "siglip": (
        lambda: transformers.SiglipModel(transformers.SiglipConfig(
            vision_config=SMALL_TOWER | {"image_size": 32, "patch_size": 16}, text_config=SMALL_TOWER | {"vocab_size": 8}
        )),
        "SiglipVisionModel",
        "vision_model.",
    ),
    "clap": (
        lambda: transformers.ClapModel(transformers.ClapConfig(
            audio_config={
                "hidden_size": 128, "patch_embeds_hidden_size": 16, "depths": [1, 1, 1, 1], "window_size": 8,
                "num_attention_heads": [1, 2, 4, 8], "num_mel_bins": 64, "spec_size": 256, "projection_dim": 32,
            },
            text_config=SMALL_TOWER | {"vocab_size": 8, "projection_dim": 32}, projection_dim=32,
        )),
        "ClapAudioModelWithProjection",
        "",
    ),
}  # fmt: skip
"""Two towers, the class of the one that looks or listens, and where its tensors stand among those of both."""


@pytest.mark.thorough
@pytest.mark.parametrize("kind", TWO_TOWERS)
def test_of_two_towers_the_wanted_one_is_read(kind, tmp_path):
    build, part, place = TWO_TOWERS[kind]
    both = build()
    both.save_pretrained(tmp_path)
    one = from_pretrained(getattr(transformers, part), VOICE | {"checkpoint": str(tmp_path)})
    theirs, ours = both.state_dict(), one.state_dict()
    assert len(ours) > 20
    assert all(torch.equal(tensor, theirs[place + name]) for name, tensor in ours.items())


@pytest.mark.thorough
def test_an_encoder_that_would_stay_random_is_refused_with_the_reason(tmp_path):
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "vocab_size": 8}
    sizes |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_source_positions": 20}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    both = transformers.WhisperModel(transformers.WhisperConfig(**sizes, **ends))
    both.save_pretrained(tmp_path)
    settings = VOICE | {"checkpoint": str(tmp_path)}
    with pytest.raises(
        DataError, match=r"tensors of WhisperEncoder are not in it(?s:.*)as encoder\.conv1\.bias: it is a part"
    ):
        from_pretrained(WhisperEncoder, settings)
    assert same(both.encoder, from_pretrained(transformers.WhisperModel, settings).encoder)


def test_a_head_of_another_size_starts_fresh_and_the_body_is_kept(body):
    options = {"num_labels": 6, "ignore_mismatched_sizes": True}
    network = from_pretrained(VideoMAEForVideoClassification, BODY | {"checkpoint": str(body)}, **options)
    saved = safetensors.torch.load_file(body / "model.safetensors")
    assert network.classifier.weight.shape == (6, 16)
    first = "videomae.embeddings.patch_embeddings.projection.weight"
    assert torch.equal(network.state_dict()[first], saved[first])


@pytest.mark.parametrize("left", [0, 5, 400])
def test_a_safetensors_file_cut_short_is_named(voice, tmp_path, left):
    folder = tmp_path / "cut"
    shutil.copytree(voice[1], folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:left])
    with pytest.raises(DataError, match=r"cut/model\.safetensors is"):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(folder)})


def test_a_torch_file_cut_short_is_named(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"weights\.pt is cut short"):
        checkpoint_file(FACE | {"checkpoint": str(path)})
    with pytest.raises(DataError, match=r"(?s)weights\.pt.*damaged"):
        load_tensors(path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git-lfs pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"", "is empty"),
        (b"something else", "no torch file"),
    ],
)
def test_what_is_no_checkpoint_at_all_is_named_for_what_it_is(tmp_path, content, fault):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=fault):
        checkpoint_file(FACE | {"checkpoint": str(path)})


def test_a_file_must_have_the_sha256_that_the_parameters_name(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(3)}, path)
    settings = FACE | {"checkpoint": str(path)}
    assert checkpoint_file(settings | {"sha256": sha256(path)}) == path
    with pytest.raises(DataError, match=f"has sha256 {sha256(path)}, the parameters want {'0' * 64}"):
        checkpoint_file(settings | {"sha256": "0" * 64})


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_tensors_are_read_from_both_formats(tmp_path, suffix):
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pt":
        torch.save({"model": tensors, "optimizer": {"lr": 1.0}, "args": argparse.Namespace(epochs=3)}, path)
    else:
        safetensors.torch.save_file(tensors, path)
    loaded = load_tensors(path)
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_a_revision_of_the_local_cache_is_kept_to(voice, cache, tmp_path):
    network, folder = voice
    into_cache(cache, "someone/voice", "a" * 40, folder / "config.json", folder / "model.safetensors")
    settings = VOICE | {"checkpoint": "someone/voice"}
    for pinned in ({}, {"revision": "a" * 40}):
        assert same(network, from_pretrained(Wav2Vec2Model, settings | pinned))
    with pytest.raises(MissingDataError, match="`blemore weights fetch voice` gets it"):
        from_pretrained(Wav2Vec2Model, settings | {"revision": "b" * 40})


def test_a_missing_hub_name_is_said_without_asking_the_hub(cache, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    for settings, load in ((CLIP, checkpoint_file), (VOICE, lambda wanted: from_pretrained(Wav2Vec2Model, wanted))):
        with pytest.raises(MissingDataError, match=rf"switch it off with encoders: {settings['name']}: enabled: false"):
            load(settings | {"checkpoint": "someone/nothing"})


def test_timm_tensors_come_from_a_file_a_folder_or_the_cache(cache, tmp_path):
    tensors = {"visual.proj": torch.ones(2, 2)}
    path = tmp_path / "open_clip_model.safetensors"
    safetensors.torch.save_file(tensors, path)
    into_cache(cache, "timm/vit.openai", "c" * 40, path)
    for place in (str(path), str(tmp_path), "timm/vit.openai"):
        assert torch.equal(
            load_tensors(checkpoint_file(CLIP | {"checkpoint": place}))["visual.proj"], tensors["visual.proj"]
        )


def test_the_hub_is_asked_only_where_that_is_allowed(cache, monkeypatch, voice):
    asked = []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(checkpoints, "fetched_files", lambda settings: asked.append(settings["checkpoint"]) or [])
    for checkpoint in ("someone/voice", "nowhere/voice.safetensors"):
        with pytest.raises(MissingDataError):
            from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": checkpoint})
    assert asked == ["someone/voice"]


def test_a_weights_file_without_its_configuration_is_refused(voice, tmp_path):
    path = tmp_path / "model.safetensors"
    shutil.copy(voice[1] / "model.safetensors", path)
    with pytest.raises(DataError, match="name the folder"):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(path)})


@pytest.mark.parametrize(
    ("name", "is_hub"),
    [
        ("facebook/wav2vec2-base", True),
        ("timm/vit_base_patch16_clip_224.openai", True),
        ("weights/voice.pt", False),
        ("here/voice", False),
        ("./voice", False),
        ("/somewhere/voice", False),
        ("voice", False),
    ],
)
def test_a_hub_name_is_told_from_a_path(name, is_hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert weight_files.is_hub_name(name) is is_hub


def test_a_folder_with_a_broken_configuration_is_named(voice, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(voice[1], folder)
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(DataError, match=r"config\.json is not a block of keys"):
        from_pretrained(Wav2Vec2Model, VOICE | {"checkpoint": str(folder)})
