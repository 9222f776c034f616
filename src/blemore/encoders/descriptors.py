"""What a voice is like from frame to frame: level, pitch, voice quality, spectrum. One number per descriptor and 10 ms.

Pitch and harmonicity come from the autocorrelation of the windowed frame, divided by that of the window, as in
Boersma 1993 (IFA Proceedings 17), without his search for a path: a median over five frames removes octave jumps.
torchaudio's `detect_pitch_frequency` says neither how periodic a frame is nor whether it is voiced at all.
The spectral measures follow eGeMAPS (Eyben et al. 2016, IEEE TAC 7(2)); everything but the level is the same for a
louder recording.
"""

from dataclasses import dataclass
import blemore.encoders.torch_compat  # noqa: F401

import numpy as np
import torchaudio.functional as audio
from scipy.ndimage import median_filter

RATE = 16000
"""Hz of the samples."""
HOP, WINDOW, FOURIER = 160, 640, 1280
"""Samples between frames (10 ms), of a frame (40 ms: three periods of the lowest pitch), and of its zero-padded spectrum."""
PITCH = (75.0, 620.0)
"""Hz; lowest and highest voice looked for."""
VOICED = 0.45
"""Least normalised autocorrelation of a voiced frame (Boersma's default)."""
SOUNDING = 30.0
"""dB below the clip's loudest frames to which a frame counts as sounding."""
SILENCE = -75.0
"""dB re full scale; below, nothing sounds: quieter than the rounding of 16-bit samples."""
FLOOR = 1e-10
"""Least power: the logarithm of digital silence."""
SEMITONE_ZERO = 180.0
"""Hz of 0 semitones: between the voices of men and women, so that 0 is a harmless value where there is no pitch."""
MELS, CEPSTRA = 26, 13
SPECTRAL = ("alpha_ratio", "hammarberg", "slope_low", "slope_high", "centroid", "spread", "flatness", "rolloff")
QUALITY = ("harmonicity", "subharmonics", "first_harmonics")
HANN = np.hanning(WINDOW)
HANN_CORRELATION = np.fft.irfft(np.abs(np.fft.rfft(HANN, FOURIER)) ** 2)
HANN_CORRELATION = HANN_CORRELATION[:WINDOW] / HANN_CORRELATION[0]
MEL_BANK = audio.melscale_fbanks(FOURIER // 2 + 1, 50.0, 7800.0, MELS, RATE, mel_scale="htk").numpy().astype(float)
COSINES = audio.create_dct(CEPSTRA, MELS, "ortho").numpy().astype(float)


@dataclass(frozen=True)
class Tracks:
    """Descriptors of a clip, each (n_frames,) float64; meaningful only where `sounding` (or `voiced`) says so."""

    level: np.ndarray
    """dB re full scale."""
    sounding: np.ndarray
    """bool."""
    voiced: np.ndarray
    """bool; part of `sounding`."""
    pitch: np.ndarray
    """Semitones re 180 Hz."""
    quality: dict[str, np.ndarray]
    """Of voiced frames, dB: harmonics to noise; second period to first (below 0 dB: every other pulse differs);
    first harmonic to second (breathy: high)."""
    spectral: dict[str, np.ndarray]
    """Of sounding frames: 50-1000 to 1000-5000 Hz (dB); peak below to peak above 2 kHz (dB); slopes of 0-500 and of
    500-1500 Hz (dB/kHz); centre of gravity and 85 % point (octaves re 1 kHz); spread (octaves); flatness (dB)."""
    cepstra: np.ndarray
    """(n_frames, 12) mel cepstral coefficients 1 to 12 of the sounding frames; 0, the level, is left out."""
    flux: np.ndarray
    """Change of the spectrum's shape from the frame before, in 0..1."""


def tracks(samples: np.ndarray) -> Tracks:
    """Descriptors of (n,) float samples in [-1, 1] at 16 kHz, at least one window long."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * HANN
    power = np.abs(np.fft.rfft(frames, FOURIER)) ** 2  # (n_frames, 641)
    level = 10 * np.log10(np.maximum((frames**2).sum(axis=1) / (HANN**2).sum(), FLOOR))
    sounding = level > max(np.percentile(level, 95) - SOUNDING, SILENCE)
    pitch, periodic, second = _periodicity(power)
    voiced = sounding & (periodic > VOICED)
    clear = np.clip(periodic, 0.01, 0.999)
    quality = {
        "harmonicity": 10 * np.log10(clear / (1 - clear)),
        "subharmonics": 10 * np.log10(np.clip(second, 0.01, 1) / clear),
        "first_harmonics": _decibel(_at(power, pitch)) - _decibel(_at(power, 2 * pitch)),
    }
    shape = power / np.maximum(power.sum(axis=1, keepdims=True), FLOOR)
    mels = _decibel(shape @ MEL_BANK)
    return Tracks(
        level=level, sounding=sounding, voiced=voiced, pitch=12 * np.log2(pitch / SEMITONE_ZERO), quality=quality,
        spectral=_spectral(shape), cepstra=(mels @ COSINES)[:, 1:],
        flux=0.5 * np.abs(np.diff(shape, axis=0, prepend=shape[:1])).sum(axis=1),
    )  # fmt: skip


def _periodicity(power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch (Hz), and the normalised autocorrelation after one and after two periods, frame by frame."""
    correlation = np.fft.irfft(power)[:, : WINDOW // 4 * 3]
    correlation /= np.maximum(correlation[:, :1], FLOOR) * HANN_CORRELATION[: correlation.shape[1]]
    shortest, longest = int(RATE / PITCH[1]), int(RATE / PITCH[0])
    lags = np.arange(shortest, longest + 1)
    here = correlation[:, lags]
    octaves = np.log2(lags / shortest)
    peak = (here >= correlation[:, lags - 1]) & (here >= correlation[:, lags + 1])
    best = lags[np.where(peak, here - 0.03 * octaves, -1).argmax(axis=1)]  # of equal peaks the shortest period
    best = median_filter(best, 5, mode="nearest")
    row = np.arange(len(best))
    before, top, after = (correlation[row, best + step] for step in (-1, 0, 1))
    bend = before - 2 * top + after
    bent = bend < -1e-9
    lag = best + np.where(bent, np.clip(0.5 * (before - after) / np.where(bent, bend, -1), -0.5, 0.5), 0)
    second = correlation[row[:, None], np.minimum(2 * best[:, None] + np.arange(-2, 3), correlation.shape[1] - 1)]
    return RATE / lag, top, second.max(axis=1)


def _spectral(shape: np.ndarray) -> dict[str, np.ndarray]:
    """The spectral descriptors of spectra (n_frames, 641) that sum to 1."""
    hertz = np.arange(FOURIER // 2 + 1) * RATE / FOURIER

    def band(low: float, high: float) -> slice:
        return slice(*np.searchsorted(hertz, (low, high)))

    def slope(low: float, high: float) -> np.ndarray:
        x = hertz[band(low, high)] / 1000
        return _decibel(shape[:, band(low, high)]) @ ((x - x.mean()) / ((x - x.mean()) ** 2).sum())

    heard = shape[:, band(50, 7800)]
    octave = np.log2(hertz[band(50, 7800)] / 1000)
    total = np.maximum(heard.sum(axis=1), FLOOR)
    centroid = heard @ octave / total
    spread = np.sqrt(np.maximum(heard @ octave**2 / total - centroid**2, 0))
    rolloff = octave[np.minimum((heard.cumsum(axis=1) < 0.85 * total[:, None]).sum(axis=1), len(octave) - 1)]
    below, above = (_decibel(shape[:, band(*edges)].sum(axis=1)) for edges in ((50, 1000), (1000, 5000)))
    low, high = (_decibel(shape[:, band(*edges)].max(axis=1)) for edges in ((0, 2000), (2000, 5000)))
    flatness = _decibel(heard).mean(axis=1) - _decibel(heard.mean(axis=1))
    values = (below - above, low - high, slope(0, 500), slope(500, 1500), centroid, spread, flatness, rolloff)
    return dict(zip(SPECTRAL, values, strict=True))


def _at(power: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    """Power at a frequency of each frame's own."""
    return power[np.arange(len(power)), np.rint(hertz * FOURIER / RATE).astype(int)]


def _decibel(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, FLOOR))
