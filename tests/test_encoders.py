"""Promises of the encoder families: frozen features that see one clip only, networks that see the whole clip."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import small_study
import torch

from blemore.encoders import base, image, timesformer, videomae
from blemore.encoders.pictures import IMAGENET_MEAN, IMAGENET_STD, Pictures, spread
from blemore.encoders.videomae import Windows
from blemore.media.shards import read_jpegs
from joblineage.errors import DataError, MissingDataError

BODY = {"name": "videomae", "module": "videomae", "media": "body", "learning": "finetuned", "scale": "tiny"}
TIME = BODY | {"name": "timesformer", "module": "timesformer"}
WINDOWS = BODY | {"name": "videomae_frozen", "learning": "frozen"}
IMAGE = {"name": "clip", "module": "image", "media": "faces", "learning": "frozen", "scale": "tiny"}
SMALL_FILE = {"num_frames": 4, "image_size": 32, "num_labels": 400}
"""Of networks that are saved as checkpoints, beside the small networks' other sizes."""
OPENAI = "vit_base_patch16_clip_quickgelu_224.openai"


@pytest.fixture
def body():
    return base.build(BODY, "17/body")


@pytest.fixture
def time_former():
    return base.build(TIME, "17/time")


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), dtype=np.uint8)


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
    config = videomae.VideoMAEConfig(**videomae.TINY | SMALL_FILE, use_mean_pooling=False)
    saved = videomae.VideoMAEForVideoClassification(config)
    saved.save_pretrained(tmp_path)
    loaded = base.build(BODY | {"scale": "pretrained", "checkpoint": str(tmp_path)}, "17/body")
    assert loaded.network.config.use_mean_pooling
    assert loaded.network.classifier.weight.shape == (6, 96)
    assert loaded.preprocessing == Pictures(count=4, size=32, mean=IMAGENET_MEAN, std=IMAGENET_STD, kept=4)
    kept, ours = saved.videomae.encoder.layer[2], loaded.network.videomae.encoder.layer[2]
    assert torch.equal(kept.intermediate.dense.weight, ours.intermediate.dense.weight)


def test_a_timesformer_folder_loads_with_a_new_head_and_its_own_normalisation(tmp_path):
    saved = timesformer.TimesformerForVideoClassification(
        timesformer.TimesformerConfig(**timesformer.TINY | SMALL_FILE)
    )
    saved.save_pretrained(tmp_path)
    loaded = base.build(TIME | {"scale": "pretrained", "checkpoint": str(tmp_path)}, "17/time")
    assert loaded.network.classifier.weight.shape == (6, 96)
    assert loaded.preprocessing == Pictures(count=4, size=32, mean=(0.45,) * 3, std=(0.225,) * 3, kept=4)
    kept, ours = saved.timesformer.encoder.layer[2], loaded.network.timesformer.encoder.layer[2]
    assert torch.equal(kept.temporal_attention.attention.qkv.weight, ours.temporal_attention.attention.qkv.weight)
    assert loaded.eval()(torch.zeros(1, 4, 3, 32, 32)).shape == (1, 6)


@pytest.mark.parametrize("shape", [(2, 16, 3, 48, 48), (2, 4, 3, 48, 48), (2, 8, 3, 32, 32), (2, 3, 8, 48, 48)])
def test_timesformer_refuses_clips_of_another_frame_count_or_size(time_former, shape):
    with pytest.raises(DataError, match=r"made for \(8, 3, 48, 48\)"):
        time_former(torch.zeros(shape))


def test_timesformer_sees_the_order_of_frames(time_former):
    clips = torch.randn(1, 8, 3, 48, 48)
    with torch.no_grad():
        assert (time_former.eval()(clips) - time_former(clips.flip(1))).abs().max() > 1e-4


def test_timesformer_layers_are_counted_from_the_stem_to_the_head(time_former):
    layers = {name: time_former.layer_of(name) for name, _ in time_former.named_parameters()}
    assert set(layers.values()) == {0, 1, 2, 3, 4, 5}
    assert layers["network.timesformer.embeddings.time_embeddings"] == 0
    assert layers["network.timesformer.encoder.layer.3.temporal_dense.weight"] == 4
    assert layers["network.timesformer.layernorm.weight"] == layers["network.classifier.bias"] == 5


