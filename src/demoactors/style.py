"""Personal style: how one actor shows, sounds and blends emotions, the same in all of that actor's clips."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np

from demoactors.expressions import UNITS
from demoactors.schedule import EMOTIONS

PROMINENCE_SPREAD = 0.80
"""Standard deviation (logits) of an actor's prominence of each emotion in a blend."""
VIVIDNESS_SPREAD = 0.4
"""Standard deviation of the log of how strongly an actor shows anything: whoever shows little looks neutral."""
SLOPE_MEDIAN, SLOPE_SPREAD, SLOPE_RANGE = 1.1, 0.55, (0.35, 2.4)
"""How steeply an actor turns salience into display: log-normal, clipped. Small: every blend looks like 50/50."""


@dataclass(frozen=True)
class Style:
    """One actor's habits.

    prominence : (5,) logits by which an emotion outweighs others in this actor's blends
    slope : factor from the logit of the salience to the logit of the display
    unit_gain : (n_units,) strength of each action unit; rest : (n_units,) the face at rest
    pitch : Hz, fundamental frequency at rest; tract : formant factor (1 = 17 cm vocal tract)
    pitch_range, loudness, voice_gain : factors; breath, roughness : added; movement : factor of head and shoulders
    """

    prominence: np.ndarray
    slope: float
    unit_gain: np.ndarray
    rest: np.ndarray
    pitch: float
    tract: float
    pitch_range: float
    breath: float
    roughness: float
    loudness: float
    voice_gain: float
    movement: float


def generator(seed: int, *names: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the names alone, never on the order of work."""
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def random_style(rng: np.random.Generator, build: str) -> Style:
    """Draw the habits of an actor of `build` ("female" or "male")."""
    high = build == "female"
    vividness = math.exp(rng.normal(0, VIVIDNESS_SPREAD))
    return Style(
        prominence=rng.normal(0, PROMINENCE_SPREAD, len(EMOTIONS)),
        slope=float(np.clip(SLOPE_MEDIAN * math.exp(rng.normal(0, SLOPE_SPREAD)), *SLOPE_RANGE)),
        unit_gain=np.exp(rng.normal(0, 0.30, len(UNITS)) - 0.04) * vividness,
        rest=np.abs(rng.normal(0, 0.03, len(UNITS))),
        pitch=float(rng.uniform(165, 240) if high else rng.uniform(88, 140)),
        tract=float(rng.uniform(1.08, 1.20) if high else rng.uniform(0.92, 1.04)),
        pitch_range=math.exp(rng.normal(0, 0.25)),
        breath=float(abs(rng.normal(0, 0.06))),
        roughness=float(abs(rng.normal(0, 0.05))),
        loudness=math.exp(rng.normal(0, 0.15)),
        voice_gain=float(np.clip(vividness * math.exp(rng.normal(0, 0.2)), 0.5, 1.8)),
        movement=math.exp(rng.normal(0, 0.3)),
    )
