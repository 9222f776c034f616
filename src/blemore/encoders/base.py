"""What every encoder module offers, so that an encoder of any family is trained or read by the same code.

A module of this folder is one family, found by its file's name. It offers `build(settings, *, its own numbers)`, which
returns

- for `learning: finetuned` a `Network`: a normalised batch of clips -> logits (B, 6);
- for `learning: frozen` an `Embedder`: media of clips -> one array per clip.

Both know their own preprocessing, stated once in their module. `settings` is the encoder's slice of the parameters:
name, module, media, learning, scale ("tiny": the same architecture, small, from scratch; "pretrained": from
settings["checkpoint"]) and the numbers of that scale. Those that the family alone has are keyword-only arguments of
`build`: what params.yaml says of them is compared with these before the first job (`parts`). A module's random weights
come from torch's global generator, which `build` below seeds.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from blemore.params.parts import ENCODER_FAMILY, own
from blemore.seeds import seed_of
from joblineage.errors import DataError


class Preprocessing(ABC):
    """What a network reads of a clip, and how it becomes a batch. `Pictures`, `Sound` and both together are what there is."""

    @abstractmethod
    def read(self, shard: Any) -> Iterator[tuple[str, Any]]:
        """(clip, its bytes) of one prepared media file, in the file's order; cheap.

        shard : a path; where several kinds of media are read, the paths of one shard in the order of the kinds.
        """

    @abstractmethod
    def decode(self, raw: Any) -> np.ndarray:
        """What is kept in memory of a clip, compact: uint8 pictures or int16 samples. Runs in worker threads."""

    @abstractmethod
    def stacked(self, clips: Sequence[np.ndarray]) -> "Any":
        """Clips of equal shape, as compact as they are kept: one tensor on the CPU. Nothing is drawn at random."""

    @abstractmethod
    def augmented(self, clips: Sequence[np.ndarray], generator: "Any") -> "tuple[Any, Any]":
        """As `stacked`, for training: each clip changed in its own way that keeps the emotion; of one fixed shape.

        Beside it the changes that `finished` makes, (B, ...) float32 on the CPU. Draws come from `generator`, a
        torch.Generator of the CPU.
        """

    @abstractmethod
    def finished(self, batch: "Any", changes: "Any" = None) -> "Any":
        """What the network takes of clips that are `stacked` or `augmented`: one normalised float32 tensor.

        Computed where the batch lies, so that a GPU is sent bytes and does not wait for a CPU to make numbers of them.
        """


class Embedder(ABC):
    """A frozen encoder."""

    batch: int = 8
    """Most clips in one call of `ready`."""

    @abstractmethod
    def read(self, shard: Any) -> Iterator[tuple[str, Any]]:
        """(clip, its bytes) of one prepared media file, in the file's order; cheap.

        shard : a path; where several kinds of media are read, the paths of one shard in the order of the kinds.
        """

    def decode(self, raw: Any) -> Any:
        """What is kept of a clip; runs in worker threads, ahead of the device."""
        return raw

    def ready(self, clips: Sequence[Any]) -> Any:
        """What `embed` takes of clips of equal shape, as `decode` gave them; runs in a thread, ahead of the device."""
        return clips

    @abstractmethod
    def embed(self, batch: Any) -> np.ndarray:
        """(n_clips, ...) float of what `ready` gave, clip by clip; a row never depends on the other clips.

        A row of NaN, with a remark, is a clip that cannot be embedded.
        """

    def remark(self, clip: Any) -> str:
        """What users should know of a clip ("silent"), else nothing."""
        return ""


def build(settings: Mapping, seed: str) -> Any:
    """Make the encoder that the settings describe, from the module they name.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.
    seed : str
        A name such as "17/s4d/fold0", from which random weights are drawn.

    Returns
    -------
    Network or Embedder
        The encoder.

    Raises
    ------
    DataError
        The module does not learn in the way that the settings ask for.
    """
    module = ENCODER_FAMILY.load(settings["module"])
    if "torch" in sys.modules:  # a family that does without torch shall not wait seconds for its import
        sys.modules["torch"].manual_seed(seed_of(seed))
    encoder = module.build(settings, **own(module.build, settings))
    if isinstance(encoder, Embedder) != (settings["learning"] == "frozen"):
        fault = f"module {settings['module']} cannot be {settings['learning']}"
        raise DataError(f"encoder {settings['name']}", [fault])
    return encoder
