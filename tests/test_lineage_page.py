"""The lineage page answers a reviewer's questions out of the records, and names nobody whom the report would not name."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from made_records import Lineage
from markupsafe import Markup
from page_study import AT, SUBMISSION, report, write_study
from report_page import Element, Page, resolve

from blemore.audit.page.build import Check, page
from blemore.audit.page.tab import TAB, with_lineage
from blemore.cli import main
from blemore.report.page import SECTIONS, build
from blemore.study import STUDY
from joblineage.errors import DataError
from joblineage.store import Store, key
from joblineage.verdict import Finding, Verdict
from joblineage.verify import verify

FINE = Check(report(), AT)
LAST = ["test clips", "before the study"]
"""Columns of the matrix that are no persons."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lineage:
    return write_study(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def html(made: Lineage) -> str:
    return page(made.root, FINE)


def answer(html: str, question: str) -> str:
    """The text beside a question of the short answers."""
    elements = Page(html).elements
    place = next(k for k, one in enumerate(elements) if one.tag == "dt" and one.text == question)
    text = next(one.text for one in elements[place:] if one.tag == "dd")
    return " ".join(text.split())


def facts(html: str) -> dict[str, Any]:
    return json.loads(next(one.text for one in Page(html).elements if one.attributes.get("id") == "lineage-facts"))


def boxes(html: str) -> dict[str, Element]:
    """The chain's boxes by step, row and label."""
    found = [one for one in Page(html).elements if one.tag == "summary" and "title" in one.attributes]
    return {one.attributes["title"].rpartition(":")[0]: one.around[-1] for one in found}


@pytest.mark.thorough
def test_the_short_answers_are_those_of_the_records(made: Lineage, html: str) -> None:
    store = made.store
    raw = sorted(path for path in (made.root / "data/demo").rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(made.root).as_posix()}\n" for one in raw
    ]
    data = answer(html, "Which data?")
    assert "144 training clips of 4 persons, 3 test clips; 147 raw files" in data
    assert hashlib.sha256("".join(lines).encode()).hexdigest() in data  # as sha256sum would have it

    assert "Commit c0ffee" in answer(html, "Which code?")
    assert "changes that were not committed in 1 jobs: src/train.py" in answer(html, "Which code?")
    assert "seed 17, fusion simplex" in answer(html, "Which parameters?")
    assert hashlib.sha256(b"content of weights/vit.pt").hexdigest() in answer(html, "Which checkpoints?")
    assert "Python 3.11.9, Linux, 1 packages, no lock file (9 jobs on a processor)" in answer(
        html, "Which environment?"
    )
    assert "as the lock file says (2 jobs on a processor)" in answer(html, "Which environment?")
    assert "Of 2 fitted models, none judged any of the 4 persons" in answer(html, "Trained on whom?")
    assert "pretrained networks had seen is unknown" in answer(html, "Trained on whom?")
    assert "11 jobs: 16.5 s of work" in answer(html, "How long?")
    reused = answer(html, "What was reused?")
    assert "The last run made 4 of these jobs and found 7 done" in reused
    assert "2 run(s) are recorded" in reused
    assert store.last_run["root"] in reused
    assert answer(html, "What is unknown?") == "job.attempt (11 jobs)."
    assert answer(html, "Does it hold?") == "OK Files, records, code and parameters agree."


def test_every_number_of_the_text_stands_in_the_embedded_block_or_in_the_parameters(made: Lineage, html: str) -> None:
    found = {"lineage.json": facts(html), "params.yaml": yaml.safe_load((made.root / "params.yaml").read_text())}
    checked = 0
    for element in Page(html).numbers():
        value = resolve(found, element.attributes["data-source"])
        assert float(element.attributes["value"]) == value
        assert float(element.text.replace("\u202f", "")) == pytest.approx(value, abs=0.05)
        checked += 1
    assert checked > 60


def test_the_chain_folds_to_steps_and_to_encoders_by_fold(html: str) -> None:
    expected = ["data, fetch", "prepare, prepare_shard", "prepare, clips", "encoders, prosody, embed_clips"]
    expected += ["encoders, prosody, fit_head", "encoders, s4d, fold 0", "encoders, s4d, fold 1"]
    expected += ["encoders, s4d, gather_folds", "fuse, fuse", "submit, write_submission"]
    assert list(boxes(html)) == expected
    assert boxes(html)["prepare, prepare_shard"].text.split()[:2] == ["prepare_shard", "×2"]
    states = {name: one.attributes["class"].split()[1] for name, one in boxes(html).items()}
    fresh = {"encoders, s4d, fold 1", "encoders, s4d, gather_folds", "fuse, fuse", "submit, write_submission"}
    assert {name for name, state in states.items() if state == "executed"} == fresh
    assert set(states.values()) == {"executed", "reused"}


