"""A head on the features of a frozen encoder: out-of-fold probabilities of every clip, all folds at once.

A model is fitted per fold on the train clips of the other folds: its scaler, its numbers chosen in inner folds that
share no person, and the head itself see nothing of the fold that is reported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from blemore.learning.stored import made_by, read_models, write_models
from blemore.params.parts import DEFAULT_HEAD, HEAD
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.tables import check_probabilities, probability_rows, usable
from joblineage.errors import DataError, refuse
from joblineage.files import parse_json


class FittedHead(Protocol):
    """What a head's `fit` gives: a dataclass of arrays."""

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predict clips.

        Parameters
        ----------
        values : (m, d) float32
            Features of the clips.

        Returns
        -------
        (m, 6) float, 0..1
            Probabilities; each row sums to 1.
        """
        ...


def fit_head(
    features: Path, clips: pd.DataFrame, settings: Mapping, *, seed: int, heads: Path | None = None
) -> pd.DataFrame:
    """Probabilities of every usable clip that has features.

    Parameters
    ----------
    features : Path
        Features file, as `encoders.embedding.embed` writes it.
    clips : DataFrame
        Clips table.
    settings : mapping
        The encoder's slice of the parameters: name; optionally layers, [first, last], and head, a module of this folder
        with `fit`, whose numbers stand under its name.
    seed : int, >= 0
        Decides what a head draws.
    heads : Path or None
        Written, where given: the fitted heads (`read_heads`).

    Returns
    -------
    DataFrame
        Probabilities table: out-of-fold rows for train clips, the mean of the fold models for test clips, sorted by
        clip. A clip that could not be embedded has no row.

    Raises
    ------
    DataError
        Usable clips without features, layers that the features do not hold, an unknown head, train clips of one fold
        only.
    """
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    x, present = read_features(features, clips["clip"], settings)
    clips = clips[present].reset_index(drop=True)
    fitted = fit_heads(x, clips, settings, seed=seed)
    if heads is not None:
        write_models(heads, {f"fold{fold}": head for fold, head in fitted.items()})
    table = probability_rows(clips, judged(x, clips, fitted, settings["name"]))
    check_probabilities(table, f"head of {settings['name']}", clips["clip"])
    return table


def fold_probabilities(x: np.ndarray, clips: pd.DataFrame, settings: Mapping, *, seed: int) -> np.ndarray:
    """Probabilities from features; see `fit_head`.

    Parameters
    ----------
    x : (n, d) float32
        Features of the clips.
    clips : DataFrame
        Clips table, one row for each row of `x`.
    settings : mapping
        The encoder's slice of the parameters.
    seed : int, >= 0
        Decides all random numbers.

    Returns
    -------
    (n, 6) float, 0..1
        Out-of-fold for train clips, the heads' mean for test clips.
    """
    return judged(x, clips, fit_heads(x, clips, settings, seed=seed), settings["name"])


def fit_heads(x: np.ndarray, clips: pd.DataFrame, settings: Mapping, *, seed: int) -> dict[int, FittedHead]:
    """Fit a head without each fold; see `fit_head`.

    Parameters
    ----------
    x : (n, d) float32
        Features of the clips.
    clips : DataFrame
        Clips table, one row for each row of `x`.
    settings : mapping
        The encoder's slice of the parameters.
    seed : int, >= 0
        Decides all random numbers.

    Returns
    -------
    dict of int to FittedHead
        {fold: the head fitted without it}.

    Raises
    ------
    DataError
        An unknown head, or train clips of one fold only.
    """
    head = settings.get("head", DEFAULT_HEAD)
    fit, numbers = HEAD.load(head).fit, settings.get(head, {})
    rows, train = Rows.of(clips, x), (clips["split"] == "train").to_numpy()
    folds = rows.where(train).folds
    if len(folds) < 2:
        raise DataError(f"head of {settings['name']}", [f"train clips of two folds at least are needed, found {folds}"])
    return {
        held_out: fit(
            rows.where(train & (rows.fold != held_out)),
            ModelName.of(settings["name"], held_out),
            f"{seed}/{settings['name']}/{held_out}",
            **numbers,
        )
        for held_out in folds
    }


def judged(x: np.ndarray, clips: pd.DataFrame, heads: Mapping[int, FittedHead], name: str) -> np.ndarray:
    """Predict a train clip by the head fitted without its fold, a test clip by the heads' mean.

    Parameters
    ----------
    x : (n, d) float32
        Features (n_clips, d) float32.
    clips : DataFrame
        Clips table, one row for each row of `x`.
    heads : mapping of int to FittedHead
        {fold: the head fitted without it}.
    name : str
        Name of the encoder.

    Returns
    -------
    (n, 6) float, 0..1
        Probabilities; each row sums to 1.
    """
    rows, train = Rows.of(clips, x), (clips["split"] == "train").to_numpy()
    probabilities = np.zeros((len(clips), len(CLASSES)))
    for held_out, head in heads.items():
        shown = ~train | (rows.fold == held_out)
        outputs = head.predict(rows.where(shown).to_judge(ModelName.of(name, held_out)).values)
        probabilities[shown] += outputs / np.where(train[shown], 1, len(heads))[:, None]
    return probabilities


def read_heads(path: Path, settings: Mapping, folds: int) -> dict[int, Any]:
    """Read the heads that `fit_head` wrote with these settings.

    Parameters
    ----------
    path : str or Path
        The file.
    settings : mapping
        The encoder's slice of the parameters.
    folds : int, >= 1
        How many folds.

    Returns
    -------
    dict of int to object
        {fold: head}.

    Raises
    ------
    DataError
        There is no such file, or it is another head's.
    """
    kind = made_by(HEAD.load(settings.get("head", DEFAULT_HEAD)).fit)
    models = read_models(path, {f"fold{fold}": kind for fold in range(folds)})
    return {fold: models[f"fold{fold}"] for fold in range(folds)}


def read_features(path: Path, clips: pd.Series, settings: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Features of `clips`, in their order, and which of them have any.

    Parameters
    ----------
    path : Path
        Features file, as `encoders.embedding.embed` writes it.
    clips : Series
        Names of usable clips.
    settings : mapping
        Name; optionally `layers`, [first, last]: these layers are averaged, both ends included.

    Returns
    -------
    features : (m, d) float32
        Rows of the clips that have any.
    present : (n,) bool
        False for a clip that could not be embedded.

    Raises
    ------
    DataError
        As `read_layers` says; the features hold no layers, or not these.
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


def has_layers(path: Path) -> bool:
    """Whether a features file holds those of every layer, as its metadata say.

    Parameters
    ----------
    path : Path
        Features file.

    Returns
    -------
    bool
        True for (layers, d) numbers a clip.
    """
    shape = (pq.read_schema(path).metadata or {}).get(b"shape")
    return shape is not None and len(parse_json(shape)) > 1


def read_layers(path: Path, clips: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Features of clips in the shape that the encoder gave.

    A clip that could not be embedded has a row of NaN and a remark that says why.

    Parameters
    ----------
    path : Path
        Features file.
    clips : Series
        Names of usable clips.

    Returns
    -------
    features : (m, ...) float16 or float32
        Rows of the clips that have any.
    present : (n,) bool
        False for a clip that could not be embedded.

    Raises
    ------
    DataError
        A clip has no row; a number is NaN or infinite without being such a row.
    """
    table = pq.read_table(path)
    row = {clip: k for k, clip in enumerate(table["clip"].to_pylist())}
    missing = [f"clip {clip}: no features; embed the encoder again" for clip in clips if clip not in row]
    refuse(path, missing)
    column = table["features"].combine_chunks()
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
    shape = parse_json(shape) if shape else [matrix.shape[1]]
    if np.prod(shape) != matrix.shape[1]:
        raise DataError(str(path), [f"the shape {shape} in its metadata does not fit {matrix.shape[1]} numbers a clip"])
    return matrix[~absent].reshape(-1, *shape), ~absent
