"""A small network that tells speakers apart (Wan et al. 2018, arXiv 1710.10467; Resemblyzer's weights), frozen.

Preprocessing: 16 kHz mono; each clip at one level, -30 dB re full scale; 40 mel bands of power (not its logarithm),
25 ms every 10 ms. Three layers of LSTM read them. Features of a clip: mean and standard deviation over time of what the
last layer says.
The network is small enough at full size: at either scale the checkpoint is read.

Unlike Resemblyzer's own code, silence is not cut out, and quiet and loud recordings are brought to the same level.
"""

from collections.abc import Mapping
import blemore.encoders.torch_compat  # noqa: F401

import numpy as np
import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from blemore.encoders.checkpoints import checkpoint_file, fill, load_tensors
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.sound import RATE, Sound
from blemore.params.families import Family

BANDS, WINDOW, HOP = 40, 400, 160
"""Mel bands; samples."""
WIDTH, LAYERS = 256, 3
LEVEL = 10 ** (-30 / 20)
"""Of a clip, re full scale."""

FAMILY = Family(kind="network", form="file", small=False)


def build(settings: Mapping) -> "VoiceEmbedder":
    """Make the network with the weights of the checkpoint (of none, as tests build it: random ones).

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    VoiceEmbedder
        The embedder.
    """
    network = VoiceNetwork()
    if "checkpoint" in settings:
        fill(network, load_tensors(checkpoint_file(settings)), settings)
    return VoiceEmbedder(network, Sound())


class VoiceNetwork(nn.Module):
    """Clips (B, n) of unit variance -> (B, frames, WIDTH), what the last layer says every 10 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = LAYERS
        self.lstm = nn.LSTM(BANDS, WIDTH, LAYERS, batch_first=True)
        self.mel = MelSpectrogram(
            RATE, WINDOW, hop_length=HOP, n_mels=BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
        )
        for buffer in ("spectrogram.window", "mel_scale.fb"):  # computed, in no checkpoint
            place, _, name = buffer.partition(".")
            self.mel.get_submodule(place)._non_persistent_buffers_set.add(name)

    def forward(self, x: Tensor) -> Tensor:
        bands = self.mel(LEVEL * x).transpose(1, 2)  # (B, frames, BANDS)
        return self.lstm(bands)[0]


class VoiceEmbedder(NetworkEmbedder):
    """`network` over time: (2 * WIDTH,) float32, means, then standard deviations."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, n) -> (B, 2 * WIDTH)."""
        states = self.network(batch)  # (B, frames, WIDTH)
        return torch.cat([states.mean(dim=1), states.std(dim=1, correction=0)], dim=1)

    def remark(self, clip: np.ndarray) -> str:
        """See Embedder: "silent" where there is no sound at all."""
        return "" if clip.any() else "silent"
