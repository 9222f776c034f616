"""A head on the features of a frozen encoder: out-of-fold probabilities of every clip, all folds at once.

A model is fitted per fold on the train clips of the other folds: its scaler, its numbers chosen in inner folds that
share no person, and the head itself see nothing of the fold that is reported.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.learning.heads.features import read_features
from blemore.params.parts import DEFAULT_HEAD, HEAD
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.tables import check_probabilities, probability_rows, usable
from joblineage.errors import DataError


def fit_head(features: Path, clips: pd.DataFrame, settings: Mapping, *, seed: int) -> pd.DataFrame:
    """Probabilities of every usable clip that has features.

    Parameters
    ----------
    features : as `encoders.embedding.embed` writes them.
    clips : clips table.
    settings : the encoder's slice of the parameters: name; optionally layers, [first, last], and head, a module of this
        folder with `predictions`, whose numbers stand under its name.
    seed : of what a head draws.

    Returns
    -------
    Probabilities table: out-of-fold rows for train clips, the mean of the fold models for test clips, sorted by clip.
    A clip that could not be embedded has no row.

    Raises
    ------
    DataError : usable clips without features, layers that the features do not hold, an unknown head, train clips of
        one fold only.
    """
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    x, present = read_features(features, clips["clip"], settings)
    clips = clips[present].reset_index(drop=True)
    table = probability_rows(clips, fold_probabilities(x, clips, settings, seed=seed))
    check_probabilities(table, f"head of {settings['name']}", clips["clip"])
    return table


def fold_probabilities(x: np.ndarray, clips: pd.DataFrame, settings: Mapping, *, seed: int) -> np.ndarray:
    """Probabilities (n_clips, 6) from features (n_clips, d) float32: see `fit_head`."""
    head = settings.get("head", DEFAULT_HEAD)
    predictions, numbers = HEAD.load(head).predictions, settings.get(head, {})
    rows, train = Rows.of(clips, x), (clips["split"] == "train").to_numpy()
    folds = rows.where(train).folds
    if len(folds) < 2:
        raise DataError(f"head of {settings['name']}", [f"train clips of two folds at least are needed, found {folds}"])
    probabilities = np.zeros((len(clips), len(CLASSES)))
    for held_out in folds:
        part = train & (rows.fold != held_out)
        judged = ~train | (rows.fold == held_out)
        model, name = ModelName.of(settings["name"], held_out), f"{seed}/{settings['name']}/{held_out}"
        outputs = predictions(rows.where(part), rows.where(judged), model, name, **numbers)
        probabilities[judged] += outputs / np.where(train[judged], 1, len(folds))[:, None]
    return probabilities
