"""`blemore report compare`: two studies of the same clips on one page, whose numbers are theirs; other studies are refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from report_page import Page, resolve

from blemore.cli import main
from blemore.report.compare import FILES, page
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import scores, true_saliences
from blemore.tables import write_clips, write_table
from joblineage.errors import DataError, MissingDataError


def put(study: dict[str, Any], folder: Path, **changed: Any) -> Path:
    """Lay a study's files out as its workflow does."""
    for name, file in FILES.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if name != "params":
            shutil.copy(study[name], folder / file)
    (folder / "params.yaml").write_text(yaml.safe_dump(study["study"] | changed))
    return folder


@pytest.fixture(scope="module")
def two(report_of, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study, and the same with half of its decisions wrong, a parameter less and one of another value."""
    root, study = tmp_path_factory.mktemp("two"), report_of("demo")[0]
    a, b = put(study, root / "first"), put(study, root / "second", seed=4, fusion={"method": "uniform"})
    table = pd.read_parquet(b / FILES["decisions"])
    worse = table.index[(table["split"] == "train") & (table.index % 2 == 0)]
    table.loc[worse, list(CLASSES)] = [100, 0, 0, 0, 0, 0]
    write_table(table, b / FILES["decisions"])
    return a, b


@pytest.fixture(scope="module")
def html(two: tuple[Path, Path]) -> str:
    return page(*two)


def block(html: str) -> dict[str, Any]:
    return json.loads(next(one.text for one in Page(html).elements if one.attributes.get("id") == "comparison-facts"))


def test_every_number_is_that_of_a_study_or_of_the_pages_block(two: tuple[Path, Path], html: str) -> None:
    found: dict[str, Any] = {"comparison.json": block(html)}
    for name, folder in zip("AB", two, strict=True):
        found[f"{name}/results/metrics.json"] = json.loads((folder / FILES["metrics"]).read_text())
        found[f"{name}/params.yaml"] = yaml.safe_load((folder / "params.yaml").read_text())
    shown = [*Page(html).numbers()]
    assert len(shown) > 60
    for one in shown:
        assert float(one.attributes["value"]) == float(resolve(found, one.attributes["data-source"]))


def by_person(folder: Path) -> dict[str, float]:
    """Each person's Score, counted here from the decisions."""
    clips = pd.read_parquet(folder / FILES["clips"])
    clips = clips[(clips["split"] == "train") & (clips["quarantine"] == "")]
    decided = pd.read_parquet(folder / FILES["decisions"]).set_index("clip")
    return {
        person: scores(decided.loc[own["clip"], list(CLASSES)].to_numpy(), true_saliences(own))["score"]
        for person, own in clips.groupby("person")
    }


def test_the_difference_of_each_person_is_paired_over_the_same_clips(two: tuple[Path, Path], html: str) -> None:
    a, b = map(by_person, two)
    paired = block(html)["variants"]["inductive"]
    assert set(paired["each"]) == set(a)
    for person, one in paired["each"].items():
        assert np.allclose([one["a"], one["b"], one["difference"]], [a[person], b[person], b[person] - a[person]])
    assert paired["losing"] == sum(b[person] < a[person] for person in a)
    assert paired["interval"][0] < paired["gain"]["score"] < paired["interval"][1] < 0
    assert "A is better." in html


def test_parameters_that_differ_are_listed_and_no_others(html: str) -> None:
    differ = {
        "seed": {"a": "3", "b": "4"},
        "fusion.method": {"a": "simplex", "b": "uniform"},
        "fusion.l2": {"a": "0.05", "b": None},
    }
    assert block(html)["params"] == differ


def test_a_study_beside_itself_shows_no_difference(two: tuple[Path, Path]) -> None:
    html = page(two[0], two[0])
    assert "no difference is shown" in html
    assert block(html)["params"] == {}
    assert page(two[0], two[0]) == html


@pytest.mark.thorough
def test_real_persons_are_not_named(report_of, tmp_path: Path) -> None:
    study = report_of("blemore")[0]
    folder = put(study, tmp_path / "real", note="seen by A901")
    html = page(folder, put(study, tmp_path / "other"))
    persons = set(pd.read_parquet(study["clips"])["person"].dropna()) - {""}
    assert persons
    assert [name for name in persons if name in html] == []
    assert "P01" in html


@pytest.fixture
def changed(report_of, two: tuple[Path, Path], tmp_path: Path) -> Iterator[tuple[Path, pd.DataFrame]]:
    folder = put(report_of("demo")[0], tmp_path / "changed")
    return folder, pd.read_parquet(folder / FILES["clips"])


def test_studies_of_other_clips_are_refused_with_the_number_of_clips(two: tuple[Path, Path], changed) -> None:
    folder, clips = changed
    lost = clips.index[(clips["split"] == "train") & (clips["quarantine"] == "")][:2]
    clips.loc[lost, "quarantine"] = "no video stream"
    write_clips(clips, folder / FILES["clips"])
    with pytest.raises(DataError, match=r"2 labelled clips are used in A only, such as .*\n.*none set aside in one"):
        page(two[0], folder)


def test_a_clip_of_another_label_is_refused_by_its_name(two: tuple[Path, Path], changed) -> None:
    folder, clips = changed
    row = clips.index[(clips["split"] == "train") & (clips["mix"] == 1) & (clips["quarantine"] == "")][0]
    saliences = ["emotion_1_salience", "emotion_2_salience"]
    clips.loc[row, saliences] = [50, 50] if clips.loc[row, saliences[0]] != 50 else [70, 30]
    write_clips(clips, folder / FILES["clips"])
    with pytest.raises(DataError, match=f"label of 1 clips differ, first of {clips.loc[row, 'clip']}"):
        page(two[0], folder)


@pytest.mark.thorough
def test_a_study_of_another_data_set_is_refused(report_of, two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="A is a study of demo, B of blemore"):
        page(two[0], put(report_of("blemore")[0], tmp_path / "real"))


def test_files_that_are_absent_are_all_named(two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("{}")
    with pytest.raises(MissingDataError) as told:
        page(two[0], tmp_path)
    assert all(file in str(told.value) for file in FILES.values() if file != "params.yaml")
    assert "snakemake submission" in str(told.value)


def test_the_command_writes_the_page_and_ends_with_1_where_it_cannot(
    two: tuple[Path, Path], html: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both.html"
    with pytest.raises(SystemExit) as ended:
        main(["report", "compare", *map(str, two), "--out", str(out)])
    assert ended.value.code == 0
    assert out.read_text() == html
    with pytest.raises(SystemExit) as ended:
        main(["report", "compare", str(two[0]), str(tmp_path), "--out", str(out)])
    assert ended.value.code == 1
    assert "results/metrics.json is missing" in capsys.readouterr().err
