"""Whoever forges the records of a finished study is found out, alone or with everything made from them."""

import hashlib
import json
from pathlib import Path

import pytest

from blemore.study import STUDY
from joblineage.replay import replay
from joblineage.signing import make_keys, sign
from joblineage.store import Store, canonical, digest
from joblineage.verdict import Verdict
from joblineage.verify import verify

from .attacks import edit, flip, found, linked, node_of, record_of, reforge, write
from .conftest import Study

pytestmark = pytest.mark.slow


@pytest.fixture
def root(finished: Study, tmp_path: Path) -> Path:
    """A copy to be attacked by the functions of attacks.py."""
    return linked(finished.folder, tmp_path / "study")


def test_an_edited_record_is_found(root: Path) -> None:
    path = record_of(root, "train_fold/finetuned=s4d/fold=0")
    edit(path, lambda one: one["params"]["values"]["encoder"].update(learning_rate=0.5))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_record_with_an_edited_time_is_found(root: Path) -> None:
    path = record_of(root, "score")
    edit(path, lambda one: one["time"].update(seconds=0.01))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_record_under_a_new_name_is_found(root: Path) -> None:
    path = record_of(root, "fuse")
    edit(path, lambda one: one["seeds"].update(seed=1))
    path.rename(path.with_name(f"{digest(path.read_bytes())}.json"))
    assert verify(Store(root, STUDY), deep=True).verdict is not Verdict.OK
    assert node_of(root, path) in {one.node for one in verify(Store(root, STUDY), deep=True).findings}


def test_a_deleted_record_is_found(root: Path) -> None:
    path = record_of(root, "decide")
    path.unlink()
    report = verify(Store(root, STUDY), deep=True)
    assert report.verdict is Verdict.MISSING or report.verdict is Verdict.TAMPERED
    assert node_of(root, path) in {one.node for one in report.findings}


def test_a_record_copied_from_another_run_is_found(root: Path) -> None:
    path = record_of(root, "fuse")
    other = json.loads(path.read_bytes())
    other["time"]["end"] = other["time"]["start"]
    other["outputs"][0]["sha256"] = "0" * 64
    copied = root / "lineage/records" / f"{digest(canonical(other))}.json"
    write(copied, canonical(other))
    found(root, Verdict.TAMPERED, node_of(root, copied))


