"""VideoMAE on body crops (Tong et al. 2022, arXiv 2203.12602; transformers' network): finetuned, or frozen.

Preprocessing: ImageNet mean and standard deviation; frames and size as the checkpoint's configuration says (the
public models: 16 frames of 224 px). Small: 8 frames of the inner 64 of 96 px, relative to the first.

Finetuned: a new head on the mean over all patch tokens.
Frozen: the clip's prepared frames are cut into consecutive windows as long as the network sees; each window's patch
tokens are averaged, then the windows: (width,) float32. The last window is filled by repeating the last frame, and so
is a clip that is shorter than one window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
import blemore.encoders.transformers_compat  # noqa: F401

import numpy as np
import torch
from torch import Tensor
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEModel

from blemore.encoders.checkpoints import from_pretrained
from blemore.encoders.network import NetworkEmbedder, TransformersNetwork, initialise
from blemore.encoders.pictures import Pictures
from blemore.params.families import Family
from blemore.scoring.labels import CLASSES

TINY = {
    "image_size": 64, "num_frames": 8, "patch_size": 16,
    "hidden_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 384,
}  # fmt: skip
CLOSER: dict[str, Any] = {"border": 16, "relative": True, "kept": 16}
"""How the small network looks at pictures."""
HEAD = {"num_labels": len(CLASSES), "use_mean_pooling": True}
"""Mean pooling: without it the network classifies from the first patch alone."""

FAMILY = Family(kind="network", model_types=("videomae",), seconds={"finetuned": 0.0015, "frozen": 0.004})


def build(settings: Mapping) -> "VideoMAE | VideoMAEWindows":
    """Make a network, small with random weights, or from a checkpoint; finetuned with a new head for the six classes.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    VideoMAE or VideoMAEWindows
        The network, or the embedder.
    """
    tiny = settings["scale"] == "tiny"
    if settings["learning"] == "frozen":
        network = VideoMAEModel(VideoMAEConfig(**TINY)) if tiny else from_pretrained(VideoMAEModel, settings)
        size: dict[str, Any] = {"count": network.config.num_frames, "size": network.config.image_size}
        return VideoMAEWindows(network, Windows(**size, **CLOSER) if tiny else Windows(**size))
    if tiny:
        network = VideoMAEForVideoClassification(VideoMAEConfig(**TINY, **HEAD)).apply(initialise)
        return VideoMAE(network, Pictures(count=TINY["num_frames"], size=TINY["image_size"], **CLOSER))
    network = from_pretrained(VideoMAEForVideoClassification, settings, ignore_mismatched_sizes=True, **HEAD)
    frames = network.config.num_frames
    return VideoMAE(network, Pictures(count=frames, size=network.config.image_size, kept=frames))


class VideoMAE(TransformersNetwork):
    """See `build`."""

    def forward(self, x: Tensor) -> Tensor:
        """Clips (B, T, 3, S, S) -> logits (B, 6)."""
        x = x.transpose(1, 2).contiguous().transpose(1, 2)  # laid out as its convolution reads it, there and back
        return self.network(x).logits


@dataclass(frozen=True)
class Windows(Pictures):
    """All prepared frames (at most `kept`), in consecutive windows of `count`."""

    def stacked(self, clips: Sequence[np.ndarray]) -> Tensor:
        """See Preprocessing: all frames."""
        return torch.from_numpy(np.stack(clips))

    def finished(self, batch: Tensor, changes: Tensor | None = None) -> Tensor:
        """(B, T, S, S, 3) -> (B, windows, count, 3, S, S); the last frame fills the last window."""
        frames = batch.shape[1]
        windows = -(-frames // self.count)
        shown = torch.arange(windows * self.count, device=batch.device).clamp(max=frames - 1)
        return super().finished(batch, changes)[:, shown].unflatten(1, (windows, self.count))


class VideoMAEWindows(NetworkEmbedder):
    """The frozen network, averaged over patches and windows: (width,) float32."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, windows, T, 3, S, S) -> (B, width)."""
        windows = self.network(batch.flatten(0, 1)).last_hidden_state.mean(dim=1)  # (B * windows, width)
        return windows.unflatten(0, batch.shape[:2]).mean(dim=1)
