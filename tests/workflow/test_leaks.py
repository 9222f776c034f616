"""`blemore lineage leaks` on a study that the workflow made."""

import json

import pandas as pd
import pytest

from .conftest import Study

pytestmark = pytest.mark.slow


def test_the_finished_study_has_no_leak_and_every_model_of_it_is_declared(finished: Study) -> None:
    done = finished.run("blemore", "lineage", "leaks", "--json")
    said = json.loads(done.stdout)
    assert said["leaks"] == []
    steps = {one["step"] for one in said["matrix"]["models"]}
    assert steps == {"s4d", "videomae", "wav2vec2_prosody", "individuals", "fusion", "calibration", "score"}
    clips = pd.read_parquet(finished.folder / "results/clips/clips.parquet")
    place = {one["name"]: number for number, one in enumerate(said["matrix"]["models"])}
    for person, cells in zip(said["matrix"]["persons"], said["matrix"]["cells"], strict=True):
        for fold in clips.loc[clips["person"] == person, "fold"].unique().tolist():
            assert {cells[place[f"{step}/fold{fold}"]] for step in ("s4d", "videomae", "fusion", "calibration")} == {
                "judged"
            }
    # Every table with a row per clip and six classes was looked at.
    tables = ["encoders/*/*.parquet", "fusion/*.parquet", "calibration/decisions.parquet"]
    paths = [path for pattern in tables for path in (finished.folder / "results").glob(pattern)]
    assert said["checked"]["rows"] == sum(len(pd.read_parquet(path)) for path in paths)
    assert said["unknown"] == ["face crops: whom the face detector mtcnn had seen before the study"]
