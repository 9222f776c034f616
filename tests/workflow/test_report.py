"""The report of a real run: its numbers are those of its files, in the demo the submissions are judged on the truth kept apart."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from report_page import Page, documents, resolve
from test_report import is_rounded

from blemore.challenge.submission import check
from blemore.challenge.uploads.entries import read_uploads, summary
from blemore.params.parts import DATA_SET

from .conftest import Study, executed

pytestmark = pytest.mark.slow


def files_of(study: Study, folder: Path) -> dict[str, Any]:
    """What the page was made from, in the form of `report_page.documents`."""
    results = study.folder / "results"
    names = {
        "metrics": "metrics.json",
        "licences": "licences.json",
        "reliability": "reliability.json",
        "encoders": "encoders.csv",
        "worth": "worth.json",
        "curves": "plots/curves.csv",
        "weights": "fusion/weights.json",
        "probabilities": "fusion/probabilities.parquet",
        "models": "calibration/models.json",
        "individuals": "individuals/summary.json",
        "held_back": "report/held_back.json",
        "clips": "clips/clips.parquet",
        "quarantine": "clips/quarantine.csv",
        "remarks": "clips/remarks.json",
    }
    decisions = pd.read_parquet(results / "calibration/decisions.parquet")
    decisions[decisions["variant"] == "inductive"].to_parquet(folder / "decisions.parquet")
    params = yaml.safe_load((study.folder / "params.yaml").read_text())
    found = {name: results / path for name, path in names.items()}
    return found | {
        "decisions": folder / "decisions.parquet",
        "costs": [*results.glob("features/*.cost.json"), *results.glob("encoders/*/fold*.cost.json")],
        "software": study.folder / "CITATION.cff",
        "data_set": DATA_SET.load(params["dataset"]).CITATION,
        "study": params,
        "uploads": summary(read_uploads(study.folder / "uploads.json")),
    }


def test_every_number_on_the_page_of_a_real_run_is_the_one_in_its_file(finished: Study, tmp_path: Path) -> None:
    html = (finished.folder / "results/report/index.html").read_text()
    assert len(html) < 5_000_000
    found, checked, page = documents(files_of(finished, tmp_path)), 0, Page(html)
    block = next(one.text for one in page.elements if one.attributes.get("id") == "lineage-facts")
    found["lineage.json"] = json.loads(block)  # sums over the records, which stand in no file
    for element in page.numbers():
        value = float(resolve(found, element.attributes["data-source"]))
        assert float(element.attributes["value"]) == value, element
        assert is_rounded(element.text, value), element
        checked += 1
    assert checked > 200
    assert "say nothing about BLEMORE" in html


def test_both_submissions_are_written_checked_and_judged(finished: Study) -> None:
    folder = finished.folder / "results"
    for name in ("submission", "submission_transductive"):
        assert check(folder / f"submission/{name}.zip") == []
        with zipfile.ZipFile(folder / f"submission/{name}.zip") as archive:
            assert archive.namelist() == ["submission_template.json"]
    judged = json.loads((folder / "report/held_back.json").read_text())
    assert set(judged["variants"]) == {"inductive", "transductive"}
    assert "nothing about BLEMORE" in judged["note"]
    # So few training persons: how well individuals are distinguished is unknown, so nothing of it is used.
    summary = json.loads((folder / "individuals/summary.json").read_text())
    assert (summary["active"], summary["train"]["adjusted_rand"]) == (True, None)
    assert not json.loads((folder / "calibration/trust.json").read_text())["trusted"]
    texts = [(folder / f"submission/{name}.json").read_text() for name in ("submission", "submission_transductive")]
    assert texts[0] == texts[1]


def test_the_preferred_variant_is_submission_zip_and_the_other_stands_under_its_own_name(
    finished: Study, tmp_path: Path
) -> None:
    study = finished.copy(tmp_path / "study")
    study.edit_params(lambda values: values["submission"].update(prefer="transductive"))
    said = study.submission()
    assert set(executed(said)) == {"write_submission", "judge", "write_report"}
    names = {path.name for path in (study.folder / "results/submission").iterdir()}
    assert names == {f"{stem}.{kind}" for stem in ("submission", "submission_inductive") for kind in ("json", "zip")}
    assert "transductive; beside it submission_inductive.zip" in said
    assert "clusters of test clips are not trusted: both decide each clip by itself" in said
    judged = json.loads((study.folder / "results/report/held_back.json").read_text())
    assert set(judged["variants"]) == {"inductive", "transductive"}
    assert study.run("blemore", "lineage", "verify").returncode == 0
