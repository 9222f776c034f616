"""Features of every clip from a frozen encoder: one table for all folds, since nothing is learned from it."""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from blemore.encoders.ahead import alike, decoded
from blemore.encoders.base import Embedder, build
from blemore.errors import DataError
from blemore.files import whole_file
from blemore.progress import Steps
from blemore.tables import usable


def embed(
    settings: Mapping, clips: pd.DataFrame, shards: Sequence[Path], out: Path, *, seed: int, workers: int = 1
) -> None:
    """Write the features of every usable clip.

    Parameters
    ----------
    settings : the encoder's slice of the parameters, with name and scale.
    clips : clips table.
    shards : prepared media files of the kind the encoder reads.
    out : Parquet, sorted by clip: clip, features (fixed-size list of float32, or float16 where the encoder gives
        that), remark. The schema's metadata hold under "shape" the shape of one clip's array, as JSON.
        A clip that cannot be embedded has a row of NaN, and a remark that says why.
    seed : decides the random weights of scale "tiny".
    workers : threads that decode ahead of the device.

    Raises
    ------
    DataError : usable clips that are in no shard, or features that are NaN or infinite without a remark.
    """
    encoder = build(settings, seed=f"{seed}/{settings['name']}")
    wanted = set(usable(clips)["clip"])
    features, remarks = embedded(encoder, shards, wanted, settings["name"], workers)
    names = sorted(wanted)
    faults = [f"clip {clip}: not in the prepared files {_listed(shards)}" for clip in names if clip not in features]
    faults += [
        f"clip {clip}: a feature is NaN or infinite"
        for clip in sorted(features)
        if not np.isfinite(features[clip]).all() and not remarks[clip]
    ]
    if faults:
        raise DataError(f"encoder {settings['name']}", faults)
    for remark, number in Counter(remarks[clip] for clip in names if remarks[clip]).items():
        logging.warning("%s: %d clip(s): %s", settings["name"], number, remark)
    write_features(out, names, np.stack([features[clip] for clip in names]), [remarks[clip] for clip in names])


def embedded(
    encoder: Embedder, shards: Sequence[Path], wanted: set[str], title: str, workers: int
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Array and remark of each wanted clip that is in a shard; progress is shown under `title`."""
    features: dict[str, np.ndarray] = {}
    remarks: dict[str, str] = {}
    with Steps(title, len(wanted), every=100) as steps:
        for names, media in alike(decoded(encoder, shards, wanted, workers), encoder.batch):
            features.update(zip(names, encoder.embed(media), strict=True))
            remarks.update((name, encoder.remark(clip)) for name, clip in zip(names, media, strict=True))
            steps.advance(len(names))
    return features, remarks


def write_features(path: Path, clips: Sequence[str], features: np.ndarray, remarks: Sequence[str]) -> None:
    """Write arrays (n_clips, ...) float16 or float32 in the form that `embed` describes."""
    kind = pa.float16() if features.dtype == np.float16 else pa.float32()
    flat = features.reshape(len(features), -1)
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel().astype(kind.to_pandas_dtype())), flat.shape[1])
    table = pa.table({"clip": list(clips), "features": values, "remark": list(remarks)})
    said = {"shape": json.dumps(list(features.shape[1:]))}
    with whole_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(said), temporary)


def _listed(shards: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in shards[:3]) + (", ..." if len(shards) > 3 else "")
