"""How a face is shaped and moves, from its five landmarks alone: no network, no picture.

Each sample's landmarks are turned so that the eyes stand level, and measured in eye distances from the point between
the eyes (x to the right, y down). From these come proportions of the face, stand-ins for the head's pose, and
asymmetries (`SHAPE`), and how fast head and features move (`MOTION`); over time each becomes a few statistics. A head
that turns or nods shifts the nose between eyes and mouth: those are stand-ins, not angles in degrees.

Eye distances are medians over the clip where they serve as a unit of motion, the sample's own where they measure shape.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from blemore.encoders.base import Embedder
from blemore.media.detectors import LANDMARKS
from blemore.params.families import Family

COLUMNS = (
    "time", "x", "y", "width", "height", "detected", "tracked",
    *(f"{name}_{axis}" for name in LANDMARKS for axis in ("x", "y")),
)  # fmt: skip
"""What is read of each sample: s, px, yes or no."""

SHAPE = (
    "roll",  # rad, the line of the eyes against the horizontal
    "yaw",  # nose, to the right of the point between the eyes
    "pitch",  # nose, as a share of the way from eyes to mouth
    "length",  # from eyes to mouth
    "mouth_width",
    "mouth_tilt",  # right corner below left
    "mouth_aside",  # middle of the mouth, to the right of the nose
    "nose_to_mouth",
    "eye_to_corner",  # mean of both sides
    "eye_to_corner_uneven",  # left minus right
    "nose_to_corner_uneven",
    "box_aspect",  # width over height
    "nearness",  # log of box height over its median in the clip
    "place_x",  # of the point between the eyes, from its first place, in eye distances
    "place_y",
)
SHAPE_STATISTICS = ("mean", "std", "low", "high", "range", "slope")
"""low and high: least and greatest, from the mean; slope: of the straight line over time, per s."""

MOTION = (
    "head_speed",  # of the five points together, eye distances per s
    "head_acceleration",  # eye distances per s^2
    "mouth_speed",  # of the mouth's corners against the eyes, eye distances per s
    "nose_speed",  # of the nose against the eyes: the head turns
    "roll_speed",  # rad per s
    "nearing_speed",  # change of `nearness`, per s
)
MOTION_STATISTICS = ("mean", "std", "high", "energy")
"""high: the greatest; energy: mean square."""

NAMES = (
    *(f"{name}_{statistic}" for name in SHAPE for statistic in SHAPE_STATISTICS),
    *(f"{name}_{statistic}" for name in MOTION for statistic in MOTION_STATISTICS),
    "detected_share", "tracked_share",
)  # fmt: skip
"""What each of the numbers of a clip is, in their order."""

NO_FACE = "no face found"
FEWEST = 3
"""Samples that an acceleration needs; in a shorter clip the last one is repeated."""
SMALLEST_EYES = 0.05
"""Least distance of the eyes, in heights of the face box: nearer ones are a mistake of the detector's."""
SHORTEST_STEP = 1e-3
"""s between two samples, at least."""

FAMILY = Family(kind="computed", note="computed from the prepared faces, no weights", seconds={"frozen": 0.0004})


def build(settings: Mapping) -> "Geometry":
    """Make the same embedder at both scales: nothing is learned, nothing random.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    Geometry
        The embedder.
    """
    return Geometry()


