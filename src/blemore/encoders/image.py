"""A picture network of timm's, frozen: each frame embedded by itself, then mean and standard deviation over time.

Preprocessing: 16 frames, size, mean and standard deviation as timm states them for the architecture that
the settings name. For vit_base_patch16_clip_quickgelu_224.openai (CLIP, Radford et al. 2021, arXiv
2103.00020) that is 224 px and CLIP's own mean (0.481, 0.458, 0.408) and standard deviation (0.269, 0.261, 0.276). Its
weights were trained with QuickGELU; under the name without it, timm computes with another activation.
Small: a vision transformer with random weights on 8 frames of the inner 48 of 80 px, relative to the first.
"""

import difflib
import sys
from collections.abc import Mapping
import blemore.encoders.torch_compat  # noqa: F401

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from blemore.encoders.checkpoints import checkpoint_file, fill, load_tensors
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.pictures import Pictures
from blemore.params.families import Family
from joblineage.errors import DataError

FRAMES = 16
TINY_PICTURES = Pictures(count=8, size=48, border=16, relative=True, kept=8)
TINY = {"img_size": 48, "patch_size": 16, "embed_dim": 96, "depth": 4, "num_heads": 4}
CLIP_NAMES = "visual."
"""What the names of the picture tower begin with in a file that holds both of CLIP's."""

FAMILY = Family(kind="network", needs={"pretrained": ("architecture",)}, form="timm", seconds={"frozen": 0.0018})


def build(settings: Mapping, *, architecture: str = "") -> "Image":
    """Make a small network with random weights, or a named architecture with the weights of a checkpoint.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.
    architecture : str
        Name of the network in timm, with that of its weights; used at full size.

    Returns
    -------
    Image
        The embedder.

    Raises
    ------
    DataError
        Timm knows no weights of that name.
    """
    if settings["scale"] == "tiny":
        return Image(VisionTransformer(num_classes=0, **TINY), TINY_PICTURES)
    known = timm.list_pretrained()
    if architecture not in known:
        near = ", ".join(difflib.get_close_matches(architecture, known, n=3)) or "none"
        fault = f"architecture {architecture!r}: timm knows no weights of that name (architecture.weights)"
        raise DataError(f"encoder {settings['name']}", [f"{fault}; near it: {near}"])
    stated = timm.get_pretrained_cfg(architecture)
    network = timm.create_model(architecture, pretrained=False, num_classes=0)  # True would ask the hub
    tensors = load_tensors(checkpoint_file(settings))
    if any(name.startswith(CLIP_NAMES) for name in tensors):
        tensors = sys.modules[type(network).__module__].checkpoint_filter_fn(tensors, network)
    fill(network, tensors, settings)
    size = stated.input_size[-1]
    return Image(network, Pictures(count=FRAMES, size=size, mean=stated.mean, std=stated.std, kept=FRAMES), batch=4)


class Image(NetworkEmbedder):
    """The network, frame by frame: (2 * width,) float32, means, then standard deviations over time."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, T, 3, S, S) -> (B, 2 * width)."""
        frames = self.network(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])  # (B, T, width)
        return torch.cat([frames.mean(dim=1), frames.std(dim=1, correction=0)], dim=1)
