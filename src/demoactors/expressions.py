"""Facial expressions: action units (FACS) as weighted sums of the mesh's units, and each emotion's action units.

The emotions' action units follow the prototypes of Ekman, Friesen & Hager, Facial Action Coding System (2002).
"""

from functools import cache

import numpy as np

from demoactors.head import load_head
from demoactors.schedule import EMOTIONS

ACTION_UNITS = {
    1: {"browInnerUp": 2.0, "browDown": -0.15},  # inner brow raiser
    2: {"browOuterUp": 1.15},  # outer brow raiser
    4: {"browDown": 1.25},  # brow lowerer
    5: {"eyeWide": 1.35},  # upper lid raiser
    6: {"cheekSquint": 0.75, "eyeSquint": 0.55},  # cheek raiser
    7: {"eyeSquint": 0.9, "eyeBlink": 0.16},  # lid tightener
    9: {"noseSneer": 1.7},  # nose wrinkler
    10: {"mouthUpperUp": 1.25, "noseSneer": 0.5},  # upper lip raiser
    12: {"mouthSmile": 1.08},  # lip corner puller
    15: {"mouthFrown": 1.3},  # lip corner depressor
    17: {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.35},  # chin raiser
    20: {"mouthStretch": 1.35},  # lip stretcher
    23: {"mouthPress": 0.35, "mouthRollLower": 0.7, "mouthRollUpper": 0.4},  # lip tightener
    25: {"mouthLowerDown": 1.1, "mouthUpperUp": 0.6},  # lips part
    26: {"jawOpen": 0.75},  # jaw drop
    43: {"eyeBlink": 1.0},  # eyes closed
    63: {"eyeLookUp": 1.0},  # lids follow a look upward
    64: {"eyeLookDown": 1.0},  # lids follow a look downward
}
UNITS = tuple(ACTION_UNITS)
INDEX = {unit: k for k, unit in enumerate(UNITS)}

EMOTION_UNITS = {
    "ang": {4: 1.0, 5: 0.55, 7: 0.7, 23: 0.9, 17: 0.3},
    "disg": {9: 1.0, 10: 0.85, 15: 0.4, 4: 0.3, 7: 0.45, 17: 0.35},
    "fea": {1: 1.0, 2: 0.75, 4: 0.35, 5: 1.0, 20: 0.9, 25: 0.4, 26: 0.35},
    "hap": {6: 0.9, 12: 1.0, 25: 0.6},
    "sad": {1: 1.0, 4: 0.25, 15: 1.0, 17: 0.5, 43: 0.22},
}

MOUTH_UNITS = tuple(INDEX[unit] for unit in (10, 12, 15, 17, 20, 23))
OPENING_UNITS = tuple(INDEX[unit] for unit in (25, 26))
MOUTH_LIMIT = 1.6
OPENING_LIMIT = 1.1
"""Largest sums of mouth-shaping and mouth-opening units: beyond them the teeth would come through the lips."""

SMALLEST_STEP = 0.0015
"""Displacements (dm) below this are dropped: nobody sees 0.15 mm, and the renderer has less to add."""


def smooth_step(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def emotion_matrix() -> np.ndarray:
    """(5, n_units) float64: strength of each action unit in each emotion, in the order of ``EMOTIONS``."""
    matrix = np.zeros((len(EMOTIONS), len(UNITS)))
    for row, emotion in enumerate(EMOTIONS):
        for unit, strength in EMOTION_UNITS[emotion].items():
            matrix[row, INDEX[unit]] = strength
    return matrix


def limit_mouth(strengths: np.ndarray) -> np.ndarray:
    """Scale mouth units down where their sum goes too far. strengths : (..., n_units), returned as a new array."""
    strengths = strengths.copy()
    for units, limit in ((list(MOUTH_UNITS), MOUTH_LIMIT), (list(OPENING_UNITS), OPENING_LIMIT)):
        total = strengths[..., units].sum(axis=-1, keepdims=True)
        strengths[..., units] /= np.maximum(1.0, total / limit)
    return strengths


def brow_pull(template: np.ndarray) -> dict[int, np.ndarray]:
    """What the mesh's brow units lack, as smooth fields around the inner brow ends, unit -> (n, 3) displacement.

    AU 1 lifts the inner ends steeply (the oblique brow of sadness), AU 4 draws them together and down.
    """
    side = np.sign(template[:, 0])
    across, height, depth = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    inner = np.exp(-(((across - 0.14) / 0.13) ** 2) - ((height - 7.58) / 0.12) ** 2)
    inner *= np.clip((height - 7.42) / 0.08, 0, 1) * (depth > 1.0)  # never the lids, never the back of the head
    lift, draw = np.zeros_like(template), np.zeros_like(template)
    lift[:, 1] = 0.055 * inner
    draw[:, 0], draw[:, 1] = -0.022 * side * inner, -0.028 * inner
    return {1: lift, 4: draw}


@cache
def sparse_displacements() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Displacement (dm) of every action unit at strength 1, only what moves.

    starts (n_units + 1,), vertex (m,) int32, displacement (m, 3) float32.
    """
    head = load_head()
    extra = brow_pull(head.template)
    eyes = head.parts["left_eye"] | head.parts["right_eye"]
    vertex, moved = [], []
    for unit, parts in ACTION_UNITS.items():
        field = sum(weight * head.units[name] for name, weight in parts.items())
        if unit in extra:
            field = field + extra[unit] * head.parts["body"][:, None]
        field = np.array(field, np.float32)
        field[eyes] = 0  # the eyeballs turn with the gaze instead
        vertex.append(np.flatnonzero(np.abs(field).max(axis=1) > SMALLEST_STEP))
        moved.append(field[vertex[-1]])
    return np.cumsum([0, *map(len, vertex)]), np.concatenate(vertex).astype(np.int32), np.concatenate(moved)
