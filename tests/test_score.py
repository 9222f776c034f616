"""`blemore score`: for the same table it says what the study says, beside what flatters it and what there is to compare."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from simulated import PERSONAL as FEW
from simulated import study

import blemore
from blemore.cli import main
from blemore.decide.run import calibrate
from blemore.evaluate import score as score_module
from blemore.evaluate.gains import gain
from blemore.evaluate.score import CONTROLS, PERSONAL
from blemore.evaluate.summary import summarise
from blemore.fusion.run import fuse
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import true_saliences
from blemore.scoring.persons import entry, folds_over_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled
from joblineage.errors import DataError
from joblineage.progress import Steps


@pytest.fixture(scope="module")
def case():
    """Clips, encoders' tables and the fused table of a small study."""
    clips, tables = study(persons=6, folds=3, seed=3)
    return clips, tables, fuse(tables, clips, {"method": "uniform", "scaling": False})


@pytest.fixture
def files(case, tmp_path, monkeypatch):
    """The fused table and the truth, on disk."""
    clips, _, fused = case
    monkeypatch.chdir(tmp_path)
    fused.probabilities.to_parquet("fused.parquet")
    train = clips[clips["split"] == "train"].drop(columns=["split", "file", "quarantine"])
    train.rename(columns={"clip": "filename"}).to_csv("truth.csv", index=False)
    return clips


@pytest.fixture
def no_gain(monkeypatch):
    """Nearly all of a score's time goes into what a person's clips together gain: not for tests of something else."""
    monkeypatch.setattr(score_module, "gain", lambda *_, **__: None)


def run(*arguments, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["score", *map(str, arguments)])
    assert (ended.value.code or 0) == code


@pytest.mark.thorough
def test_the_score_of_an_encoder_s_table_is_what_the_study_reports(case, no_gain):
    clips, tables, fused = case
    decisions = calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=FEW).decisions
    origins = dict.fromkeys(tables, "finetuned")
    said = summarise(decisions, tables, clips, dataset="demo", weights="tiny", origins=origins)
    for name, table in tables.items():
        found = blemore.score(table, clips)
        reported = said["encoders"][name]
        assert found["honest"] == {key: reported[key] for key in found["honest"]}
        assert found["decoders"] == reported["decoders"]
        assert found["trivial"] == said["trivial"]


@pytest.mark.thorough
def test_the_score_of_the_fused_table_is_that_of_the_study_s_functions(case):
    clips, _, fused = case
    rows = Rows.of(labelled(clips))
    rows = replace(rows, values=rows.lookup(fused.probabilities), clip=None)
    found = blemore.score(fused.probabilities, clips, seed=5)
    decided, chosen = leave_one_fold_out(rows)
    assert found["honest"] == entry(rows, decided)
    assert found["decoders"] == {str(k): one.to_json() for k, one in chosen.items()}
    best, shown = exact_optimum(rows.values, rows.truth), found["thresholds"]
    assert (shown["in_sample"]["score"], shown["in_sample"]["alpha"]) == (best.score, best.alpha)
    by_thresholds, _ = leave_one_fold_out(rows, kind="exact")
    assert shown["honest"] == entry(rows, by_thresholds)
    assert shown["optimism"]["score"] == best.score - shown["honest"]["score"]
    views = replace(rows, values=np.stack([rows.values] * len(rows.outers)))
    assert found["together"] == gain(views, PERSONAL, decoding="expected", controls=CONTROLS, seed=5)
    assert (found["persons"], found["folds"], found["folds_from"]) == (6, 3, "truth")


def test_the_personal_model_is_one_that_the_study_chooses_from():
    calibration = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["calibration"]
    assert all(set(values) <= set(calibration["personal"][name]) for name, values in PERSONAL.items())


@pytest.mark.thorough
def test_a_table_of_pure_chance_gains_nothing_but_optimism(case, no_gain):
    clips, tables, _ = case
    found = blemore.score(tables["e2"], clips)
    assert found["thresholds"]["in_sample"]["score"] > found["thresholds"]["honest"]["score"]
    low, high = found["honest"]["interval"]["score"]
    assert low <= found["honest"]["score"] <= high


