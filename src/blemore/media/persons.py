"""Whose face a clip shows: what counts as a face, which way up the pictures are, and one person out of several."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from blemore.media.detectors import Detector, Face

LARGEST_TILT = 60.0
"""Degrees between a face's eyes, or its eyes and mouth, and upright; a head leans less."""

NARROW = 0.05
"""Eye distance times eyes to mouth, as a share of the face's box: .13 to .20 of an upright one, less of a face in profile."""

SURE = 0.99
"""Score from which a detection is sure. On the demo's actors: .995 upright at least, .985 in the median upside down."""

SURE_NARROW = 0.1
TRIED = 3
"""Pictures on which each of the other ways up is tried."""

OTHER_WAYS = (180, 90, 270)
"""Degrees clockwise; upside down first, since cameras are mounted so."""

LIKE_SIZE = 0.8
"""A second face of at least this height beside the person's makes the choice doubtful."""

LOOKS = 24
"""Side, px, of the grey faces that are compared."""


def is_face(face: Face, narrow: float = NARROW) -> bool:
    """Whether the five points lie as those of a face that stands upright: eyes over mouth, left on the left."""
    eyes, mouth = (
        face.landmarks[1] - face.landmarks[0],
        face.landmarks[3:].mean(axis=0) - face.landmarks[:2].mean(axis=0),
    )
    tilts = np.degrees([np.arctan2(eyes[1], eyes[0]), np.arctan2(-mouth[0], mouth[1])])
    area = eyes[0] * mouth[1] - eyes[1] * mouth[0]
    return bool(np.abs(tilts).max() <= LARGEST_TILT and area >= narrow * face.box[2] * face.box[3])


def sure(faces: Iterable[Face]) -> bool:
    """Whether one of a picture's faces is beyond doubt."""
    return any(face.score >= SURE and is_face(face, SURE_NARROW) for face in faces)


def way_up(pictures: Sequence[np.ndarray], detector: Detector) -> int:
    """The turn (degrees clockwise) after which faces stand upright; 0 where none is found that way either.

    Parameters
    ----------
    pictures : (H, W, 3) uint8 RGB of one clip, none of them with a sure face as it is.
    """
    chosen = np.linspace(0, len(pictures) - 1, TRIED).round().astype(int)
    for turn in OTHER_WAYS:
        count = sum(sure(detector.find(np.ascontiguousarray(np.rot90(pictures[k], -turn // 90)))) for k in chosen)
        if count > TRIED / 2:
            return turn
    return 0


def one_person(pictures: Sequence[np.ndarray], looked: Mapping[int, Sequence[Face]]) -> dict[int, Face]:
    """Of the faces on the pictures looked at, those of one person: large, and from picture to picture at one place, alike.

    Of all ways through the faces, one a picture, the one of the least sum of: how much smaller than the largest face each is
    (logarithm of heights), and from one to the next the distance in face heights, the change of size (likewise) and
    1 - correlation of the grey faces.
    """
    order = [k for k in sorted(looked) if looked[k]]
    if all(len(looked[k]) == 1 for k in order):
        return {k: looked[k][0] for k in order}
    tallest = max(face.box[3] for k in order for face in looked[k])
    views = {k: [_look(pictures[k], face) for face in looked[k]] for k in order}
    costs = [np.array([np.log(tallest / face.box[3]) for face in looked[k]]) for k in order]
    came_from = []
    for n in range(1, len(order)):
        before, now = order[n - 1], order[n]
        steps = np.array(
            [
                [_step(*one, *other) for one in zip(looked[before], views[before], strict=True)]
                for other in zip(looked[now], views[now], strict=True)
            ]
        )  # (faces now, faces before)
        sums = steps + costs[n - 1]
        came_from.append(sums.argmin(axis=1))
        costs[n] = costs[n] + sums.min(axis=1)
    way = [int(costs[-1].argmin())]
    for back in reversed(came_from):
        way.append(int(back[way[-1]]))
    return {k: looked[k][n] for k, n in zip(order, reversed(way), strict=True)}


def _step(one: Face, look: np.ndarray, other: Face, other_look: np.ndarray) -> float:
    centres = [face.box[:2] + face.box[2:] / 2 for face in (one, other)]
    apart = float(np.linalg.norm(centres[0] - centres[1])) / float(min(one.box[3], other.box[3]))
    alike = float(np.mean(look * other_look))
    return apart + abs(float(np.log(one.box[3] / other.box[3]))) + 1 - alike


def _look(picture: np.ndarray, face: Face) -> np.ndarray:
    """(LOOKS, LOOKS) grey values of a face, mean 0 and deviation 1."""
    x, y, width, height = np.rint(np.maximum(face.box, 0)).astype(int)
    part = picture[y : y + max(1, height), x : x + max(1, width)]
    grey = cv2.resize(cv2.cvtColor(part if part.size else picture, cv2.COLOR_RGB2GRAY), (LOOKS, LOOKS)).astype(float)
    return (grey - grey.mean()) / (grey.std() + 1e-6)


def remark(looked: Mapping[int, Sequence[Face]], person: Mapping[int, Face]) -> str:
    """What is to be said of who was chosen; "" where nobody else is shown as large."""
    rivals = sum(
        any(other is not face and other.box[3] >= LIKE_SIZE * face.box[3] for other in looked[k])
        for k, face in person.items()
    )
    if 2 * rivals < max(1, len(person)):
        return ""
    x, y = np.median([face.box[:2] + face.box[2:] / 2 for face in person.values()], axis=0)
    return f"several faces of like size: the one around ({x:.0f}, {y:.0f}) is taken"
