"""The face crops of prepared clips, clip by clip, as descriptors read them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.media.crops import EYE_LINE, FACE_SIDE, MOUTH_BELOW_EYES
from blemore.media.detectors import LANDMARKS
from blemore.media.shards import decode_frames

POINTS = [f"{name}_{axis}" for name in LANDMARKS for axis in ("x", "y")]
COLUMNS = ["clip", "frame", "detected", "tracked", *POINTS, "jpeg"]


@dataclass(frozen=True)
class Faces:
    """Samples of one clip on which its face was seen, in order of time; none when there is no face."""

    pictures: np.ndarray  # (T, size, size, 3) uint8 RGB, eyes level at their fixed place
    landmarks: np.ndarray  # (T, 5, 2) x, y in px of those pictures, in the order of LANDMARKS


def read_faces(shards: Sequence[Path], size: int, share: float = 1.0) -> Iterator[tuple[str, Faces]]:
    """(clip, its faces) of faces files; clips and samples come sorted within each shard, whatever their rows' order.

    Parameters
    ----------
    shards : faces files as `media.schemas.FACES` describes them.
    size : px of the pictures.
    share : 0..1, only the first samples with a face, at least one: no others are decoded.

    Raises
    ------
    DataError : a picture cannot be read.
    """
    for shard in shards:
        table = pd.read_parquet(shard, columns=COLUMNS).sort_values(["clip", "frame"], kind="stable")
        for clip, rows in table.groupby("clip", sort=True):
            points = rows[POINTS].to_numpy(float).reshape(len(rows), len(LANDMARKS), 2)  # (n, 10) -> (n, 5, 2)
            seen = (rows["detected"] | rows["tracked"]).to_numpy() & np.isfinite(points).all(axis=(1, 2))
            first = np.flatnonzero(seen)[: math.ceil(share * seen.sum())]
            pictures = decode_frames(rows["jpeg"].iloc[first].tolist(), size)
            yield str(clip), Faces(pictures, in_crop(points[first], size))


def in_crop(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Landmarks (T, 5, 2) of whole pictures, moved to where `media.crops.face_crop` puts them: (T, 5, 2) px."""
    across = landmarks[:, 1] - landmarks[:, 0]  # (T, 2)
    eyes = landmarks[:, :2].mean(axis=1)
    mouth = landmarks[:, 3:].mean(axis=1)
    apart = np.linalg.norm(across, axis=1)
    unit = np.maximum(apart, np.linalg.norm(mouth - eyes, axis=1) / MOUTH_BELOW_EYES)
    scale = size / np.maximum(FACE_SIDE * unit, 2.0)
    cos, sin = (across / np.maximum(apart, 1e-9)[:, None]).T
    turn = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)  # (T, 2, 2)
    level = np.einsum("tij,tkj->tki", turn, landmarks - eyes[:, None]) * scale[:, None, None]
    return level + np.array([0.5, EYE_LINE]) * size


def described(pairs: Iterable[tuple[str, np.ndarray | None]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Clips, sorted, their descriptors (n, d) float64, 0 where there is none, and (n,) bool: whether there is one."""
    by_clip = dict(pairs)
    names = sorted(by_clip)
    usable = np.array([by_clip[name] is not None for name in names], bool)
    descriptors = np.zeros(
        (len(names), next((len(descriptor) for descriptor in by_clip.values() if descriptor is not None), 0))
    )
    for row in np.flatnonzero(usable):
        descriptors[row] = by_clip[names[row]]
    return names, descriptors, usable
