"""SFace embeddings (Zhong et al. 2021, arXiv 2205.12010) by OpenCV, for real faces.

OpenCV's code and these weights are under the Apache 2.0 licence. The weights are not part of this project: the file
`face_recognition_sface_2021dec.onnx` of the OpenCV Zoo belongs into the folder weights/.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from blemore.individuals.faces import Faces, described, read_faces
from blemore.params.parts import NETWORKS
from joblineage.errors import MissingDataError

WEIGHTS = Path(NETWORKS["sface"])
WHERE = "individuals.descriptor: sface"
SIZE = 160
"""px of a face crop; the network sees 112 px, cut out along the landmarks."""


def describe(face_shards: Sequence[Path]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Describe each clip by the mean direction of its faces' embeddings.

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

    Raises
    ------
    MissingDataError
        The file of weights is missing or cannot be read; the message says what to do.
    """
    network = _network()
    return described((clip, _direction(network, faces)) for clip, faces in read_faces(face_shards, SIZE))


def _network() -> cv2.FaceRecognizerSF:
    source = "opencv/opencv_zoo on GitHub, models/face_recognition_sface, Apache 2.0"
    if not WEIGHTS.is_file():
        raise MissingDataError(WHERE, [f"no file {WEIGHTS}: download it from {source}, or use descriptor: builtin"])
    try:
        return cv2.FaceRecognizerSF.create(str(WEIGHTS), "")
    except cv2.error as error:
        fault = f"OpenCV reads no ONNX network in its {WEIGHTS.stat().st_size:,} bytes: is it a git-lfs pointer or a web page?"
        raise MissingDataError(str(WEIGHTS), [f"{fault} Download it from {source}"]) from error


def _direction(network: cv2.FaceRecognizerSF, faces: Faces) -> np.ndarray | None:
    """(d,) of unit length; None where there is no face."""
    if not len(faces.pictures):
        return None
    directions = []
    for picture, points in zip(faces.pictures, faces.landmarks, strict=True):
        detection = np.concatenate([np.zeros(4), points.ravel(), [1.0]])  # box, landmarks, score, as OpenCV's detector
        aligned = network.alignCrop(picture[..., ::-1].copy(), detection.astype(np.float32)[None])
        direction = network.feature(aligned).ravel().astype(float)
        directions.append(direction / max(float(np.linalg.norm(direction)), 1e-9))
    mean = np.mean(directions, axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
