"""Another data set, in its own layout and naming, of single emotions alone: from its folder to the report and to a bundle."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from cremad_clips import make_cremad

from blemore.scoring.labels import CLASSES
from joblineage.files import read_json

from .conftest import clone

pytestmark = pytest.mark.slow
PERSONS = {"1001": 0, "1002": 1, "1003": 0, "1004": 1, "1005": "test"}


def test_clips_of_single_emotions_go_from_their_folder_to_a_report_that_says_nothing_of_saliences(
    tmp_path: Path,
) -> None:
    study = clone(tmp_path / "study")

    def change(values: dict) -> None:
        values["dataset"] = "cremad"
        values["cremad"]["folds"] = 2
        for name, entry in values["encoders"].items():
            entry["enabled"] = name in ("face_geometry", "prosody")

    study.edit_params(change)
    study.git("commit", "--quiet", "-am", "Another data set")
    refused = study.run("snakemake", "-n", "submission", check=False)
    assert refused.returncode
    assert "CREMA-D is not complete in data/cremad" in refused.stdout + refused.stderr
    make_cremad(study.folder / "data/cremad", PERSONS)
    said = study.submission()
    assert "No clip of this data set is a blend" in said
    results = study.folder / "results"
    decisions = pd.read_parquet(results / "calibration/decisions.parquet")
    assert len(decisions) == 24 * 2 + 6  # of test clips nobody knows who is who: one way only
    assert (decisions[list(CLASSES)].max(axis=1) == 100).all()
    assert (decisions[["p_blend", "p_salience"]] == 0).all(axis=None)
    metrics = read_json(results / "metrics.json")
    assert 0 <= metrics["variants"]["inductive"]["acc_presence"] <= 1
    assert metrics["variants"]["inductive"]["acc_salience"] is None
    assert metrics["variants"]["inductive"]["interval"]["acc_salience"] is None
    assert "How well are emotions recognised" in (results / "report/index.html").read_text()
    asked = read_json(results / "submission/submission.json")["predictions"]
    assert sorted(asked) == sorted(f"1005_DFA_{word}_XX.mov" for word in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"))
    study.run("blemore", "lineage", "verify")
    study.run("blemore", "bundle", str(tmp_path / "bundle"))
    assert "no blends" in (tmp_path / "bundle/README.md").read_text()
    clip = shutil.copy(study.folder / "data/cremad/VideoFlash/1005_DFA_HAP_XX.flv", tmp_path)
    found = study.run("blemore", "predict", str(clip), "--bundle", str(tmp_path / "bundle"), "--json").stdout
    assert '"p_blend": 0.0' in found
