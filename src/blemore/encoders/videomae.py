"""VideoMAE, finetuned on body crops (Tong et al. 2022, arXiv 2203.12602; transformers' network).

Preprocessing: ImageNet mean and standard deviation; frames and size as the checkpoint's configuration says (the
public base models: 16 frames of 224 px). Small: 8 frames of the inner 64 of 96 px, relative to the first.
"""

from collections.abc import Mapping

from blemore.encoders.base import Network, Pictures, initialise
from blemore.encoders.checkpoints import from_pretrained
from blemore.labels import CLASSES
from blemore.torch_compat import torch

# isort: split
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

TINY_PICTURES = Pictures(count=8, size=64, border=16, relative=True)
TINY = {
    "image_size": TINY_PICTURES.size, "num_frames": TINY_PICTURES.count, "patch_size": 16,
    "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 384,
}  # fmt: skip
HEAD = {"num_labels": len(CLASSES), "use_mean_pooling": True}
"""Mean pooling: without it the network classifies from the first patch alone."""


def build(settings: Mapping) -> "VideoMAE":
    """The network for the six classes: small from scratch, or from a checkpoint with a new head."""
    if settings["scale"] == "tiny":
        network = VideoMAEForVideoClassification(VideoMAEConfig(**TINY, **HEAD)).apply(initialise)
        return VideoMAE(network, TINY_PICTURES)
    network = from_pretrained(VideoMAEForVideoClassification, settings, ignore_mismatched_sizes=True, **HEAD)
    return VideoMAE(network, Pictures(count=network.config.num_frames, size=network.config.image_size))


class VideoMAE(Network):
    """`network` with the preprocessing it needs."""

    def __init__(self, network: VideoMAEForVideoClassification, pictures: Pictures):
        super().__init__()
        self.network = network
        self.pictures = pictures
        self.depth = network.config.num_hidden_layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Clips (B, T, 3, S, S) -> logits (B, 6)."""
        return self.network(x).logits

    def layer_of(self, name: str) -> int:
        """See Network."""
        parts = name.split(".")  # network.videomae.encoder.layer.3...
        if "embeddings" in parts:
            return 0
        return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else self.depth + 1
