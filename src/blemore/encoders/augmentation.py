"""Changes of a clip that leave its emotion as it is.

Pictures: cut a little at both ends, mirrored, shifted, darker or brighter, flatter or harder. Never upside down, and the
same for all frames of a clip: what moves must be the person. Sound: louder or softer, from a random start.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

JITTER = 0.1
"""Largest share of a clip's frames that is cut off each end."""
SHIFT = 1 / 16
"""Largest shift, as a share of the picture's side; the border is repeated."""
LIGHT = 0.2
"""Largest relative change of brightness and of contrast."""


def moved(clips: Sequence[np.ndarray], generator: torch.Generator) -> list[np.ndarray]:
    """Clips (T, S, S, 3), half of them mirrored and each shifted; draws come from `generator` (CPU)."""
    side = clips[0].shape[1]
    reach = round(SHIFT * side)
    flips = torch.rand(len(clips), generator=generator) < 0.5
    shifts = torch.randint(-reach, reach + 1, (len(clips), 2), generator=generator)
    found = []
    for clip, flip, (down, right) in zip(clips, flips.tolist(), shifts.tolist(), strict=True):
        rows, columns = (np.clip(np.arange(side) + shift, 0, side - 1) for shift in (down, right))
        pixels = rows[:, None] * side + (columns[::-1] if flip else columns)  # (S, S) numbers of the pixels to show
        found.append(clip.reshape(len(clip), -1, 3).take(pixels.ravel(), axis=1).reshape(clip.shape))
    return found


def drawn_light(clips: int, generator: torch.Generator) -> Tensor:
    """(clips, 2) factors of brightness and contrast; draws come from `generator` (CPU)."""
    return (1 + LIGHT * (2 * torch.rand(2, clips, generator=generator) - 1)).T.contiguous()


def relit(clips: Tensor, light: Tensor) -> Tensor:
    """Clips (B, T, 3, S, S) in [0, 1], each in its own light (B, 2), in place."""
    brightness, contrast = light.T.reshape(2, -1, 1, 1, 1, 1)
    mean = clips.mean(dim=(1, 2, 3, 4), keepdim=True)
    return clips.sub_(mean).mul_(contrast).add_(mean).mul_(brightness).clamp_(0, 1)


def cut_sound(clips: Sequence[np.ndarray], length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clips (n,) int16 -> (B, length) int16: a window from a random start, the clip repeated where it is shorter.

    Beside it the gains (B, 1) float32, drawn within a factor of two. A network that standardises its input does not hear it; one that does not
    learns to pass over how near the microphone was.
    """
    draws = torch.rand(len(clips), 2, generator=generator).tolist()
    windows = []
    for clip, (where, _) in zip(clips, draws, strict=True):
        if len(clip) < length:
            windows.append(np.resize(np.roll(clip, -round(where * (len(clip) - 1))), length))
        else:
            start = round(where * (len(clip) - length))
            windows.append(clip[start : start + length])
    gains = torch.tensor([[2 ** (2 * gain - 1)] for _, gain in draws])
    return torch.from_numpy(np.stack(windows)), gains
