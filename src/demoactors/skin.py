"""Painted maps: the skin with brows, beard and freckles, the wrinkles of each action unit, eyeball and hair strands.

The skin is painted as seen from the front of the template head: a pixel of the map is a place (x, y) in dm.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from demoactors.expressions import INDEX, UNITS

LEFT, RIGHT, BOTTOM, TOP = -1.0, 1.0, 6.0, 8.6
MAP_WIDTH, MAP_HEIGHT = 384, 500
PLAIN = 180
"""Value of an unpainted map pixel: a factor of 1 on the skin's colour."""
NO_FOLD = 1e-20
"""Changes of brightness below this are nothing. The tails of a fold reach numbers that the processor is slow to add."""
EYE_SIZE = 128
EYE_MAP_SPAN = 1.1
"""Half width of the eye map in eyeball radii."""


@dataclass(frozen=True)
class Complexion:
    """Colours, each (3,) float64 RGB in [0, 1], and what is painted on the skin.

    beard : 0 none .. 1 full; brow_width : half thickness in dm; makeup : 0 or 1; freckles : how many
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    beard: float
    brow_width: float
    brow_arch: float
    makeup: float
    freckles: int


LIGHTEST_SKIN, DARKEST_SKIN = np.array([238, 200, 178]) / 255, np.array([98, 64, 47]) / 255
HAIR_COLOURS = np.array([[30, 24, 22], [56, 39, 28], [98, 68, 43], [156, 118, 72], [126, 66, 38], [128, 124, 120]])
HAIR_SHARES = (0.30, 0.28, 0.18, 0.12, 0.06, 0.06)
IRIS_COLOURS = np.array([[70, 44, 28], [98, 66, 40], [84, 112, 136], [92, 110, 80]])


def random_complexion(rng: np.random.Generator, build: str) -> Complexion:
    """Draw skin, hair and eye colours and painted details for a person of `build` ("female" or "male")."""
    tone = rng.uniform(0.0, 1.0) ** 1.2
    tint = np.array([1, 1 + rng.normal(0, 0.015), 1 + rng.normal(0, 0.025)])
    skin = (LIGHTEST_SKIN * (1 - tone) + DARKEST_SKIN * tone) * tint
    hair = HAIR_COLOURS[rng.choice(6, p=HAIR_SHARES) if tone < 0.5 else rng.choice(2)] / 255
    iris = IRIS_COLOURS[rng.choice(4) if tone < 0.4 else rng.choice(2)] / 255
    makeup = float(build == "female" and rng.random() < 0.5)
    lips = skin * np.array([0.88, 0.56, 0.58] if makeup else [0.92, 0.70, 0.69])
    beard = float(rng.uniform(0.15, 1.0)) if build == "male" and rng.random() < 0.6 else 0.0
    width = rng.uniform(0.026, 0.036) if build == "female" else rng.uniform(0.034, 0.048)
    arch = rng.uniform(0.03, 0.06) if build == "female" else rng.uniform(0.015, 0.045)
    return Complexion(skin, hair, iris, lips, beard, float(width), float(arch), makeup, int(rng.integers(0, 30)))


@cache
def _places() -> tuple[np.ndarray, np.ndarray]:
    """x and y (dm) of the map's pixels, each (MAP_HEIGHT, MAP_WIDTH)."""
    x = LEFT + (np.arange(MAP_WIDTH) + 0.5) / MAP_WIDTH * (RIGHT - LEFT)
    y = TOP - (np.arange(MAP_HEIGHT) + 0.5) / MAP_HEIGHT * (TOP - BOTTOM)
    return np.meshgrid(x, y)


def map_coordinates(template: np.ndarray) -> np.ndarray:
    """Coordinates (n, 2) float32 in [0, 1] of template vertices (n, 3) on the skin map."""
    u = (template[:, 0] - LEFT) / (RIGHT - LEFT)
    v = (TOP - template[:, 1]) / (TOP - BOTTOM)
    return np.clip(np.stack([u, v], axis=1), 0.002, 0.998).astype(np.float32)


