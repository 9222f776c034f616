"""What was left out, put beside, or stands in for another thing is found: many attacks on one copy, one verification for all.

An attack is what it does to a copy, the verdict, and the node that has to be named.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from blemore.study import STUDY
from joblineage.checks import lock
from joblineage.store import Store, digest
from joblineage.verdict import Verdict
from joblineage.verify import Report, verify

from .attacks import ELSEWHERE, Attack, attacked, found, linked, metadata, named, record_of, write
from .conftest import Study

pytestmark = pytest.mark.slow


def moved_behind_a_link(path: str, **bytes_of: bytes) -> Callable[[Path], None]:
    """The same files, but for those named, elsewhere, and a link in their place."""

    def do(root: Path) -> None:
        away = root / ELSEWHERE / path.replace("/", "-")
        (root / path).rename(away)
        (root / path).symlink_to(away)
        for name, data in bytes_of.items():
            write(next(away.glob(f"{name}.*")), data)

    return do


def put(path: str, data: bytes = b"mine") -> Callable[[Path], None]:
    return lambda root: write(root / path, data)


def an_object_replaced(root: Path) -> None:
    first, second, *_ = sorted((root / "lineage/objects").iterdir())
    write(first, second.read_bytes())


def a_record_behind_a_link(root: Path) -> None:
    path = record_of(root, "licences")
    path.rename(root / ELSEWHERE / path.name)
    path.symlink_to(root / ELSEWHERE / path.name)


def other_spelling_of_metadata(root: Path) -> None:
    """Snakemake reads the forged note; the true one lies where a lenient reader of base64 finds it too."""
    path = metadata(root, "results/licences.json")
    write(path.with_name("@" + path.name[:8]) / path.name[8:], path.read_bytes())
    write(path, path.read_bytes().replace(b'"licences"', b'"compare"'))


U, T, M, S = Verdict.UNRECORDED, Verdict.TAMPERED, Verdict.MISSING, Verdict.STALE
LONELY = "0" * 64 + ".sig.json"
PLACES = {
    "a folder behind a link": Attack(moved_behind_a_link("results/fusion"), U, "results/fusion"),
    "a folder behind a link, with another file": Attack(
        moved_behind_a_link("results/individuals", summary=b"{}"), T, "results/individuals/summary.json"
    ),
    "the link itself": Attack(lambda root: None, U, "results/individuals"),
    "a file behind a link": Attack(moved_behind_a_link("results/metrics.json"), U, "results/metrics.json"),
    "a raw file behind a link": Attack(moved_behind_a_link("data/demo/truth.json"), U, "data/demo/truth.json"),
    "a link to nothing": Attack(lambda root: (root / "results/old").symlink_to("nowhere"), U, "results/old"),
    "a link out of the study": Attack(lambda root: (root / "results/etc").symlink_to("/etc"), U, "results/etc"),
    "a half-written name": Attack(put("results/better.tmp"), U, "results/better.tmp"),
    "a hidden file": Attack(put("results/submission/.better"), U, "results/submission/.better"),
    "compiled code": Attack(put("results/__pycache__/fuse.pyc"), U, "results/__pycache__/fuse.pyc"),
    "a pipe": Attack(lambda root: os.mkfifo(root / "results/pipe"), U, "results/pipe"),
    "another case": Attack(put("results/clips/Clips.parquet"), U, "results/clips/Clips.parquet"),
    "a letter that looks alike": Attack(
        put("results/submission/submіssion.zip"), U, "results/submission/submіssion.zip"
    ),
    "digits of another script": Attack(
        put("data/demo/train/A٩٠١_ang_int4_ver1.mov"), U, "data/demo/train/A٩٠١_ang_int4_ver1.mov"
    ),
    "a letter that nobody sees": Attack(put("results/metrics\u200b.json"), U, r"results/metrics\u200b.json"),
    "a name that clears the screen": Attack(put("results/\x1b[2J.json"), U, r"results/\x1b[2J.json"),
    "a name that is no text": Attack(put(os.fsdecode(b"results/\xff.csv")), U, r"results/\udcff.csv"),
    "a file among the records": Attack(put("lineage/notes.txt"), U, "lineage/notes.txt"),
    "a half-written name among the records": Attack(put("lineage/records/my.tmp"), U, "lineage/records/my.tmp"),
    "a signature of no run": Attack(put(f"lineage/runs/{LONELY}"), U, f"lineage/runs/{LONELY}"),
    "a file called a signature": Attack(put("lineage/runs/my.sig.json"), U, "lineage/runs/my.sig.json"),
    "metadata in another spelling": Attack(
        other_spelling_of_metadata, T, ".snakemake/metadata of results/licences.json"
    ),
}


@pytest.fixture(scope="module")
def strange(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return attacked(finished.folder, tmp_path_factory.mktemp("strange"), PLACES)


@pytest.mark.parametrize("what", PLACES)
def test_what_nobody_made_is_found_where_it_lies(strange: Report, what: str) -> None:
    assert PLACES[what][1:] in named(strange)


def test_what_a_killed_job_was_writing_is_noted(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    write(root / "results/.metrics.json.17.tmp", b"{")
    report = verify(Store(root, STUDY), deep=True)
    assert report.findings == []
    assert any("results/.metrics.json.17.tmp" in note for note in report.notes)


def test_what_looks_like_another_name_is_spelled_out(strange: Report) -> None:
    (said,) = [one.what for one in strange.findings if one.node.endswith("submіssion.zip")]
    assert r"subm\u0456ssion" in said


def test_links_and_replaced_objects_among_the_records_are_found(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    (root / ELSEWHERE).mkdir()
    an_object_replaced(root)
    a_record_behind_a_link(root)
    mine = digest(b"mine")
    write(root / "lineage/objects" / mine, b"mine")
    report = verify(Store(root, STUDY), deep=True)
    one = sorted((root / "lineage/objects").iterdir())[0].name
    assert {(T, f"lineage/objects/{one}"), (U, f"lineage/records/{record_of(root, 'licences').name}")} <= named(report)
    assert any(f"lineage/objects are named by no record: {mine[:12]}" in note for note in report.notes)


def test_a_link_of_dvc_to_its_cache_is_no_stranger(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    path = root / "results/metrics.json"
    md5 = next(
        out["md5"]
        for one in Store(root).records.values()
        for out in one["outputs"]
        if out["path"].endswith("/metrics.json")
    )
    kept = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    write(kept, path.read_bytes())
    path.unlink()
    path.symlink_to(kept)
    assert verify(Store(root, STUDY), deep=True).findings == []


def more(stage: dict, kind: str, path: str) -> None:
    stage[kind].append({"path": path, "hash": "md5", "md5": "0" * 32})


LOCK = {
    "an output's md5": (
        lambda s: s["fuse"]["outs"][0].update(md5="0" * 32 + ".dir"),
        T,
        "fuse claims md5 000000000000 of results/fusion",
    ),
    "a single file's md5": (
        lambda s: s["evaluate"]["outs"][-1].update(md5="0" * 32),
        T,
        "evaluate claims md5 000000000000 of results/worth.json",
    ),
    "the records' md5": (
        lambda s: s["report"]["outs"][1].update(md5="0" * 32 + ".dir"),
        T,
        "report claims md5 000000000000 of lineage",
    ),
    "a source's md5": (lambda s: s["fuse"]["deps"][0].update(md5="0" * 32), T, "fuse claims that it read Snakefile"),
    "a result's md5 where it is read": (
        lambda s: s["calibrate"]["deps"][-1].update(md5="0" * 32),
        T,
        "calibrate claims that it read workflow_scripts",
    ),
    "a parameter": (
        lambda s: s["fuse"]["params"]["params.yaml"].update(seed=1),
        T,
        "fuse claims other parameters seed",
    ),
    "a command": (lambda s: s["submit"].update(cmd="true"), T, "submit claims the command 'true'"),
    "a size": (lambda s: s["calibrate"]["outs"][0].update(size=3), T, "claims size 3 of results/calibration"),
    "a number of files": (
        lambda s: s["calibrate"]["outs"][0].update(nfiles=1),
        T,
        "claims nfiles 1 of results/calibration",
    ),
    "a stage more": (lambda s: s.update(more={"cmd": "curl"}), T, "more claims the command 'curl'"),
    "an output more": (
        lambda s: more(s["data"], "outs", "results/better"),
        T,
        "data claims md5 000000000000 of results/better",
    ),
    "a source more": (lambda s: more(s["data"], "deps", "src/mine.py"), T, "data claims that it read src/mine.py"),
    "a parameter more": (
        lambda s: s["data"]["params"]["params.yaml"].update(mine=1),
        T,
        "data claims other parameters mine",
    ),
    "no stage": (lambda s: s.pop("individuals"), M, "has no stage individuals"),
    "no output": (lambda s: s["submit"]["outs"].clear(), M, "submit has no results/submission among its outs"),
    "no list of outputs": (lambda s: s["embed"].pop("outs"), M, "embed has no results/features among its outs"),
    "no source": (lambda s: s["encode"]["deps"].pop(0), M, "encode has no Snakefile among its deps"),
    "no parameter": (
        lambda s: s["encode"]["params"]["params.yaml"].pop("seed"),
        M,
        "encode has no seed among its params",
    ),
    "no parameters": (lambda s: s["prepare"].pop("params"), M, "prepare has no demo among its params"),
}


@pytest.fixture(scope="module")
def relocked(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = linked(finished.folder, tmp_path_factory.mktemp("lock") / "study")
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    for change, *_ in LOCK.values():
        change(lock["stages"])
    write(root / "dvc.lock", yaml.safe_dump(lock, sort_keys=False))
    return root


@pytest.fixture(scope="module")
def told(relocked: Path) -> list[tuple[Verdict, str]]:
    return [(one.verdict, one.what) for one in lock.check(Store(relocked, STUDY))[0]]


@pytest.mark.parametrize("what", LOCK)
def test_a_forged_dvc_lock_is_found_and_what_it_leaves_out_too(told, what: str) -> None:
    _, verdict, words = LOCK[what]
    assert any(words in said for which, said in told if which is verdict)


def test_a_forged_dvc_lock_is_named(relocked: Path) -> None:
    found(relocked, Verdict.TAMPERED, "dvc.lock")


def test_a_lost_dvc_lock_is_found(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    (root / "dvc.lock").unlink()
    found(root, Verdict.MISSING, "dvc.lock")


def test_lost_runs_are_found_without_dvcs_cache(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    for path in (root / "lineage/runs").iterdir():
        path.unlink()
    for path in (root / ".dvc/cache").rglob("*.dir"):
        path.unlink()
    found(root, Verdict.MISSING, "lineage/runs")
