"""Square crops: the face with level eyes at a fixed place, the body following the face."""

import cv2
import numpy as np

FACE_SIDE = 3.6
"""Side of a face crop in eye distances: hair line to chin, open mouth included."""

EYE_LINE = 0.4
"""Height of the eyes in a face crop, as a share of its side."""

MOUTH_BELOW_EYES = 40.7 / 35.2
"""Eyes to mouth, in eye distances, of a frontal face (the five points that ArcFace aligns to, arXiv 1801.07698).

A face turned aside keeps this height while its eyes come closer together: the larger of the two sets the scale."""

BODY_SIDE = 5.5
"""Side of a body crop in heights of the face's box: about 1 m, elbows and gestures of a seated person included."""

FACE_HEIGHT_IN_BODY = 0.3
"""Height of the face's centre in a body crop that does not show the whole height of the picture."""


def face_crop(picture: np.ndarray, landmarks: np.ndarray, size: int) -> np.ndarray:
    """Turn, scale and cut a face out of a picture.

    Parameters
    ----------
    picture : (H, W, 3) uint8.
    landmarks : (5, 2) px from the picture's corner, in the order of `detectors.LANDMARKS`.
    size : px.

    Returns
    -------
    (size, size, 3) uint8; the eyes are level, centred, at `EYE_LINE`. Outside the picture its edge is repeated.
    """
    eyes, side, angle = _face_square(landmarks)
    # Shrink by area first: turning alone would skip pixels of a large face.
    corner = np.floor(np.maximum(eyes - side, 0)).astype(int)
    end = np.ceil(eyes + side).astype(int)
    part = picture[corner[1] : max(end[1], corner[1] + 1), corner[0] : max(end[0], corner[0] + 1)]
    if not part.size:  # the face has left the picture: show the edge nearest to it
        part, corner = picture, np.zeros(2, int)
    shrunk = np.ones(2)
    if side > size:
        shape = np.maximum(np.rint(np.array(part.shape[1::-1]) * size / side), 1).astype(int)
        shrunk = shape / part.shape[1::-1]
        part = cv2.resize(part, (int(shape[0]), int(shape[1])), interpolation=cv2.INTER_AREA)
    scale = size / side
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # (2, 2)
    shift = np.array([0.5, EYE_LINE]) * size - turn @ (eyes - corner)
    turn = turn / shrunk
    shift += turn @ [0.5, 0.5] - 0.5  # OpenCV counts from the middle of the first pixel, landmarks from its corner
    matrix = np.column_stack([turn, shift])
    return cv2.warpAffine(part, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def in_face_crop(landmarks: np.ndarray, size: int) -> np.ndarray:
    """(5, 2) px: where the landmarks of a face lie in the crop that `face_crop` makes with them."""
    eyes, side, angle = _face_square(landmarks)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = size / side * np.array([[cosine, sine], [-sine, cosine]])  # (2, 2)
    return (landmarks - eyes) @ turn.T + np.array([0.5, EYE_LINE]) * size


def _face_square(landmarks: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Of a face's crop: the middle between the eyes, px, the side, px, and the angle of the eyes, radians clockwise."""
    left, right = landmarks[0], landmarks[1]
    eyes, mouth = (left + right) / 2, (landmarks[3] + landmarks[4]) / 2
    unit = max(np.linalg.norm(right - left), np.linalg.norm(mouth - eyes) / MOUTH_BELOW_EYES)
    return eyes, max(FACE_SIDE * float(unit), 2.0), float(np.arctan2(*(right - left)[::-1]))


def centre_box(width: int, height: int) -> np.ndarray:
    """(4,) x, y, width, height: the largest square in the middle of a picture; used where no face was found."""
    side = min(width, height)
    return np.array([(width - side) / 2, (height - side) / 2, side, side])


def body_boxes(faces: np.ndarray, width: int, height: int) -> np.ndarray:
    """Where the person is on each sample.

    Parameters
    ----------
    faces : (n, 4) the face's boxes, px; NaN: no face in this clip (then the middle square is taken).
    width, height : the picture's, px.

    Returns
    -------
    (n, 4) x, y, width, height; squares of one size for the clip, centred on the face from side to side and
    kept inside the picture as far as they fit; one larger than the picture reaches beyond it on both sides.
    """
    if np.isnan(faces).any():
        return np.tile(centre_box(width, height), (len(faces), 1))
    side = min(BODY_SIDE * float(np.median(faces[:, 3])), float(max(width, height)))
    x = faces[:, 0] + faces[:, 2] / 2 - side / 2
    y = faces[:, 1] + faces[:, 3] / 2 - FACE_HEIGHT_IN_BODY * side
    x = np.clip(x, 0, width - side) if side <= width else np.full(len(faces), (width - side) / 2)
    y = np.clip(y, 0, height - side) if side <= height else np.full(len(faces), (height - side) / 2)
    return np.column_stack([x, y, np.full((len(faces), 2), side)])


def square_crop(picture: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Cut a square box out of a picture and scale it: (size, size, 3) uint8; black outside the picture."""
    height, width = picture.shape[:2]
    scale = size / box[2]
    x0, y0 = (round(max(0.0, corner)) for corner in box[:2])
    x1, y1 = min(width, round(box[0] + box[2])), min(height, round(box[1] + box[3]))
    left, top = (round((start - corner) * scale) for start, corner in ((x0, box[0]), (y0, box[1])))
    shape = max(1, min(size - left, round((x1 - x0) * scale))), max(1, min(size - top, round((y1 - y0) * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    crop = np.zeros((size, size, 3), np.uint8)
    crop[top : top + shape[1], left : left + shape[0]] = cv2.resize(picture[y0:y1, x0:x1], shape, interpolation=how)
    return crop