def _spot(
    x: np.ndarray, y: np.ndarray, centre_x: float, centre_y: float, width: float, height: float, angle: float = 0.0
) -> np.ndarray:
    """A Gaussian spot, rotated by `angle` (radians), 1 at its centre."""
    dx, dy = x - centre_x, y - centre_y
    along, across = np.cos(angle) * dx + np.sin(angle) * dy, -np.sin(angle) * dx + np.cos(angle) * dy
    return np.exp(-((along / width) ** 2) - (across / height) ** 2)


def _noise(rng: np.random.Generator, across: float, along: float) -> np.ndarray:
    """Smooth noise over the map, mean 0 and standard deviation 1; `across`, `along` in pixels."""
    noise = cv2.GaussianBlur(rng.normal(size=(MAP_HEIGHT, MAP_WIDTH)), (0, 0), sigmaX=across, sigmaY=along)
    return noise / noise.std()


def _strokes(rng: np.random.Generator, starts: np.ndarray, directions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Short hairs drawn as lines: coverage in [0, 1] over the map. starts, directions : (k, 2) in dm."""
    zoom = 2
    canvas = np.zeros((MAP_HEIGHT * zoom, MAP_WIDTH * zoom), np.uint8)
    scale = np.array([MAP_WIDTH / (RIGHT - LEFT), -MAP_HEIGHT / (TOP - BOTTOM)]) * zoom
    origin = np.array([LEFT, TOP])
    ends = starts + directions * lengths[:, None]
    for start, end in zip((starts - origin) * scale, (ends - origin) * scale, strict=True):
        first, last = ([int(v) for v in np.round(p * 16)] for p in (start, end))
        cv2.line(canvas, first, last, int(rng.integers(150, 255)), 2, cv2.LINE_AA, shift=4)
    return cv2.resize(canvas, (MAP_WIDTH, MAP_HEIGHT), interpolation=cv2.INTER_AREA) / 255


def _brows(rng: np.random.Generator, width: float, arch: float) -> np.ndarray:
    """Coverage of both eyebrows: hairs that rise at the inner end and lie flat towards the tail."""
    cover = np.zeros((MAP_HEIGHT, MAP_WIDTH))
    x, y = _places()
    for side in (-1, 1):
        place = np.sort(rng.uniform(0, 1, 170))
        middle = 7.575 + arch * np.sin(np.clip(place, 0, 1) * 2.4) - 0.07 * np.clip(place - 0.62, 0, 1)
        half = width * (0.75 + 0.6 * np.sin(np.pi * np.clip(place * 0.8 + 0.12, 0, 1))) * (1 - 0.75 * place**2.5)
        height = middle + half * rng.uniform(-1, 1, place.size) - 0.01
        starts = np.stack([side * (0.125 + 0.43 * place), height], axis=1)
        angle = np.radians(72 - 85 * np.sqrt(place)) + rng.normal(0, 0.14, place.size)
        directions = np.stack([side * np.cos(angle), np.sin(angle)], axis=1)
        cover = np.maximum(cover, _strokes(rng, starts, directions, rng.uniform(0.03, 0.06, place.size)))
        u = np.clip((side * x - 0.125) / 0.43, -0.2, 1.2)
        line = 7.585 + arch * np.sin(np.clip(u, 0, 1) * 2.4) - 0.07 * np.clip(u - 0.62, 0, 1)
        soft = np.exp(-(((y - line) / (width * (1.05 - 0.6 * np.clip(u, 0, 1)))) ** 2))
        soft *= np.clip(u / 0.12 + 0.6, 0, 1) * np.clip((1.04 - u) / 0.15, 0, 1)
        cover = np.maximum(cover, 0.55 * soft)
    return cv2.GaussianBlur(cover, (0, 0), 0.7)


def paint_skin(rng: np.random.Generator, look: Complexion) -> np.ndarray:
    """(MAP_HEIGHT, MAP_WIDTH, 4) uint8: factors on the skin's colour (PLAIN = 1), and strand noise for the scalp."""
    x, y = _places()
    across = np.abs(x)
    skin = np.ones((MAP_HEIGHT, MAP_WIDTH, 3))

    def tint(cover: np.ndarray, factors: npt.ArrayLike) -> None:
        skin[...] *= 1 - np.clip(cover, 0, 1)[..., None] * (1 - np.asarray(factors))

    tint(0.30 * _spot(across, y, 0.29, 7.45, 0.20, 0.07), [0.80, 0.68, 0.66])  # eye sockets
    tint(0.22 * _spot(across, y, 0.26, 7.23, 0.16, 0.04, -0.15), [0.80, 0.68, 0.72])  # below the eyes
    tint(0.28 * _spot(across, y, 0.45, 7.02, 0.20, 0.15), [1.0, 0.80, 0.78])  # cheeks
    tint(0.20 * _spot(x, y, 0, 7.0, 0.13, 0.10), [1.0, 0.82, 0.80])  # nose
    tint(0.16 * _spot(across, y, 0, 6.50, 0.18, 0.04), [0.78, 0.70, 0.68])  # below the lower lip
    if look.makeup:
        tint(0.40 * _spot(across, y, 0.31, 7.43, 0.16, 0.035), [0.62, 0.50, 0.52])
    fine, coarse = _noise(rng, 1.0, 1.0), _noise(rng, 12, 12)
    hair_on_skin = np.minimum(look.hair * 0.85 / look.skin, 0.85)
    if look.beard:
        reach = 6.92 - 0.10 * np.clip((across - 0.5) / 0.3, 0, 1)
        cover = np.clip((reach - y) / 0.14, 0, 1) * np.clip((0.93 - across) / 0.15, 0, 1)
        cover *= np.clip((y - 6.1) / 0.2, 0, 1)
        cover *= 1 - 0.98 * np.clip(1.6 * _spot(x, y, 0, 6.67, 0.27, 0.085) - 0.3, 0, 1)  # the lips stay free
        cover *= 1 - 0.8 * _spot(across, y, 0.42, 6.92, 0.17, 0.14)
        strength = 0.25 + 0.55 * look.beard
        tint(cover * strength * (0.85 + 0.22 * _noise(rng, 0.8, 1.6)), hair_on_skin)
    brows = _brows(rng, look.brow_width, look.brow_arch)
    tint(0.93 * brows, np.minimum(hair_on_skin, 0.62))
    for _ in range(look.freckles):
        place = rng.uniform(-0.6, 0.6), rng.uniform(6.6, 8.0)
        tint(rng.uniform(0.1, 0.3) * _spot(x, y, *place, 0.010, 0.010), [0.78, 0.62, 0.56])
    skin *= 1 + 0.014 * fine[..., None] + 0.025 * coarse[..., None] * np.array([0.5, 1, 1])
    inside = np.clip((y - 6.12) / 0.2, 0, 1) * np.clip((0.98 - across) / 0.1, 0, 1)
    skin = 1 + (skin - 1) * inside[..., None]
    strands = 0.5 + 0.22 * _noise(rng, 0.8, 7.0)
    return np.dstack([np.clip(skin * PLAIN, 0, 255), np.clip(strands * 255, 0, 255)]).astype(np.uint8)


@cache
def wrinkles() -> tuple[np.ndarray, np.ndarray]:
    """Which units fold the skin, (k,) index into UNITS, and how: (k, h, w) float32 change of brightness.

    A fold is a soft dark valley with a bright rim below it, as light from above makes it; half the skin map's size.
    """
    x, y = (grid[::2, ::2] for grid in _places())
    across = np.abs(x)

    def fold(cx: float, cy: float, length: float, width: float, angle: float = 0.0) -> np.ndarray:
        along = _spot(across, y, cx, cy, length, 10.0, angle)
        distance = -np.sin(angle) * (across - cx) + np.cos(angle) * (y - cy)
        valley = np.exp(-((distance / width) ** 2))
        rim = np.exp(-(((distance + 1.6 * width) / (1.3 * width)) ** 2))
        return along * (0.42 * rim - valley)

    patterns = {
        1: 0.16 * sum(fold(0.02, h, 0.30, 0.022) for h in (7.84, 7.93, 8.02)),
        2: 0.13 * sum(fold(0.36, h, 0.24, 0.022, -0.12) for h in (7.84, 7.93)),
        4: 0.34 * fold(0.055, 7.58, 0.09, 0.020, 1.45) + 0.15 * fold(0.0, 7.44, 0.10, 0.025),
        6: 0.09 * sum(fold(0.58, h, 0.09, 0.014, a) for h, a in ((7.40, 0.35), (7.34, 0.05), (7.28, -0.25)))
        + 0.13 * fold(0.34, 7.20, 0.17, 0.03, 0.10),
        9: 0.20 * sum(fold(0.05, h, 0.09, 0.022, 0.45) for h in (7.46, 7.36))
        + 0.16 * fold(0.24, 7.02, 0.10, 0.03, -1.0),
        10: 0.26 * fold(0.27, 6.90, 0.15, 0.030, -1.05),
        12: 0.24 * fold(0.335, 6.86, 0.17, 0.036, -1.05),
        15: 0.24 * fold(0.30, 6.60, 0.09, 0.024, 1.15),
        17: 0.18 * fold(0.0, 6.46, 0.13, 0.03),
    }
    units = np.array([INDEX[unit] for unit in UNITS if unit in patterns])
    folds = np.stack([patterns[UNITS[k]] for k in units]).astype(np.float32)
    folds[np.abs(folds) < NO_FOLD] = 0
    return units, folds


def paint_eye(look: Complexion) -> np.ndarray:
    """(EYE_SIZE, EYE_SIZE, 3) uint8: white, iris, pupil, the lids' shadow and the lamp's reflection."""
    row, column = np.mgrid[0:EYE_SIZE, 0:EYE_SIZE]
    x = ((column + 0.5) / EYE_SIZE * 2 - 1) * EYE_MAP_SPAN
    y = (1 - (row + 0.5) / EYE_SIZE * 2) * EYE_MAP_SPAN
    radius = np.hypot(x, y)
    eye = np.ones((EYE_SIZE, EYE_SIZE, 3)) * np.array([0.98, 0.955, 0.94])
    eye *= (1 - 0.25 * np.clip(radius - 0.5, 0, 1))[..., None]

    def blend(cover: np.ndarray, colour: np.ndarray) -> np.ndarray:
        return eye * (1 - cover[..., None]) + cover[..., None] * colour

    spokes = 1 + 0.12 * np.sin(np.arctan2(y, x) * 23) * np.clip(radius / 0.4, 0, 1)
    ring = 1 - 0.55 * np.clip((radius - 0.34) / 0.10, 0, 1)
    glow = 1 + 0.5 * np.clip(-y / 0.4, 0, 1)
    eye = blend(1 / (1 + np.exp((radius - 0.43) * 40)), look.iris * (spokes * ring * glow)[..., None])
    eye = blend(1 / (1 + np.exp((radius - 0.19) * 45)), np.full(3, 0.02))
    eye *= (1 - 0.35 * np.clip((y - 0.12) / 0.4, 0, 1))[..., None]
    eye += (0.9 * _spot(x, y, -0.13, 0.17, 0.09, 0.09) + 0.25 * _spot(x, y, 0.16, -0.16, 0.09, 0.07))[..., None]
    return np.clip(eye * 255, 0, 255).astype(np.uint8)


def eye_coordinates(points: np.ndarray) -> np.ndarray:
    """Coordinates (n, 2) float32 on the eye map of one eyeball's vertices (n, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    radius = (high[0] - low[0]) / 2
    u, v = ((points - (low + high) / 2) / radius / EYE_MAP_SPAN)[:, :2].T
    return np.clip(np.stack([0.5 + u / 2, 0.5 - v / 2], axis=1), 0.01, 0.99).astype(np.float32)


def paint_strands(rng: np.random.Generator) -> np.ndarray:
    """(128, 64) uint8 brightness of a tuft of hair: streaks along its length (downwards)."""
    streaks = cv2.GaussianBlur(rng.normal(size=(128, 64)), (0, 0), sigmaX=1.6, sigmaY=25)
    streaks = 0.5 + 0.24 * streaks / streaks.std()
    return np.clip(streaks * 255, 0, 255).astype(np.uint8)
