"""`blemore lineage leaks` on a study that the workflow made, and on one whose code leaks."""

import json

import pandas as pd
import pytest

from joblineage.verdict import Verdict

from .conftest import Study

pytestmark = pytest.mark.slow


def test_the_finished_study_has_no_leak_and_every_model_of_it_is_declared(finished: Study) -> None:
    said = json.loads(finished.run("blemore", "lineage", "leaks", "--json").stdout)
    assert said["findings"] == []
    cells = {(one["step"], one["place"]): one["cells"] for one in said["matrix"]["columns"]}
    steps = {"s4d", "videomae", "wav2vec2_prosody", "individuals", "fusion", "calibration", "gain calibration", "score"}
    assert {step for step, _ in cells} == steps
    clips = pd.read_parquet(finished.folder / "results/clips/clips.parquet")
    train = clips[clips["split"] == "train"].drop_duplicates(["person", "fold"])
    for person, fold in zip(train["person"], train["fold"], strict=True):
        row = said["matrix"]["persons"].index(person)
        for step in steps - {"individuals"}:
            assert cells[step, f"fold{fold}"][row] == "judged"
            assert cells[step, f"fold{1 - fold}"][row] == "fitted"
    # Every table with a row per clip and six classes was looked at.
    tables = ["encoders/*/*.parquet", "fusion/*.parquet", "calibration/decisions.parquet"]
    paths = [path for pattern in tables for path in (finished.folder / "results").glob(pattern)]
    assert said["checked"]["rows"] == sum(len(pd.read_parquet(path)) for path in paths)
    assert said["unknown"] == ["face crops: whom the face detector mtcnn had seen before the study"]

    shown = finished.run("blemore", "lineage", "leaks", "results/submission/submission.zip").stdout
    assert "No leak: of" in shown
    assert all(word in shown for word in ("A901", "test clips", "wav2vec2_prosody", "second order"))


def test_heads_that_learn_from_the_fold_they_judge_end_the_study_before_its_submission(study: Study) -> None:
    source = study.folder / "src/blemore/learning/heads/run.py"
    honest = "rows.where(train & (rows.fold != held_out))"
    assert source.read_text().count(honest) == 1
    source.write_text(source.read_text().replace(honest, "rows.where(train)"))
    done = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert done.returncode
    assert not (study.folder / "results/submission/submission.zip").exists()
    assert "LEAK  wav2vec2_prosody/fold0" in (study.folder / "logs/write_submission.log").read_text()

    leaks = study.run("blemore", "lineage", "leaks", check=False)
    assert leaks.returncode == Verdict.LEAK.code
    assert "wav2vec2_prosody/fold1" in leaks.stdout
    decisions = study.run("blemore", "lineage", "verify", "results/calibration/decisions.parquet", check=False)
    assert decisions.returncode == Verdict.LEAK.code
    assert "decide" in decisions.stdout
    assert study.run("blemore", "lineage", "verify", "results/encoders/s4d/probabilities.parquet").returncode == 0
