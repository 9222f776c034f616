"""Clips of a training in memory, and the batches that they become ahead of the device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from blemore.encoders.ahead import alike, prefetched
from blemore.encoders.base import Preprocessing
from blemore.encoders.device import pinned
from blemore.encoders.torch_compat import torch
from blemore.learning.training.media import Media
from joblineage import declare

# isort: split
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Examples:
    """Clips with what they show.

    clips : as `Preprocessing.decode` makes them, n arrays.
    labels : soft labels (n, 6) float32.
    names : (n,) of the clips, for `declare`; None where nobody asks.
    """

    clips: Media
    labels: Tensor
    names: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.clips)

    def where(self, chosen: np.ndarray) -> "Examples":
        """Those for which `chosen` (n,) is true."""
        return Examples(self.clips.where(chosen), self.labels[torch.tensor(chosen)], declare.of(self.names, chosen))

    def batches(
        self, size: int, preprocessing: Preprocessing, generator: torch.Generator, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """All examples once, in random order, changed at random: batches of at most `size`, on the CPU.

        Each is what `preprocessing.augmented` gives, clips and changes, and the labels. Everything is drawn from
        `generator`, whose draws do not depend on the device.
        """

        def made() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
            for rows in torch.randperm(len(self), generator=generator).split(size):
                clips, changes = preprocessing.augmented([self.clips[row] for row in rows.tolist()], generator)
                yield pinned(clips, device), pinned(changes, device), pinned(self.labels[rows], device)

        return ahead_of(device, made())


def plain_batches(
    clips: Sequence[np.ndarray], size: int, preprocessing: Preprocessing, device: torch.device
) -> Iterator[tuple[list[int], Tensor]]:
    """All clips once, unchanged: places in `clips`, and a batch of at most `size` clips of equal shape, on the CPU."""
    groups = alike(enumerate(clips), size)
    return ahead_of(device, ((places, pinned(preprocessing.stacked(group), device)) for places, group in groups))


def ahead_of(device: torch.device, made: Iterator[T]) -> Iterator[T]:
    """What is `made`; for a GPU the next one is made while the last one is worked on."""
    return made if device.type == "cpu" else prefetched(made)
