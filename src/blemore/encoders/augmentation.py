"""Changes of a clip that leave its emotion as it is.

Pictures: cut a little at both ends, mirrored, shifted, darker or brighter, flatter or harder. Never upside down, and the
same for all frames of a clip: what moves must be the person. Sound: louder or softer, from a random start.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

JITTER = 0.1
"""Largest share of a clip's frames that is cut off each end."""
SHIFT = 1 / 16
"""Largest shift, as a share of the picture's side; the border is repeated."""
LIGHT = 0.2
"""Largest relative change of brightness and of contrast."""


def augment(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Clips (B, T, 3, S, S) float in [0, 1], each changed in its own way; draws come from `generator` (CPU)."""
    flip = torch.rand(len(clips), generator=generator) < 0.5
    reach = round(SHIFT * clips.shape[-1])
    shift = torch.randint(0, 2 * reach + 1, (len(clips), 2), generator=generator)
    light = 1 + LIGHT * (2 * torch.rand(2, len(clips), 1, 1, 1, 1, generator=generator) - 1)
    brightness, contrast = light.to(clips.device)
    changed = torch.stack([_moved(*one, reach) for one in zip(clips, flip.tolist(), shift.tolist(), strict=True)])
    mean = changed.mean(dim=(1, 2, 3, 4), keepdim=True)
    return (((changed - mean) * contrast + mean) * brightness).clamp(0, 1)


def _moved(clip: Tensor, flip: bool, shift: list[int], reach: int) -> Tensor:
    side = clip.shape[-1]
    y, x = shift
    framed = F.pad(clip, (reach,) * 4, mode="replicate")[..., y : y + side, x : x + side]  # (T, 3, S, S)
    return framed.flip(-1) if flip else framed


def augment_sound(clips: Sequence[np.ndarray], length: int, generator: torch.Generator) -> Tensor:
    """Clips (n,) int16 -> (B, length) float32: a window from a random start, the clip repeated where it is shorter.

    The gain is drawn within a factor of two. A network that standardises its input does not hear it; one that does not
    learns to pass over how near the microphone was.
    """
    draws = torch.rand(len(clips), 2, generator=generator).tolist()
    windows = []
    for clip, (where, gain) in zip(clips, draws, strict=True):
        start = round(where * (len(clip) - length)) if len(clip) > length else round(where * (len(clip) - 1))
        window = np.resize(np.roll(clip, -start) if len(clip) < length else clip[start:], length)
        windows.append(window.astype(np.float32) / 32768 * 2 ** (2 * gain - 1))
    return torch.from_numpy(np.stack(windows))
