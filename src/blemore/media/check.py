"""What preparing would say of any files, before there is a study: facts, remarks, reasons, and a sheet to look at."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blemore.media.crops import in_face_crop
from blemore.media.detectors import load_detector
from blemore.media.prepare import Prepared, prepare_clip
from blemore.media.schemas import POINTS
from blemore.media.shards import read_jpeg
from blemore.media.sound import FULL_SCALE
from blemore.tables import remarks_of

CELL = 96
"""Side, px, of a face crop on the sheet."""

CROPS = 16
WAVE_HEIGHT = 64
INK, PALE, MARK, POINT = (30, 30, 30), (215, 225, 235), (90, 130, 200), (220, 40, 40)
LINE = 22
LETTER = 0.45
"""Size of OpenCV's letters, about 8 px wide."""


def check_files(paths: Sequence[Path], options: Mapping[str, Any]) -> dict[str, Prepared]:
    """Prepare each file as a run would.

    Parameters
    ----------
    options : as `prepare.prepare_shard` takes them.

    Returns
    -------
    path -> the rows of each kind; of a file that would be set aside `probe` alone.
    """
    cv2.setNumThreads(1)
    detector = load_detector(options["faces"]["detector"])
    return {str(path): prepare_clip(path.stem, path, options, detector) for path in paths}


def sheet(checked: Mapping[str, Prepared], seconds: float) -> np.ndarray:
    """(height, width, 3) uint8 RGB: of each file its face crops with their landmarks, its sound, and the piece in blue.

    Parameters
    ----------
    seconds : longest piece.
    """
    return np.concatenate([_strip(path, rows, seconds) for path, rows in checked.items()])


def _strip(path: str, rows: Prepared, seconds: float) -> np.ndarray:
    """One file's part of the sheet: a line of words for each thing to be said, crops, sound."""
    probe, width = rows["probe"][0], CROPS * CELL
    words = [Path(path).name]
    if probe["quarantine"]:
        words.append(f"SET ASIDE: {probe['quarantine']}")
    words += remarks_of(probe)
    parts = [_text(line, width) for line in words]
    if "faces" in rows:
        faces = rows["faces"]
        chosen = [faces[k] for k in np.linspace(0, len(faces) - 1, CROPS).round().astype(int)]
        parts.append(np.concatenate([_face(row) for row in chosen], axis=1))
        parts.append(_wave(rows, probe["duration"], seconds, width))
    return np.concatenate([*parts, np.full((LINE // 2, width, 3), 255, np.uint8)])


def _text(line: str, width: int) -> np.ndarray:
    picture = np.full((LINE, width, 3), 255, np.uint8)
    plain = line.encode("ascii", "replace").decode()  # OpenCV writes no other letters
    cv2.putText(picture, plain, (6, LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, LETTER, INK, 1, cv2.LINE_AA)
    return picture


def _face(row: Mapping[str, Any]) -> np.ndarray:
    """(CELL, CELL, 3): a crop with its landmarks; greyed where the face is on no picture of this time."""
    cell = cv2.resize(read_jpeg(row["jpeg"]), (CELL, CELL), interpolation=cv2.INTER_AREA)
    if not (row["detected"] or row["tracked"]):
        cell = cell // 2 + 110
    points = np.array([row[name] for name, _ in POINTS]).reshape(-1, 2)  # (5, 2)
    if np.isfinite(points).all():
        for x, y in in_face_crop(points, CELL).round().astype(int).tolist():
            cv2.circle(cell, (x, y), 2, POINT, -1, cv2.LINE_AA)
    return cell


def _wave(rows: Prepared, duration: float, seconds: float, width: int) -> np.ndarray:
    """(WAVE_HEIGHT, width, 3): largest and smallest sample of each column, on blue where the piece lies."""
    picture = np.full((WAVE_HEIGHT, width, 3), PALE, np.uint8)
    start = rows["pieces"][0]["start"]
    first, last = (round(min(duration, time) / duration * width) for time in (start, start + seconds))
    picture[:, first:last] = MARK
    samples = np.frombuffer(rows["audio"][0]["samples"], "<i2") / FULL_SCALE
    edges = np.linspace(0, len(samples), width + 1).astype(int)
    for x, (begin, end) in enumerate(pairwise(edges)):
        part = samples[begin : max(end, begin + 1)]
        top, bottom = ((1 - value) / 2 * (WAVE_HEIGHT - 1) for value in (part.max(), part.min()))
        picture[round(top) : round(bottom) + 1, x] = INK
    return picture
