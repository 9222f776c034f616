"""A linear head on the features of a frozen encoder, all folds at once: multinomial logistic regression on soft labels.

A model is fitted per fold on the train clips of the other folds. Its regularisation is chosen inside those, by
soft cross-entropy in inner folds that share no person; scaler and head see nothing of the outer fold.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from blemore.errors import DataError
from blemore.folds import probability_rows
from blemore.labels import CLASSES, soft_labels
from blemore.tables import PROBABILITY_COLUMNS, check_probabilities, usable

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation C to choose from, weakest model first: a tie goes to the stronger regularisation."""
INNER_FOLDS = 3
STEPS = 300
"""Most steps of the solver; the chosen models converge well before."""
FLOOR = 1e-6
"""Least probability in the cross-entropy that chooses C: a class unknown to an inner part must not cost infinity."""


def fit_head(features: Path, clips: pd.DataFrame, settings: Mapping, *, seed: int) -> pd.DataFrame:
    """Probabilities of every usable clip from its features.

    Parameters
    ----------
    features : as `encoders.embedding.embed` writes them: clip, features.
    clips : clips table.
    settings : the encoder's slice of the parameters; only its name is used.
    seed : unused by this head, whose solver draws nothing; every learner of the study takes one.

    Returns
    -------
    Probabilities table: out-of-fold rows for train clips, the mean of the fold models for test clips, sorted by clip.

    Raises
    ------
    DataError : usable clips without features.
    """
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    x = read_features(features, clips["clip"])
    train = (clips["split"] == "train").to_numpy()
    fold = clips["fold"].to_numpy()
    person = clips["person"].to_numpy()
    labels = np.zeros((len(clips), len(CLASSES)))
    labels[train] = soft_labels(clips[train])
    folds = np.unique(fold[train])
    probabilities = np.zeros((len(clips), len(CLASSES)))
    for held_out in folds:
        part = train & (fold != held_out)
        shown = ~train | (fold == held_out)
        strength = choose_strength(x[part], labels[part], person[part])
        outputs = predict(fit(x[part], labels[part], strength), x[shown])
        probabilities[shown] += outputs / np.where(train[shown], 1, len(folds))[:, None]
    table = probability_rows(clips, probabilities)
    check_probabilities(table, f"head of {settings['name']}", clips["clip"])
    return table[list(PROBABILITY_COLUMNS)]


def read_features(path: Path, clips: pd.Series) -> np.ndarray:
    """Features (n_clips, n_features) float64 in the order of `clips`; a clip without features is refused."""
    table = pq.read_table(path)
    row = {clip: k for k, clip in enumerate(table["clip"].to_pylist())}
    missing = [f"clip {clip}: no features" for clip in clips if clip not in row]
    if missing:
        raise DataError(str(path), missing)
    values = table["features"].combine_chunks()
    matrix = values.flatten().to_numpy().reshape(len(values), -1).astype(float)
    return matrix[[row[clip] for clip in clips]]


def choose_strength(x: np.ndarray, labels: np.ndarray, persons: np.ndarray) -> float:
    """The C with the least mean soft cross-entropy over inner folds that share no person.

    With a single person there is no such split: then the smallest C, the strongest pull, is taken and said in the log.
    """
    if len(np.unique(persons)) < 2:
        logging.warning("a single person to learn from: nothing to choose on, the strongest regularisation is taken")
        return min(STRENGTHS)
    inner = GroupKFold(min(INNER_FOLDS, len(np.unique(persons))))
    parts = list(inner.split(x, groups=persons))
    losses = []
    for strength in STRENGTHS:
        loss = 0.0
        for seen, unseen in parts:
            outputs = predict(fit(x[seen], labels[seen], strength), x[unseen])
            loss -= (labels[unseen] * np.log(np.maximum(outputs, FLOOR))).sum()
        losses.append(loss)
    return STRENGTHS[int(np.argmin(losses))]


def fit(x: np.ndarray, labels: np.ndarray, strength: float) -> Pipeline:
    """Standardise and fit: a clip counts once per class, weighted by that class's share of its soft label.

    The likelihood of those weighted rows is the soft cross-entropy.
    """
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=STEPS))
    clip, kind = np.nonzero(labels)
    scaler, head = model.named_steps["standardscaler"], model.named_steps["logisticregression"]
    head.fit(scaler.fit_transform(x)[clip], kind, sample_weight=labels[clip, kind])
    return model


def predict(model: Pipeline, x: np.ndarray) -> np.ndarray:
    """Probabilities (n, 6); a class that the model never saw has probability 0."""
    outputs = np.zeros((len(x), len(CLASSES)))
    outputs[:, model.classes_] = model.predict_proba(x)
    return outputs
