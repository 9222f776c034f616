"""Promises of the heads: nothing of the reported fold is seen, every clip has one row, the optimum is the stated one."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_study
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from blemore.learning.heads import linear, logistic, mlp
from blemore.learning.heads.inner import INNER_FOLDS, cross_entropy, inner_parts, scaler_of
from blemore.learning.heads.run import fit_head, fold_probabilities, judged, read_heads
from blemore.params.parts import HEAD
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.tables import class_values
from joblineage.errors import DataError

MODEL = ModelName.of("prosody", 0)
SETTINGS = {"name": "prosody", "module": "wav2vec2", "media": "audio", "learning": "frozen", "scale": "tiny"}
NUMBERS = {
    entry["head"]: entry.get(entry["head"], {})
    for entry in yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["encoders"].values()
    if "head" in entry
}
HEADS = {name: SETTINGS | {"head": name, name: NUMBERS.get(name, {})} for name in HEAD.names()}
"""Settings with each head of the folder, with the numbers that params.yaml gives it."""


def rows_of(person: np.ndarray, x: np.ndarray | None = None, labels: np.ndarray | None = None) -> Rows:
    """Rows of these persons, with features and soft labels where they count."""
    nothing = np.zeros((len(person), 6))
    return Rows(nothing if x is None else x, nothing if labels is None else 100 * labels, person, person)


def write_features(path, clips: list[str], matrix: np.ndarray, remarks=None):
    """A features file; `matrix` is (n_clips, ...) in float16 or float32."""
    kind = pa.float16() if matrix.dtype == np.float16 else pa.float32()
    values = pa.array(matrix.ravel().astype(kind.to_pandas_dtype()))
    values = pa.FixedSizeListArray.from_arrays(values, int(np.prod(matrix.shape[1:])))
    table = pa.table({"clip": clips, "features": values, "remark": remarks or [""] * len(clips)})
    pq.write_table(table.replace_schema_metadata({"shape": json.dumps(matrix.shape[1:])}), path)
    return path


@pytest.fixture
def study(tmp_path):
    """Clips of 6 persons in 3 folds whose features hold their labels, plus noise."""
    clips = small_study.make_clips(persons=6, folds=3, tests=5)
    train = clips["split"] == "train"
    matrix = np.random.default_rng(3).normal(size=(len(clips), 20))
    matrix[train, :6] += 6 * soft_labels(clips[train])
    return clips, write_features(tmp_path / "features.parquet", clips["clip"].tolist(), matrix), matrix


@pytest.fixture(autouse=True)
def small_mlp(monkeypatch):
    from blemore.learning.heads import mlp

    monkeypatch.setattr(mlp, "HIDDEN", (16,))
    monkeypatch.setattr(mlp, "EPOCHS", 20)
    monkeypatch.setattr(mlp, "LEARNING_RATE", 2e-2)


def hits(table: pd.DataFrame, clips: pd.DataFrame) -> float:
    """Share of train clips whose likeliest class is their first emotion."""
    joined = table.merge(clips[clips["split"] == "train"][["clip", "emotion_1"]], on="clip")
    return (joined[list(CLASSES)].idxmax(axis=1) == joined["emotion_1"]).mean()


@pytest.mark.parametrize("head", HEADS)
def test_every_usable_clip_has_one_row_and_every_row_sums_to_one(study, head):
    clips, features, _ = study
    clips.loc[4, "quarantine"] = "unreadable"
    table = fit_head(features, clips, HEADS[head], seed=17)
    assert table["clip"].tolist() == sorted(clips.loc[clips["quarantine"] == "", "clip"])
    np.testing.assert_allclose(table[list(CLASSES)].sum(axis=1), 1)


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_labels_are_learned_out_of_fold_and_permuted_labels_give_chance(study, head):
    clips, features, _ = study
    assert hits(fit_head(features, clips, HEADS[head], seed=17), clips) > 0.7
    train = clips.index[clips["split"] == "train"]
    columns = ["mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    shares = []
    for k in range(5):
        mixed = clips.copy()
        mixed.loc[train, columns] = clips.loc[np.random.default_rng(k).permutation(train), columns].to_numpy()
        shares.append(hits(fit_head(features, mixed, HEADS[head], seed=17), mixed))
    assert np.mean(shares) < 0.35  # 3 of 8 clips have anger first: always answering anger would hit .31


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_features_and_labels_of_the_reported_fold_change_nothing_that_its_other_clips_get(study, head):
    clips, _, matrix = study
    x = matrix.astype(np.float32)
    before = fold_probabilities(x, clips, HEADS[head], seed=17)
    for fold in range(3):
        touched = clips.index[clips["fold"] == fold][2]
        changed, relabelled = x.copy(), clips.copy()
        changed[touched] *= 1000
        relabelled.loc[touched, "emotion_1"] = "neu"
        after = fold_probabilities(changed, relabelled, HEADS[head], seed=17)
        others = (clips["fold"] == fold).to_numpy() & (clips.index != touched)
        np.testing.assert_array_equal(after[others], before[others])
        elsewhere = clips["fold"].isin([k for k in range(3) if k != fold]).to_numpy()
        assert (after[elsewhere] != before[elsewhere]).any()  # the other folds' models do learn from it


def test_inner_folds_share_no_person_and_hold_every_clip_once():
    persons = np.arange(20) % 5
    parts = inner_parts(rows_of(persons), MODEL)
    assert len(parts) == 3
    for seen, unseen in parts:
        assert not set(persons[seen]) & set(persons[unseen])
    assert sorted(np.concatenate([unseen for _, unseen in parts])) == list(range(20))
    assert len(inner_parts(rows_of(np.arange(2)), MODEL)) == 2


def test_inner_folds_are_those_of_scikit_learn():
    draw = np.random.default_rng(0)
    for _ in range(50):
        persons = draw.integers(draw.integers(2, 40), size=draw.integers(2, 300)).astype(str)
        number = min(INNER_FOLDS, len(set(persons)))
        expected = list(GroupKFold(number).split(persons, groups=persons)) if number > 1 else []
        person = np.unique(persons, return_inverse=True)[1]
        for found, known in zip(inner_parts(rows_of(person), MODEL), expected, strict=True):
            np.testing.assert_array_equal(found[0], known[0])
            np.testing.assert_array_equal(found[1], known[1])


def test_the_chosen_strength_has_the_least_cross_entropy_by_scikit_learn_too():
    noise = np.random.default_rng(5)
    labels = noise.dirichlet(np.full(6, 0.2), size=90)
    persons = np.repeat(np.arange(9), 10)
    x = (labels @ noise.normal(size=(6, 12)) + 2 * noise.normal(size=(90, 12))).astype(np.float32)
    x = scaler_of(x).apply(x)
    rows, losses = rows_of(persons, x, labels), []
    for strength in linear.STRENGTHS:
        loss = 0.0
        for seen, unseen in inner_parts(rows, MODEL):
            loss += cross_entropy(labels[unseen], reference(x[seen], labels[seen], strength, x[unseen]))
        losses.append(loss)
    assert linear.choose_strength(logistic.Clips(x), rows, MODEL) == linear.STRENGTHS[np.argmin(losses)]
    assert 0 < np.argmin(losses) < len(losses) - 1


def test_scaling_is_that_of_scikit_learn_even_far_from_zero():
    noise = np.random.default_rng(0)
    x = (noise.normal(size=(300, 8)) * 10.0 ** np.arange(-3, 5) + 50).astype(np.float32)
    x[:, 3] = 0.1
    scaler = StandardScaler().fit(x[:200].astype(float))
    for expected in (x[:200], x[200:]):
        np.testing.assert_allclose(
            scaler_of(x[:200]).apply(expected), scaler.transform(expected.astype(float)), atol=1e-2 * 0.5
        )


def test_scaling_has_the_very_bytes_of_scikit_learn_also_of_constant_features():
    draw = np.random.default_rng(1)
    for _ in range(50):
        x = draw.normal(size=draw.integers(1, 300, size=2))
        x = (x * 10.0 ** draw.integers(-6, 6, size=x.shape[1]) + 10.0 ** draw.integers(-3, 4)).astype(np.float32)
        x[:, draw.random(x.shape[1]) < 0.1] = draw.normal()
        scaler, others = StandardScaler().fit(x), draw.normal(size=(9, x.shape[1])).astype(np.float32)
        for raw in (x, others):
            found, expected = scaler_of(x).apply(raw), scaler.transform(raw)
            assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
            assert found.tobytes() == expected.tobytes()


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_a_test_row_is_the_mean_of_the_fold_models(study, head):
    clips, _, matrix = study
    x = matrix.astype(np.float32)
    table = fold_probabilities(x, clips, HEADS[head], seed=17)
    # A test clip that is copied into a fold gets there what that fold's model says.
    said = []
    for fold in range(3):
        one = clips.index[clips["fold"] == fold][0]
        changed = x.copy()
        changed[one] = x[-1]
        said.append(fold_probabilities(changed, clips, HEADS[head], seed=17)[one])
    np.testing.assert_allclose(table[-1], np.mean(said, axis=0), atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_the_same_inputs_give_the_same_table_in_any_order(study, head):
    clips, features, _ = study
    first = fit_head(features, clips, HEADS[head], seed=17)
    second = fit_head(features, clips.sample(frac=1, random_state=0), HEADS[head], seed=17)
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_class_that_a_fold_never_saw_has_probability_zero(study):
    clips, features, _ = study
    without = clips[~((clips["emotion_1"] == "neu") & (clips["fold"] != 0))]
    table = fit_head(features, without, SETTINGS, seed=17).set_index("clip")
    assert (table.loc[table["fold"] == 0, "neu"] == 0).all()
    assert (table.loc[table["fold"] == 1, "neu"] > 0).all()


def reference(x: np.ndarray, labels: np.ndarray, strength: float, shown: np.ndarray) -> np.ndarray:
    """scikit-learn's answer: a clip counts once per class, weighted by the class's share of its soft label."""
    clip, kind = np.nonzero(labels)
    model = LogisticRegression(C=strength / x.shape[1], tol=1e-10, max_iter=20_000)
    model.fit(np.asarray(x, float)[clip], kind, sample_weight=labels[clip, kind])
    outputs = np.zeros((len(shown), labels.shape[1]))
    outputs[:, model.classes_] = model.predict_proba(np.asarray(shown, float))
    return outputs


@pytest.mark.thorough
@settings(max_examples=25)
@given(
    clips=st.integers(6, 40),
    features=st.integers(1, 60),
    strength=st.sampled_from([0.01, 0.3, 5.0, 100.0]),
    missing=st.integers(0, 3),
    seed=st.integers(0, 2**31),
)
def test_the_optimum_is_that_of_scikit_learn(clips, features, strength, missing, seed):
    noise = np.random.default_rng(seed)
    labels = noise.dirichlet(np.full(6 - missing, 0.3), size=clips)
    labels = np.concatenate([labels, np.zeros((clips, missing))], axis=1)[:, noise.permutation(6)]
    x = noise.normal(size=(clips + 5, features)) * noise.choice([0.0, 0.1, 3.0], size=features)
    seen = noise.permutation(clips + 5)[:clips]
    rows = np.zeros((clips + 5, 6))
    rows[seen] = labels
    everyone = np.arange(clips + 5)
    expected = reference(x[seen], labels, strength, x)
    for wide in (True, False):
        known = logistic.Clips(x, wide)
        found = logistic.fit(known, rows, seen, [1.0, strength], tolerance=1e-9).predict(known, everyone)
        np.testing.assert_allclose(found[1], expected, atol=2e-5)


def test_single_precision_and_company_change_a_model_by_no_more_than_its_tolerance():
    noise = np.random.default_rng(2)
    x, labels = noise.normal(size=(200, 300)).astype(np.float32), noise.dirichlet(np.full(6, 0.3), size=200)
    clips, seen, everyone = logistic.Clips(x), np.arange(150), np.arange(200)
    exact = logistic.fit(clips, labels, seen, [10.0], tolerance=1e-10).predict(clips, everyone)[0]
    single = logistic.fit(clips, labels, seen, [0.01, 10.0, 100.0], tolerance=1e-4, dtype=np.float32)
    np.testing.assert_allclose(single.predict(clips, everyone)[1], exact, atol=2e-4)


def test_weighted_rows_have_the_soft_cross_entropy_as_their_loss():
    x, labels = np.random.default_rng(0).normal(size=(400, 2)), np.tile([0.7, 0, 0, 0, 0.3, 0], (400, 1))
    clips = logistic.Clips(x)
    outputs = logistic.fit(clips, labels, np.arange(400), [1.0], tolerance=1e-9).predict(clips, np.arange(400))[0]
    np.testing.assert_allclose(outputs, labels, atol=1e-6)


def test_a_model_that_did_not_converge_is_named(caplog, monkeypatch):
    monkeypatch.setattr(logistic, "MOST_STEPS", 3)
    noise = np.random.default_rng(0)
    x, labels = noise.normal(size=(40, 90)), noise.dirichlet(np.ones(6), size=40)
    with caplog.at_level(logging.WARNING):
        logistic.fit(logistic.Clips(x), labels, np.arange(40), [1e-6, 100.0], tolerance=1e-6)
    assert "did not converge for strength 100 within 3 steps" in caplog.text


def test_a_single_person_to_learn_from_gets_the_strongest_regularisation(caplog):
    noise = np.random.default_rng(0)
    x, labels = noise.normal(size=(12, 4)).astype(np.float32), np.eye(6)[np.arange(12) % 6]
    with caplog.at_level(logging.WARNING):
        rows = rows_of(np.zeros(12, int), x, labels)
        outputs = linear.fit(rows, MODEL).predict(x)
    assert "single person" in caplog.text
    scaled = scaler_of(x).apply(x)
    expected = reference(scaled, labels, linear.STRENGTHS[0], scaled)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_kept_heads_give_the_very_bytes_that_the_fitted_ones_gave(study, head, tmp_path):
    clips, features, matrix = study
    table = fit_head(features, clips, HEADS[head], seed=17, heads=tmp_path / "heads.safetensors")
    assert table.equals(fit_head(features, clips, HEADS[head], seed=17))
    kept = read_heads(tmp_path / "heads.safetensors", HEADS[head], 3)
    order = clips.sort_values("clip").index
    rows = clips.loc[order].reset_index(drop=True)
    probabilities = judged(matrix[order].astype(np.float32), rows, kept, "prosody")
    np.testing.assert_array_equal(probabilities / probabilities.sum(axis=1, keepdims=True), class_values(table))


def test_a_file_of_heads_that_lacks_one_or_is_none_is_refused_by_its_name(study, tmp_path):
    clips, features, _ = study
    path = tmp_path / "heads.safetensors"
    fit_head(features, clips, HEADS["linear"], seed=17, heads=path)
    with pytest.raises(DataError, match=r"(?s)heads\.safetensors.*fold3"):
        read_heads(path, HEADS["linear"], 4)
    path.write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"heads\.safetensors"):
        read_heads(path, HEADS["linear"], 3)


@pytest.mark.thorough
@pytest.mark.parametrize("head", HEADS)
def test_constant_features_and_a_single_class_are_harmless(study, head):
    clips, _, matrix = study
    x = matrix.astype(np.float32)
    x[:, 7] = 1e6 / 3
    assert np.isfinite(fold_probabilities(x, clips, HEADS[head], seed=17)).all()
    angry = clips[(clips["emotion_1"] == "ang") & clips["emotion_2"].isna() | (clips["split"] == "test")]
    outputs = fold_probabilities(x[angry.index], angry.reset_index(drop=True), HEADS[head], seed=17)
    np.testing.assert_allclose(outputs, np.eye(6)[[0] * len(angry)])


def test_chosen_layers_are_averaged_both_ends_included(study, tmp_path):
    clips, _, matrix = study
    layers = np.stack([matrix * 100, matrix - 1, matrix + 3, matrix * 0 + 7], axis=1).astype(np.float16)
    path = write_features(tmp_path / "layers.parquet", clips["clip"].tolist(), layers)
    mean = layers[:, 1:3].astype(np.float32).mean(axis=1)
    flat = write_features(tmp_path / "flat.parquet", clips["clip"].tolist(), mean)
    chosen = fit_head(path, clips, SETTINGS | {"layers": [1, 2]}, seed=17)
    pd.testing.assert_frame_equal(chosen, fit_head(flat, clips, SETTINGS, seed=17))
    with pytest.raises(
        DataError, match=r"encoder prosody.*\n.*layers 6 to 12 asked for, the network has layers 1 to 3"
    ):
        fit_head(path, clips, SETTINGS | {"layers": [6, 12]}, seed=17)
    with pytest.raises(DataError, match="its features hold no layers"):
        fit_head(flat, clips, SETTINGS | {"layers": [1, 2]}, seed=17)


def test_a_clip_that_could_not_be_embedded_has_no_row_and_changes_no_other(study, tmp_path):
    clips, _, matrix = study
    names, lost = clips["clip"].tolist(), [3, len(clips) - 1]
    holes, remarks = matrix.astype(np.float32), [""] * len(names)
    for row in lost:
        holes[row], remarks[row] = np.nan, "silent"
    table = fit_head(write_features(tmp_path / "holes.parquet", names, holes, remarks), clips, SETTINGS, seed=17)
    kept = clips.drop(index=lost)
    whole = write_features(tmp_path / "whole.parquet", names, matrix.astype(np.float32))
    pd.testing.assert_frame_equal(table, fit_head(whole, kept, SETTINGS, seed=17))
    with pytest.raises(DataError, match=f"clip {names[3]}: a feature is NaN or infinite"):
        fit_head(write_features(tmp_path / "unsaid.parquet", names, holes), clips, SETTINGS, seed=17)


def test_a_clip_without_features_and_an_unknown_head_are_named(study, tmp_path):
    clips, features, _ = study
    few = write_features(tmp_path / "few.parquet", clips["clip"].tolist()[1:], np.ones((len(clips) - 1, 2)))
    with pytest.raises(DataError, match="clip A900_0: no features"):
        fit_head(few, clips, SETTINGS, seed=17)
    with pytest.raises(DataError, match="found 'tree', which is no head: there are linear, mlp"):
        fit_head(features, clips, SETTINGS | {"head": "tree"}, seed=17)
    with pytest.raises(DataError, match="two folds at least"):
        fit_head(features, clips[clips["fold"].isin([0, -1])], SETTINGS, seed=17)


def test_the_linear_head_does_not_wait_for_torch():
    command = "import sys, blemore.learning.heads; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


@pytest.mark.parametrize("kind", [linear.Linear, mlp.Perceptron])
def test_what_a_head_says_of_a_clip_depends_on_no_other_clip(kind):
    draw = np.random.default_rng(3)

    def array(*shape: int) -> np.ndarray:
        return draw.normal(size=shape).astype(np.float32)

    if kind is linear.Linear:
        head = kind(array(90), np.exp(array(90)), array(90), array(90, 6), array(6).astype(float))
    else:
        head = kind(array(90), np.exp(array(90)), array(64, 90), array(64), array(6, 64), array(6), np.ones(6, bool))
    values = array(70, 90)
    alone = np.concatenate([head.predict(values[k : k + 1]) for k in range(len(values))])
    np.testing.assert_array_equal(head.predict(values), alone)
