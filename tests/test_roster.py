"""The roster is complete, agrees with the names, or is refused with every fault at once."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemore.datasets.names import SALIENCES, ClipName, parse_name
from blemore.datasets.roster import read_roster
from blemore.scoring.labels import EMOTIONS
from blemore.tables import ROSTER_COLUMNS, write_clips
from joblineage.errors import DataError

CLIPS = {
    "A26_ang_int1_ver1": 0,
    "A26_mix_disg_hap_70_30_ver1": 0,
    "A412_neu_sit4_ver1": 1,
    "A412_mix_fea_sad_50_50_ver2": 1,
    "A102_sad_int4_ver1": 2,
    "A102_mix_ang_disg_30_70_ver11": 2,
}
TESTS = ("test_0001", "test_0002", "test_0007")


def metadata(clips: dict[str, int]) -> pd.DataFrame:
    """train_metadata.csv as the challenge publishes it: more columns than needed, empty cells for singles."""
    rows = []
    for clip, fold in clips.items():
        name = parse_name(clip)
        shares = (name.emotion_1_salience, name.emotion_2_salience) if name.mix else (None, None)
        rows.append((clip, name.person, "f", name.mix, name.emotion_1, name.version, name.emotion_2, *shares, fold))
    columns = "filename video_id gender mix emotion_1 version emotion_2 emotion_1_salience emotion_2_salience fold"
    return pd.DataFrame(rows, columns=columns.split(), dtype=object)


def data_set(root: Path, table: pd.DataFrame | None = None, tests: tuple[str, ...] = TESTS) -> list[str]:
    """Write the two tables; give the paths of the files, which need not exist."""
    table = metadata(CLIPS) if table is None else table
    table.to_csv(root / "train_metadata.csv", index=False)
    template = {"predictions": {f"{name}.mov": [] for name in tests}}
    (root / "submission_template.json").write_text(json.dumps(template))
    return [f"train/{clip}.mov" for clip in CLIPS] + [f"test/{clip}.mov" for clip in TESTS]


def faults_of(*args) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_roster(*args)
    return caught.value.faults


def test_the_roster_says_who_shows_what_in_every_clip(tmp_path):
    roster = read_roster(tmp_path, data_set(tmp_path))
    assert tuple(roster.columns) == ROSTER_COLUMNS
    assert roster["clip"].tolist() == sorted([*CLIPS, *TESTS])
    blend = roster.set_index("clip").loc["A102_mix_ang_disg_30_70_ver11"]
    assert blend.drop("file").tolist() == ["train", "A102", 2, 1.0, "ang", "disg", 30.0, 70.0]
    single = roster.set_index("clip").loc["A412_neu_sit4_ver1"]
    assert single.dropna().tolist() == ["train/A412_neu_sit4_ver1.mov", "train", "A412", 1, 0.0, "neu", 100.0]
    test = roster[roster["split"] == "test"]
    assert (test["fold"] == -1).all()
    assert test[["person", "mix", "emotion_1", "emotion_1_salience"]].isna().all(axis=None)


@pytest.mark.thorough
@settings(max_examples=15)
@given(order=st.permutations(list(CLIPS)), randomness=st.randoms(use_true_random=False))
def test_the_order_of_rows_and_files_does_not_change_a_byte(tmp_path, order, randomness):
    write_clips(read_roster(tmp_path, data_set(tmp_path)), tmp_path / "once.parquet")
    files = data_set(tmp_path, metadata({clip: CLIPS[clip] for clip in order}))
    randomness.shuffle(files)
    write_clips(read_roster(tmp_path, files), tmp_path / "again.parquet")
    assert (tmp_path / "once.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()


persons = st.integers(10, 999).map("A{}".format)
versions = st.integers(1, 30)
singles = st.builds(
    lambda person, emotion, version, variant: ClipName(person, emotion, 100, version, variant=variant),
    persons,
    st.sampled_from([*EMOTIONS, "neu"]),
    versions,
    st.integers(1, 4),
)
blends = st.builds(
    lambda person, pair, shares, version: ClipName(person, pair[0], shares[0], version, pair[1], shares[1]),
    persons,
    st.sampled_from([(a, b) for i, a in enumerate(EMOTIONS) for b in EMOTIONS[i + 1 :]]),
    st.sampled_from(SALIENCES),
    versions,
)


@pytest.mark.thorough
@given(singles | blends)
def test_every_valid_name_is_understood_and_given_back(name):
    assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("A26_joy_int1_ver1", "unknown emotion 'joy'"),
        ("A26_mix_joy_sad_50_50_ver1", "unknown emotion 'joy'"),
        ("A26_neu_int1_ver1", "situation"),
        ("A26_mix_ang_neu_50_50_ver1", "neutral is never part of a blend"),
        ("A26_mix_sad_ang_50_50_ver1", "out of order"),
        ("A26_mix_ang_ang_50_50_ver1", "out of order"),
        ("A26_mix_ang_sad_60_40_ver1", "60_40"),
        ("A26_ang_int5_ver1", "not a BLEMORE name"),
        ("A26_ang_int1_ver0", "not a BLEMORE name"),
        ("A1_ang_int1_ver1", "not a BLEMORE name"),
    ],
)
def test_a_wrong_name_is_refused_with_its_reason(name, words):
    with pytest.raises(ValueError, match=words):
        parse_name(name)


def changed(column: str, clip: str, value: object) -> pd.DataFrame:
    table = metadata(CLIPS)
    table.loc[table["filename"] == clip, column] = value
    return table


@pytest.mark.parametrize(
    ("column", "clip", "value", "words"),
    [
        ("emotion_1", "A26_ang_int1_ver1", "sad", ["A26_ang_int1_ver1", "name says ang", "says sad"]),
        ("emotion_1", "A26_ang_int1_ver1", "joy", ["A26_ang_int1_ver1", "found joy", "ang, disg, fea"]),
        ("emotion_2", "A26_mix_disg_hap_70_30_ver1", "sad", ["name says disg 70 + hap 30", "says disg 70 + sad 30"]),
        ("fold", "A26_ang_int1_ver1", 1, ["person A26", "folds 0 (1 clips), 1 (1 clips)"]),
        ("fold", "A26_ang_int1_ver1", "0.5", ["A26_ang_int1_ver1", "whole number", "'0.5'"]),
        ("fold", "A26_ang_int1_ver1", None, ["A26_ang_int1_ver1", "whole number", "nothing"]),
        ("mix", "A26_ang_int1_ver1", 1, ["A26_ang_int1_ver1", "no second emotion"]),
        ("filename", "A26_ang_int1_ver1", None, ["row 1", "filename is empty"]),
    ],
)
def test_a_wrong_cell_of_the_metadata_is_named(tmp_path, column, clip, value, words):
    faults = faults_of(tmp_path, data_set(tmp_path, changed(column, clip, value)))
    assert any(all(word in fault for word in words) for fault in faults), faults


def test_metadata_and_folds_may_be_written_as_people_write_tables(tmp_path):
    files = data_set(tmp_path)
    expected = read_roster(tmp_path, files)
    table = metadata(CLIPS).rename(columns=lambda name: f"{name.title()} ")
    names = {"ang": "Anger", "disg": "disgust", "hap": "Happiness", "neu": "neutral"}
    for column in ("Emotion_1 ", "Emotion_2 "):
        table[column] = table[column].map(lambda name: names.get(name, name))
    table["Filename "] = "C:\\train\\" + table["Filename "] + ".MOV"
    table = table.astype({"Emotion_1_Salience ": float})
    (tmp_path / "train_metadata.csv").write_bytes(table.to_csv(sep=";", decimal=",").encode("utf-16"))
    pd.testing.assert_frame_equal(read_roster(tmp_path, files), expected)
    folds = "\ufeffPerson; Fold\n" + "".join(
        f"{name}; {CLIPS[clip]}\n" for clip in CLIPS for name in [clip.split("_")[0]]
    )
    (tmp_path / "folds.csv").write_text("\n".join(dict.fromkeys(folds.split("\n"))))
    pd.testing.assert_frame_equal(read_roster(tmp_path, files, tmp_path / "folds.csv"), expected)


def test_saliences_that_do_not_sum_to_100_are_named(tmp_path):
    files = data_set(tmp_path, changed("emotion_1_salience", "A26_mix_disg_hap_70_30_ver1", 60))
    assert any("sum to 100" in fault for fault in faults_of(tmp_path, files))


def test_a_blend_may_be_written_in_either_order_but_the_roster_keeps_that_of_the_name(tmp_path):
    table = metadata(CLIPS)
    row = table["filename"] == "A26_mix_disg_hap_70_30_ver1"
    table.loc[row, ["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]] = ["hap", "disg", 30, 70]
    blend = read_roster(tmp_path, data_set(tmp_path, table)).set_index("clip").loc["A26_mix_disg_hap_70_30_ver1"]
    assert blend[["emotion_1", "emotion_1_salience"]].tolist() == ["disg", 70.0]


def test_clips_and_rows_and_template_must_match_and_all_faults_come_at_once(tmp_path):
    files = data_set(tmp_path, metadata(CLIPS).iloc[1:], tests=("test_0001", "test_0002", "test_0009"))
    files.remove("train/A102_sad_int4_ver1.mov")
    files += ["train/A26_joy_int1_ver1.mov", "extra/A26_hap_int1_ver1.mov", "test/A26_fea_int1_ver1.mov"]
    files += ["train/A412_neu_sit4_ver1.MOV"]
    faults = faults_of(tmp_path, files)
    for clip, words in {
        "A26_ang_int1_ver1": "without a row",
        "A102_sad_int4_ver1": "no such file in train/",
        "A26_joy_int1_ver1": "unknown emotion",
        "extra/A26_hap_int1_ver1.mov": "neither in train/ nor in test/",
        "test/A26_fea_int1_ver1.mov": "not a test clip's name",
        "A412_neu_sit4_ver1": "more than one file",
        "test_0009": "no such file in test/",
        "A26_fea_int1_ver1, and 1 more": "in test/, but not in submission_template.json",  # test_0007 is the other
    }.items():
        assert any(clip in fault and words in fault for fault in faults), (clip, faults)


def test_a_row_that_stands_twice_is_named(tmp_path):
    table = metadata(CLIPS)
    faults = faults_of(tmp_path, data_set(tmp_path, pd.concat([table, table.iloc[:1]])))
    assert any("A26_ang_int1_ver1" in fault and "more than one row" in fault for fault in faults)


def test_a_data_set_without_tables_or_clips_is_refused(tmp_path):
    faults = faults_of(tmp_path, [])
    assert any("no training clip" in fault for fault in faults)
    assert any("train_metadata.csv is missing" in fault for fault in faults)


def test_a_missing_column_and_a_broken_template_are_named_together(tmp_path):
    files = data_set(tmp_path, metadata(CLIPS).drop(columns=["fold", "mix"]))
    (tmp_path / "submission_template.json").write_text("[]")
    faults = "\n".join(faults_of(tmp_path, files))
    assert all(word in faults for word in ["'mix', 'fold' are missing", "submission_template.json"])


def test_the_template_is_optional(tmp_path):
    files = data_set(tmp_path)
    (tmp_path / "submission_template.json").unlink()
    assert len(read_roster(tmp_path, files)) == len(CLIPS) + len(TESTS)


def test_own_folds_replace_those_of_the_metadata(tmp_path):
    files = data_set(tmp_path, metadata(CLIPS).drop(columns="fold"))
    folds = tmp_path / "folds.csv"
    folds.write_text("person,fold\nA26,1\nA102,0\nA412,0\nA999,7\n")
    roster = read_roster(tmp_path, files, folds)
    assert roster.groupby("person")["fold"].unique().map(list).to_dict() == {"A26": [1], "A102": [0], "A412": [0]}


def test_own_folds_must_name_every_person_once(tmp_path):
    files = data_set(tmp_path)
    folds = tmp_path / "folds.csv"
    folds.write_text("person,fold\nA26,1\nA26,0\nA102,x\n")
    faults = "\n".join(faults_of(tmp_path, files, folds))
    assert all(word in faults for word in ["A26: in more than one row", "A412: no row", "A102: fold must be", "'x'"])


def test_folds_have_no_gap(tmp_path):
    faults = faults_of(tmp_path, data_set(tmp_path, metadata(CLIPS).replace({"fold": {2: 4}})))
    assert ["fold 2 of 0..4" in faults[0], "fold 3 of 0..4" in faults[1]] == [True, True]


def test_the_folds_are_those_that_the_study_expects(tmp_path):
    files = data_set(tmp_path)
    assert len(read_roster(tmp_path, files, None, 3)) == 9
    assert "no clip is in fold 3" in faults_of(tmp_path, files, None, 4)[0]
    assert "fold 2, but the study has folds 0..1" in faults_of(tmp_path, files, None, 2)[0]
