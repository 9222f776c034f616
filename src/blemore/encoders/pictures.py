"""Preprocessing of visual encoders: frames of a clip, sampled, normalised; in training changed, the emotion kept.

Cut a little at both ends, mirrored, shifted, darker or brighter, flatter or harder. Never upside down, and the same for
all frames of a clip: what moves must be the person.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blemore.encoders.base import Preprocessing
from blemore.encoders.device import to_device
from blemore.media.shards import decode_frames, read_jpegs

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_CLIP = (1, 2, 3, 4)  # all dimensions of a clip in a batch
JITTER = 0.1
"""Largest share of a clip's frames that is cut off each end."""
SHIFT = 1 / 16
"""Largest shift, as a share of the picture's side; the border is repeated."""
LIGHT = 0.2
"""Largest relative change of brightness and of contrast."""


@dataclass(frozen=True)
class Pictures(Preprocessing):
    """`count` frames evenly spread over the clip, `size` px square, normalised.

    A clip with fewer prepared frames than `count` shows some of them twice, evenly spread.

    time_first : the network takes (B, T, 3, S, S) if true, (B, 3, T, S, S) if false.
    border : px that are read around the square and cut off, to look closer than the prepared crops do.
    relative : in place of `mean` and `std`, each frame minus the clip's first, over the clip's standard deviation.
        A small network that starts from nothing then sees what moves, not who it is: on the generated actors that
        doubles its share of right answers for unseen persons.
    kept : most frames held in memory of each clip; above `count` the temporal jitter of training has more to choose
        from. None: all that are prepared.
    """

    count: int
    size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    time_first: bool = True
    border: int = 0
    relative: bool = False
    kept: int | None = None

    def read(self, shard: Path) -> Iterator[tuple[str, list[bytes]]]:
        """(clip, JPEG files of its frames) of a faces or body file."""
        return read_jpegs(shard)

    def decode(self, raw: Sequence[bytes]) -> np.ndarray:
        """(T, size, size, 3) uint8, T evenly spread frames, without border."""
        if self.kept is not None and len(raw) > self.kept:
            raw = [raw[k] for k in spread(len(raw), self.kept)]
        inner = slice(self.border, self.border + self.size)
        return np.ascontiguousarray(decode_frames(raw, self.size + 2 * self.border)[:, inner, inner])

    def stacked(self, clips: Sequence[np.ndarray]) -> Tensor:
        """See Preprocessing: `count` frames, first and last included, (B, T, S, S, 3) uint8."""
        return torch.from_numpy(np.stack([clip[spread(len(clip), self.count)] for clip in clips]))

    def augmented(self, clips: Sequence[np.ndarray], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See Preprocessing: begin and end move by up to `JITTER` of the clip; mirrored, shifted; other light to come."""
        ends = (JITTER * torch.rand(len(clips), 2, generator=generator)).numpy()  # (B, 2) shares of the clip
        chosen = [clip[spread(len(clip), self.count, *cut)] for clip, cut in zip(clips, ends, strict=True)]
        return torch.from_numpy(np.stack(moved(chosen, generator))), drawn_light(len(clips), generator)

    def finished(self, batch: Tensor, changes: Tensor | None = None) -> Tensor:
        """See Preprocessing: (B, T, 3, S, S) or (B, 3, T, S, S) float32."""
        pictures = as_float(batch)
        return self.normalise(pictures if changes is None else relit(pictures, changes))

    def normalise(self, pictures: Tensor) -> Tensor:
        """(B, T, 3, S, S) float in [0, 1] -> what the network takes; `pictures` may be written over."""
        if self.relative:
            away = pictures - pictures.mean(_CLIP, keepdim=True)
            spread = torch.linalg.vector_norm(away, dim=_CLIP, keepdim=True) / math.sqrt(away[0].numel())
            pictures = pictures.sub_(pictures[:, :1].clone()).div_(spread + 1e-3)  # a blank clip stays blank
        else:
            values = to_device(torch.tensor([self.mean, self.std]).view(2, 3, 1, 1), pictures.device)
            pictures = pictures.sub_(values[0]).div_(values[1])  # in place: a batch of full size has 77 MB
        return pictures if self.time_first else pictures.transpose(1, 2).contiguous()  # (B, 3, T, S, S)


def spread(frames: int, count: int, cut_begin: float = 0.0, cut_end: float = 0.0) -> np.ndarray:
    """(count,) indices evenly spread over `frames`, both ends included; shares of the clip may be cut off its ends."""
    last = frames - 1
    return np.linspace(cut_begin * last, (1 - cut_end) * last, count).round().astype(int)


def as_float(batch: Tensor) -> Tensor:
    """Clips (B, T, S, S, 3) uint8 -> (B, T, 3, S, S) float32 in [0, 1]."""
    return batch.permute(0, 1, 4, 2, 3).contiguous().float().div_(255)


def moved(clips: Sequence[np.ndarray], generator: torch.Generator) -> list[np.ndarray]:
    """Clips (T, S, S, 3), half of them mirrored and each shifted; draws come from `generator` (CPU)."""
    side = clips[0].shape[1]
    reach = round(SHIFT * side)
    flips = torch.rand(len(clips), generator=generator) < 0.5
    shifts = torch.randint(-reach, reach + 1, (len(clips), 2), generator=generator)
    shifted = []
    for clip, flip, (down, right) in zip(clips, flips.tolist(), shifts.tolist(), strict=True):
        rows, columns = (np.clip(np.arange(side) + shift, 0, side - 1) for shift in (down, right))
        pixels = rows[:, None] * side + (columns[::-1] if flip else columns)  # (S, S) numbers of the pixels to show
        shifted.append(clip.reshape(len(clip), -1, 3).take(pixels.ravel(), axis=1).reshape(clip.shape))
    return shifted


def drawn_light(clips: int, generator: torch.Generator) -> Tensor:
    """(clips, 2) factors of brightness and contrast; draws come from `generator` (CPU)."""
    return (1 + LIGHT * (2 * torch.rand(2, clips, generator=generator) - 1)).T.contiguous()


def relit(clips: Tensor, light: Tensor) -> Tensor:
    """Clips (B, T, 3, S, S) in [0, 1], each in its own light (B, 2), in place."""
    brightness, contrast = light.T.reshape(2, -1, 1, 1, 1, 1)
    mean = clips.mean(dim=_CLIP, keepdim=True)
    return clips.sub_(mean).mul_(contrast).add_(mean).mul_(brightness).clamp_(0, 1)
