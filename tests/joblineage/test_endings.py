"""What ends early, what clocks and file browsers do: words of their own, and never TAMPERED; a later good run heals it."""

import json
import os
import subprocess
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from made_records import Lineage, fuse, gather, small_study, train

from joblineage.capture import dvc_md5
from joblineage.store import Store, canonical, digest, in_order, key
from joblineage.verdict import Finding, Verdict
from joblineage.verify import Report, verify


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    """A finished study with what other tools say of it."""
    found = small_study(tmp_path)
    found.tell()
    return found


def found(made: Lineage) -> dict[str, Verdict]:
    """{node: verdict}."""
    return {one.node: one.verdict for one in verify(made.store).findings}


def notes(made: Lineage) -> str:
    report = verify(made.store)
    assert report.findings == []
    return "\n".join(report.notes)


def claim(made: Lineage, path: str) -> Path:
    """Snakemake's metadata of a file."""
    return made.root / ".snakemake/metadata" / urlsafe_b64encode(path.encode()).decode()


def edit(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


def begin(made: Lineage, path: str) -> None:
    """Mark a file as Snakemake does when a job that makes it begins."""
    mark = made.root / ".snakemake/incomplete" / urlsafe_b64encode(path.encode()).decode()
    mark.parent.mkdir(exist_ok=True)
    mark.touch()


def remake(made: Lineage) -> None:
    """What a run does after it was ended: the rest, its document, and what other tools say."""
    for fold in (0, 1):
        train(made, fold, 0.1)
    gather(made)
    fuse(made)
    made.run()
    made.tell()


def test_a_run_that_was_ended_in_the_middle_is_incomplete_until_another_ends_well(made):
    train(made, 0, 0.2, "learned at another rate")  # its record is there, Snakemake has not heard of its end
    assert verify(made.store).verdict is Verdict.INCOMPLETE
    assert Verdict.TAMPERED not in found(made).values()
    assert found(made)["lineage/runs"] is Verdict.INCOMPLETE
    assert found(made)[".snakemake/metadata of results/fold0"] is Verdict.INCOMPLETE
    remake(made)
    assert found(made) == {}


def test_a_job_that_failed_leaves_the_metadata_of_the_try_and_no_output(made):
    (made.root / "results/fold0").unlink()
    edit(claim(made, "results/fold0"), params=["1"])
    assert set(found(made).values()) == {Verdict.INCOMPLETE}
    claim(made, "results/fold0").unlink()
    assert set(found(made).values()) == {Verdict.INCOMPLETE}


def test_an_output_that_was_taken_away_by_hand_is_missing(made):
    (made.root / "results/fold0").unlink()
    assert found(made) == {"results/fold0": Verdict.MISSING}


@pytest.mark.parametrize("text", [None, "half of it", ""])
def test_an_output_of_a_job_that_began_anew_is_incomplete_whatever_it_holds(made, text):
    begin(made, "results/fused")
    (made.root / "results/fused").unlink()
    if text is not None:
        made.file("results/fused", text)
    begin(made, "results/unrecorded")
    made.file("results/unrecorded", "of a job that was killed")
    assert found(made) == {"results/fused": Verdict.INCOMPLETE, "results/unrecorded": Verdict.INCOMPLETE}


def test_a_run_of_a_part_of_the_study_is_incomplete(made):
    fuse(made)
    made.run(complete=False)
    made.tell()
    edit(claim(made, "results/fused"), params=["1"])  # as after an edit of the parameters while it ran
    store = made.store
    assert found(made) == {
        f"lineage/runs/{store.line[0]}.json": Verdict.INCOMPLETE,
        ".snakemake/metadata of results/fused": Verdict.INCOMPLETE,
    }
    assert verify(store, "results/fold0").findings == []


def test_records_of_a_study_that_was_tried_and_set_aside_are_a_note(made):
    made.job("embed", ["results/media"], {"results/features": "of an encoder that was taken out again"})
    claim(made, "results/features").write_text(claim(made, "results/fused").read_text())
    begin(made, "results/features")
    assert "tried and set aside" in "\n".join(verify(made.store).notes)
    assert "lineage/runs" not in found(made)


def test_a_study_of_before_records_were_counted_is_ok_with_one_sentence(made):
    paths = sorted((made.root / "lineage/records").glob("*.json"))
    names = {}
    for path in paths:
        one = json.loads(path.read_bytes())
        del one["number"]
        names[path.stem] = digest(canonical(one))
        path.unlink()
        path.with_name(f"{names[path.stem]}.json").write_bytes(canonical(one))
    made.relist(names)
    made.tell()
    assert "older version of this library" in notes(made)
    train(made, 0, 0.1)
    assert verify(made.store).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_clock_that_jumps_between_two_runs_changes_nothing(made, days):
    made.minutes += int(timedelta(days=days).total_seconds() // 60)
    again = train(made, 0, 0.2, "learned at another rate")
    assert made.store.current["train/fold=0"] == again
    gather(made)
    fuse(made)
    last = made.run()
    made.tell()
    assert made.store.line[0] == last
    assert found(made) == {}
    assert [key(made.store.records[one]) for one in made.store.by_age([again, *made.store.runs[last]["reused"]])][
        -1
    ] == ("train/fold=0")


def test_a_clock_that_jumps_while_a_run_is_killed_and_goes_on_changes_nothing(made):
    train(made, 0, 0.2, "of the run that was killed")
    made.minutes -= 60 * 24 * 30
    later = train(made, 0, 0.3, "of the run after it")
    store = made.store
    assert (store.makers["results/fold0"], store.newest["results/fold0"]) == (later, later)


def test_times_in_snakemake_s_metadata_are_a_note(made):
    edit(claim(made, "results/fused"), starttime=1.0, endtime=2.0)
    assert "Snakemake noted other times than" in notes(made)


def test_an_input_that_changed_before_snakemake_looked_at_it_is_no_tampering(made):
    made.file("src/train.py", "edited\n")
    for fold in (0, 1):
        path = claim(made, f"results/fold{fold}")
        sums = json.loads(path.read_bytes())["input_checksums"]
        edit(path, input_checksums=sums | {"src/train.py": f"sha256:{digest(b'edited' + bytes([10]))}"})
    assert set(found(made).values()) == {Verdict.INCOMPLETE, Verdict.STALE}


@pytest.mark.parametrize(
    "name", [".DS_Store", "Thumbs.db", "desktop.ini", ".fused.swp", "fused~", "._fused", ".#fused"]
)
def test_what_file_browsers_and_editors_leave_is_a_note(made, name):
    for folder in ("results", "lineage", "lineage/records"):
        made.file(f"{folder}/{name}", "x")
    assert f"results/{name}" in notes(made)


def test_an_older_version_of_a_result_is_stale(made):
    before = (made.root / "results/fold0").read_text()
    train(made, 0, 0.2, "learned at another rate")
    gather(made)
    fuse(made)
    made.run()
    made.tell()
    made.file("results/fold0", before)
    assert found(made) == {"results/fold0": Verdict.STALE}
    made.file("results/fold0", "mine")
    assert found(made) == {"results/fold0": Verdict.TAMPERED}


def test_a_source_with_other_line_ends_is_stale_with_one_sentence_of_advice(made):
    path = made.root / "src/train.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    report = verify(made.store)
    assert report.verdict is Verdict.STALE
    assert "core.autocrlf" in "\n".join(report.notes)


def test_a_run_of_another_copy_of_the_study_is_named(made):
    first = made.store.line[0]
    fuse(made)
    made.run()
    (path,) = (one for one in (made.root / "lineage/runs").glob("*.json") if one.stem != first)
    other = json.loads(path.read_bytes()) | {"complete": False}
    path.with_name(f"{digest(canonical(other))}.json").write_bytes(canonical(other))
    made.tell()
    assert Verdict.UNRECORDED in found(made).values()
    assert Verdict.TAMPERED not in found(made).values()


def test_runs_are_in_the_order_in_which_they_name_each_other():
    assert in_order({}) == []
    assert in_order({"c": "b", "a": None, "b": "a"}) == ["a", "b", "c"]
    assert in_order({"x": "lost", "a": None, "b": "a"}) == ["a", "b", "x"]
    assert in_order({"x": "y", "y": "x", "a": None}) == ["x", "y", "a"]


def test_a_disk_that_cannot_be_written_is_a_note(made):
    made.file("cache", "no folder")  # as on a read-only disk: the files' status cannot be kept
    assert "cannot be written" in notes(made)


def test_files_that_another_user_keeps_to_themselves_are_a_note(made, monkeypatch):
    theirs, real = "results/media", os.access
    monkeypatch.setattr(os, "access", lambda path, *how: not str(path).endswith(theirs) and real(path, *how))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "1 files may not be read by this user" in notes(made)


def test_a_folder_that_git_does_not_trust_is_a_note(made, monkeypatch):
    subprocess.run(["git", "init", "-q", made.root], check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "dubious ownership" in notes(made)


def test_a_machine_without_git_is_a_note(made, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "git is not installed" in notes(made)


def test_dvc_s_versions_of_an_earlier_run_are_incomplete(made):
    """As after a kill between the end of the last job and DVC's commit."""
    files = [one for one in (made.root / "lineage").rglob("*") if one.is_file()]
    listed = [{"relpath": str(one.relative_to(made.root / "lineage")), "md5": dvc_md5(one)} for one in files]
    data = json.dumps(sorted(listed, key=lambda one: one["relpath"].split("/")), sort_keys=True)
    md5 = dvc_md5(made.root / "lineage")
    made.file(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}", data)
    lock = (made.root / "dvc.lock").read_text()
    remake(made)
    made.file("dvc.lock", lock)
    assert found(made) == {"dvc.lock": Verdict.INCOMPLETE}


def test_a_broken_record_is_named_and_the_others_are_read(made):
    name = made.store.current["prepare"]
    made.file(f"lineage/records/{name}.json", '{"cut')
    assert found(made)[f"lineage/records/{name}.json"] is Verdict.MISSING
    assert len(Store(made.root).records) == 4


def test_a_study_of_which_every_record_is_broken_has_a_verdict(made):
    for path in (made.root / "lineage/records").glob("*.json"):
        path.write_bytes(b"")
    report: Report = verify(made.store)
    assert report.verdict is Verdict.MISSING
    assert isinstance(report.findings[0], Finding)
