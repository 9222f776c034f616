"""A convolution stem that hears from the start: a bank of band-pass filters on the mel scale.

A speech network's stem is learned from hundreds of hours of speech. Fresh random filters are all but deaf to pitch and
vowels, and a stem that is frozen never gets better. So a small network starts from what the public ones have learned
in their first layers: windowed cosines, spaced as the ear's bands are (Zeghidour et al. 2018, arXiv 1711.01161).
"""

import math

import torch
from torch import nn

PHASES = 3
"""Copies of a band's filter, a third of a period apart: half-waves of all three add up to the band's level."""
LOWEST, HIGHEST = 80.0, 7000.0
"""Hz of the centres of the first and the last band."""
GAIN = 0.3
"""Level of a filter. Below about 0.01 times the clip's level, sound is lost in the layer norm's epsilon: a gate."""


@torch.no_grad()
def hear_bands(first: nn.Conv1d, second: nn.Conv1d, rate: int) -> None:
    """Make `first` a filter bank, and `second` a random mixture of the bands' levels.

    first : one input channel; the number of output channels a multiple of PHASES.
    second : mixes the phases of a band evenly, and in time evenly; what it is otherwise stays as it was drawn.
    rate : of the samples, Hz.
    """
    bands = first.out_channels // PHASES
    mel = torch.linspace(_mel(LOWEST), _mel(HIGHEST), bands)
    centre = 700 * (10 ** (mel / 2595) - 1)
    length = first.kernel_size[0]
    time = (torch.arange(length) - (length - 1) / 2) / rate
    shift = torch.arange(PHASES) / PHASES
    waves = torch.cos(2 * math.pi * (centre[:, None, None] * time + shift[:, None]))  # (bands, PHASES, length)
    filters = waves * torch.hann_window(length, periodic=False)
    emphasis = (centre / centre.mean()).sqrt()  # voices fall with frequency
    filters = GAIN * emphasis[:, None, None] * filters / filters.norm(dim=2, keepdim=True)
    first.weight.copy_(filters.reshape(-1, 1, length))
    mixed = second.weight.unflatten(1, (bands, PHASES)).mean(dim=(2, 3), keepdim=True)
    second.weight.copy_(mixed.expand(-1, -1, PHASES, second.kernel_size[0]).flatten(1, 2))


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
