"""What we write the challenge takes, and what it would not take is named clip by clip."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import DECISIONS

from blemore.challenge.files import read_predictions, read_truth
from blemore.challenge.submission import (
    TEMPLATE,
    check,
    faults_of,
    read_template,
    write,
    write_zip,
)
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError
from joblineage.files import write_json

KEYS = ["test_0001.mov", "test_0002.mov"]
GOOD = [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}]
SINGLE = [{"emotion": "neu", "salience": 100.0}]


def decisions(rows=DECISIONS, names=None) -> pd.DataFrame:
    table = pd.DataFrame({"clip": names or [f"test_{k + 1:04d}" for k in range(len(rows))]})
    table[list(CLASSES)] = np.array(rows, dtype=int)
    return table


def keys_of(table: pd.DataFrame) -> list[str]:
    return [f"{clip}.mov" for clip in table["clip"]]


@pytest.mark.thorough
@given(st.permutations(range(len(DECISIONS))))
def test_every_decision_comes_back_from_the_submission_in_the_templates_order(order):
    table = decisions()
    keys = keys_of(table)
    value = write(table.iloc[order], keys)
    assert list(value["predictions"]) == keys
    assert faults_of(value, keys) == []
    for key, row in zip(keys, DECISIONS, strict=True):
        said = {entry["emotion"]: entry["salience"] for entry in value["predictions"][key]}
        assert said == {CLASSES[k]: row[k] for k in range(6) if row[k] > 0}


def test_written_files_pass_their_check_and_are_the_same_bytes_again(tmp_path):
    table = decisions()
    value = write(table, keys_of(table))
    for name, writer in (("s.json", write_json), ("s.zip", write_zip)):
        writer(tmp_path / name, value)
        assert check(tmp_path / name, keys_of(table)) == []
        assert check(tmp_path / name) == []
        first = (tmp_path / name).read_bytes()
        writer(tmp_path / name, write(table.iloc[::-1], keys_of(table)))
        assert (tmp_path / name).read_bytes() == first
    assert zipfile.ZipFile(tmp_path / "s.zip").namelist() == [TEMPLATE]
    names, saliences = read_predictions(tmp_path / "s.json")
    assert names == table["clip"].tolist()
    assert np.array_equal(saliences, np.array(DECISIONS))


def test_a_template_gives_its_keys(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"predictions": {key: [] for key in KEYS}}))
    assert read_template(tmp_path / "t.json") == KEYS
    (tmp_path / "t.json").write_text("[]")
    with pytest.raises(DataError, match="predictions"):
        read_template(tmp_path / "t.json")


def test_missing_extra_and_doubled_decisions_are_refused_naming_the_clip():
    table = decisions(DECISIONS[:3], names=["test_0001", "test_0001", "test_0009"])
    with pytest.raises(DataError) as error:
        write(table, KEYS)
    text = str(error.value)
    assert "test_0001: two decisions" in text
    assert "test_0002: in the template, but not decided" in text
    assert "test_0009: decided, but not in the template" in text


@pytest.mark.parametrize(
    ("emotions", "words"),
    [
        ([], "expected a list"),
        ("ang", "expected a list"),
        ([{"emotion": "ang"}], "expected"),
        ([{"emotion": "ang", "salience": 100, "sure": 1}], "expected"),
        ([{"emotion": "joy", "salience": 100}], 'unknown emotion "joy"'),
        ([{"emotion": ["ang"], "salience": 100}], "unknown emotion"),
        ([{"emotion": "ang", "salience": "100"}], "number in percent"),
        ([{"emotion": "ang", "salience": True}], "number in percent"),
        ([{"emotion": "ang", "salience": 0}, *SINGLE], "number in percent"),
        ([{"emotion": "ang", "salience": 70}], "a single has salience 100"),
        ([{"emotion": "ang", "salience": 60}, {"emotion": "sad", "salience": 40}], "60/40"),
        ([{"emotion": "ang", "salience": 70}, {"emotion": "sad", "salience": 70}], "sum to 140"),
        ([{"emotion": "ang", "salience": 50}, {"emotion": "ang", "salience": 50}], "'ang' stands twice"),
        ([{"emotion": "ang", "salience": 50}, {"emotion": "neu", "salience": 50}], "neutral"),
        ([{"emotion": n, "salience": s} for n, s in (("ang", 30), ("sad", 40), ("hap", 30))], "at most two"),
    ],
)
def test_each_wrong_prediction_is_named_with_its_clip(tmp_path, emotions, words):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"predictions": {KEYS[0]: emotions, KEYS[1]: GOOD}}))
    faults = check(path, KEYS)
    assert len(faults) == 1
    assert faults[0].startswith("clip test_0001.mov: ")
    assert words in faults[0]


def test_missing_and_unknown_clips_and_names_without_extension_are_named(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"predictions": {"test_0001": SINGLE, "test_0003.mov": SINGLE}}))
    faults = check(path, KEYS)
    assert faults == [
        "clip test_0002.mov: missing",
        "clip test_0003.mov: no such test clip",
        "clip test_0001: not the template's key, which is test_0001.mov",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ('{"predictions": {"a.mov": [], "a.mov": []}}', "a.mov: stands more than once"),
        ('{"predictions": {"a.mov": [{"emotion": "ang", "salience": NaN}]}}', "NaN"),
        ('{"test_0001.mov": []}', "outer key"),
        ('{"predictions": {}}', "no clip"),
    ],
)
def test_a_file_that_is_no_submission_is_told_so(tmp_path, text, words):
    (tmp_path / "s.json").write_text(text)
    assert any(words in fault for fault in check(tmp_path / "s.json"))


def test_a_zip_must_hold_exactly_the_one_root_file(tmp_path):
    good = json.dumps({"predictions": {KEYS[0]: SINGLE}})
    for names in ([], ["other.json"], ["folder/" + TEMPLATE], [TEMPLATE, "more.txt"]):
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            for name in names:
                archive.writestr(name, good)
        assert "must hold one file" in check(tmp_path / "s.zip")[0]
    (tmp_path / "s.zip").write_bytes(b"no zip")
    assert "not a readable zip" in check(tmp_path / "s.zip")[0]


def test_truth_is_read_in_the_challenges_form(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "filename,fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n"
        "A2_mix_ang_sad_70_30_ver1,0,1,ang,sad,70,30\nA1_neu_sit1_ver1.mov,0,0,neu,,,\n"
    )
    table = read_truth(path)
    assert table["clip"].tolist() == ["A1_neu_sit1_ver1", "A2_mix_ang_sad_70_30_ver1"]
    assert table["emotion_1_salience"].tolist() == [100.0, 70.0]
    path.write_text(path.read_text().replace("ang,sad,70", "joy,sad,80"))
    with pytest.raises(DataError, match=r"2 fault(?s:.)*A2_mix_ang_sad.*joy(?s:.)*110"):
        read_truth(path)


def test_predictions_are_read_with_or_without_outer_key_and_extension(tmp_path):
    inner = {"a.mov": GOOD, "b": SINGLE}
    for name, value in (("1.json", inner), ("2.json", {"predictions": inner})):
        (tmp_path / name).write_text(json.dumps(value))
        names, saliences = read_predictions(tmp_path / name)
        assert names == ["a", "b"]
        assert saliences.tolist() == [[70, 0, 0, 0, 30, 0], [0, 0, 0, 0, 0, 100]]
    (tmp_path / "3.json").write_text(json.dumps({"a": GOOD, "a.mov": GOOD}))
    with pytest.raises(DataError, match="more than once"):
        read_predictions(tmp_path / "3.json")
