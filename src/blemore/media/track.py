"""The face of a clip from sample to sample: detected on some, followed on the others, without jitter at rest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from blemore.media.detectors import LANDMARKS, Detector, Face
from blemore.media.persons import is_face, one_person, remark, sure

LIKE = 0.7
"""Correlation (-1..1) from which a followed face looks like the detected one; below it the detector looks again."""

TEMPLATE = 64
"""Longest side, px, of the face picture that is looked for: finer costs time and gains nothing below a pixel."""

REACH = 0.5
"""A face is looked for this many face sizes around where it is expected."""

SAME_SIZE = 2.0
"""A detection more than this factor larger or smaller than the clip's median is another thing, not the face."""

REST_SAMPLES = 1.2
REST_MOVE = 0.06
"""Smoothing: standard deviations in samples, and in face sizes moved; a head that moves is not smoothed."""


@dataclass(frozen=True)
class Track:
    """A clip's face on each of its n samples, px of the pictures given."""

    boxes: np.ndarray  # (n, 4) x, y, width, height; NaN: no face in the clip
    landmarks: np.ndarray  # (n, 5, 2) x, y, smoothed; NaN likewise
    detected: np.ndarray  # (n,) bool: the detector found the face on this very picture
    tracked: np.ndarray  # (n,) bool: not detected here, followed from a picture where it was
    likeness: np.ndarray  # (n,) -1..1: how much the face followed looks like the detected one; 1 where detected
    faces: int = 0  # most faces seen at once on a picture looked at
    sure: bool = False  # most of the pictures that had to be looked at show a face beyond doubt
    remark: str = ""  # "" or why the choice of the person is doubtful

    @property
    def shown(self) -> np.ndarray:
        """(n,) bool: the face is on this picture."""
        return self.detected | self.tracked

    def nearest(self) -> np.ndarray:
        """(n,) int: the sample nearest to each that shows the face (itself, the earlier of two); itself where none does."""
        index, shown = np.arange(len(self.boxes)), np.flatnonzero(self.shown)
        return shown[np.abs(index[:, None] - shown).argmin(axis=1)] if len(shown) else index


def track_face(pictures: Sequence[np.ndarray], detector: Detector, every: int) -> Track:
    """Detect on the first, every `every`-th and the last picture, follow between, detect where following fails.

    Where the detector finds nothing, the neighbours are tried, nearest first, up to the next picture of the row.

    Parameters
    ----------
    pictures : n pictures (H, W, 3) uint8 RGB of one clip, in order of time.
    """
    looked: dict[int, list[Face]] = {}
    last = len(pictures) - 1

    def look(k: int) -> list[Face]:
        if k not in looked:
            looked[k] = [face for face in detector.find(pictures[k]) if is_face(face)]
        return looked[k]

    row = sorted({*range(0, len(pictures), every), last})
    for due in row:
        near = range(max(0, due - every + 1), min(last, due + every - 1) + 1)
        for k in sorted(near, key=lambda k: abs(k - due)):
            if look(k):
                break
    person, track = _followed(pictures, looked, every)
    doubtful = [int(k) for k in np.flatnonzero(track.likeness < LIKE) if k not in looked]
    if doubtful and person:
        for k in doubtful:
            look(k)
        person, track = _followed(pictures, looked, every)
    most = max(len(faces) for faces in looked.values())
    doubtless = 2 * sum(sure(looked[k]) for k in row) > len(row)
    return replace(track, faces=most, sure=doubtless, remark=remark(looked, person))


def _followed(
    pictures: Sequence[np.ndarray], looked: Mapping[int, Sequence[Face]], every: int
) -> tuple[dict[int, Face], Track]:
    """The person's detected faces, and the track that they give."""
    person, blank = one_person(pictures, looked), [k for k, faces in looked.items() if not faces]
    return person, follow(pictures, _one_size(person, len(pictures)), every, blank)


def _one_size(person: Mapping[int, Face], count: int) -> list[Face | None]:
    """Per picture the person's face, without those of another size than the clip's."""
    size = float(np.median([face.box[3] for face in person.values()])) if person else 0.0
    faces = [person.get(k) for k in range(count)]
    return [face if face and size / SAME_SIZE <= face.box[3] <= size * SAME_SIZE else None for face in faces]


def follow(
    pictures: Sequence[np.ndarray], faces: Sequence[Face | None], every: int, blank: Collection[int] = ()
) -> Track:
    """Fill the gaps between detections and smooth.

    In a gap the detected face before and the one after are looked for around the straight line between them;
    where either is found again, its landmarks move with it (both: their mean, the nearer counts more), else the
    straight line stands. A face counts as tracked when it was found again, or when detections close by (at
    most twice `every` samples apart) hold it from both sides and the picture is not one of `blank`.

    Parameters
    ----------
    pictures : n pictures (H, W, 3) uint8 RGB.
    faces : per picture the detected face or None.
    blank : pictures on which the detector found nobody.
    """
    count = len(pictures)
    seen = np.array([k for k, face in enumerate(faces) if face is not None], int)
    detected = np.isin(np.arange(count), seen)
    if not len(seen):
        boxes, landmarks = np.full((count, 4), np.nan), np.full((count, len(LANDMARKS), 2), np.nan)
        return Track(boxes, landmarks, detected, detected, np.zeros(count))
    known = {k: np.concatenate([faces[k].box, faces[k].landmarks.ravel()]) for k in seen}  # (14,) each
    lines = np.stack(list(known.values()))
    values = np.stack([np.interp(np.arange(count), seen, column) for column in lines.T], axis=1)  # (n, 14)
    tracked, likeness = np.zeros(count, bool), np.ones(count)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    for k in np.flatnonzero(~detected):
        sides = [*seen[seen < k][-1:], *seen[seen > k][:1]]  # the detection before, the one after
        matches = [_find_again(grey[side], known[side][:4], grey[k], values[k, :4]) for side in sides]
        likeness[k] = max(like for _, like in matches)
        moved = [
            (known[side] + np.concatenate([move, np.zeros(2), np.tile(move, len(LANDMARKS))]), 1 / abs(side - k))
            for side, (move, like) in zip(sides, matches, strict=True)
            if like >= LIKE
        ]
        if moved:
            places, weights = zip(*moved, strict=True)
            values[k] = np.average(places, axis=0, weights=weights)
        held = len(sides) == 2 and sides[1] - sides[0] <= 2 * every
        tracked[k] = bool(moved) or (held and k not in blank)
    landmarks = values[:, 4:].reshape(count, len(LANDMARKS), 2)
    smooth = _smooth(landmarks, float(np.median(values[:, 3])))
    return Track(values[:, :4], smooth, detected, tracked, likeness)


def _find_again(
    known: np.ndarray, box: np.ndarray, other: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, float]:
    """How far (x, y in px) the face in `box` of `known` (grey) has moved in `other`, and how alike it looks there.

    It is looked for around the box `expected`; its size stays.
    """
    factor = min(1.0, TEMPLATE / max(box[2:]))
    face = _cut(known, box, factor)
    corner = expected[:2] + (expected[2:] - box[2:]) / 2 - REACH * box[2:]
    field = _cut(other, np.concatenate([corner, (1 + 2 * REACH) * box[2:]]), factor)
    likeness = cv2.matchTemplate(field, face, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    peak = np.array([x + _vertex(likeness[y], x), y + _vertex(likeness[:, x], y)])
    return corner + peak / factor - box[:2], best


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
