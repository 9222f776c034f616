"""What every encoder module offers, so that an encoder of any family is trained or read by the same code.

A module of this folder is one family, found by its file's name. It offers `build(settings)`, which returns

- for `learning: finetuned` a `Network`: normalised pictures of a batch of clips -> logits (B, 6);
- for `learning: frozen` an `Embedder`: media of clips -> one vector per clip.

Both know their own preprocessing, stated once in their module. `settings` is the encoder's slice of the parameters:
name, module, media, learning, scale ("tiny": the same architecture, small, from scratch; "pretrained": from
settings["checkpoint"]) and the numbers of that scale. Randomness of `build` comes from torch's global generator,
which the caller seeds.
"""

import hashlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Pictures:
    """Preprocessing of a visual encoder: `count` frames evenly spread over the clip, `size` px square, normalised.

    time_first : the network takes (B, T, 3, S, S) if true, (B, 3, T, S, S) if false.
    border : px that are read around the square and cut off, to look closer than the prepared crops do.
    relative : in place of `mean` and `std`, each frame minus the clip's first, over the clip's standard deviation.
        A small network that starts from nothing then sees what moves, not who it is: on the generated actors that
        doubles its share of right answers for unseen persons.
    """

    count: int
    size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    time_first: bool = True
    border: int = 0
    relative: bool = False

    @property
    def read_size(self) -> int:
        """Side in px at which `choose` wants the frames."""
        return self.size + 2 * self.border

    def choose(self, frames: np.ndarray) -> np.ndarray:
        """`count` of a clip's frames, first and last included, without border: (T, R, R, 3) -> (count, S, S, 3)."""
        inner = slice(self.border, self.border + self.size)
        return frames[np.linspace(0, len(frames) - 1, self.count).round().astype(int), inner, inner]

    def normalise(self, pictures: Tensor) -> Tensor:
        """(B, T, 3, S, S) float in [0, 1] -> what the network takes."""
        if self.relative:
            spread = pictures.std(dim=(1, 2, 3, 4), keepdim=True) + 1e-3  # a blank clip stays blank
            pictures = (pictures - pictures[:, :1]) / spread
        else:
            mean = torch.tensor(self.mean, device=pictures.device).view(3, 1, 1)
            std = torch.tensor(self.std, device=pictures.device).view(3, 1, 1)
            pictures = (pictures - mean) / std
        return pictures if self.time_first else pictures.transpose(1, 2)  # (B, 3, T, S, S)


class Network(nn.Module, ABC):
    """A network to finetune. `forward`: what `pictures.normalise` gives -> logits (B, 6)."""

    pictures: Pictures
    depth: int
    """Number of transformer layers."""

    @abstractmethod
    def layer_of(self, name: str) -> int:
        """The layer a parameter belongs to: 0 stem, 1..depth transformer, depth + 1 head (for layer decay)."""

    def auxiliary_loss(self) -> Tensor | float:
        """What the last training pass adds to the loss, coefficient included; nothing unless a network says so."""
        return 0.0


class Embedder(ABC):
    """A frozen encoder."""

    @abstractmethod
    def read(self, shard: Path) -> dict[str, Any]:
        """What the encoder needs of each clip of one prepared media file, by clip name."""

    @abstractmethod
    def embed(self, clips: Sequence[Any]) -> np.ndarray:
        """(n_clips, n_features) float32, row by row what `read` gave; a row never depends on the other clips."""


def build(settings: Mapping) -> Network | Embedder:
    """The encoder that the settings describe, from the module they name."""
    return importlib.import_module(f"blemore.encoders.{settings['module']}").build(settings)


def initialise(part: nn.Module) -> None:
    """Fresh weights as masked autoencoders have them: Glorot and uniform, no bias (for `network.apply`).

    A patch embedding counts as the linear layer that it is. On few clips this learns far faster than small normal
    weights do.
    """
    if isinstance(part, nn.Linear | nn.Conv3d):
        nn.init.xavier_uniform_(part.weight.flatten(1))  # a view
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def seed_of(name: str) -> int:
    """A seed in [0, 2^63) derived from a name such as "17/s4d/fold0", never from an order."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def use_one_thread() -> torch.device:
    """One CPU thread, reproducible operations where torch has them; the device to compute on."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
