"""The face of a clip from sample to sample: detected on some, followed on the others, without jitter at rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from blemore.media.detectors import LANDMARKS, Detector, Face

LIKE = 0.6
"""Correlation (-1..1) from which a followed face looks like the detected one."""

TEMPLATE = 64
"""Longest side, px, of the face picture that is looked for: finer costs time and gains nothing below a pixel."""

REACH = 0.5
"""A face is looked for this many face sizes around where it is expected."""

SAME_SIZE = 2.0
"""A detection more than this factor larger or smaller than the clip's median is another thing, not the face."""

REST_SAMPLES = 1.5
REST_MOVE = 0.08
"""Smoothing: standard deviations in samples, and in face sizes moved; a head that moves is not smoothed."""


@dataclass(frozen=True)
class Track:
    """A clip's face on each of its n samples, px of the pictures given."""

    boxes: np.ndarray  # (n, 4) x, y, width, height; NaN: no face in the clip
    landmarks: np.ndarray  # (n, 5, 2) x, y, smoothed; NaN likewise
    detected: np.ndarray  # (n,) bool: the detector found the face on this very picture
    tracked: np.ndarray  # (n,) bool: not detected here, followed from a picture where it was


def find_faces(pictures: Sequence[np.ndarray], detector: Detector, every: int) -> list[Face | None]:
    """Look for the face on the first, every `every`-th and the last picture; None where not looked or not found.

    Where the detector finds nothing, the neighbours are tried, nearest first, up to the next picture of the row.
    """
    found: dict[int, Face | None] = {}
    last = len(pictures) - 1
    for due in sorted({*range(0, len(pictures), every), last}):
        for near in sorted(range(due - every + 1, due + every), key=lambda k: (abs(k - due), -k)):
            if not 0 <= near <= last:
                continue
            if near not in found:
                faces = detector.find(pictures[near])
                found[near] = faces[0] if faces else None
            if found[near] is not None:
                break
    faces = [found.get(k) for k in range(len(pictures))]
    sizes = [face.box[3] for face in faces if face is not None]
    if not sizes:
        return faces
    size = float(np.median(sizes))
    return [face if face and size / SAME_SIZE <= face.box[3] <= size * SAME_SIZE else None for face in faces]


def follow(pictures: Sequence[np.ndarray], faces: Sequence[Face | None], every: int) -> Track:
    """Fill the gaps between detections and smooth.

    In a gap the face is put on the straight line between its neighbours and then moved to where the picture
    looks most like the nearest detected face. It counts as tracked when it does look like it, or when
    detections close by (at most twice `every` samples apart) hold it from both sides.

    Parameters
    ----------
    pictures : n pictures (H, W, 3) uint8 RGB.
    faces : per picture the detected face or None.
    """
    count = len(pictures)
    seen = np.array([k for k, face in enumerate(faces) if face is not None], int)
    detected = np.isin(np.arange(count), seen)
    if not len(seen):
        nothing = np.full((count, 4 + 2 * len(LANDMARKS)), np.nan)
        return Track(nothing[:, :4], nothing[:, 4:].reshape(count, -1, 2), detected, detected.copy())
    known = np.stack([np.concatenate([faces[k].box, faces[k].landmarks.ravel()]) for k in seen])  # (n_seen, 14)
    values = np.stack([np.interp(np.arange(count), seen, column) for column in known.T], axis=1)  # (n, 14)
    tracked = np.zeros(count, bool)
    grey = {k: cv2.cvtColor(pictures[k], cv2.COLOR_RGB2GRAY) for k in range(count)}
    for k in np.flatnonzero(~detected):
        nearest = seen[np.argmin(np.abs(seen - k))]
        move, likeness = _find_again(grey[nearest], faces[nearest].box, grey[k], values[k, :4])
        before, after = seen[seen < k], seen[seen > k]
        held = len(before) and len(after) and after[0] - before[-1] <= 2 * every
        tracked[k] = likeness >= LIKE or held
        if likeness >= LIKE:
            values[k, 0:2] += move
            values[k, 4:] += np.tile(move, len(LANDMARKS))
    landmarks = values[:, 4:].reshape(count, len(LANDMARKS), 2)
    return Track(values[:, :4], _smooth(landmarks, float(np.median(values[:, 3]))), detected, tracked)


def _find_again(
    known: np.ndarray, box: np.ndarray, other: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, float]:
    """Where in `other` (grey) the face in `box` of `known` stands: (move from `expected` in px, likeness)."""
    factor = min(1.0, TEMPLATE / max(box[2:]))
    face = _cut(known, box, factor)
    margin = REACH * expected[2:]
    # The template's size is the known box's; only its place comes from the expectation.
    centre = expected[:2] + expected[2:] / 2
    place = np.concatenate([centre - box[2:] / 2 - margin, box[2:] + 2 * margin])
    likeness = cv2.matchTemplate(_cut(other, place, factor), face, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    peak = np.array([x + _vertex(likeness[y], x), y + _vertex(likeness[:, x], y)])
    return (peak - (np.array(likeness.shape[::-1]) - 1) / 2) / factor, best


def _cut(picture: np.ndarray, box: np.ndarray, factor: float) -> np.ndarray:
    """The box out of a picture, scaled by `factor`; what lies outside repeats the edge."""
    size = tuple(max(2, round(side * factor)) for side in box[2:])
    turn = np.array([[factor, 0, -box[0] * factor], [0, factor, -box[1] * factor]])
    return cv2.warpAffine(picture, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _vertex(values: np.ndarray, peak: int) -> float:
    """Offset (-0.5..0.5) of the top of the parabola through a peak and its two neighbours."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    left, top, right = (float(value) for value in values[peak - 1 : peak + 2])
    bend = left - 2 * top + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0


def _smooth(landmarks: np.ndarray, size: float) -> np.ndarray:
    """Weighted mean over samples that are close in time and in place: (n, 5, 2) -> (n, 5, 2)."""
    index = np.arange(len(landmarks))
    place = landmarks.mean(axis=1) / size  # (n, 2) in face sizes
    apart = (index[:, None] - index) / REST_SAMPLES
    moved = np.linalg.norm(place[:, None] - place, axis=2) / REST_MOVE
    weights = np.exp(-(apart**2 + moved**2) / 2)
    return np.einsum("ij,jkl->ikl", weights / weights.sum(axis=1, keepdims=True), landmarks)
