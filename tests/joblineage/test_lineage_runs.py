"""Which records a run lists: those of the jobs that the present study depends on, wherever they were run."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_records import Lineage

from joblineage import run
from joblineage.store import Store, key


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    """Two data sets' clips, a submission of the first, and a judge of it."""
    made = Lineage(tmp_path)
    made.job("first", [], {"data/first/clip": "a"})
    made.job("submit", ["data/first/clip"], {"results/submission": "s"})
    made.job("judge", ["results/submission"], {"results/judged": "j"})
    return made


def close(made: Lineage, *targets: str, rules: str = ".*", complete: bool = True) -> set[str]:
    """Jobs that the run which ends now lists."""
    run.close(Store(made.root), [re.compile(rules)], targets, complete=complete)
    store = Store(made.root)
    last = store.last_run
    assert last is not None
    return {key(store.records[name]) for name in (*last["executed"], *last["reused"])}


def test_a_complete_run_lists_the_jobs_that_its_targets_came_from_and_no_other(made):
    assert close(made, "results/submission") == {"first", "submit"}


def test_a_run_that_did_not_finish_lists_all_that_the_study_can_make(made):
    assert close(made, "results/submission", complete=False) == {"first", "submit", "judge"}
    made.job("plot", ["results/submission"], {"results/plot": "p"})
    assert close(made, complete=False, rules="(results/(submission|plot)|data)") == {"first", "submit", "plot"}


def test_a_data_set_that_was_set_aside_and_comes_back_has_its_records_again(made):
    close(made, "results/submission")
    made.job("second", [], {"data/second/clip": "b"})
    made.job("submit", ["data/second/clip"], {"results/submission": "t"})
    assert close(made, "results/submission") == {"second", "submit"}
    made.job("submit", ["data/first/clip"], {"results/submission": "s"})
    assert close(made, "results/submission") == {"first", "submit"}


def test_a_file_that_is_gone_does_not_bring_its_old_record_back(made):
    close(made, "results/submission")
    (made.root / "results/judged").unlink()
    made.job("plot", ["results/submission"], {"results/plot": "p"})
    assert close(made, complete=False) == {"first", "submit", "plot"}


def test_a_finished_study_outside_git_is_not_handed_to_dvc(made, monkeypatch):
    versioned = []
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr("joblineage.planned.up_to_date", lambda root, target: True)
    monkeypatch.setattr("joblineage.verify.verify", lambda store: SimpleNamespace(findings=[]))
    monkeypatch.setattr(run, "version", lambda store: versioned.append(store) or True)
    assert run.end(Store(made.root), [re.compile(".*")], ["results/judged"], "judge")
    assert versioned == []
    (made.root / ".git").mkdir()
    assert run.end(Store(made.root), [re.compile(".*")], ["results/judged"], "judge")
    assert len(versioned) == 1
