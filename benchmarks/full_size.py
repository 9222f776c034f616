"""The full-size networks of the study with random weights, each with a clip as it takes it; for the other scripts here.

Built straight from their libraries' configurations: what a network costs does not depend on the values of its weights.
"""

from collections.abc import Callable
from pathlib import Path
import blemore.encoders.torch_compat  # noqa: F401

import timm
import torch
import yaml
from torch import Tensor, nn
from transformers import (
    HubertConfig,
    HubertModel,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEConfig,
    VideoMAEForVideoClassification,
    VideoMAEModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

from blemore.encoders.expression import PICTURES, ExpressionNetwork
from blemore.encoders.hicmae import WINDOWS, HiCMAE
from blemore.encoders.vitmoe import ViTMoE
from blemore.encoders.voice import VoiceNetwork
from blemore.encoders.windows import BANDS, ROWS

PARAMS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text("utf-8"))
SAMPLES = PARAMS["media"]["samples"]
FACE, BODY = SAMPLES["faces"]["size"], SAMPLES["body"]["size"]
"""Side of a crop, px."""
SECONDS = 4.0
"""Length of the clip of sound, s: the length that `blemore plan` assumes of a clip."""
SOUND = round(SECONDS * SAMPLES["audio"]["rate"])
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
LARGE_SPEECH = {**LARGE, "feat_extract_norm": "layer", "do_stable_layer_norm": True}


def s4d() -> tuple[nn.Module, Tensor]:
    """S4D-ViTMoE, one clip of 16 face crops."""
    return ViTMoE(6), torch.rand(1, 3, 16, FACE, FACE)


def wav2vec2_base() -> tuple[nn.Module, Tensor]:
    """Wav2Vec2 base, one clip of sound; in training its convolutions stand still."""
    network = Wav2Vec2Model(Wav2Vec2Config(layerdrop=0.0))
    network.freeze_feature_encoder()
    return network, torch.randn(1, SOUND)


def timesformer_base() -> tuple[nn.Module, Tensor]:
    """TimeSformer base, one clip of 8 body crops."""
    return TimesformerForVideoClassification(TimesformerConfig(num_labels=6)), torch.rand(1, 8, 3, BODY, BODY)


def videomae_base() -> tuple[nn.Module, Tensor]:
    """VideoMAE base with a head, one clip of 16 body crops."""
    return VideoMAEForVideoClassification(VideoMAEConfig(num_labels=6)), torch.rand(1, 16, 3, BODY, BODY)


def videomae_large() -> tuple[nn.Module, Tensor]:
    """VideoMAE large, one clip of 32 body crops: two windows."""
    return VideoMAEModel(VideoMAEConfig(**LARGE)), torch.rand(2, 16, 3, BODY, BODY)


def wavlm_large() -> tuple[nn.Module, Tensor]:
    """WavLM large, one clip of sound."""
    return WavLMModel(WavLMConfig(**LARGE_SPEECH)), torch.randn(1, SOUND)


def hubert_large() -> tuple[nn.Module, Tensor]:
    """HuBERT large, one clip of sound."""
    return HubertModel(HubertConfig(**LARGE_SPEECH, conv_bias=True)), torch.randn(1, SOUND)


def clip_base() -> tuple[nn.Module, Tensor]:
    """CLIP's ViT-B/16, one clip of 16 pictures."""
    return timm.create_model("vit_base_patch16_clip_quickgelu_224", num_classes=0), torch.rand(16, 3, 224, 224)


def voice() -> tuple[nn.Module, Tensor]:
    """Resemblyzer's voice encoder, one clip of sound."""
    return VoiceNetwork(), torch.randn(1, SOUND)


def expression() -> tuple[nn.Module, Tensor]:
    """face-api's network of expressions, one clip of 16 face crops."""
    return ExpressionNetwork(), torch.rand(PICTURES.count, 3, PICTURES.size, PICTURES.size)


def hubert_base() -> tuple[nn.Module, Tensor]:
    """HuBERT base, one clip of sound."""
    return HubertModel(HubertConfig()), torch.randn(1, SOUND)


def hicmae() -> tuple[nn.Module, Tensor]:
    """HiCMAE base, one clip of two windows of 16 face crops and their sound; a training step sees one of them."""
    return HiCMAE(6), torch.rand(1, 2, WINDOWS.seen + ROWS * BANDS)


NETWORKS: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor]], str]] = {
    # name: build, an encoder of params.yaml that it is the network of
    "s4d": (s4d, "s4d"),
    "wav2vec2-base": (wav2vec2_base, "wav2vec2_finetuned"),
    "timesformer-base": (timesformer_base, "timesformer"),
    "videomae-base": (videomae_base, "videomae"),
    "videomae-large": (videomae_large, "videomae_frozen"),
    "wavlm-large": (wavlm_large, "wavlm"),
    "hubert-large": (hubert_large, "hubert"),
    "clip-vit-b16": (clip_base, "clip"),
    "voice": (voice, "voice"),
    "expression": (expression, "expression"),
    "voc2vec": (hubert_base, "voc2vec"),
    "hicmae": (hicmae, "hicmae"),
}
