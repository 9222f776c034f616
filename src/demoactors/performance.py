"""From what a clip shows to how it is played: display weights, then the curves of face, head and eyes.

Face and voice share the weights only; each draws its own noise, so that two encoders know more than one.
"""

import math

import numpy as np

from demoactors.actor import Pose
from demoactors.expressions import INDEX, UNITS, emotion_matrix, limit_mouth, smooth_step
from demoactors.schedule import EMOTIONS, Display
from demoactors.style import Style
from demoactors.voice import RATE, Voice

FPS = 25
INTENSITY = {1: 0.42, 2: 0.60, 3: 0.80, 4: 1.00}
"""Display weight of a single emotion at each intensity."""
BLEND_CONTRAST = 1.15
SALIENCE_NOISE = 0.20
CHANNEL_NOISE = 0.30
FADED_SHARE, FADED_TO = 0.10, 0.4
"""One clip in ten is played weakly in the face, and, independently, one in ten in the voice."""
UNIT_NOISE, STRAY_UNITS, STRAY_NOISE = 0.45, 5, 0.21
STRAYING = [INDEX[unit] for unit in UNITS if unit not in (10, 25, 26, 43, 63, 64)]
"""Units that move without a reason: neither the lids nor those that open the mouth."""
ONSET = dict(zip(EMOTIONS, (0.22, 0.35, 0.18, 0.30, 0.60), strict=True))
"""Seconds from rest to apex."""
JAW_WITH_VOICE = 0.55
HUM_JAW = 0.04
"""Share of the jaw's movement with the voice in a neutral clip: a hum keeps the lips closed."""
PITCH_RANGE, YAW_RANGE, ROLL_RANGE = (-0.20, 0.22), (-0.38, 0.38), (-0.22, 0.22)
"""Beyond these turns of the head (radians) face detectors begin to fail."""


def _one_channel(rng: np.random.Generator, display: Display, style: Style, vigour: float) -> np.ndarray:
    weights = np.zeros(len(EMOTIONS))
    where = [EMOTIONS.index(name) for name in display.emotions]
    if len(where) == 1:
        assert display.intensity is not None, "a single emotion has an intensity"
        weights[where] = INTENSITY[display.intensity]
    elif len(where) == 2:
        share = display.saliences[0] / 100
        logit = style.slope * BLEND_CONTRAST * math.log(share / (1 - share))
        logit += style.prominence[where[0]] - style.prominence[where[1]] + rng.normal(0, SALIENCE_NOISE)
        first = 1 / (1 + math.exp(-logit))
        for place, part in zip(where, (first, 1 - first), strict=True):
            weights[place] = vigour * min(1.0, 1.45 * part**0.85)
    strength = math.exp(rng.normal(0, CHANNEL_NOISE))
    return weights * strength * (FADED_TO if rng.random() < FADED_SHARE else 1.0)


def display_weights(
    face: np.random.Generator, voice: np.random.Generator, display: Display, style: Style, vigour: float
) -> tuple[np.ndarray, np.ndarray]:
    """Strength of each emotion in the face and in the voice, each (5,) in the order of EMOTIONS.

    Salience and style go through a logistic, then each channel has noise of its own.
    """
    return (
        np.clip(_one_channel(face, display, style, vigour), 0, 1.15),
        np.clip(_one_channel(voice, display, style, vigour) * style.voice_gain, 0, 1.2),
    )


def _openness(voice: Voice, frames: int) -> np.ndarray:
    """The voice's envelope per frame, (frames,) in [0, 1]."""
    per_frame = RATE // FPS
    envelope = voice.envelope[: frames * per_frame].reshape(frames, per_frame).mean(axis=1)
    return np.convolve(envelope, [0.25, 0.5, 0.25], "same")