@pytest.mark.thorough
@pytest.mark.parametrize("settings", [BODY, TIME], ids=lambda settings: settings["name"])
def test_gradient_checkpointing_computes_layers_twice_and_changes_nothing(settings):
    side = base.build(settings, "17/twice").preprocessing.size
    clips, labels = torch.randn(2, 8, 3, side, side), torch.full((2, 6), 1 / 6)
    outcomes = []
    for again in (False, True):
        network = base.build(settings, "17/twice").train()
        passes = []
        inner = next(part for name, part in network.named_modules() if name.endswith("layer.0.layernorm_before"))
        inner.register_forward_pre_hook(lambda *_, passes=passes: passes.append(1))
        if again:
            network.checkpoint_gradients()
        loss = torch.nn.functional.kl_div(network(clips).log_softmax(1), labels, reduction="batchmean")
        loss.backward()
        gradient = torch.cat(
            [parameter.grad.flatten() for parameter in network.parameters() if parameter.grad is not None]
        )
        outcomes.append((loss.item(), gradient, len(passes)))
    (loss, gradient, once), (same_loss, same_gradient, twice) = outcomes
    assert (once, twice) == (1, 2)
    assert loss == same_loss
    torch.testing.assert_close(gradient, same_gradient, rtol=1e-4, atol=1e-6)


def test_windows_cover_all_frames_and_the_last_frame_fills_the_last_window(frames):
    frames = frames[:, :1, :1]
    cut = small_study.taken(Windows(count=4, size=1, mean=(0, 0, 0), std=(1, 1, 1)), [frames])
    assert cut.shape == (1, 3, 4, 3, 1, 1)
    shown = (cut[0, :, :, :, 0, 0] * 255).flatten(0, 1)
    expected = np.concatenate([frames[:, 0, 0], frames[-1:, 0, 0]])
    torch.testing.assert_close(shown, torch.from_numpy(expected).float())
    short = small_study.taken(Windows(count=4, size=1, mean=(0, 0, 0), std=(1, 1, 1)), [frames[:2]])
    assert short.shape == (1, 1, 4, 3, 1, 1)
    assert torch.equal(short[0, 0, 1], short[0, 0, 3])


def test_frozen_videomae_averages_patches_then_windows(frames):
    encoder = base.build(WINDOWS, "17/windows")
    features = encoder.embed(encoder.ready([frames, frames[::-1]]))
    windows = small_study.taken(encoder.preprocessing, [frames])[0]  # 11 frames: two windows of 8
    with torch.no_grad():
        states = [encoder.network(window[None]).last_hidden_state for window in windows]
    assert features.shape == (2, 96)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[0], torch.stack(states).mean(dim=(0, 1, 2)), atol=1e-5)


def test_a_pretraining_folder_of_videomae_loads_frozen_without_its_decoder(tmp_path):
    from transformers import VideoMAEForPreTraining

    sizes = {"decoder_hidden_size": 48, "decoder_num_hidden_layers": 1, "decoder_intermediate_size": 96}
    saved = VideoMAEForPreTraining(
        videomae.VideoMAEConfig(**videomae.TINY | SMALL_FILE, **sizes, decoder_num_attention_heads=2)
    )
    saved.save_pretrained(tmp_path)
    loaded = base.build(WINDOWS | {"scale": "pretrained", "checkpoint": str(tmp_path)}, "17/windows")
    ours = loaded.network.state_dict()
    assert ours.keys() == saved.videomae.state_dict().keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in saved.videomae.state_dict().items())
    assert loaded.preprocessing == Windows(count=4, size=32)
    assert loaded.embed(loaded.ready([np.zeros((6, 32, 32, 3), np.uint8)])).shape == (1, 96)


def test_an_image_network_sees_frames_alone_and_pools_them_over_time(frames):
    encoder = base.build(IMAGE, "17/image")
    frames = frames[:8, :48, :48]
    features = encoder.embed(encoder.ready([frames]))
    with torch.no_grad():
        alone = torch.cat(
            [encoder.network(frame[None]) for frame in small_study.taken(encoder.preprocessing, [frames])[0]]
        )
    assert features.shape == (1, 192)
    np.testing.assert_allclose(features[0], torch.cat([alone.mean(0), alone.std(0, correction=0)]), atol=1e-5)


