"""Files that people hand in are never written over, and what they got wrong is named where it is."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import study
from test_cli import run

import blemore
from blemore.scoring.labels import CLASSES
from blemore.simulation.study import Settings, simulate, write_study
from joblineage.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """p.csv, rounded to four decimals, and truth.csv of a small study, in the working folder; a decoder as decoder.json."""
    monkeypatch.chdir(tmp_path)
    clips, tables = study(persons=4, test=0)
    clips.rename(columns={"clip": "filename"}).to_csv("truth.csv", index=False)
    table = tables["e0"][["clip", *CLASSES]].round(4)
    table.to_csv("p.csv", index=False)
    Path("decoder.json").write_text(json.dumps(blemore.fit_decoder("p.csv", "truth.csv").to_json()))
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        "decode p.csv --alpha .1 --beta .2 --out p.csv",
        "decode p.csv --decoder decoder.json --out ./decoder.json",
        "decode p.csv --alpha .1 --beta .2 --out new.csv",
        "decoder p.csv --truth truth.csv --out truth.csv",
        "decoder p.json --truth truth.csv --out p.json",
        "thresholds p.csv --truth truth.csv --out truth.csv",
        "thresholds p.csv --truth truth.csv --out p.csv",
        "enroll p.csv --truth truth.csv --out truth.csv --model decoder.json",
        "enroll p.csv --out decoder.json --model decoder.json",
        "enroll p.csv --out x.json --probabilities-out p.csv --model decoder.json",
        "enroll p.csv --out x.json --probabilities-out truth.csv --clips truth.csv --model decoder.json",
    ],
)
def test_what_is_read_is_never_written_over_and_json_gets_its_ending(folder, capsys, arguments):
    Path("p.json").write_bytes(Path("p.csv").read_bytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = run(*arguments.split(), code=1, capsys=capsys)
    assert "give another name" in said or "expected .json" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_picture_of_clips_is_written_over_none_of_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("clip.mov").write_bytes(b"mine")
    params = Path(__file__).parents[1] / "params.yaml"
    said = run("media", "check", "clip.mov", "--params", str(params), "--sheet", "./clip.mov", code=1, capsys=capsys)
    assert "give another name" in said
    assert Path("clip.mov").read_bytes() == b"mine"


def test_a_made_up_study_is_written_over_nothing(tmp_path):
    made = simulate(Settings(persons=2, folds=2, encoders=1), 1)
    (tmp_path / "train_metadata.csv").write_text("mine")
    with pytest.raises(DataError, match=r"train_metadata\.csv: is there already"):
        write_study(made, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train_metadata.csv"]


def changed(row: int, column: str, value: object) -> None:
    table = pd.read_csv("p.csv").astype({column: object})
    table.loc[row, column] = value
    table.to_csv("p.csv", index=False)


@pytest.mark.parametrize("percent", [False, True])
def test_one_wrong_row_of_a_rounded_table_is_the_row_that_is_named(folder, percent):
    table = pd.read_csv("p.csv")
    table.loc[7, list(CLASSES)] *= 1.2
    (table.assign(**{name: (100 * table[name]).round(2) for name in CLASSES}) if percent else table).to_csv(
        "p.csv", index=False
    )
    with pytest.raises(DataError) as raised:
        blemore.read_probabilities("p.csv")
    assert len(raised.value.faults) == 1
    assert raised.value.faults[0].startswith(
        f"row 8, clip {table.loc[7, 'clip']}: the six probabilities do not sum to 1"
    )


@pytest.mark.parametrize(("value", "shown"), [("", "None"), ("much", "'much'")])
def test_a_cell_without_a_number_in_a_rounded_table_is_its_only_fault(folder, value, shown):
    changed(7, "hap", value)
    with pytest.raises(DataError) as raised:
        blemore.read_probabilities("p.csv")
    (fault,) = raised.value.faults
    assert fault.startswith("row 8, ")
    assert shown in fault


def test_percent_that_do_not_sum_to_100_are_said_to_be_percent(folder):
    table = pd.read_csv("p.csv")
    table[list(CLASSES)] = np.round(table[list(CLASSES)], 4) * 100 * 1.001
    table.to_csv("p.csv", index=False)
    with pytest.raises(DataError, match="these look like percent whose rows do not sum to 100"):
        blemore.read_probabilities("p.csv")


@pytest.mark.parametrize("options", ["", "--alpha .1", "--beta .1", "--alpha .1 --beta .1 --decoder decoder.json"])
def test_thresholds_and_decoder_are_an_either_or_and_else_the_call_is_wrong(folder, capsys, options):
    said = run("decode", "p.csv", *options.split(), "--out", "x.json", code=2, capsys=capsys)
    assert "--decoder" in said


def test_thresholds_outside_0_to_1_are_refused_in_python_too():
    with pytest.raises(DataError, match="expected two numbers from 0 to 1"):
        blemore.decode(np.full((2, 6), 1 / 6), alpha=2.0, beta=0.1)


@pytest.mark.parametrize("given", [None, 3, pd.Series([0.2, 0.8])])
def test_what_is_no_table_is_named_with_what_is_expected(folder, given):
    with pytest.raises(TypeError, match=r"probabilities: found \w+, expected a path, an array \(n, 6\), or a table"):
        blemore.fit_decoder(given, "truth.csv")


def test_clips_may_stand_in_a_named_index(folder):
    table = pd.read_csv("p.csv")
    named = table.rename(columns={"clip": "filename"}).set_index("filename")
    assert blemore.fit_thresholds(named, "truth.csv") == blemore.fit_thresholds("p.csv", "truth.csv")


def test_enroll_says_which_model_it_needs_and_refuses_labels_of_several_persons(folder, capsys):
    assert "--model" in run("enroll", "p.csv", "--out", "x.json", code=1, capsys=capsys)
    truth = pd.read_csv("truth.csv")
    logit = {"model": "off", "logit": blemore.fit_decoder("p.csv", "truth.csv").rule.to_json()}
    Path("off.json").write_text(json.dumps(logit))
    said = run(
        "enroll", "p.csv", "--truth", "truth.csv", "--out", "x.json", "--model", "off.json", code=1, capsys=capsys
    )
    assert f"clips of {truth['person'].nunique()} persons" in said
    said = run("enroll", "p.csv", "--out", "x.json", "--model", "off.json", capsys=capsys)
    assert "decided each by itself" in said
    assert "together" not in said


def test_a_check_without_the_asked_clips_says_what_it_did_not_look_at(folder, capsys):
    run("decode", "p.csv", "--alpha", ".1", "--beta", ".2", "--out", "x.json", capsys=capsys)
    assert "each of the challenge's clips was not checked" in run("check-submission", "x.json", capsys=capsys)