@pytest.mark.thorough
def test_folds_are_made_over_persons_where_the_truth_has_none_and_this_is_said(files, capsys):
    text = Path("truth.csv").read_text().splitlines()
    column = text[0].split(",").index("fold")
    cells = [line.split(",") for line in text]
    Path("truth.csv").write_text("\n".join(",".join(row[:column] + row[column + 1 :]) for row in cells) + "\n")
    run("fused.parquet", "--truth", "truth.csv")
    said = capsys.readouterr().out
    assert "5 folds, made over persons: the truth has no column fold" in said
    assert "thresholds chosen on the very clips: too high" in said
    assert "random groups of clips in place of the persons" in said


@pytest.mark.thorough
def test_as_json_the_command_says_what_the_function_gives(files, no_gain, capsys):
    run("fused.parquet", "--truth", "truth.csv", "--json")
    assert json.loads(capsys.readouterr().out) == blemore.score("fused.parquet", "truth.csv")


def test_folds_made_over_persons_are_even_and_split_nobody():
    person = np.repeat(np.arange(7), [9, 1, 5, 5, 8, 2, 6])
    fold = folds_over_persons(person, 3)
    assert all(len(set(fold[person == one])) == 1 for one in range(7))
    assert np.bincount(fold).tolist() == [12, 13, 11]
    assert set(folds_over_persons(np.array([0, 0, 1]))) == {0, 1}


def test_a_person_in_two_folds_is_refused(files, capsys):
    clips = files
    clips = clips[clips["split"] == "train"].copy()
    clips.loc[clips.index[0], "fold"] = 3
    with pytest.raises(DataError, match=r"person A100: in folds \[0, 3\]"):
        blemore.score("fused.parquet", clips)
    with pytest.raises(DataError, match="at least two folds"):
        blemore.score("fused.parquet", clips.assign(fold=0))
    with pytest.raises(DataError, match=r"found one person only \(A1\): decoders are fitted on other persons"):
        blemore.score("fused.parquet", clips.assign(person="A1"))
    with pytest.raises(DataError, match=r"clip A100_00: fold must be a whole number from 0, found 0\.5"):
        blemore.score("fused.parquet", clips.assign(fold=0.5))


@pytest.mark.thorough
def test_persons_come_from_the_truth_the_table_or_blemore_s_names(case, no_gain):
    clips, tables, _ = case
    train = clips[clips["fold"].isin([0, 1])].sort_values("clip", ignore_index=True)
    table = tables["e0"].set_index("clip").loc[train["clip"]].reset_index()
    expected = blemore.score(table, train)["honest"]
    alone = table[["clip", *CLASSES]]
    assert blemore.score(table, train.drop(columns="person"))["honest"] == expected
    assert blemore.score(alone, train)["honest"] == expected
    given = {"person": train["person"], "fold": train["fold"]}
    assert blemore.score(alone[list(CLASSES)].to_numpy(), true_saliences(train), **given)["honest"] == expected
    with pytest.raises(DataError, match="who shows each clip is not known"):
        blemore.score(alone, train.drop(columns="person"))
    names = [f"{who}_ang_int1_ver{k + 1}" for k, who in enumerate(train["person"])]
    named = train.drop(columns="person").assign(clip=names)
    assert blemore.score(alone.assign(clip=names), named)["honest"] == expected


def test_nothing_is_shown_of_what_is_done_soon(capsys):
    with Steps("quick", 2, after=60) as steps:
        steps.advance(1)
        steps.advance(1)
    assert capsys.readouterr().err == ""
    with Steps("long", 2, after=0) as steps:
        steps.advance(2)
    assert capsys.readouterr().err == "long 2/2\n"


def test_thresholds_say_that_their_score_is_in_sample(files, capsys):
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["thresholds", "fused.parquet", "--truth", "truth.csv", *more])
        said = capsys.readouterr().out
        assert "in sample" in said
        assert "`blemore score` gives the honest accuracies" in said