def small_clip(monkeypatch) -> torch.nn.Module:
    """timm's network of the named architecture, small, in place of the full-size one."""

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> torch.nn.Module:
        assert name == OPENAI
        assert not pretrained
        return image.VisionTransformer(img_size=32, patch_size=16, embed_dim=48, depth=2, num_heads=2,
                                       num_classes=num_classes, pre_norm=True)  # fmt: skip

    torch.manual_seed(3)
    monkeypatch.setattr(image.timm, "create_model", create_model)
    return create_model(OPENAI, pretrained=False, num_classes=7)


def test_a_timm_state_dict_loads_whole_without_its_head_and_with_clip_s_normalisation(tmp_path, monkeypatch, caplog):
    saved = small_clip(monkeypatch)
    torch.save(saved.state_dict(), tmp_path / "clip.pt")
    settings = IMAGE | {"scale": "pretrained", "checkpoint": str(tmp_path / "clip.pt"), "architecture": OPENAI}
    with caplog.at_level("INFO"):
        loaded = base.build(settings, "17/image")
    ours, theirs = loaded.network.state_dict(), saved.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert "not used: head.bias, head.weight" in caplog.text
    pictures = loaded.preprocessing
    assert (pictures.count, pictures.size, pictures.relative) == (16, 224, False)
    assert pictures.mean == pytest.approx((0.4815, 0.4578, 0.4082), abs=1e-4)
    assert pictures.std == pytest.approx((0.2686, 0.2613, 0.2758), abs=1e-4)


