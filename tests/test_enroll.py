"""`blemore enroll`: a person's style from labelled clips, warnings where it says little or flatters, faults told in full."""

import json
from pathlib import Path

import pandas as pd
import pytest

from blemore.cli import main
from blemore.scoring.labels import CLASSES, EMOTIONS
from blemore.simulation.study import Settings, simulate, write_study


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with a made-up study, one person's table, and labels of twelve of the person's clips."""
    monkeypatch.chdir(tmp_path)
    made = simulate(Settings(persons=6, folds=3, encoders=1, offset_sd=1.2), 4)
    write_study(made, tmp_path)
    table = made.tables["e00"]
    table[table["person"] == "A1002"].to_parquet(tmp_path / "one.parquet")
    labels = pd.read_csv(tmp_path / "train_metadata.csv")
    own = labels[labels["filename"].str.startswith("A1002")]
    own.iloc[::4].to_csv(tmp_path / "labels.csv", index=False)
    return made, own


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["enroll", *map(str, arguments)])
    return ended.value.code


def test_enrolling_writes_corrected_probabilities_and_the_style_and_says_where(study, capsys):
    made, own = study
    assert run("one.parquet", "--truth", "labels.csv", "--out", "out/enrolled.parquet") == 0
    said = capsys.readouterr().out
    assert "out/enrolled.parquet" in said
    assert f"enrolled with {len(own.iloc[::4])} of {len(own)} clips" in said
    before, after = pd.read_parquet("one.parquet"), pd.read_parquet("out/enrolled.parquet")
    assert after["clip"].tolist() == before["clip"].tolist()
    assert after[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1)
    style = json.loads(Path("out/enrolled.style.json").read_text())
    true = made.offsets["A1002"]
    strongest = EMOTIONS[true[:5].argmax()]
    assert style["offsets"][strongest] < 0  # what the person shows too much is taken away
    assert after[strongest].mean() < before[strongest].mean()


def test_enrolling_a_training_person_of_the_study_is_warned_about(study, capsys):
    run("one.parquet", "--truth", "labels.csv", "--out", "enrolled.csv", "--clips", "clips.parquet")
    said = capsys.readouterr().out
    assert "warning: A1002 is a training person" in said
    assert "in-sample" in said


def test_few_labelled_clips_are_said_to_say_little(study, capsys):
    pd.read_csv("labels.csv").head(2).to_csv("few.csv", index=False)
    assert run("one.parquet", "--truth", "few.csv", "--out", "enrolled.csv") == 0
    assert "warning: 2 labelled clip(s) say little" in capsys.readouterr().out


def test_labels_of_other_clips_and_tables_of_several_persons_are_refused_and_nothing_is_written(
    study, tmp_path, capsys
):
    labels = pd.read_csv("labels.csv")
    labels.assign(filename="B" + labels["filename"]).to_csv("others.csv", index=False)
    assert run("one.parquet", "--truth", "others.csv", "--out", "out.csv") == 1
    assert "labels no clip" in capsys.readouterr().err
    assert run("e00.parquet", "--truth", "labels.csv", "--out", "out.csv") == 1
    assert "enrol each alone" in capsys.readouterr().err
    assert run("one.parquet", "--truth", "labels.csv", "--out", "out.txt") == 1
    assert not list(tmp_path.glob("out*"))


def test_a_missing_table_is_named(study, capsys):
    assert run("gone.parquet", "--truth", "labels.csv", "--out", "out.csv") == 1
    assert "gone.parquet" in capsys.readouterr().err
