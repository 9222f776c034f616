"""The features of a frozen encoder as one matrix: a row per clip, chosen layers averaged."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from joblineage.errors import DataError, refuse


def read_features(path: Path, clips: pd.Series, settings: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Features of `clips`, in their order, and which of them have any.

    Parameters
    ----------
    path : as `encoders.embedding.embed` writes it.
    clips : names of usable clips.
    settings : name; optionally `layers`, [first, last]: these layers are averaged, both ends included.

    Returns
    -------
    (n_present, n_features) float32, and (n_clips,) bool: False for a clip that could not be embedded.

    Raises
    ------
    DataError : as `read_layers` says; the features hold no layers, or not these.
    """
    arrays, present = read_layers(path, clips)
    layers = settings.get("layers")
    if layers is not None:
        (first, last), where = layers, f"encoder {settings['name']}"
        if arrays.ndim < 3:
            raise DataError(where, [f"layers {first} to {last} asked for, but its features hold no layers"])
        highest = arrays.shape[1] - 1  # layer 0 is what enters the first layer of the network
        if not 0 <= first <= last <= highest:
            raise DataError(where, [f"layers {first} to {last} asked for, the network has layers 1 to {highest}"])
        arrays = arrays[:, first : last + 1].mean(axis=1, dtype=np.float32)
    return arrays.reshape(len(arrays), -1).astype(np.float32, copy=False), present


def read_layers(path: Path, clips: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """As `read_features`, in the shape that the encoder gave: (n_present, ...) float16 or float32, and who is present.

    A clip that could not be embedded has a row of NaN and a remark that says why.

    Raises
    ------
    DataError : a clip has no row; a number is NaN or infinite without being such a row.
    """
    table = pq.read_table(path)
    row = {clip: k for k, clip in enumerate(table["clip"].to_pylist())}
    missing = [f"clip {clip}: no features; embed the encoder again" for clip in clips if clip not in row]
    refuse(path, missing)
    column = table["features"].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    rows = np.array([row[clip] for clip in clips], dtype=int)
    matrix = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)[rows]
    finite = np.isfinite(matrix)
    whole, empty = finite.all(axis=1), np.isnan(matrix).all(axis=1)
    remarks = np.array(table["remark"].to_pylist())[rows] if "remark" in table.column_names else np.full(len(rows), "")
    absent = empty & (remarks != "")
    faults = [f"clip {clip}: a feature is NaN or infinite" for clip in clips[~whole & ~absent]]
    refuse(path, faults)
    if absent.all():
        raise DataError(str(path), ["no clip has features"])
    shape = (table.schema.metadata or {}).get(b"shape")
    shape = json.loads(shape) if shape else [matrix.shape[1]]
    if np.prod(shape) != matrix.shape[1]:
        raise DataError(str(path), [f"the shape {shape} in its metadata does not fit {matrix.shape[1]} numbers a clip"])
    return matrix[~absent].reshape(-1, *shape), ~absent
