"""What is lost or damaged comes back from DVC's cache where it is right there; the rest is named, and made again."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from made_records import Lineage, small_study

from joblineage import documents, repairing
from joblineage.capture import dvc_md5, hashed
from joblineage.files import sha256
from joblineage.record import Begun
from joblineage.restoring import DvcCache
from joblineage.store import Store, seconds
from joblineage.workspace import STARTED, note

FUSED = "results/fused"


def put(root: Path, data: bytes, ending: str = "") -> str:
    """Put an object into DVC's cache; its name."""
    name = hashlib.md5(data).hexdigest() + ending
    place = DvcCache(root).place(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return name


def put_folder(root: Path, folder: Path) -> str:
    files = sorted((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.relative_to(folder).parts)
    listed = [{"md5": put(root, one.read_bytes()), "relpath": one.relative_to(folder).as_posix()} for one in files]
    name = put(root, json.dumps(listed, sort_keys=True).encode(), ".dir")
    assert name == dvc_md5(folder)
    return name


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    """A finished study with Snakemake's notes, as DVC versions it."""
    made = small_study(tmp_path)
    store = made.store
    for path, name in store.makers.items():
        record = store.records[name]
        said = {
            "rule": record["job"]["rule"],
            "incomplete": False,
            "input": sorted({one["path"] for one in record["inputs"]}),
            "input_checksums": {one["path"]: f"sha256:{one['sha256']}" for one in record["inputs"]},
            "params": [repr(one) for one in record["params"]["values"].values()],
            "starttime": seconds(record["time"]["start"]),
            "endtime": seconds(record["time"]["end"]),
        }
        made.file(note(path).as_posix(), json.dumps(said))
    folders = [
        {"path": path, "md5": put_folder(tmp_path, tmp_path / path)}
        for path in ("results", "lineage", ".snakemake/metadata")
    ]
    (tmp_path / "dvc.lock").write_text(
        yaml.safe_dump({"stages": {"all": {"cmd": "make", "deps": [], "outs": folders}}})
    )
    assert repairing.repair(store) == []
    return made


def content(root: Path) -> dict[str, bytes]:
    """Every file that a repair may bring back."""
    folders = [root / name for name in ("results", "lineage", ".snakemake/metadata")]
    return {one.as_posix(): one.read_bytes() for folder in folders for one in folder.rglob("*") if one.is_file()}


def record(root: Path) -> Path:
    return root / f"lineage/records/{Store(root).makers[FUSED]}.json"


def run(root: Path) -> Path:
    return next((root / "lineage/runs").iterdir())


def samples(root: Path) -> Path:
    store = Store(root)
    return store.place(store.records[store.makers["results/fold0"]]["split"]["models"][0]["on"])


def noted(root: Path) -> Path:
    return root / note(FUSED)


def result(root: Path) -> Path:
    return root / FUSED


def same_size(path: Path) -> None:
    path.write_bytes(b"?" + path.read_bytes()[1:])


DAMAGES = {
    "lost": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one other byte": same_size,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("where", [record, run, samples, noted, result])
def test_each_file_comes_back_as_it_was(made: Lineage, where: Callable[[Path], Path], damage: Callable[[Path], None]):
    before = content(made.root)
    damage(where(made.root))
    done = repairing.repair(made.store)
    assert content(made.root) == before
    assert len(done) == 1
    assert done[0].startswith("restored")
    assert repairing.repair(made.store) == []


def test_all_at_once_comes_back(made: Lineage):
    before = content(made.root)
    for path in before:
        Path(path).unlink()
    assert [line.partition(" from")[0] for line in repairing.repair(made.store)][1:] == [
        "restored 5 result(s)",
        "restored Snakemake's notes on 5 result(s)",
    ]
    assert content(made.root) == before


def test_a_damaged_object_of_dvc_is_removed_and_never_taken_for_a_result(made: Lineage):
    (out,) = made.store.records[made.store.makers[FUSED]]["outputs"]
    place = DvcCache(made.root).place(out["md5"])
    same_size(place)
    result(made.root).unlink()
    assert repairing.repair(made.store) == [
        f"removed 1 damaged object(s) of DVC's cache: {out['md5'][:2]}/{out['md5'][2:]}",
        f"lost or damaged, and to be made again: {FUSED}",
    ]
    assert not place.exists()
    assert not result(made.root).exists()


def test_a_result_comes_back_with_the_time_of_its_job_so_that_newer_inputs_are_newer(made: Lineage):
    result(made.root).unlink()
    repairing.repair(made.store)
    end = made.store.records[made.store.makers[FUSED]]["time"]["end"]
    assert result(made.root).stat().st_mtime == seconds(end)


def test_a_result_of_other_inputs_does_not_come_back(made: Lineage):
    made.file("data/A11_ang_int1_ver1.mov", "another clip")
    (made.root / "results/media").unlink()
    assert repairing.repair(made.store) == ["lost or damaged, and to be made again: results/media"]
    assert not (made.root / "results/media").exists()


def test_what_a_killed_job_had_begun_is_left_to_snakemake(made: Lineage):
    result(made.root).write_text("fus")
    made.file(note(FUSED, STARTED).as_posix(), "")
    assert repairing.repair(made.store) == []
    assert result(made.root).read_text() == "fus"


@pytest.mark.parametrize("text", ["", "garbage", '{"read": {"/st', "[]", '{"read": 3}', b"\xff\0"])
def test_a_list_of_locks_that_dvc_cannot_read_is_removed(made: Lineage, text: str | bytes):
    locks = made.root / ".dvc/tmp/rwlock"
    locks.parent.mkdir()
    locks.write_bytes(text if isinstance(text, bytes) else text.encode())
    (said,) = repairing.repair(made.store)
    assert said.startswith("removed .dvc/tmp/rwlock")
    assert not locks.exists()


@pytest.mark.parametrize("data", [b"garbage", b"[core", b"\xff\0[cache]"])
def test_settings_that_dvc_cannot_read_end_no_repair(made: Lineage, data: bytes):
    (made.root / ".dvc/config").write_bytes(data)
    result(made.root).unlink()
    assert repairing.repair(made.store) == [f"restored 1 result(s) from DVC's cache: {FUSED}"]


@pytest.mark.parametrize("text", ["stages:\n  all:\n    cmd: ma", "\0\0", "[", ""])
def test_a_dvc_lock_that_cannot_be_read_is_removed_and_the_lineage_comes_back_without_it(made: Lineage, text: str):
    before = content(made.root)
    (made.root / "dvc.lock").write_text(text)
    record(made.root).unlink()
    assert repairing.repair(made.store) == [
        "restored 1 document(s) of lineage/",
        "removed dvc.lock, which could not be read",
    ]
    assert content(made.root) == before


@pytest.mark.parametrize("damage", ["cut", "emptied", "zeros"])
def test_what_numba_keeps_goes_where_it_is_damaged_and_stays_where_it_is_not(made: Lineage, damage: str):
    whole = pickle.dumps("0.61") + pickle.dumps({"stamp": 1, "code": b"machine code" * 100})
    folder = made.root / "src/__pycache__"
    folder.mkdir()
    (folder / "good.nbi").write_bytes(whole)
    (folder / "bad.1.nbc").write_bytes({"cut": whole[:-9], "emptied": b"", "zeros": bytes(len(whole))}[damage])
    assert repairing.repair(made.store) == ["removed 1 damaged file(s) that numba compiled: bad.1.nbc"]
    assert [one.name for one in folder.iterdir()] == ["good.nbi"]


def without_cache(made: Lineage) -> None:
    for one in DvcCache(made.root).objects():
        Path(one.path).unlink()


def test_of_a_record_that_is_in_no_copy_nobody_speaks_any_more(made: Lineage):
    without_cache(made)
    lost = record(made.root)
    lost.write_text("{")
    (said,) = repairing.repair(made.store)
    assert said == (
        f"removed from lineage/ what is damaged or lost and in no copy: {lost.relative_to(made.root)} and 1 document(s) "
        "that spoke of them: the next run rewrites what it needs"
    )
    assert FUSED not in made.store.makers
    assert "results/fold0" in made.store.makers
    assert documents.spoken_of(made.store) == set()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("where", [record, run, samples])
def test_without_any_copy_the_lineage_is_whole_again_with_what_is_left(
    made: Lineage, where: Callable[[Path], Path], damage: Callable[[Path], None]
):
    without_cache(made)
    damage(where(made.root))
    said = repairing.repair(made.store)
    assert [line for line in said if not line.startswith("removed from lineage/ what is damaged or lost")] == []
    assert documents.spoken_of(made.store) == set()


def test_a_lost_copy_of_a_source_file_is_taken_from_the_file(made: Lineage):
    without_cache(made)
    before = content(made.root)
    made.store.place(sha256(made.root / "src/train.py")).unlink()
    assert repairing.repair(made.store) == ["restored 1 document(s) of lineage/"]
    assert content(made.root).items() >= before.items()


@pytest.mark.parametrize("text", ["", "[1", "{}", '{"all": 3, "objects": [[1]]}', "null"])
def test_a_damaged_memory_of_what_was_whole_is_no_memory(made: Lineage, text: str):
    (made.root / repairing.MEMORY).write_text(text)
    result(made.root).unlink()
    assert len(repairing.repair(made.store)) == 1
    assert result(made.root).exists()


def test_where_nothing_changed_no_file_is_read(made: Lineage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Store, "records", None)
    monkeypatch.setattr(repairing, "whole", None)
    assert repairing.repair(made.store) == []


def test_a_job_that_cannot_read_a_damaged_input_says_which_it_is_and_what_to_do(made: Lineage, monkeypatch):
    monkeypatch.chdir(made.root)
    Path("results/media").write_text("me")
    inputs = [hashed("file", "results/media"), hashed("code", "src/train.py")]
    (said,) = Begun(None, inputs, "").damaged()
    assert said.startswith("results/media is damaged: prepare made 5 bytes, sha256 ")
    assert "; here are 2, " in said
    assert said.endswith("start the run again: it first restores or remakes what is damaged")


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "inner").mkdir(parents=True)
    (path / "inner/file").write_text("text")


def dangling(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [folder, dangling])
@pytest.mark.parametrize(
    "name", ["record", "run", "samples", "noted", "result", "rwlock", "dvc.lock", "object", "memory", "status", "numba"]
)
def test_folders_and_links_in_place_of_files_end_no_repair(made: Lineage, make: Callable[[Path], None], name: str):
    before = content(made.root)
    places = {
        "record": record(made.root),
        "run": run(made.root),
        "samples": samples(made.root),
        "noted": noted(made.root),
        "result": result(made.root),
        "rwlock": made.root / ".dvc/tmp/rwlock",
        "dvc.lock": made.root / "dvc.lock",
        "object": Path(next(DvcCache(made.root).objects()).path),
        "memory": made.root / repairing.MEMORY,
        "status": made.root / "cache/lineage/status.json",
        "numba": made.root / "src/__pycache__/code.nbi",
    }
    make(places[name])
    said = repairing.repair(made.store)
    assert all(isinstance(line, str) for line in said)
    assert content(made.root) == before
