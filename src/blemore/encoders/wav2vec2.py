"""Wav2Vec2 (Baevski et al. 2020, arXiv 2006.11477; transformers' network), frozen or finetuned.

Frozen: as `speech` reads every speech network; the paper's system takes its middle layers for prosody.
Finetuned: the convolutions stay as they are, the transformer is trained end to end; the mean over time of its last
layer is classified. Training sees windows of settings["seconds"], evaluation whole clips.
No time masks and no dropped layers in training: see `speech.STILL`.
"""

from collections.abc import Mapping
import blemore.encoders.transformers_compat  # noqa: F401

from torch import Tensor, nn
from transformers import Wav2Vec2Model

from blemore.encoders.network import TransformersNetwork
from blemore.encoders.sound import Sound
from blemore.encoders.speech import Speech, speech_network
from blemore.params.families import Family
from blemore.scoring.labels import CLASSES

DROPOUT = 0.1
"""Share of the pooled values that the head does not see in training."""

FAMILY = Family(
    kind="network",
    needs={"frozen": ("layers",), "finetuned": ("seconds",)},
    model_types=("wav2vec2",),
    seconds={"finetuned": 0.0009, "frozen": 0.0016},
)


def build(settings: Mapping) -> "Speech | Wav2Vec2":
    """Make the network, small with random weights, or from a checkpoint; with a new head where it is finetuned.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    Speech or Wav2Vec2
        The embedder, or the network.
    """
    network = speech_network(Wav2Vec2Model, settings)
    return Speech(network, Sound()) if settings["learning"] == "frozen" else Wav2Vec2(network, settings["seconds"])


class Wav2Vec2(TransformersNetwork):
    """`network` and a linear head; trained on windows of `seconds`."""

    def __init__(self, network: Wav2Vec2Model, seconds: float):
        super().__init__(network, Sound(seconds=seconds))
        self.network.freeze_feature_encoder()
        self.head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(network.config.hidden_size, len(CLASSES)))

    def forward(self, x: Tensor) -> Tensor:
        """Clips (B, n) -> logits (B, 6)."""
        return self.head(self.network(x).last_hidden_state.mean(dim=1))

    def layer_of(self, name: str) -> int:
        """See Network; the position embedding and what stands before it are the stem."""
        parts = name.split(".")  # network.encoder.layers.3...
        if "layers" in parts:
            return int(parts[parts.index("layers") + 1]) + 1
        if parts[:3] == ["network", "encoder", "layer_norm"] and self.network.config.do_stable_layer_norm:
            return self.depth  # large networks normalise after the last layer
        return self.depth + 1 if parts[0] == "head" else 0
