"""Promises of the linear head: nothing of a held-out person is seen, every clip has one row."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_study

from blemore import heads
from blemore.errors import DataError
from blemore.labels import CLASSES, soft_labels

SETTINGS = {"name": "prosody", "module": "wav2vec2", "media": "audio", "learning": "frozen", "scale": "tiny"}


def write_features(path, clips: list[str], matrix: np.ndarray):
    values = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel(), pa.float32()), matrix.shape[1])
    pq.write_table(pa.table({"clip": clips, "features": values}), path)
    return path


@pytest.fixture
def study(tmp_path):
    """Clips of 6 persons in 3 folds whose features hold their labels, plus the noise of the person."""
    clips = small_study.make_clips(persons=6, folds=3, tests=5)
    noise = np.random.default_rng(3)
    train = clips["split"] == "train"
    matrix = noise.normal(size=(len(clips), 20))
    matrix[train, :6] += 6 * soft_labels(clips[train])
    return clips, write_features(tmp_path / "features.parquet", clips["clip"].tolist(), matrix)


def hits(table: pd.DataFrame, clips: pd.DataFrame) -> float:
    """Share of train clips whose likeliest class is their first emotion."""
    joined = table.merge(clips[clips["split"] == "train"][["clip", "emotion_1"]], on="clip")
    return (joined[list(CLASSES)].idxmax(axis=1) == joined["emotion_1"]).mean()


def test_every_usable_clip_has_one_row_and_every_row_sums_to_one(study):
    clips, features = study
    clips.loc[4, "quarantine"] = "unreadable"
    table = heads.fit_head(features, clips, SETTINGS, seed=17)
    assert table["clip"].tolist() == sorted(clips.loc[clips["quarantine"] == "", "clip"])
    np.testing.assert_allclose(table[list(CLASSES)].sum(axis=1), 1)


def test_labels_are_learned_out_of_fold_and_permuted_labels_give_chance(study):
    clips, features = study
    assert hits(heads.fit_head(features, clips, SETTINGS, seed=17), clips) > 0.7
    train = clips.index[clips["split"] == "train"]
    columns = ["mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    shares = []
    for k in range(5):
        mixed = clips.copy()
        mixed.loc[train, columns] = clips.loc[np.random.default_rng(k).permutation(train), columns].to_numpy()
        shares.append(hits(heads.fit_head(features, mixed, SETTINGS, seed=17), mixed))
    assert np.mean(shares) < 0.35  # 3 of 8 clips have anger first: always answering anger would hit .31


def test_no_person_of_the_held_out_fold_is_fitted_and_inner_folds_share_no_person(study, monkeypatch):
    clips, features = study
    matrix = heads.read_features(features, clips["clip"])
    person = {tuple(row): name for row, name in zip(matrix, clips["person"], strict=True)}
    fits, predictions = [], []
    fit, predict = heads.fit, heads.predict
    monkeypatch.setattr(heads, "fit", lambda x, *rest: fits.append({person[tuple(row)] for row in x}) or fit(x, *rest))
    monkeypatch.setattr(
        heads, "predict", lambda model, x: predictions.append({person[tuple(row)] for row in x}) or predict(model, x)
    )
    heads.fit_head(features, clips, SETTINGS, seed=17)
    assert len(fits) == len(predictions) == 3 * (3 * len(heads.STRENGTHS) + 1)
    for seen, unseen in zip(fits, predictions, strict=True):
        assert not seen & unseen
        assert not any(pd.isna(name) for name in seen)


def test_a_test_row_is_the_mean_of_the_fold_models(study, monkeypatch):
    clips, features = study
    outputs = []
    predict = heads.predict
    monkeypatch.setattr(heads, "predict", lambda model, x: outputs.append(predict(model, x)) or outputs[-1])
    table = heads.fit_head(features, clips, SETTINGS, seed=17)
    finals = [output for output in outputs if len(output) == 16 + 5]  # a fold's two persons and the test clips
    assert len(finals) == 3
    expected = np.mean([output[-5:] for output in finals], axis=0)
    np.testing.assert_allclose(table.loc[table["split"] == "test", list(CLASSES)], expected)


def test_the_same_inputs_give_the_same_table_in_any_order(study):
    clips, features = study
    first = heads.fit_head(features, clips, SETTINGS, seed=17)
    second = heads.fit_head(features, clips.sample(frac=1, random_state=0), SETTINGS, seed=17)
    pd.testing.assert_frame_equal(first, second)


def test_a_class_that_a_fold_never_saw_has_probability_zero(study):
    clips, features = study
    without = clips[~((clips["emotion_1"] == "neu") & (clips["fold"] != 0))]
    table = heads.fit_head(features, without, SETTINGS, seed=17).set_index("clip")
    assert (table.loc[table["fold"] == 0, "neu"] == 0).all()
    assert (table.loc[table["fold"] == 1, "neu"] > 0).all()


def test_weighted_rows_have_the_soft_cross_entropy_as_their_loss():
    noise = np.random.default_rng(0)
    x, labels = noise.normal(size=(400, 2)), np.tile([0.7, 0, 0, 0, 0.3, 0], (400, 1))
    outputs = heads.predict(heads.fit(x, labels, 1.0), x)
    np.testing.assert_allclose(outputs.mean(axis=0), labels[0], atol=1e-3)


def test_a_clip_without_features_is_named(study, tmp_path):
    clips, _ = study
    few = write_features(tmp_path / "few.parquet", clips["clip"].tolist()[1:], np.ones((len(clips) - 1, 2)))
    with pytest.raises(DataError, match="clip A900_0: no features"):
        heads.fit_head(few, clips, SETTINGS, seed=17)