def test_a_newer_record_copied_from_another_study_is_found(root: Path) -> None:
    other = json.loads(record_of(root, "fuse").read_bytes())
    other["time"] |= {"start": "2999-01-01T00:00:00.000000Z", "end": "2999-01-01T00:00:01.000000Z"}
    other["outputs"][0]["sha256"] = "0" * 64
    write(root / "lineage/records" / f"{digest(canonical(other))}.json", canonical(other))
    report = verify(Store(root, STUDY), deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert other["outputs"][0]["path"] in {one.node for one in report.findings}


def test_a_reordered_run_is_found(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    edit(path, lambda run: run["executed"].reverse())
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_run_whose_root_is_forged_is_found_under_its_own_hash_too(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    edit(path, lambda run: run["executed"].reverse())
    renamed = path.rename(path.with_name(f"{digest(path.read_bytes())}.json"))
    report = verify(Store(root, STUDY), deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert node_of(root, renamed) in {one.node for one in report.findings}


def test_a_deleted_run_is_found_by_what_dvc_versioned(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    path.unlink()
    found(root, Verdict.MISSING, node_of(root, path))


def test_a_strange_file_among_the_records_is_found(root: Path) -> None:
    write(root / "lineage/records/notes.txt", "trust me")
    assert "lineage/records/notes.txt" in {one.node for one in verify(Store(root, STUDY), deep=True).findings}


@pytest.mark.parametrize("job", ["fuse", "write_submission"])
def test_a_falsified_environment_is_found(root: Path, job: str) -> None:
    name = json.loads(record_of(root, job).read_bytes())["environment"]
    path = root / "lineage/objects" / name
    edit(path, lambda about: about["packages"].update(numpy="1.0.0"))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_copy_of_source_code_that_was_edited_is_found(root: Path) -> None:
    one = json.loads(record_of(root, "fuse").read_bytes())
    module = next(file for file in one["inputs"] if file["path"].endswith("fusion/run.py"))
    flip(root / "lineage/objects" / module["sha256"])
    found(root, Verdict.TAMPERED, f"lineage/objects/{module['sha256']}")


def test_a_lost_copy_of_source_code_is_found(root: Path) -> None:
    one = json.loads(record_of(root, "fuse").read_bytes())
    module = next(file for file in one["inputs"] if file["path"].endswith("fusion/run.py"))
    (root / "lineage/objects" / module["sha256"]).unlink()
    assert f"lineage/objects/{module['sha256']}" in {one.node for one in verify(Store(root, STUDY), deep=True).findings}


def test_code_that_a_record_calls_clean_but_its_commit_does_not_have_is_found(finished: Study, root: Path) -> None:
    study = Study(root)
    path = root / "src/blemore/fusion/run.py"
    write(path, path.read_text() + "# edited\n")
    study.git("commit", "--quiet", "--all", "-m", "Edited")
    forged = study.git("rev-parse", "HEAD").strip()
    study.git("checkout", "--quiet", "HEAD~1", "--", "src")
    name = record_of(root, "fuse")
    edit(name, lambda one: one["code"].update(commit=forged))
    reforge(root, name)
    assert "src/blemore/fusion/run.py" in {one.node for one in verify(Store(root, STUDY), deep=True).findings}


def test_a_chain_forged_as_a_whole_is_found_by_its_signature_only(root: Path, tmp_path: Path) -> None:
    private = tmp_path / "key"
    public = make_keys(private)
    sign(Store(root), private)
    assert verify(Store(root, STUDY), deep=True, key_file=public).findings == []

    page = root / "results/report/index.html"
    write(page, page.read_text().replace("<html", "<html data-forged"))
    path = record_of(root, "write_report")

    def rewrite(one: dict) -> None:
        data = page.read_bytes()
        one["outputs"][0] |= {"sha256": digest(data), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}

    edit(path, rewrite)
    reforge(root, path)
    assert verify(Store(root, STUDY), deep=True).findings == []  # hashes prove consistency, not honesty
    report = verify(Store(root, STUDY), deep=True, key_file=public)
    assert report.verdict is Verdict.TAMPERED
    assert report.findings[0].node.endswith(".sig.json")


def test_what_the_recorded_code_does_not_make_is_found_by_replaying_it(root: Path) -> None:
    (root / "cache").mkdir(exist_ok=True)
    path = record_of(root, "write_submission")
    assert replay(Store(root, STUDY), json.loads(path.read_bytes()), False) == ([], [])

    forged = root / "results/submission/submission.zip"
    write(forged, forged.read_bytes() + b"mine")

    def rewrite(one: dict) -> None:
        data = forged.read_bytes()
        out = next(out for out in one["outputs"] if out["path"] == "results/submission/submission.zip")
        out |= {"sha256": digest(data), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}

    edit(path, rewrite)
    reforge(root, path)
    assert verify(Store(root, STUDY), deep=True).findings == []
    findings, _ = replay(Store(root, STUDY), json.loads(record_of(root, "write_submission").read_bytes()), False)
    assert [(one.verdict, one.node) for one in findings] == [(Verdict.TAMPERED, "results/submission/submission.zip")]


def test_the_command_replays_the_cheapest_jobs(study: Study) -> None:
    said = study.run("blemore", "lineage", "verify", "--replay", "2").stdout
    assert "replayed: " in said
    assert said.splitlines()[-1].startswith("OK")
    assert study.git("status", "--porcelain") == ""


def test_a_run_that_is_not_signed_is_found_where_a_key_is_given(root: Path, tmp_path: Path) -> None:
    report = verify(Store(root, STUDY), key_file=make_keys(tmp_path / "key"))
    assert report.verdict is Verdict.TAMPERED


def test_another_persons_signature_is_found(root: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "mine")
    sign(Store(root), tmp_path / "mine")
    assert verify(Store(root, STUDY), key_file=make_keys(tmp_path / "other")).verdict is Verdict.TAMPERED
