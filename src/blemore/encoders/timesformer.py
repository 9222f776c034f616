"""TimeSformer, finetuned on body crops (Bertasius et al. 2021, arXiv 2102.05095; transformers' network).

Attention over time and attention over space take turns. Preprocessing: mean 0.45 and standard deviation 0.225 in all
three colours; frames and size as the checkpoint's configuration says (the public base model: 8 frames of 224 px).
Small: 8 frames of the inner 48 of 80 px, relative to the first.
"""

from collections.abc import Mapping
from typing import Any
import blemore.encoders.transformers_compat  # noqa: F401

from torch import Tensor, nn
from transformers import TimesformerConfig, TimesformerForVideoClassification

from blemore.encoders.checkpoints import from_pretrained
from blemore.encoders.network import TransformersNetwork, initialise
from blemore.encoders.pictures import Pictures
from blemore.params.families import Family
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError

MEAN = (0.45, 0.45, 0.45)
STD = (0.225, 0.225, 0.225)
HEAD = {"num_labels": len(CLASSES)}
TINY = {
    "image_size": 48, "num_frames": 8, "patch_size": 16,
    "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 384,
}  # fmt: skip
PLACES = 0.3
"""Standard deviation of fresh place and time embeddings; on the generated actors it learns faster than 0 or sines do."""

FAMILY = Family(kind="network", model_types=("timesformer",), seconds={"finetuned": 0.0024})


def build(settings: Mapping) -> "TimeSformer":
    """Make the network for the six classes: small from scratch, or from a checkpoint with a new head.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    TimeSformer
        The network.
    """
    if settings["scale"] == "tiny":
        network = fresh(TimesformerForVideoClassification(TimesformerConfig(**TINY, **HEAD)))
        closer: dict[str, Any] = {"border": 16, "relative": True, "kept": 2 * TINY["num_frames"]}
        return TimeSformer(network, Pictures(count=TINY["num_frames"], size=TINY["image_size"], **closer))
    network = from_pretrained(TimesformerForVideoClassification, settings, ignore_mismatched_sizes=True, **HEAD)
    frames = network.config.num_frames
    return TimeSformer(network, Pictures(frames, network.config.image_size, mean=MEAN, std=STD, kept=frames))


def fresh(network: TimesformerForVideoClassification) -> TimesformerForVideoClassification:
    """Weights to start from nothing: as `initialise` has them, and places and times distinguished from the first step.

    transformers starts with all times alike, which is right beside weights that were trained on pictures.
    """
    network = network.apply(initialise)
    patches = network.timesformer.embeddings.patch_embeddings.projection  # a Conv2d, which `initialise` leaves
    nn.init.xavier_uniform_(patches.weight.flatten(1))
    for name in ("position_embeddings", "time_embeddings"):
        nn.init.normal_(getattr(network.timesformer.embeddings, name), std=PLACES)
    return network


class TimeSformer(TransformersNetwork):
    """See `build`."""

    def forward(self, x: Tensor) -> Tensor:
        """Clips (B, T, 3, S, S) -> logits (B, 6).

        Raises
        ------
        DataError : clips of another number of frames, or another size, than the network was made for. transformers
            would compute all the same, with time and place mixed up.
        """
        config = self.network.config
        wanted = (config.num_frames, 3, config.image_size, config.image_size)
        if tuple(x.shape[1:]) != wanted:
            fault = f"clips of shape {tuple(x.shape[1:])} given, made for {wanted} (frames, colours, height, width)"
            raise DataError("TimeSformer", [fault])
        return self.network(x).logits