def both_towers(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A picture tower in timm's names as open_clip saves it, beside parts of the tower for text."""
    long = {"patch_embed.proj": "conv1", "cls_token": "class_embedding", "pos_embed": "positional_embedding",
            "norm_pre": "ln_pre", "blocks.": "transformer.resblocks.", "norm1": "ln_1", "norm2": "ln_2", "qkv.": "in_proj_",
            "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}  # fmt: skip
    towers = {
        "logit_scale": torch.ones(()),
        "token_embedding.weight": torch.ones(9, 4),
        "visual.proj": torch.ones(48, 7),
    }
    for name, tensor in tensors.items():
        if name.startswith("head."):
            continue
        for short, word in long.items():
            name = name.replace(short, word)
        name = name.replace("norm.", "ln_post.") if name.startswith("norm.") else name
        towers[f"visual.{name}"] = tensor.squeeze() if "embedding" in name else tensor
    return towers


def test_open_clip_s_file_of_both_towers_loads_its_picture_tower(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    tensors = small_clip(monkeypatch).state_dict()
    save_file(
        {name: tensor.contiguous() for name, tensor in both_towers(tensors).items()},
        tmp_path / "open_clip_model.safetensors",
    )
    settings = IMAGE | {"scale": "pretrained", "checkpoint": str(tmp_path), "architecture": OPENAI}
    ours = base.build(settings, "17/image").network.state_dict()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in ours.items())


def test_a_timm_state_dict_of_another_network_is_refused_tensor_by_tensor(tmp_path, monkeypatch):
    tensors = small_clip(monkeypatch).state_dict()
    del tensors["norm.bias"]
    tensors["cls_token"] = torch.zeros(1, 1, 99)
    torch.save(tensors, tmp_path / "clip.pt")
    settings = IMAGE | {"scale": "pretrained", "checkpoint": str(tmp_path / "clip.pt"), "architecture": OPENAI}
    with pytest.raises(DataError, match=r"cls_token.*99") as error:
        base.build(settings, "17/image")
    assert len(error.value.faults) == 2
    assert "norm.bias: shape (48,) wanted, nothing found" in error.value.faults


def test_an_architecture_that_timm_does_not_know_is_refused_with_what_is_near_it():
    settings = IMAGE | {"scale": "pretrained", "checkpoint": "x.pt", "architecture": "vit_base_patch16_clip_224.openay"}
    with pytest.raises(DataError, match=r"near it: vit_base_patch16_clip_224\.openai"):
        base.build(settings, "17/image")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "settings", [BODY, TIME, WINDOWS, IMAGE | {"architecture": OPENAI}], ids=lambda settings: settings["name"]
)
def test_missing_weights_are_refused_at_once_and_the_parameter_named(settings):
    with pytest.raises(MissingDataError, match=f"no weights nobody/body .*encoders: {settings['name']}: enabled"):
        base.build(settings | {"scale": "pretrained", "checkpoint": "nobody/body"}, "17/none")


def test_pictures_are_spread_over_the_clip_and_normalised():
    assert spread(16, 4).tolist() == [0, 5, 10, 15]
    assert spread(16, 16).tolist() == list(range(16))
    assert spread(2, 4).tolist() == [0, 0, 1, 1]
    assert spread(101, 3, 0.1, 0.2).tolist() == [10, 45, 80]
    frames = np.arange(16, dtype=np.uint8).reshape(16, 1, 1, 1).repeat(3, axis=3)
    seen = small_study.taken(Pictures(4, 1, mean=(0, 0, 0), std=(1, 1, 1)), [frames])
    assert (seen[0, :, 0, 0, 0] * 255).round().tolist() == [0, 5, 10, 15]
    means = torch.tensor(IMAGENET_MEAN).view(1, 1, 3, 1, 1).expand(2, 4, 3, 1, 1)
    assert Pictures(4, 1).normalise(means.clone()).abs().max() == 0
    assert Pictures(4, 1, time_first=False).normalise(means.clone()).shape == (2, 3, 4, 1, 1)


def test_relative_pictures_show_what_moves_whatever_the_face_and_the_light():
    face, motion = torch.rand(1, 1, 3, 8, 8), torch.rand(1, 4, 3, 8, 8)
    motion[:, 0] = 0
    relative = Pictures(4, 8, relative=True)
    seen = relative.normalise(face + motion)
    assert seen[:, 0].abs().max() == 0
    torch.testing.assert_close(relative.normalise(0.5 * (face + motion) + 0.1), seen, rtol=0.02, atol=0.02)
    assert relative.normalise(torch.ones(1, 4, 3, 8, 8)).abs().max() == 0


def test_the_border_is_cut_off_and_no_more_frames_are_kept_than_asked_for(tmp_path):
    clips = small_study.make_clips(persons=1, folds=1, tests=0)
    (shard,) = small_study.write_pictures(clips, tmp_path, shards=1, side=64)
    _, raw = next(read_jpegs(shard))
    whole, inner = Pictures(4, 64), Pictures(4, 32, border=16, kept=6)
    assert whole.decode(raw).shape == (small_study.FRAMES, 64, 64, 3)
    assert np.array_equal(inner.decode(raw), whole.decode(raw)[[0, 3, 6, 9, 12, 15], 16:48, 16:48])


@pytest.mark.slow
def test_torch_s_neighbours_import_after_the_compatibility_module_and_torchaudio_computes():
    said = "from blemore.encoders.torch_compat import torch; import torchvision, torchaudio; import timm.layers;" \
        "print(torchaudio.functional.resample(torch.ones(1, 160), 16000, 8000).shape[1])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "80"


@pytest.mark.slow
def test_transformers_takes_nothing_along_that_no_encoder_uses_and_that_can_still_be_imported():
    said = "import sys; from blemore.encoders import speech, timesformer, videomae, wav2vec2;" \
        "taken = {'jinja2', 'scipy', 'sympy', 'torch.distributed.tensor', 'torchvision', 'trio'} & set(sys.modules);" \
        "import scipy.optimize, torchvision, torch.distributed as machines; print(sorted(taken), machines.is_available())"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"


@pytest.mark.slow
def test_encoders_import_also_where_transformers_was_there_first():
    said = "import transformers; from blemore.encoders import speech, timesformer, videomae, wav2vec2; print('there')"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "there"


def test_every_clip_of_the_made_up_study_is_in_one_shard(tmp_path):
    clips = small_study.make_clips()
    names = pd.concat([pd.read_parquet(path) for path in small_study.write_sound(clips, tmp_path)])["clip"]
    assert sorted(names) == sorted(clips["clip"])
