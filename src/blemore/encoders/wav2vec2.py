"""Wav2Vec2, frozen: how the middle layers of a speech network hear the voice.

Preprocessing: 16 kHz mono, each clip to zero mean and unit variance. One clip at a time: base models normalise over
time, so padding in a batch would change the features even with a mask.
Features: for each layer the mean and the standard deviation over time, averaged over settings["layers"] = [first,
last] (layer k is the output of the k-th transformer layer, both ends included): 2 x the network's width.
Averaged, not concatenated: neighbouring layers say nearly the same, and a head sees few clips.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from blemore.encoders.base import Embedder, use_one_thread
from blemore.encoders.checkpoints import from_pretrained
from blemore.errors import DataError
from blemore.media.shards import read_audio
from blemore.torch_compat import torch

# isort: split
from transformers import Wav2Vec2Config, Wav2Vec2Model

TINY = {
    "conv_dim": (32,) * 7, "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4,
    "intermediate_size": 256, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
"""The same network, small: the seven convolutions (one vector per 20 ms) and four transformer layers."""
RATE = 16000
"""Hz."""
SHORTEST = 720
"""Samples; below, the convolutions leave less than two vectors, too few for a spread over time."""


def build(settings: Mapping) -> "Wav2Vec2":
    """The frozen network; small with random weights, or from a checkpoint."""
    if settings["scale"] == "tiny":
        network = Wav2Vec2Model(Wav2Vec2Config(**TINY))
    else:
        network = from_pretrained(Wav2Vec2Model, settings)
    first, last = settings["layers"]
    depth = network.config.num_hidden_layers
    if not 1 <= first <= last <= depth:
        raise DataError(
            f"encoder {settings['name']}", [f"layers {first} to {last} asked for, the network has layers 1 to {depth}"]
        )
    return Wav2Vec2(network, first, last)


class Wav2Vec2(Embedder):
    """`network` frozen, read at layers `first` to `last`."""

    def __init__(self, network: Wav2Vec2Model, first: int, last: int):
        self.device = use_one_thread()
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.layers = slice(first, last + 1)  # hidden_states[0] is the transformer's input

    def read(self, shard: Path) -> dict[str, np.ndarray]:
        """Samples (n,) float32 in [-1, 1], mono, by clip; sound of another rate than 16 kHz is refused."""
        rates = pq.read_table(shard, columns=["clip", "rate"]).to_pydict()
        faults = [
            f"clip {clip}: prepared at {rate} Hz, the network hears {RATE} Hz only: set media: audio: rate"
            for clip, rate in zip(rates["clip"], rates["rate"], strict=True)
            if rate != RATE
        ]
        if faults:
            raise DataError(str(shard), faults)
        return read_audio([shard])

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(n_clips, 2 * width) float32: means, then standard deviations over time."""
        return np.stack([self._embed_one(samples) for samples in clips])

    @torch.inference_mode()
    def _embed_one(self, samples: np.ndarray) -> np.ndarray:
        samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)  # silence stays silence
        batch = torch.from_numpy(samples.astype(np.float32)).to(self.device).unsqueeze(0)  # (1, n)
        layers = self.network(batch, output_hidden_states=True).hidden_states[self.layers]
        states = torch.cat(layers)  # (n_layers, time, width)
        mean, std = states.mean(dim=1), states.std(dim=1, correction=0)  # (n_layers, width)
        return torch.cat([mean, std], dim=1).mean(dim=0).cpu().numpy()
