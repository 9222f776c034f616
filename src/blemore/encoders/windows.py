"""Preprocessing of networks that see and hear: faces and sound of the same 2.56 seconds, joined by time.

The sound of a window are the logarithms of 128 mel bands, 25 ms every 10 ms, as kaldi computes them and as HiCMAE was
trained on. A window that the clip does not fill is filled with zeros; its pictures repeat the nearest face.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
import blemore.encoders.torch_compat  # noqa: F401

import numpy as np
import torch
from torch import Tensor
from torchaudio.compliance import kaldi

from blemore.encoders.base import Preprocessing
from blemore.encoders.pictures import Pictures, as_float, drawn_light, moved, relit
from blemore.encoders.sound import RATE, Sound
from blemore.media.shards import read_timed
from joblineage.errors import refuse

SECONDS = 2.56
"""Length of a window."""
ROWS, BANDS = 256, 128
"""Of a window's sound: in time, and mel bands."""
MEAN, SPREAD = -4.2677393, 2 * 4.5689974
"""What is taken off the logarithms, and by what they are divided."""
FLOOR = math.log(2**-23)
"""Logarithm of the least energy: silence."""
LOUDER = 2 * math.log(2)
"""Largest change of the logarithms in training: a microphone twice as near, or half."""


@dataclass(frozen=True)
class FacesAndSound(Preprocessing):
    """Windows of a clip: its first and its last `SECONDS`, one where it is not longer.

    A clip is kept as bytes, (W, n) uint8: of each window the pictures, uint8, and behind them the logarithms, float32.

    pictures : `count` of them evenly over a window, each the face nearest in time.
    """

    pictures: Pictures

    @property
    def seen(self) -> int:
        """Bytes of a window's pictures."""
        return self.pictures.count * self.pictures.size**2 * 3

    def read(self, shard: tuple[Path, Path]) -> Iterator[tuple[str, tuple[np.ndarray, list[bytes], bytes]]]:
        """(clip, (times of its faces in s, their JPEG files, its int16 samples)) of a faces file and the audio file beside it.

        Raises
        ------
        DataError : a clip's sound is not there, or has another rate than 16 kHz.
        """
        faces, audio = shard
        heard, deaf = dict(Sound().read(audio)), []
        for clip, times, jpegs in read_timed(faces):
            if clip in heard:
                yield clip, (times, jpegs, heard[clip])
            else:
                deaf.append(f"clip {clip}: is in {faces}, but not here: prepare the media again")
        refuse(audio, deaf)

    def decode(self, raw: tuple[np.ndarray, list[bytes], bytes]) -> np.ndarray:
        """(W, n) uint8."""
        times, jpegs, sound = raw
        faces, samples = self.pictures.decode(jpegs), Sound().decode(sound)  # (T, S, S, 3), (n_samples,)
        rest = len(samples) / RATE - SECONDS
        windows = []
        for start in [0.0, rest] if rest > 0 else [0.0]:
            moments = start + SECONDS / self.pictures.count * np.arange(self.pictures.count)
            nearest = np.abs(times - moments[:, None]).argmin(axis=1)  # (count,)
            first = round(start * RATE)
            bands = log_mel(samples[first : first + round(SECONDS * RATE)] / np.float32(32768))
            bands = np.pad(bands, ((0, ROWS - len(bands)), (0, 0)))
            windows.append(np.concatenate([faces[nearest].ravel(), bands.ravel().view(np.uint8)]))
        return np.stack(windows)

    def stacked(self, clips: Sequence[np.ndarray]) -> Tensor:
        """See Preprocessing: (B, W, n) uint8."""
        return torch.from_numpy(np.stack(clips))

    def augmented(self, clips: Sequence[np.ndarray], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See Preprocessing: one window of each clip, (B, 1, n) uint8, its faces mirrored and shifted.

        Beside it (B, 3): factors of brightness and contrast, and what is added to the logarithms of the sound.
        """
        draws = torch.rand(len(clips), 2, generator=generator)
        chosen = [clip[int(where * len(clip))] for clip, (where, _) in zip(clips, draws.tolist(), strict=True)]
        shape = (self.pictures.count, self.pictures.size, self.pictures.size, 3)
        faces = moved([window[: self.seen].reshape(shape) for window in chosen], generator)
        rows = [np.append(face.ravel(), window[self.seen :]) for face, window in zip(faces, chosen, strict=True)]
        louder = LOUDER * (2 * draws[:, 1:] - 1)
        return torch.from_numpy(np.stack(rows))[:, None], torch.cat([drawn_light(len(clips), generator), louder], dim=1)

    def finished(self, batch: Tensor, changes: Tensor | None = None) -> Tensor:
        """See Preprocessing: (B, W, values) float32: of each window pictures (3, T, S, S), then sound (ROWS, BANDS)."""
        shape = (self.pictures.count, self.pictures.size, self.pictures.size, 3)
        windows = batch.flatten(0, 1)  # (B * W, n)
        pictures = as_float(windows[:, : self.seen].unflatten(1, shape))  # (B * W, T, 3, S, S)
        bands = windows[:, self.seen :].clone().view(torch.float32).unflatten(1, (-1, BANDS))  # (B * W, ROWS, BANDS)
        if changes is not None:
            each = changes.repeat_interleave(batch.shape[1], dim=0)  # (B * W, 3)
            pictures = relit(pictures, each[:, :2])
            bands = louder(bands, each[:, 2])
        sound = (bands - MEAN) / SPREAD
        both = torch.cat([self.pictures.normalise(pictures).flatten(1), sound.flatten(1)], dim=1)
        return both.unflatten(0, batch.shape[:2])


def louder(bands: Tensor, change: Tensor) -> Tensor:
    """Logarithms (B, rows, bands) with (B,) added, never below silence; silence and filled rows stay as they are."""
    still = (bands == 0).all(dim=2, keepdim=True) | (bands < FLOOR + 1e-3)
    return torch.where(still, bands, (bands + change[:, None, None]).clamp(min=FLOOR))


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(n,) float32 in [-1, 1], 16 kHz mono -> (1 + (n - 400) // 160, BANDS) float32, logarithms of energies."""
    wave = torch.from_numpy(samples - samples.mean(dtype=np.float64).astype(np.float32))[None]
    bands = kaldi.fbank(
        wave, sample_frequency=RATE, num_mel_bins=BANDS, window_type="hanning", htk_compat=True, dither=0.0
    )
    return bands.numpy()
