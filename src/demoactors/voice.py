"""Non-verbal vocal sounds by source-filter synthesis: glottal pulses and breath through five formants.

Rosenberg's pulse (1971) and Klatt's second-order resonators (1980). A sound is a train of syllables, whose pitch,
loudness, rate, roughness and vowel are the mean of the emotions' typical values, weighted by the display.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from demoactors.expressions import smooth_step
from demoactors.schedule import EMOTIONS
from demoactors.style import Style

RATE = 16_000
"""Samples per second."""
FORMANTS_ABOVE = (2500.0, 3500.0, 4500.0)
"""Hz of formants 3 to 5 of a 17 cm vocal tract; the first two make the vowel."""
UPDATE = 48
"""Samples between updates of the resonators (3 ms)."""
MEAN_SHARE = 0.55
"""Share of the whole display in each syllable; the rest follows one of its emotions, drawn syllable by syllable."""
VOICE_NOISE = 0.16
"""Standard deviation of a clip's own deviation from the typical values."""
LOUDNESS = 0.17
"""Root mean square of a sound of level 1: peaks stay clear of the limit."""
FADE_IN, FLOOR = 0.02, 0.0012
"""Seconds of fade at both ends, and the room's noise."""

PARAMETERS = (
    "pitch", "level", "rate", "duty", "breath", "rough", "tilt", "fall", "tremor", "tremor_rate", "vowel_1", "vowel_2",
)  # fmt: skip
"""Factor on the resting pitch, loudness, syllables per second, share of a syllable that sounds, share of breath,
roughness, spectral tilt, fall of pitch (octaves x ln 2), depth and rate (Hz) of tremor, first two formants (Hz)."""
LOGARITHMIC = [PARAMETERS.index(name) for name in ("pitch", "level", "rate", "vowel_1", "vowel_2")]
TYPICAL = {
    "ang": (1.45, 1.00, 1.8, 0.75, 0.08, 0.80, 0.15, 0.10, 0.00, 6.0, 780, 1300),
    "disg": (0.85, 0.55, 1.1, 0.70, 0.15, 0.50, 0.50, 0.45, 0.00, 6.0, 560, 1500),
    "fea": (1.95, 0.75, 2.3, 0.55, 0.50, 0.10, 0.45, -0.15, 0.07, 8.5, 680, 1700),
    "hap": (1.65, 0.85, 4.6, 0.50, 0.35, 0.05, 0.40, 0.15, 0.02, 5.0, 800, 1350),
    "sad": (1.15, 0.45, 0.8, 0.80, 0.45, 0.10, 0.75, 0.40, 0.05, 4.5, 430, 950),
    "neu": (1.00, 0.35, 0.9, 0.70, 0.12, 0.05, 0.60, 0.10, 0.01, 5.0, 380, 1100),
}
TYPICAL_VALUES = np.array([TYPICAL[name] for name in (*EMOTIONS, "neu")], float)
TYPICAL_VALUES[:, LOGARITHMIC] = np.log(TYPICAL_VALUES[:, LOGARITHMIC])


@dataclass(frozen=True)
class Voice:
    """samples : (n,) float32 in [-1, 1] at RATE; envelope : (n,) float64 in [0, 1], how far the mouth is open."""

    samples: np.ndarray
    envelope: np.ndarray