class Geometry(Embedder):
    """Numbers of a face track: float32, named by `NAMES`."""

    batch = 256

    def read(self, shard: Path) -> Iterator[tuple[str, np.ndarray]]:
        """(clip, table (n_samples, 17) float64 with `COLUMNS`) of a faces file; pictures stay unread."""
        table = pq.read_table(shard, columns=["clip", *COLUMNS])
        clips = table["clip"].to_numpy()
        values = np.stack([table[name].to_numpy().astype(float) for name in COLUMNS], axis=1)
        starts = np.flatnonzero(np.append(True, clips[1:] != clips[:-1])[: len(clips)])
        for start, stop in zip(starts, np.append(starts, len(clips))[1:], strict=True):
            yield clips[start], values[start:stop]

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """At least `FEWEST` samples."""
        return np.pad(raw, ((0, max(0, FEWEST - len(raw))), (0, 0)), mode="edge")

    def embed(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(n_clips, len(NAMES)) float32; NaN where no face was found."""
        tracks = np.stack(clips)  # (B, n, 17)
        column = dict(zip(COLUMNS, np.moveaxis(tracks, -1, 0), strict=True))
        points = tracks[..., -2 * len(LANDMARKS) :].reshape(*tracks.shape[:2], len(LANDMARKS), 2)
        shape, motion = measured(column, points)
        time = column["time"][:, None]
        shares = np.stack([column["detected"].mean(axis=1), column["tracked"].mean(axis=1)], axis=1)
        numbers = np.concatenate([shape_statistics(shape, time), motion_statistics(motion), shares], axis=1)
        numbers[np.isnan(tracks).any(axis=(1, 2))] = np.nan
        return numbers.astype(np.float32)

    def remark(self, clip: np.ndarray) -> str:
        return NO_FACE if np.isnan(clip).any() else ""


def measured(column: Mapping[str, np.ndarray], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`SHAPE` (B, 15, n) and `MOTION` (B, 6, n - 1) of each sample.

    column : arrays (B, n) by name.
    points : (B, n, 5, 2), px, x to the right and y down, in the order of `LANDMARKS`.
    """
    height = np.maximum(column["height"], 1.0)
    across = points[:, :, 1] - points[:, :, 0]  # (B, n, 2), left to right eye
    between = points[:, :, :2].mean(axis=2)
    eyes = np.maximum(np.linalg.norm(across, axis=-1), SMALLEST_EYES * height)  # (B, n)
    unit = np.median(eyes, axis=1)[:, None]  # (B, 1)
    roll = np.arctan2(across[..., 1], across[..., 0])
    level = turned(points - between[:, :, None], roll) / eyes[..., None, None]  # (B, n, 5, 2)
    left_eye, right_eye, nose, left, right = np.moveaxis(level, 2, 0)
    mouth = (left + right) / 2
    sides = np.stack([distance(left_eye, left), distance(right_eye, right)])
    length = np.maximum(mouth[..., 1], SMALLEST_EYES)
    nearness = np.log(height / np.median(height, axis=1)[:, None])
    place = (between - between[:, :1]) / unit[..., None]
    shape = [
        roll, nose[..., 0], nose[..., 1] / length, mouth[..., 1], distance(left, right), right[..., 1] - left[..., 1],
        mouth[..., 0] - nose[..., 0], distance(nose, mouth), sides.mean(axis=0), sides[0] - sides[1],
        distance(nose, left) - distance(nose, right), column["width"] / height, nearness, place[..., 0], place[..., 1],
    ]  # fmt: skip
    step = np.maximum(np.diff(column["time"], axis=1), SHORTEST_STEP)  # (B, n - 1)
    velocity = np.diff(points.mean(axis=2), axis=1) / (unit * step)[..., None]
    pause = (step[:, 1:] + step[:, :-1]) / 2
    acceleration = np.linalg.norm(np.diff(velocity, axis=1), axis=-1) / pause
    features = np.linalg.norm(np.diff(level, axis=1), axis=-1) / step[..., None]  # (B, n - 1, 5)
    motion = [
        np.linalg.norm(velocity, axis=-1), np.concatenate([acceleration, acceleration[:, -1:]], axis=1),
        features[..., 3:].mean(axis=-1), features[..., 2], np.abs(np.diff(roll, axis=1)) / step,
        np.abs(np.diff(nearness, axis=1)) / step,
    ]  # fmt: skip
    return np.stack(shape, axis=1), np.stack(motion, axis=1)


def shape_statistics(series: np.ndarray, time: np.ndarray) -> np.ndarray:
    """`SHAPE_STATISTICS` of series (B, k, n) at times (B, 1, n), s -> (B, k * 6)."""
    mean = series.mean(axis=-1, keepdims=True)
    low, high = series.min(axis=-1), series.max(axis=-1)
    off = time - time.mean(axis=-1, keepdims=True)
    slope = ((series - mean) * off).sum(axis=-1) / np.maximum((off**2).sum(axis=-1), SHORTEST_STEP**2)
    centre = mean[..., 0]
    statistics = [centre, series.std(axis=-1), low - centre, high - centre, high - low, slope]
    return np.stack(statistics, axis=-1).reshape(len(series), -1)


def motion_statistics(series: np.ndarray) -> np.ndarray:
    """`MOTION_STATISTICS` of series (B, k, n) -> (B, k * 4)."""
    statistics = [series.mean(axis=-1), series.std(axis=-1), series.max(axis=-1), (series**2).mean(axis=-1)]
    return np.stack(statistics, axis=-1).reshape(len(series), -1)


def turned(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points (..., k, 2) turned back by angles (...), rad."""
    cos, sin = np.cos(angle)[..., None], np.sin(angle)[..., None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of points (..., 2)."""
    return np.linalg.norm(one - other, axis=-1)
