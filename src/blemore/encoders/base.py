"""What every encoder module offers, so that an encoder of any family is trained or read by the same code.

A module of this folder is one family, found by its file's name. It offers `build(settings)`, which returns

- for `learning: finetuned` a `Network`: a normalised batch of clips -> logits (B, 6);
- for `learning: frozen` an `Embedder`: media of clips -> one array per clip.

Both know their own preprocessing, stated once in their module. `settings` is the encoder's slice of the parameters:
name, module, media, learning, scale ("tiny": the same architecture, small, from scratch; "pretrained": from
settings["checkpoint"]) and the numbers of that scale. A module's random weights come from torch's global generator,
which `build` below seeds.
"""

import hashlib
import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blemore.errors import DataError


class Preprocessing(ABC):
    """What a network reads of a clip, and how it becomes a batch. `Pictures` and `Sound` are the two there are."""

    @abstractmethod
    def read(self, shard: Path) -> Iterator[tuple[str, Any]]:
        """(clip, its bytes) of one prepared media file, in the file's order; cheap."""

    @abstractmethod
    def decode(self, raw: Any) -> np.ndarray:
        """What is kept in memory of a clip, compact: uint8 pictures or int16 samples. Runs in worker threads."""

    @abstractmethod
    def tensor(self, clips: Sequence[np.ndarray]) -> "Any":
        """Clips of equal shape as the network takes them: one normalised float32 tensor, nothing drawn at random."""

    @abstractmethod
    def augmented(self, clips: Sequence[np.ndarray], generator: "Any") -> "Any":
        """As `tensor`, for training: each clip changed in its own way that keeps the emotion; of one fixed shape.

        Draws come from `generator`, a torch.Generator of the CPU.
        """


class Embedder(ABC):
    """A frozen encoder."""

    batch: int = 8
    """Most clips in one call of `embed`."""

    @abstractmethod
    def read(self, shard: Path) -> Iterator[tuple[str, Any]]:
        """(clip, its bytes) of one prepared media file, in the file's order; cheap."""

    def decode(self, raw: Any) -> Any:
        """What `embed` takes of a clip; runs in worker threads, ahead of the device."""
        return raw

    @abstractmethod
    def embed(self, clips: Sequence[Any]) -> np.ndarray:
        """(n_clips, ...) float, row by row what `decode` gave; a row never depends on the other clips.

        The clips of one call have the same shape. A row of NaN, with a remark, is a clip that cannot be embedded.
        """

    def remark(self, clip: Any) -> str:
        """What users should know of a clip ("silent"), else nothing."""
        return ""


def build(settings: Mapping, seed: str) -> Any:
    """The encoder that the settings describe, from the module they name: a `Network` or an `Embedder`.

    seed : a name such as "17/s4d/fold0", from which random weights are drawn.

    Raises
    ------
    DataError : the module does not learn in the way that the settings ask for.
    """
    module = importlib.import_module(f"blemore.encoders.{settings['module']}")
    if "torch" in sys.modules:  # a family that does without torch shall not wait seconds for its import
        sys.modules["torch"].manual_seed(seed_of(seed))
    encoder = module.build(settings)
    if isinstance(encoder, Embedder) != (settings["learning"] == "frozen"):
        raise DataError(
            f"encoder {settings['name']}", [f"module {settings['module']} cannot be {settings['learning']}"]
        )
    return encoder


def seed_of(name: str) -> int:
    """A seed in [0, 2^63) derived from a name such as "17/s4d/fold0", never from an order."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
