"""What runs list and what lies in lineage/ is complete: a record in one list, a file with a name that something gives it."""

import json
import os
from collections.abc import Callable

import pytest
from made_records import Lineage, fuse, small_study

from joblineage.checks import complete, places
from joblineage.planned import study_at_work
from joblineage.store import canonical, digest, merkle_root
from joblineage.verdict import Verdict
from joblineage.workspace import under_git


@pytest.fixture
def made(tmp_path) -> Lineage:
    """A study of two runs: the second did its last job again."""
    made = small_study(tmp_path)
    fuse(made)
    made.run()
    return made


def forged(made: Lineage, change: Callable[[dict], object]) -> str:
    """Rewrite the last run under its own hash, with a Merkle root that fits; the file."""
    name = made.store.line[0]
    path = made.root / "lineage/runs" / f"{name}.json"
    run = json.loads(path.read_bytes())
    change(run)
    run["root"] = merkle_root([*run["executed"], *run["reused"]])
    path.unlink()
    new = digest(canonical(run))
    path.with_name(f"{new}.json").write_bytes(canonical(run))
    return f"lineage/runs/{new}.json"


def test_what_a_run_writes_is_complete(made):
    assert [*complete.lists(made.store)] == []
    assert places.lineage(made.store) == []
    assert places.strangers(made.store) == ([], [])


LISTS = {
    "twice": lambda run: run["executed"].append(run["reused"][-1]) or run["executed"].sort(),
    "not sorted": lambda run: run["reused"].reverse(),
    "no job of its own": lambda run: run.update(executed=[], reused=sorted([*run["executed"], *run["reused"]])),
    "an earlier run lists too": lambda run: run["executed"].append(run["reused"].pop()) or run["executed"].sort(),
    "no earlier run lists": lambda run: run["reused"].append("f" * 64),
}


@pytest.mark.parametrize("words", LISTS)
def test_lists_that_no_run_could_have_written_are_found(made, words):
    node = forged(made, LISTS[words])
    (found,) = complete.lists(made.store)
    assert (found.verdict, found.node) == (Verdict.TAMPERED, node)
    assert words in found.what


def test_a_run_forged_as_the_newest_is_found(made):
    last = made.store.last_run
    newest = last | {"previous": made.store.line[0], "complete": False, "executed": [], "reused": last["executed"]}
    name = made.store.write("runs", newest | {"root": merkle_root(last["executed"])})
    (found,) = complete.lists(made.store)
    assert found.node == f"lineage/runs/{name}.json"


def test_an_object_that_nothing_names_is_noted(made):
    assert complete.unnamed(made.store) == []
    name = made.store.put(b"mine")
    assert name[:12] in complete.unnamed(made.store)[0]


@pytest.mark.parametrize("name", ["runs/my.sig.json", "notes.tmp", "objects/.mine.1.tmp"])
def test_a_name_that_only_looks_like_ours_is_found(made, name):
    made.file(f"lineage/{name}", "mine")
    assert [(one.verdict, one.node) for one in places.lineage(made.store)] == [(Verdict.UNRECORDED, f"lineage/{name}")]


def test_what_was_being_written_in_a_kill_is_no_stranger(made):
    made.file(f"lineage/records/.{'0' * 64}.json.17.tmp", "half")
    made.file("results/.fused.17.tmp", "half")
    assert places.lineage(made.store) == []
    findings, (note,) = places.strangers(made.store)
    assert findings == []
    assert "results/.fused.17.tmp" in note


def test_the_folder_of_results_may_not_be_a_link(made):
    os.rename(made.root / "results", made.root / "away")
    (made.root / "results").symlink_to("away")
    ((found,), _) = places.strangers(made.store)
    assert (found.verdict, found.node) == (Verdict.UNRECORDED, "results")


def test_dvc_lock_is_missed_only_where_dvc_and_git_are_at_hand(made):
    (made.root / ".dvc").mkdir()
    assert not under_git(made.root)
    assert complete.gone(made.store) == []
    (made.root / ".git").mkdir()
    assert [(one.verdict, one.node) for one in complete.gone(made.store)] == [(Verdict.MISSING, "dvc.lock")]
    fuse(made)
    assert complete.gone(made.store) == []  # jobs have ended since: a run is at work, or was killed


def test_dvc_lock_of_an_unfinished_study_is_no_older_than_its_runs(made):
    assert complete.unfinished(made.store, True, ["results/fused"])[0].verdict is Verdict.STALE
    assert complete.unfinished(made.store, True, []) == []
    for path in (made.root / "lineage/runs").iterdir():
        path.unlink()
    assert complete.unfinished(made.store, True, [])[0].verdict is Verdict.MISSING
    assert complete.unfinished(made.store, True, ["results/fused"]) == []


def test_dvc_lock_may_leave_out_what_the_present_dvc_yaml_leaves_out():
    locked = {"fuse": {"cmd": "true", "outs": [{"path": "results/a"}]}}
    then = {"fuse": {"cmd": "true", "outs": ["results/${name}", {"results/b": {"persist": True}}]}}
    now = {"fuse": {"cmd": "true", "outs": ["results/${name}"]}}
    assert [one.what for one in complete.left_out([(then, {"name": "a"})], locked, "params.yaml")] == [
        "stage fuse has no results/b among its outs, which dvc.yaml has"
    ]
    assert complete.left_out([(then, {"name": "a"}), (now, {"name": "a"})], locked, "params.yaml") == []
    assert complete.left_out([({"fuse": []}, {})], locked, "params.yaml") == []


def test_a_library_that_lies_elsewhere_is_not_the_studys(tmp_path):
    assert not study_at_work(tmp_path)
