"""Features and probabilities from outside: taken over as they are, or refused with every fault."""

import json

import numpy as np
import pandas as pd
import pytest
import small_study

from blemore.encoders import embedding
from blemore.encoders.precomputed import take_over
from blemore.learning.folds import check_persons
from blemore.scoring.labels import CLASSES
from blemore.tables import check_probabilities
from joblineage.errors import DataError, MissingDataError

SETTINGS = {"name": "theirs", "module": "precomputed", "learning": "frozen", "scale": "tiny", "file": "x.npz"}


@pytest.fixture
def clips():
    return small_study.make_clips(persons=4, folds=2, tests=3)


@pytest.fixture
def table(clips):
    values = np.random.default_rng(0).dirichlet(np.ones(6), len(clips))
    return pd.DataFrame({"clip": clips["clip"] + ".mov", **dict(zip(CLASSES, values.T, strict=True))})


def write(table, path):
    table.to_csv(path, index=False)
    return path


def test_a_table_is_taken_over_with_the_study_s_persons_and_folds(clips, table, tmp_path):
    clips.loc[0, "quarantine"] = "unreadable"
    taken = take_over(write(table.sample(frac=1, random_state=0), tmp_path / "t.csv"), clips)
    assert taken["clip"].tolist() == sorted(clips["clip"][1:])
    merged = taken.merge(clips, on="clip", suffixes=("", "_study"))
    assert (merged["fold"] == merged["fold_study"]).all()
    expected = table.assign(clip=clips["clip"]).set_index("clip").loc[taken["clip"], list(CLASSES)]
    np.testing.assert_allclose(taken[list(CLASSES)], expected, atol=1e-12)
    check_probabilities(taken, "taken over")


def test_a_usable_clip_may_be_missing(clips, table, tmp_path):
    taken = take_over(write(table.iloc[2:], tmp_path / "t.csv"), clips)
    assert set(clips["clip"]) - set(taken["clip"]) == set(clips["clip"][:2])


def test_a_table_without_test_rows_is_refused_where_the_study_has_test_clips(clips, table, tmp_path):
    train = table[(clips["split"] == "train").to_numpy()]
    with pytest.raises(DataError, match="no row of the 3 test clips, which the submission needs"):
        take_over(write(train, tmp_path / "t.csv"), clips)
    assert len(take_over(tmp_path / "t.csv", clips[clips["split"] == "train"])) == len(train)


def test_clips_that_many_rows_name_and_nobody_knows_are_one_fault(clips, table, tmp_path):
    table["clip"] = "X" + table["clip"]
    with pytest.raises(DataError) as caught:
        take_over(write(table, tmp_path / "t.csv"), clips)
    assert len(caught.value.faults) == 2  # the other: no test rows
    assert f"clip XA900_0, and {len(table) - 1} more: no usable clip of the study" in caught.value.faults


def test_unknown_clips_and_other_folds_are_refused_all_at_once(clips, table, tmp_path):
    table = table.assign(fold=clips["fold"])
    table.loc[0, "clip"] = "A999_1"
    table.loc[1, "fold"] = 1 - table.loc[1, "fold"]
    with pytest.raises(DataError) as caught:
        take_over(write(table, tmp_path / "t.csv"), clips)
    assert any("A999_1: no usable clip of the study" in fault for fault in caught.value.faults)
    assert any(f"{clips.loc[1, 'clip']}: fold 1, in this study 0" in fault for fault in caught.value.faults)


def test_a_missing_table_and_a_broken_row_are_named(clips, table, tmp_path):
    with pytest.raises(MissingDataError, match=r"none\.csv"):
        take_over(tmp_path / "none.csv", clips)
    table.loc[3, "hap"] = np.nan
    with pytest.raises(DataError, match="row 4"):
        take_over(write(table, tmp_path / "t.csv"), clips)


def sidecar(tmp_path, said):
    path = tmp_path / "persons.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said))
    return path


@pytest.mark.parametrize(
    "said", [{"0": ["A901", "A903"], "1": ["A900", "A902"]}, {"all": []}, {"0": ["B1"], "1": []}, {"all": ["B1"]}]
)
def test_a_model_that_never_saw_whom_it_judges_passes(clips, tmp_path, said):
    check_persons(sidecar(tmp_path, said), clips)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"0": ["A901", "A902"], "1": []}, "fold 0: its model was trained on A902, whom it judges"),
        ({"all": ["A901"]}, "fold 1: its model was trained on A901"),
        ({"0": []}, "fold 1: not named"),
        (["A901"], "expected"),
        ({"0": "A901", "1": []}, "expected"),
        ("{", "not valid JSON"),
    ],
)
def test_a_leak_and_a_sidecar_that_cannot_be_read_are_refused(clips, tmp_path, said, words):
    with pytest.raises(DataError, match=words):
        check_persons(sidecar(tmp_path, said), clips)


def test_a_missing_sidecar_says_how_to_do_without(clips, tmp_path):
    with pytest.raises(MissingDataError, match="persons: null"):
        check_persons(tmp_path / "none.json", clips)


def test_features_in_the_kit_s_form_become_a_features_file(clips, tmp_path):
    x = np.random.default_rng(0).normal(size=(len(clips) + 1, 5))
    np.savez(tmp_path / "x.npz", X=x, filenames=np.array([*clips["clip"], "somebody_else"]))
    embedding.embed(SETTINGS, clips, [tmp_path / "x.npz"], tmp_path / "f.parquet", seed=1)
    written = pd.read_parquet(tmp_path / "f.parquet").set_index("clip")
    for row, clip in enumerate(clips["clip"]):
        np.testing.assert_allclose(written.loc[clip, "features"], x[row], rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"features": np.ones((2, 3))}, "array 'X' is missing"),
        ({"X": np.ones((2, 3)), "filenames": np.array(["a", "b", "c"])}, r"found \(2, 3\) and \(3,\)"),
        ({"X": np.ones((2, 3)), "filenames": np.array(["a", "a.mov"])}, "more than one row"),
        ({"X": np.array([["a", "b"]]), "filenames": np.array(["a"])}, "expected numbers in X, found <U1"),
        ({"X": np.full((1, 3), np.nan), "filenames": np.array(["a"])}, "NaN"),
        ({"X": np.ones((1, 3)), "filenames": np.array(["a"], dtype=object)}, "dtype=str"),
    ],
)
def test_features_in_another_form_are_refused(clips, tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=words):
        embedding.embed(SETTINGS, clips, [tmp_path / "x.npz"], tmp_path / "f.parquet", seed=1)


def test_a_clip_without_outside_features_is_named(clips, tmp_path):
    np.savez(tmp_path / "x.npz", X=np.ones((1, 3)), filenames=np.array(["A900_0"]))
    with pytest.raises(DataError, match="clip A900_1: not in the prepared files"):
        embedding.embed(SETTINGS, clips, [tmp_path / "x.npz"], tmp_path / "f.parquet", seed=1)