def test_each_step_names_the_steps_whose_files_it_uses(html: str) -> None:
    steps = [
        one for one in Page(html).elements if one.tag == "li" and one.around[-1].attributes.get("class") == "chain"
    ]
    assert [" ".join(one.text.split("\n")[0].split()) for one in steps] == [
        "data",
        "prepare uses data",
        "encoders uses prepare",
        "fuse uses encoders",
        "submit uses fuse",
    ]


def test_every_box_holds_the_records_of_its_jobs_with_the_hash_of_every_output(made: Lineage, html: str) -> None:
    store, elements = made.store, Page(html).elements
    texts = {name: one.text for name, one in boxes(html).items()}
    assert sum(text.count("lineage/records/") for text in texts.values()) == len(store.current)
    for job, name in store.current.items():
        text = next(text for text in texts.values() if f"lineage/records/{name}.json" in text)
        record = store.records[name]
        assert job in text
        if len(record["outputs"]) <= 6:
            assert all(out["sha256"] in text for out in record["outputs"])
        assert record["environment"] in text
        assert record["code"]["commit"] in text
    assert "0.2" in texts["encoders, s4d, fold 1"]
    ids = [one.attributes["id"] for one in elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert {one.attributes["href"][1:] for one in elements if one.attributes.get("href", "").startswith("#")} <= set(
        ids
    )


def test_what_is_bad_is_marked_in_the_chain_and_so_is_what_hangs_on_it(made: Lineage) -> None:
    finding = Finding(
        Verdict.TAMPERED, "results/encoders/s4d/fold0", "other bytes", ("gather_folds/finetuned=s4d", "fuse")
    )
    html = page(made.root, Check(report(finding), AT))
    states = {name: one.attributes["class"].split()[1] for name, one in boxes(html).items()}
    assert states["encoders, s4d, fold 0"] == "TAMPERED"
    assert states["fuse, fuse"] == states["encoders, s4d, gather_folds"] == "below"
    assert states["submit, write_submission"] == "executed"
    assert boxes(html)["encoders, s4d, fold 0"].text.split()[:3] == ["fold", "0", "TAMPERED"]
    assert answer(html, "Does it hold?").startswith("TAMPERED")
    assert "other bytes" in html
    assert "OK" not in answer(html, "Does it hold?")


def matrix(html: str) -> tuple[list[str], dict[str, list[str]]]:
    """Column heads, and the cells of each row, by its models."""
    found = Page(html).elements
    inside = [one for one in found if any(around.attributes.get("class") == "trained-on" for around in one.around)]
    heads = [one.text for one in inside if one.attributes.get("class") == "person"]
    rows: dict[str, list[str]] = {}
    for one in inside:
        if one.tag == "th" and one.attributes.get("scope") == "row":
            rows[f"{one.text} {one.attributes['title']}"] = []
        elif one.tag == "td":
            list(rows.values())[-1].append(one.attributes["class"])
    return heads, rows


def test_the_matrix_shows_for_each_person_who_was_fitted_on_them_and_who_judged_them(html: str) -> None:
    heads, rows = matrix(html)
    assert heads == ["A100", "A101", "A102", "A103", *LAST]  # folds 0, 1, 0, 1
    assert rows == {
        "fold0 s4d": ["judged", "fitted", "judged", "fitted", "neither", "unknown"],
        "fold1 s4d": ["fitted", "judged", "fitted", "judged", "neither", "unknown"],
    }
    assert "s4d: whom weights/vit.pt had seen before the study" in html


def test_a_person_who_is_judged_by_a_model_that_was_fitted_on_them_stands_out(tmp_path: Path) -> None:
    html = page(write_study(tmp_path, leak=True).root, FINE)
    assert matrix(html)[1]["fold1 s4d"] == ["fitted", "leak", "fitted", "judged", "neither", "unknown"]
    assert "1 leak(s) among 2 models" in answer(html, "Trained on whom?")


def test_real_persons_are_counted_together_and_never_named(tmp_path: Path) -> None:
    made = write_study(tmp_path, dataset="blemore")
    root = made.root
    finding = Finding(Verdict.MISSING, "data/blemore/train/A100_00.mov", "gone; A101 too", ())
    html = page(root, Check(report(finding), AT))
    assert not re.search(r"A10[0-3]", html)
    assert "data/blemore/(withheld)" in html
    assert matrix(html)[0] == ["group 1: 2 persons", "group 2: 2 persons", *LAST]

    listed = pd.DataFrame([{"person": "A100", "by": "an office", "date": "2026-01-01", "basis": "consent"}])
    listed.to_csv(root / "published.csv", index=False)
    params = yaml.safe_load((root / "params.yaml").read_text()) | {"report": {"publication_list": "published.csv"}}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    made.run()
    html = page(root, FINE)
    assert matrix(html)[0] == ["A100", "group 1: 2 persons", "group 2: 1 person", *LAST]
    assert not re.search(r"A10[1-3]", html)


@pytest.mark.thorough
def test_what_cannot_be_known_is_called_unknown(tmp_path: Path) -> None:
    made = write_study(tmp_path)
    for record in made.store.records.values():
        (made.root / "lineage/objects" / record["environment"]).unlink(missing_ok=True)
    (made.root / "results/clips/clips.parquet").write_bytes(b"another table")
    html = page(made.root, FINE)
    assert "how many clips and persons is unknown" in answer(html, "Which data?")
    assert "unknown (its copy is lost)" in answer(html, "Which environment?")
    assert answer(html, "Trained on whom?").startswith("Unknown")


def test_a_study_from_scratch_says_that_it_had_no_checkpoint(tmp_path: Path) -> None:
    made = write_study(tmp_path)
    html = page(made.root, FINE, "data/demo/train/A100_00.mov")
    assert answer(html, "Which checkpoints?").startswith("None")
    assert list(boxes(html)) == ["data, fetch"]


def test_the_page_refers_to_nothing_outside_itself_and_the_same_records_give_the_same_page(
    made: Lineage, html: str
) -> None:
    assert page(made.root, FINE) == html
    for element in Page(html).elements:
        for name in ("src", "href", "xlink:href"):
            assert element.attributes.get(name, "#").startswith(("#", "data:"))
    assert "default-src 'none'" in html
    assert "url(http" not in html


def test_a_folder_without_records_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lineage", "report", "--workspace", str(tmp_path)])
    assert ended.value.code == 1
    assert "no lineage records" in capsys.readouterr().err
    assert not (tmp_path / "lineage.html").exists()
    with pytest.raises(DataError, match="no record to show"):
        page(tmp_path, FINE)


@pytest.mark.thorough
def test_the_command_writes_the_page_beside_the_results_with_what_verify_says(
    made: Lineage, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lineage", "report", "--workspace", str(made.root)])
    assert ended.value.code == 0
    said = verify(Store(made.root, STUDY))  # no runner was at work here: its metadata are missed
    assert said.findings
    assert capsys.readouterr().out == f"{made.root / 'lineage.html'}: {said.verdict.value}\n"
    html = (made.root / "lineage.html").read_text()
    assert answer(html, "Does it hold?").startswith(said.verdict.value)
    assert said.findings[0].node in html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_the_report_gets_a_tab_that_tells_the_chain_of_one_file_while_the_run_is_under_way(
    made: Lineage, report_of
) -> None:
    inner = Markup(page(made.root, FINE, "results/encoders/s4d/all", inside=True))
    html = build(**report_of("demo")[0], sections=SECTIONS | TAB, more={"lineage": inner, "fault": None})
    assert '<a id="tab-lineage" href="#lineage">Lineage</a>' in html
    assert "made 0 of these jobs, and reused 7" in answer(html, "What was reused?")
    assert not {"encoders, prosody, fit_head", "fuse, fuse"} & set(boxes(html))
    assert "checked by blemore lineage verify" in re.sub(r"\s+", " ", re.sub("<[^>]+>", "", html))
    ids = [one.attributes["id"] for one in Page(html).elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_the_tab_says_why_where_there_are_no_records(
    report_of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = with_lineage(SUBMISSION)
    html = build(**report_of("demo")[0], **arguments)
    assert "no lineage records" in next(
        one.text for one in Page(html).elements if one.attributes.get("id") == "lineage"
    )


@pytest.mark.usefixtures("undrawn")
@pytest.mark.thorough
def test_the_reports_head_names_the_commits_of_the_records(
    made: Lineage, report_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.root)
    arguments = with_lineage(SUBMISSION)
    html = build(**report_of("demo")[0], **arguments)
    head = next(one.text for one in Page(html).elements if one.attributes.get("class") == "about")
    commits = facts(html)["code"]["commits"]
    assert commits
    assert all(commit in head for commit in commits)
    assert "changes that were not committed" in head


def test_a_job_is_named_as_in_every_other_command(made: Lineage, html: str) -> None:
    for record in made.store.current.values():
        assert f'<span class="hash">{key(made.store.records[record])}</span>' in html