def face_curves(rng: np.random.Generator, weights: np.ndarray, style: Style, voice: Voice, frames: int) -> np.ndarray:
    """Action unit strengths (frames, n_units) float32: onset, apex, offset, the jaw with the voice, and blinks."""
    time, end = np.arange(frames) / FPS, frames / FPS
    onset = rng.uniform(0.1, 0.35)
    deviation = np.exp(rng.normal(0, UNIT_NOISE, len(UNITS)) - UNIT_NOISE**2 / 2)
    hidden = np.ones((frames, len(UNITS)))
    for emotion, strength, units in zip(EMOTIONS, weights, emotion_matrix(), strict=True):
        start, release = onset + abs(rng.normal(0, 0.12)), rng.uniform(0.2, 0.55)
        wave = 1 + 0.08 * np.sin(2 * math.pi * rng.uniform(0.8, 2) * time + rng.uniform(0, 6))
        course = smooth_step((time - start) / ONSET[emotion]) * (1 - 0.75 * smooth_step((time - end + release) / 0.35))
        shown = strength * (course * wave)[:, None] * units * style.unit_gain * deviation
        hidden *= 1 - 0.999 * np.clip(shown, 0, 1.25)  # two emotions that share a unit do not add up beyond it
    strengths = 1 - hidden
    stray = rng.choice(STRAYING, STRAY_UNITS, replace=False)
    strengths[:, stray] += np.abs(rng.normal(0, STRAY_NOISE, STRAY_UNITS)) * smooth_step((time - onset) / 0.4)[:, None]
    strengths[:, STRAYING] += style.rest[STRAYING]
    calm = 1 - min(1.0, 2 * float(weights.sum()))
    jaw = _openness(voice, frames) * (1 - calm * (1 - HUM_JAW)) * math.exp(rng.normal(0, 0.15))
    strengths[:, INDEX[26]] += JAW_WITH_VOICE * jaw
    strengths[:, INDEX[25]] += 0.3 * jaw
    first = rng.uniform(0.4, 2.2)
    for blink in (first, first + rng.uniform(1, 2)):
        closed = np.exp(-(((time - blink) / 0.07) ** 2))
        strengths[:, INDEX[43]] = np.maximum(strengths[:, INDEX[43]], closed)
    return limit_mouth(np.clip(strengths, 0, 1.2)).astype(np.float32)


def poses(rng: np.random.Generator, weights: np.ndarray, style: Style, voice: Voice, frames: int) -> list[Pose]:
    """Head, shoulders, trunk and eyes of each frame: idle sway plus each emotion's own way of moving."""
    time, end = np.arange(frames) / FPS, frames / FPS
    open_mouth = _openness(voice, frames)

    def sway(size: float) -> np.ndarray:
        slow = size * np.sin(2 * math.pi * rng.uniform(0.2, 0.5) * time + rng.uniform(0, 6.28))
        return slow + size / 2 * np.sin(2 * math.pi * rng.uniform(0.6, 1.1) * time + rng.uniform(0, 6.28))

    course = smooth_step((time - rng.uniform(0.1, 0.35)) / 0.4) * (1 - 0.5 * smooth_step((time - end + 0.5) / 0.5))
    vigour = 0.9 * style.movement * np.exp(rng.normal(0, 0.35, len(EMOTIONS)))
    anger, disgust, fear, joy, grief = weights[:, None] * vigour[:, None] * course
    pitch = sway(0.03) + anger * (0.08 + 0.10 * open_mouth) - 0.10 * disgust - 0.06 * fear - 0.10 * joy * open_mouth
    pitch += 0.15 * grief
    yaw = sway(0.05) + rng.normal(0, 0.05) + 0.22 * disgust * rng.choice([-1, 1])
    roll = sway(0.025) + rng.normal(0, 0.02) + 0.10 * disgust + 0.10 * grief * rng.choice([-1, 1])
    roll += 0.10 * joy * np.sin(2 * math.pi * rng.uniform(0.8, 1.4) * time)
    x = sway(0.03) + 0.012 * fear * np.sin(2 * math.pi * 7.5 * time)  # trembling
    y = sway(0.015) + 0.05 * joy * open_mouth - 0.10 * grief
    z = sway(0.03) + 0.25 * anger - 0.3 * fear - 0.15 * disgust
    shrug = 0.02 * np.sin(0.6 * math.pi * time) + 0.25 * anger + 0.9 * fear + 0.35 * joy * open_mouth - 0.35 * grief
    lean = sway(0.012) + 0.07 * anger - 0.06 * disgust - 0.08 * fear + 0.04 * grief
    gaze_side, gaze_down = sway(0.05) + 0.10 * disgust * rng.choice([-1, 1]), sway(0.03) + 0.15 * grief
    pitch, yaw, roll = np.clip(pitch, *PITCH_RANGE), np.clip(yaw, *YAW_RANGE), np.clip(roll, *ROLL_RANGE)
    y, gaze_down = np.clip(y, -0.12, 0.12), np.clip(gaze_down, -0.15, 0.2)
    return [
        Pose(pitch[k], yaw[k], roll[k], (x[k], y[k], z[k]), shrug[k], lean[k], (gaze_side[k], gaze_down[k]))
        for k in range(frames)
    ]
