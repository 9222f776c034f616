"""Preprocessing of speech networks: 16 kHz mono, each clip to zero mean and unit variance; changed in training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from blemore.encoders.base import Preprocessing
from blemore.media.shards import read_samples
from joblineage.errors import refuse

RATE = 16000
"""Hz; what the public speech networks were trained at."""
SHORTEST = 720
"""Samples; below, the convolutions leave less than two vectors, too few for a spread over time. Shorter: zeros follow."""


@dataclass(frozen=True)
class Sound(Preprocessing):
    """Whole clips, never padded to a common length: in a batch, padding would change the features even with a mask.

    seconds : length of the windows that training sees, s; a shorter clip is repeated. None: not for training.
    """

    seconds: float | None = None

    def read(self, shard: Path) -> Iterator[tuple[str, bytes]]:
        """(clip, little-endian int16 samples) of an audio file; another rate than 16 kHz is refused.

        Raises
        ------
        DataError : clips prepared at another rate.
        """
        faults = []
        for clip, rate, samples in read_samples(shard):
            if rate != RATE:
                text = f"prepared at {rate} Hz, the network hears {RATE} Hz only: set media: samples: audio: rate"
                faults.append(f"clip {clip}: {text}")
            elif not faults:
                yield clip, samples
        refuse(shard, faults)

    def decode(self, raw: bytes) -> np.ndarray:
        """(n,) int16."""
        samples = np.frombuffer(raw, "<i2")
        return np.pad(samples, (0, max(0, SHORTEST - len(samples))))

    def stacked(self, clips: Sequence[np.ndarray]) -> Tensor:
        """See Preprocessing: (B, n) int16."""
        return torch.from_numpy(np.stack(clips))

    def augmented(self, clips: Sequence[np.ndarray], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See Preprocessing: a window of each clip from a random start, (B, seconds * 16000) int16; its gain to come."""
        if self.seconds is None:
            raise TypeError("made without seconds, which training needs")
        return cut_sound(clips, round(self.seconds * RATE), generator)

    def finished(self, batch: Tensor, changes: Tensor | None = None) -> Tensor:
        """See Preprocessing: (B, n) float32 of zero mean and unit variance clip by clip; silence stays silence."""
        samples = batch.float() / 32768
        if changes is not None:
            samples = samples * changes
        mean, variance = samples.mean(dim=1, keepdim=True), samples.var(dim=1, keepdim=True, correction=0)
        return (samples - mean) / torch.sqrt(variance + 1e-7)


def cut_sound(clips: Sequence[np.ndarray], length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Clips (n,) int16 -> (B, length) int16: a window from a random start, the clip repeated where it is shorter.

    Beside it the gains (B, 1) float32, drawn within a factor of two. A network that standardises its input does not hear
    them; one that does not learns to pass over how near the microphone was.
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
