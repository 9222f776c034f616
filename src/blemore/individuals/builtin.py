"""What a face looks like, in numbers that need no network: colours, painted and shaped texture, edges.

All numbers come from one picture per clip, the median over its first face crops: a clip begins before its expression has
unfolded, and what moves (blinks, speech) drops out. The picture's logarithm turns light into something added, which the features take away again: colours are measured against the
skin's, texture against its own surroundings, edges against their mean strength. Both halves of the face are averaged,
so that a lamp from the left is one from the right. Nothing outside an oval from hair line to chin is looked at: neither
clothes nor background. What is left of expression and light is for `space` to learn, from persons it knows.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from blemore.individuals.faces import described, read_faces

SIZE = 160
"""px of a face crop; everything below is measured in these. The eyes stand near (58, 64) and (102, 64)."""
CENTRE, HALF = (80, 84), (44, 66)
"""Of the oval: x and y."""
BEGINNING = 1 / 3
"""Share of a clip's samples that is looked at."""
REGIONS = {
    "forehead": (80, 38, 22, 7),
    "cheek": (56, 84, 7, 8),
    "nose": (80, 80, 4, 10),
    "below the lip": (80, 130, 12, 6),
    "jaw": (58, 114, 6, 8),
    "upper lip": (80, 100, 6, 3),
    "mouth": (80, 113, 14, 7),
    "hair line": (80, 12, 22, 7),
    "brow": (58, 53, 11, 4),
    "iris": (58, 64, 4, 3),
    "eye": (58, 64, 10, 4),
}
"""Ellipses (x, y, half width, half height); of a pair the left one: the picture is symmetric."""
SKIN = ("forehead", "cheek")
DARK = ("brow", "iris", "hair line")
"""Regions whose darkest tenth says more than their median: hairs between skin, an iris between lids."""
DARKEST = 0.01
"""Added to light (0..1) before its logarithm: black differs in noise only."""
GAMMA = 2.2
SURROUNDINGS, GRAIN = 24.0, 1.5
"""Standard deviations, px: texture is what is finer than the first and coarser than the second."""
TEXTURE_SIDE, CHROMA_SIDE = 40, 20
CHROMA_GRAIN = 3.0
CELL, EDGE_GRAIN, DIRECTIONS = 10, 1.0, 8

LOGARITHM = np.log(np.maximum(np.arange(256) / 255, 1 / 255) ** GAMMA + DARKEST).astype(np.float32)
"""Of the light that a pixel's value stands for."""


def describe(face_shards: Sequence[Path]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Describe each clip by colours, texture and edges of its median face.

    Parameters
    ----------
    face_shards : sequence of Path
        Faces files (`media.schemas.FACES`).

    Returns
    -------
    names : list of str
        Clips, sorted.
    descriptors : (n, d) float64
        0 where there is no face.
    usable : (n,) bool
        Whether the clip has a face.
    """
    return described(
        (clip, describe_picture(np.median(faces.pictures, axis=0).astype(np.uint8)) if len(faces.pictures) else None)
        for clip, faces in read_faces(face_shards, SIZE, BEGINNING)
    )


def describe_picture(picture: np.ndarray) -> np.ndarray:
    """(d,) float64 of a face (SIZE, SIZE, 3) uint8 RGB."""
    light = LOGARITHM[picture]  # (SIZE, SIZE, 3)
    symmetric = (light + light[:, ::-1]) / 2
    grey = light.mean(axis=2)
    return np.concatenate([colours(symmetric), texture(grey), chroma(symmetric), edges(grey)]).astype(float)


def colours(light: np.ndarray) -> np.ndarray:
    """Lightness and two hues of each region against the skin's, then the skin's own."""
    inside = {name: light[_ellipse(*place)] for name, place in REGIONS.items()}  # each (pixels, 3)
    median = {name: np.median(pixels, axis=0) for name, pixels in inside.items()}
    skin = np.mean([median[name] for name in SKIN], axis=0)
    darkest = [np.percentile(inside[name], 10, axis=0) for name in DARK]
    against = np.stack([*median.values(), *darkest]) - skin  # (regions, 3)
    return np.concatenate([_opponent(against).ravel(), _opponent(skin[None]).ravel()])


def texture(grey: np.ndarray) -> np.ndarray:
    """Lightness against its surroundings, within the oval, of unit spread."""
    oval = _oval()
    around = _blur(grey * oval, SURROUNDINGS) / np.maximum(_blur(oval, SURROUNDINGS), 1e-3)
    fine = _blur(grey - around, GRAIN) * oval
    values = _small((fine + fine[:, ::-1]) / 2, TEXTURE_SIDE)[_left_half(TEXTURE_SIDE)]
    return values / (values.std() + 1e-6)


def chroma(light: np.ndarray) -> np.ndarray:
    """Red and blue against green over the oval, against their medians."""
    hues = np.stack([light[..., 0] - light[..., 1], light[..., 2] - light[..., 1]], axis=-1)
    values = _small(_blur(hues, CHROMA_GRAIN), CHROMA_SIDE)[_left_half(CHROMA_SIDE)]  # (pixels, 2)
    return (values - np.median(values, axis=0)).ravel()


def edges(grey: np.ndarray) -> np.ndarray:
    """Strength of edges by direction in each cell of the oval: histograms of oriented gradients (Dalal, Triggs 2005)."""
    smooth, oval = _blur(grey, EDGE_GRAIN), _oval()
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down) * oval
    direction = np.mod(np.arctan2(down, across), np.pi) / np.pi * DIRECTIONS
    cells = []
    for number in range(DIRECTIONS):
        off = np.abs(direction - number)
        share = np.clip(1 - np.minimum(off, DIRECTIONS - off), 0, 1)
        cells.append(_small(_blur(share * strength, 0.4 * CELL), SIZE // CELL))
    histograms = np.stack(cells, axis=-1)  # (cells, cells, DIRECTIONS)
    mirrored = histograms[:, ::-1][..., -np.arange(DIRECTIONS) % DIRECTIONS]
    values = np.sqrt(((histograms + mirrored) / 2)[_left_half(SIZE // CELL)])  # (cells in the oval, DIRECTIONS)
    return (values / (np.linalg.norm(values, axis=1).mean() + 1e-6)).ravel()


def _opponent(colours: np.ndarray) -> np.ndarray:
    """(n, 3) log RGB -> (n, 3): lightness, red against green, blue against green."""
    red, green, blue = colours.T
    return np.stack([colours.mean(axis=1), red - green, blue - green], axis=1)


def _ellipse(x: float, y: float, half_width: float, half_height: float) -> np.ndarray:
    row, column = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    return ((column - x) / half_width) ** 2 + ((row - y) / half_height) ** 2 <= 1


def _oval() -> np.ndarray:
    return _ellipse(*CENTRE, *HALF).astype(np.float32)


def _left_half(side: int) -> np.ndarray:
    """(side, side) bool: cells that lie mostly in the oval, left of the middle."""
    inside = _small(_oval(), side) > 0.5
    inside[:, side // 2 :] = False
    return inside


def _blur(values: np.ndarray, spread: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), spread)


def _small(values: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(values, (side, side), interpolation=cv2.INTER_AREA)
