"""Frozen speech networks: what each layer of WavLM, HuBERT or a relative hears in a voice.

Preprocessing: 16 kHz mono, each clip to zero mean and unit variance; clips of one length at a time, since padding would
change the features of networks that normalise over time, even with a mask.
Features of a clip: for ALL layers the mean and the standard deviation over time, (layers + 1, 2 x width) float16, so
that any choice of layers can be studied without another pass. Index 0 is the transformer's input, index k the output
of layer k. The head averages the layers that the settings choose; it refuses layers that are not there.
"""

import math
from collections.abc import Mapping
from typing import Literal
import blemore.encoders.transformers_compat  # noqa: F401

import numpy as np
import torch
from torch import Tensor, nn
from transformers import HubertModel, PreTrainedModel, Wav2Vec2Model, WavLMModel

from blemore.encoders.checkpoints import checkpoint_file, from_pretrained
from blemore.encoders.network import NetworkEmbedder, initialise
from blemore.encoders.sound import RATE, Sound
from blemore.encoders.weight_files import model_type
from blemore.params.families import Family
from joblineage.errors import DataError

ARCHITECTURES = {"wav2vec2": Wav2Vec2Model, "hubert": HubertModel, "wavlm": WavLMModel}
"""By `model_type` of a checkpoint's config.json. Another of transformers' networks with the same interface is one line."""
TINY = {
    "conv_dim": (120, 128), "conv_kernel": (400, 3), "conv_stride": (160, 4), "feat_extract_norm": "layer",
    "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
"""The same networks, small: windows of 25 ms, two convolutions (one vector per 40 ms) and four transformer layers."""
STILL = {"mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}
"""transformers draws masks from numpy's global generator: an interrupted training would not end in the same bytes."""
PHASES = 3
"""Copies of a band's filter, a third of a period apart: half-waves of all three add up to the band's level."""
LOWEST, HIGHEST = 80.0, 7000.0
"""Hz of the centres of the first and the last band."""
GAIN = 0.3
"""Level of a filter. Below about 0.01 times the clip's level, sound is lost in the layer norm's epsilon: a gate."""

FAMILY = Family(
    kind="network",
    needs={"frozen": ("layers",), "tiny": ("architecture",)},
    model_types=("wavlm", "hubert", "wav2vec2"),
    seconds={"frozen": 0.0016},
)


def build(settings: Mapping, *, architecture: Literal["wavlm", "hubert", "wav2vec2"] | None = None) -> "Speech":
    """Make the frozen network: small with random weights, of the given architecture, or what the checkpoint says it is.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.
    architecture : {"wavlm", "hubert", "wav2vec2"} or None
        The small network's; a checkpoint says itself what it is.

    Returns
    -------
    Speech
        The embedder.

    Raises
    ------
    DataError
        A checkpoint of a network that is not among ARCHITECTURES.
    MissingDataError
        No checkpoint.
    """
    if architecture and settings["scale"] == "tiny":
        return Speech(speech_network(ARCHITECTURES[architecture], settings), Sound())
    if model_type(settings) is None:
        checkpoint_file(settings)  # fetched where that is allowed, else the error that says what is missing
    kind = model_type(settings)
    if kind not in ARCHITECTURES:
        text = f"{settings['checkpoint']} is a {kind!r} network, module speech reads {', '.join(ARCHITECTURES)}"
        raise DataError(f"encoder {settings['name']}", [text])
    return Speech(speech_network(ARCHITECTURES[kind], settings), Sound())


def speech_network(architecture: type[PreTrainedModel], settings: Mapping) -> PreTrainedModel:
    """A network without a head: small with random weights, or from the settings' checkpoint."""
    if settings["scale"] != "tiny":
        return from_pretrained(architecture, settings, **STILL)
    network = architecture(architecture.config_class(**TINY | STILL))
    network.encoder.layers.apply(initialise)
    hear_bands(*(layer.conv for layer in network.feature_extractor.conv_layers), rate=RATE)
    return network


@torch.no_grad()
def hear_bands(first: nn.Conv1d, second: nn.Conv1d, rate: int) -> None:
    """Make `first` a bank of band-pass filters on the mel scale, and `second` a random mixture of the bands' levels.

    Fresh random filters are all but deaf to pitch and vowels, and a stem that is frozen never gets better. So a small
    network starts from what the public ones have learned from hundreds of hours of speech in their first layers: windowed
    cosines, spaced as the ear's bands are (Zeghidour et al. 2018, arXiv 1711.01161).

    first : one input channel; the number of output channels a multiple of PHASES.
    second : mixes the phases of a band evenly, and in time evenly; what it is otherwise stays as it was drawn.
    rate : of the samples, Hz.
    """
    bands = first.out_channels // PHASES
    lowest, highest = (2595 * math.log10(1 + hertz / 700) for hertz in (LOWEST, HIGHEST))
    mel = torch.linspace(lowest, highest, bands)
    centre = 700 * (10 ** (mel / 2595) - 1)
    length = first.kernel_size[0]
    time = (torch.arange(length) - (length - 1) / 2) / rate
    shift = torch.arange(PHASES) / PHASES
    waves = torch.cos(2 * math.pi * (centre[:, None, None] * time + shift[:, None]))  # (bands, PHASES, length)
    filters = waves * torch.hann_window(length, periodic=False)
    emphasis = (centre / centre.mean()).sqrt()  # voices fall with frequency
    filters = GAIN * emphasis[:, None, None] * filters / filters.norm(dim=2, keepdim=True)
    first.weight.copy_(filters.reshape(-1, 1, length))
    mixed = second.weight.unflatten(1, (bands, PHASES)).mean(dim=(2, 3), keepdim=True)
    second.weight.copy_(mixed.expand(-1, -1, PHASES, second.kernel_size[0]).flatten(1, 2))


class Speech(NetworkEmbedder):
    """`network` read at all its layers."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, n) -> (B, layers + 1, 2 * width) float32: means, then standard deviations over time."""
        states = self.network(batch, output_hidden_states=True).hidden_states  # each (B, time, width)
        layers = [torch.cat([x.mean(dim=1), x.std(dim=1, correction=0)], dim=1) for x in states]
        return torch.stack(layers, dim=1)

    def embed(self, batch: Tensor) -> np.ndarray:
        """See Embedder: (n, layers + 1, 2 * width) float16; what would be infinite is the largest float16."""
        largest = np.finfo(np.float16).max
        return super().embed(batch).clip(-largest, largest).astype(np.float16)

    def remark(self, clip: np.ndarray) -> str:
        """See Embedder: "silent" where there is no sound at all."""
        return "" if clip.any() else "silent"