@njit(cache=True, error_model="numpy")
def synthesise(
    pitch: np.ndarray, level: np.ndarray, breath: np.ndarray, rough: np.ndarray, tilt: np.ndarray, vowel_1: np.ndarray,
    vowel_2: np.ndarray, tract: float, noise: np.ndarray, pulse_noise: np.ndarray, above: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Sound (n,) float64 of tracks (n,): see PARAMETERS. `noise` (n,) and `pulse_noise` (n, 2) are standard normal.

    `tract` scales all formants (shorter tract: higher); above : Hz of formants 3 to 5.
    """
    n = pitch.shape[0]
    out = np.zeros(n)
    gain_in, feed_1, feed_2 = np.zeros(5), np.zeros(5), np.zeros(5)
    last, before = np.zeros(5), np.zeros(5)
    phase, low_passed, pulses, gain, jitter = 0.0, 0.0, 0, 1.0, 1.0
    previous = 0.0
    for i in range(n):
        if i % UPDATE == 0:
            for k in range(5):
                hertz = vowel_1[i] if k == 0 else (vowel_2[i] if k == 1 else above[k - 2])
                width = (70.0 + 60 * breath[i], 100.0 + 60 * breath[i], 140.0, 220.0, 300.0)[k]
                radius = math.exp(-math.pi * width / RATE)
                feed_2[k] = -radius * radius
                feed_1[k] = 2 * radius * math.cos(2 * math.pi * min(hertz * tract, 0.47 * RATE) / RATE)
                gain_in[k] = 1 - feed_1[k] - feed_2[k]
        phase += pitch[i] * jitter / RATE
        if phase >= 1:
            phase -= 1
            pulses += 1
            jitter = 1 + 0.012 * pulse_noise[pulses, 0] * (1 + 6 * rough[i])
            gain = 1 + 0.05 * pulse_noise[pulses, 1]
            if pulses % 2 == 0:
                gain *= 1 - 0.75 * rough[i]  # every other pulse is weak: a rough voice
        open_share = 0.62 - 0.15 * (1 - tilt[i])
        rise = open_share * 0.67
        if phase < rise:
            flow = 0.5 * (1 - math.cos(math.pi * phase / rise))
        elif phase < open_share:
            flow = math.cos(0.5 * math.pi * (phase - rise) / (open_share - rise))
        else:
            flow = 0.0
        flow *= gain
        low_passed += (1 - 0.85 * tilt[i]) * (flow - low_passed)
        sound = (1 - breath[i]) * (low_passed - 0.3) * 1.2 + breath[i] * noise[i] * 0.35 * (0.4 + 0.6 * flow)
        sound *= level[i]
        for k in range(5):
            shaped = gain_in[k] * sound + feed_1[k] * last[k] + feed_2[k] * before[k]
            before[k], last[k] = last[k], shaped
            sound = shaped
        out[i] = sound - 0.97 * previous  # radiation at the lips
        previous = sound
    return out


def vocalise(rng: np.random.Generator, style: Style, weights: np.ndarray, seconds: float) -> Voice:
    """A clip's voice for display weights (5,) of the emotions (all 0: a calm hum)."""
    n = round(seconds * RATE)
    typical, total = TYPICAL_VALUES, min(1.0, float(weights.sum()))
    share = weights / max(float(weights.sum()), 1e-6)
    mean = total * (share @ typical[:5]) + (1 - total) * typical[5]
    own = rng.normal(0, VOICE_NOISE, len(PARAMETERS))
    rest = dict(pitch=style.pitch, level=0.0, breath=0.3, rough=0.0, tilt=0.5, vowel_1=500.0, vowel_2=1400.0)
    tracks = {name: np.full(n, value) for name, value in rest.items()}
    time = np.arange(n) / RATE
    start = rng.uniform(0.12, 0.35)
    while start < seconds - 0.25:
        emotion = rng.choice(5, p=share) if weights.sum() > 0.05 else 5
        values = MEAN_SHARE * mean + (1 - MEAN_SHARE) * (total * typical[emotion] + (1 - total) * typical[5])
        p = dict(zip(PARAMETERS, values, strict=True))
        length = 1 / (math.exp(p["rate"] + own[2]) * math.exp(rng.normal(0, 0.12)))
        first, last = int(start * RATE), min(n, int((start + length * p["duty"]) * RATE))
        if last - first < 600:
            break
        part = slice(first, last)
        u = np.linspace(0, 1, last - first)
        swell = smooth_step(u / (0.08 + 0.2 * p["tilt"])) * smooth_step((1 - u) / 0.35)
        fall = p["fall"] + 0.15 * rng.normal()
        glide = np.exp(-fall * (u - 0.3) + 0.12 * np.sin(math.pi * u)) * math.exp(rng.normal(0, 0.05))
        tremor = 1 + p["tremor"] * np.sin(2 * math.pi * p["tremor_rate"] * time[part] + rng.uniform(0, 6))
        tracks["pitch"][part] = style.pitch * math.exp((p["pitch"] + 0.8 * own[0]) * style.pitch_range) * glide * tremor
        tracks["level"][part] = swell * style.loudness * math.exp(p["level"] + own[1] + rng.normal(0, 0.12))
        tracks["breath"][part] = p["breath"] + style.breath + 0.5 * own[4]
        tracks["rough"][part] = p["rough"] + style.roughness + 0.4 * own[5]
        tracks["tilt"][part] = p["tilt"] + 0.4 * own[6]
        tracks["vowel_1"][part] = math.exp(p["vowel_1"] + 0.6 * own[10]) * (1 + 0.1 * np.sin(math.pi * u))
        tracks["vowel_2"][part] = math.exp(p["vowel_2"] + 0.6 * own[11]) * (1 - 0.08 * u)
        start += length * (1 + 0.1 * rng.normal())
    sound = synthesise(
        tracks["pitch"], tracks["level"], np.clip(tracks["breath"], 0.02, 0.9), np.clip(tracks["rough"], 0, 1),
        np.clip(tracks["tilt"], 0.05, 0.95), tracks["vowel_1"], tracks["vowel_2"], style.tract,
        rng.normal(size=n), rng.normal(size=(n, 2)), np.array(FORMANTS_ABOVE),
    )  # fmt: skip
    voiced = tracks["level"] > 0
    if voiced.any():  # the vowel's resonances must not decide how loud a sound is
        sound *= LOUDNESS * np.sqrt(np.mean(tracks["level"][voiced] ** 2) / np.mean(sound[voiced] ** 2))
    sound = np.tanh(sound + rng.normal(0, FLOOR, n))
    sound -= sound.mean()
    sound *= smooth_step(time / FADE_IN) * smooth_step((n / RATE - time) / FADE_IN)
    envelope = tracks["level"] / max(0.5, tracks["level"].max())
    return Voice(sound.astype(np.float32), envelope)
