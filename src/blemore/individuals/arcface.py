"""ArcFace embeddings (Deng et al. 2019, arXiv 1801.07698) through the optional package uniface.

Neither code nor weights are part of this project. The package's code is under the MIT licence; the weights are
InsightFace's, for non-commercial research only, and are fetched by that package at its first use.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blemore.individuals.faces import Faces, described, read_faces
from joblineage.errors import MissingDataError

SIZE = 160
WHERE = "individuals.descriptor: arcface"
ADVICE = "(its weights are InsightFace's, for non-commercial research only), or use descriptor: builtin"


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
        Uniface is not installed, or cannot load its weights; the message says what to do.
    """
    network = _network()
    return described((clip, _direction(network, faces)) for clip, faces in read_faces(face_shards, SIZE))


def _network() -> Any:
    try:
        import uniface
        from uniface.constants import ArcFaceWeights
    except ImportError as error:
        fault = f"the package uniface is not installed: `pip install uniface onnxruntime` {ADVICE}"
        raise MissingDataError(WHERE, [fault]) from error
    try:
        return uniface.ArcFace(model_name=ArcFaceWeights.RESNET)
    except (OSError, RuntimeError, ValueError) as error:  # no network, or a damaged file
        load = "import uniface; from uniface.constants import ArcFaceWeights as W; uniface.ArcFace(W.RESNET)"
        fault = f"uniface cannot load its weights ({error}): run `python -c '{load}'` once with a network {ADVICE}"
        raise MissingDataError(WHERE, [fault]) from error


def _direction(network: Any, faces: Faces) -> np.ndarray | None:
    """(d,) of unit length; None where there is no face."""
    if not len(faces.pictures):
        return None
    each = [
        np.asarray(network.get_normalized_embedding(picture[..., ::-1].copy(), points.astype(np.float32)), float)
        for picture, points in zip(faces.pictures, faces.landmarks, strict=True)
    ]
    mean = np.mean([vector.ravel() for vector in each], axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
