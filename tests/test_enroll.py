"""`blemore enroll`: all clips of one person decided together, warnings where it says little or flatters, faults told in full."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import blemore
from blemore.cli import main
from blemore.scoring.labels import CLASSES, EMOTIONS
from blemore.scoring.metrics import true_saliences
from blemore.simulation.study import Settings, simulate, write_study

MODELS = Path("results/calibration/models.json")


@pytest.fixture(scope="module")
def made():
    return simulate(Settings(persons=9, folds=3, encoders=1, offset_sd=1.2, strongest=1.5), 4)


@pytest.fixture
def study(made, tmp_path, monkeypatch):
    """A folder with a made-up study and its models; one person, on whom nothing was fitted, and labels of some clips."""
    monkeypatch.chdir(tmp_path)
    write_study(made, tmp_path)
    table, clips = made.tables["e00"], made.clips
    table[table["person"] == "A1002"].to_parquet("one.parquet")
    others = [frame[frame["person"] != "A1002"] for frame in (table, clips)]
    model = blemore.fit_personal_model(*others)
    assert model.choice.kind != "off"
    MODELS.parent.mkdir(parents=True)
    MODELS.write_text(json.dumps({"transductive": {"final": model.to_json()}}))
    labels = pd.read_csv("train_metadata.csv")
    own = labels[labels["filename"].str.startswith("A1002")]
    own.iloc[::4].to_csv("labels.csv", index=False)
    return clips[clips["person"] == "A1002"]


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["enroll", *map(str, arguments)])
    return ended.value.code


def test_a_person_s_clips_are_decided_together_and_better_than_by_themselves(study, made, capsys):
    assert run("one.parquet", "--out", "out/said.json", "--probabilities-out", "out/corrected.parquet") == 0
    said = capsys.readouterr().out
    assert f"{len(study)} clips decided together by " in said
    assert "out/said.json" in said
    others = made.tables["e00"].query("person != 'A1002'"), made.clips.query("person != 'A1002'")
    alone = blemore.decode("one.parquet", decoder=blemore.fit_decoder(*others))
    scores = [blemore.evaluate_predictions(one, study)["score"] for one in (alone, "out/said.json")]
    assert scores[1] > scores[0]
    before, after = pd.read_parquet("one.parquet"), pd.read_parquet("out/corrected.parquet")
    assert after["clip"].tolist() == before["clip"].tolist()
    assert after[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1)
    strongest = EMOTIONS[made.offsets["A1002"][:5].argmax()]
    assert after[strongest].mean() < before[strongest].mean()  # what the person shows too much is taken away


def test_labelled_clips_are_given_back_as_they_are_labelled(study):
    assert run("one.parquet", "--truth", "labels.csv", "--out", "said.json") == 0
    said = blemore.read_predictions("said.json").set_index("clip")[list(CLASSES)]
    labelled = study.iloc[::4]
    np.testing.assert_array_equal(said.loc[labelled["clip"]].to_numpy(), true_saliences(labelled))


def test_where_no_personal_model_was_chosen_each_clip_is_decided_by_itself_and_this_is_said(study, made, capsys):
    others = made.tables["e00"].query("person != 'A1002'"), made.clips.query("person != 'A1002'")
    logit = blemore.fit_decoder(*others)
    MODELS.write_text(json.dumps({"transductive": {"final": {"model": "off", "logit": logit.rule.to_json()}}}))
    assert run("one.parquet", "--out", "said.json") == 0
    assert "holds no personal model" in capsys.readouterr().out
    alone = blemore.decode("one.parquet", decoder=logit)
    pd.testing.assert_frame_equal(
        blemore.read_predictions("said.json"), alone.sort_values("clip", ignore_index=True), check_dtype=False
    )


def test_a_training_person_of_the_study_is_warned_about(study, capsys):
    run("one.parquet", "--truth", "labels.csv", "--out", "said.json", "--clips", "clips.parquet")
    said = capsys.readouterr().out
    assert "warning: A1002 is a training person" in said
    assert "in-sample" in said


def test_few_clips_are_said_to_say_little(study, capsys):
    pd.read_parquet("one.parquet").head(3).to_csv("few.csv", index=False)
    assert run("few.csv", "--out", "said.json") == 0
    assert "warning: 3 clip(s) say little" in capsys.readouterr().out


@pytest.mark.thorough
def test_an_unusual_mix_of_emotions_is_said(study, capsys):
    made = simulate(Settings(persons=31, encoders=1, strongest=2.0, offset_sd=0.0, gain_sd=0.0), 1)
    table, others = made.tables["e00"], made.clips["person"] != "A1003"
    model = blemore.fit_personal_model(table[others], made.clips[others])
    Path("model.json").write_text(json.dumps(model.to_json()))
    angry = (made.clips["emotion_1"] == "ang") | (made.clips["emotion_2"] == "ang")
    table[~others & angry].to_parquet("odd.parquet")
    assert run("odd.parquet", "--model", "model.json", "--out", "said.json") == 0
    assert "looks unlike the training persons' mix of emotions" in capsys.readouterr().out
    table[table["person"] == "A1003"].to_parquet("usual.parquet")
    assert run("usual.parquet", "--model", "model.json", "--out", "said.json") == 0
    assert "looks unlike" not in capsys.readouterr().out


def test_labels_of_other_clips_and_tables_of_several_persons_are_refused_and_nothing_is_written(
    study, tmp_path, capsys
):
    labels = pd.read_csv("labels.csv")
    labels.assign(filename="B" + labels["filename"]).to_csv("others.csv", index=False)
    assert run("one.parquet", "--truth", "others.csv", "--out", "out.json") == 1
    assert "labels no clip" in capsys.readouterr().err
    assert run("e00.parquet", "--truth", "labels.csv", "--out", "out.json") == 1
    assert "enrol each alone" in capsys.readouterr().err
    assert run("one.parquet", "--out", "out.json", "--probabilities-out", "out.txt") == 1
    assert not list(tmp_path.glob("out*"))


def test_what_is_missing_or_no_model_is_named(study, capsys):
    assert run("gone.parquet", "--out", "out.json") == 1
    assert "gone.parquet" in capsys.readouterr().err
    assert run("one.parquet", "--model", "gone.json", "--out", "out.json") == 1
    assert "gone.json" in capsys.readouterr().err
    MODELS.write_text('{"transductive": {"final": {"model": "both"}}}')
    assert run("one.parquet", "--out", "out.json") == 1
    assert "models.json: 1 fault" in capsys.readouterr().err
