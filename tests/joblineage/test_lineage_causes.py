"""The causes of a difference between two runs, on made-up records."""

from pathlib import Path

import made_records
import pytest
from made_records import Lineage, small_study

from joblineage.comparing import Comparison
from joblineage.errors import DataError
from joblineage.outcome import Outcome
from joblineage.run_view import find_run
from joblineage.store import ANY, Store
from joblineage.study import Study


def outcome(root: Path, a: str = "previous", b: str = "last", study: Study = ANY) -> Outcome:
    return Outcome(Comparison(find_run(a, Store(root, study)), find_run(b, Store(root, study))))


def test_the_cause_is_told_once_with_the_jobs_where_it_began_and_those_that_follow(tmp_path):
    made = small_study(tmp_path)
    for fold in (0, 1):
        made_records.train(made, fold, 0.5)
    made_records.gather(made)
    made_records.fuse(made)
    made.run()
    told = outcome(tmp_path)
    assert told.sentence() == "encoder.learning_rate of train: 0.1 -> 0.5; 2 jobs and 2 jobs after them"
    assert [(job.key, bool(job.own)) for job in told.comparison.jobs.values()] == [
        ("train/fold=0", True),
        ("train/fold=1", True),
        ("gather", False),
        ("fuse", False),
    ]
    assert told.comparison.same == ["prepare"]


def test_a_run_does_not_differ_from_itself_nor_from_the_same_work_done_again(tmp_path):
    made = small_study(tmp_path)
    made_records.gather(made)
    made.run()
    assert outcome(tmp_path, "last", "last").sentence() == "Nothing differs: 5 jobs are the same."
    assert outcome(tmp_path).sentence() == "Nothing differs: 5 jobs are the same."


def test_a_change_without_effect_on_the_bytes_ends_where_it_began(tmp_path):
    made = small_study(tmp_path)
    made_records.train(made, 0, 0.5, text="fold 0 at 0.1")
    made.run()
    told = outcome(tmp_path)
    assert told.sentence() == "encoder.learning_rate of train: 0.1 -> 0.5; 1 job"
    assert "changed, same outputs" in "\n".join(told.lines())


def test_a_file_edited_after_it_was_made_is_the_cause_not_the_job_that_made_it(tmp_path):
    made = small_study(tmp_path)
    made.file("results/media", "edited")
    made_records.train(made, 0, 0.1, text="of edited media")
    made.run()
    told = outcome(tmp_path)
    assert [job.key for job in told.comparison.jobs.values()] == ["train/fold=0"]
    assert told.sentence().startswith("input results/media: ")


def test_other_bytes_from_the_same_work_are_laid_to_what_is_installed_or_else_to_chance(tmp_path):
    made = small_study(tmp_path)
    made_records.train(made, 0, 0.1, text="other bytes")
    made.run()
    assert outcome(tmp_path).sentence().startswith("results/fold0 came out with other bytes (")
    made.packages = {"numpy": "2.1"}
    made_records.train(made, 0, 0.1, text="third bytes")
    made.run()
    assert outcome(tmp_path).sentence() == "installed numpy: 2.0 -> 2.1; 1 job"


def test_runs_of_two_workspaces_are_compared_without_either_knowing_the_other(tmp_path):
    small_study(tmp_path / "a")
    other = Lineage(tmp_path / "b")
    small_study(tmp_path / "b", rate=0.5)
    assert other.root != tmp_path / "a"
    told = outcome(tmp_path / "a", "last", str(tmp_path / "b"))
    assert told.sentence().startswith("encoder.learning_rate of train: 0.1 -> 0.5; 2 jobs and ")


def test_a_run_is_found_by_the_beginning_of_its_id_and_a_wrong_name_says_which_there_are(tmp_path):
    made = small_study(tmp_path)
    name = made.store.last_run and next(iter(made.store.runs))
    assert find_run(name[:6], Store(tmp_path)).name == name
    with pytest.raises(DataError, match=name[:12]):
        find_run("nothing", Store(tmp_path))
    with pytest.raises(DataError, match="1 run"):
        find_run("previous", Store(tmp_path))


def test_jobs_are_called_what_the_study_calls_them(tmp_path):
    made = small_study(tmp_path)
    made_records.train(made, 0, 0.5)
    made.run()
    assert outcome(tmp_path).sentence().endswith("; 1 job")
    assert outcome(tmp_path, study=Study(called={"train": "training"})).sentence().endswith("; 1 training")
