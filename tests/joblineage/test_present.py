"""What is no longer as the records say is listed file by file, by content alone."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_records import Lineage, gather, small_study, train

from joblineage.present import Kind, compare
from joblineage.rerun import concerned, sentences
from joblineage.store import key


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    found = small_study(tmp_path)
    compare(found.store)  # the files' status is known from here on
    return found


def listed(made: Lineage) -> list[tuple[Kind, str, str | None]]:
    """(kind, path, key of the job) of each difference."""
    store = made.store
    found = compare(store).differences
    return [(one.kind, one.path, one.record and key(store.records[one.record])) for one in found]


def other_bytes(path: Path, times: Callable[[os.stat_result], tuple[int, int]]) -> None:
    """One other byte, the same size; `times` gives atime and mtime from the old status."""
    before = path.stat()
    path.write_bytes(b"?" + path.read_bytes()[1:])
    os.utime(path, ns=times(before))


DAY = 24 * 3600 * 10**9
TIMES = {
    "older": lambda before: (before.st_atime_ns, before.st_mtime_ns - DAY),
    "newer": lambda before: (before.st_atime_ns, before.st_mtime_ns + DAY),
    "restored": lambda before: (before.st_atime_ns, before.st_mtime_ns),
}


def test_nothing_is_listed_of_a_study_that_is_as_it_was_recorded(made):
    assert listed(made) == []


@pytest.mark.parametrize("times", TIMES)
def test_other_bytes_of_an_input_are_listed_with_their_reader_whatever_their_time(made, times):
    other_bytes(made.root / "data/A11_ang_int1_ver1.mov", TIMES[times])
    assert listed(made) == [(Kind.CHANGED, "data/A11_ang_int1_ver1.mov", "prepare")]


@pytest.mark.parametrize("times", TIMES)
def test_other_bytes_of_an_output_are_listed_with_their_maker_and_not_with_its_readers(made, times):
    other_bytes(made.root / "results/probabilities", TIMES[times])
    assert listed(made) == [(Kind.OTHER, "results/probabilities", "gather")]


def test_new_times_alone_are_no_difference(made):
    for path in made.root.rglob("*"):
        os.utime(path, ns=(0, 0))
    assert listed(made) == []


def test_lost_cut_and_foreign_files_are_told_apart(made):
    (made.root / "results/fold0").unlink()
    (made.root / "results/fused").write_text("")
    (made.root / "data/A11_ang_int1_ver1.mov").unlink()
    made.file("results/notes", "mine")
    assert sorted(listed(made), key=lambda one: one[1]) == [
        (Kind.GONE, "data/A11_ang_int1_ver1.mov", "prepare"),
        (Kind.LOST, "results/fold0", "train/fold=0"),
        (Kind.OTHER, "results/fused", "fuse"),
        (Kind.FOREIGN, "results/notes", None),
    ]


def test_a_job_made_from_what_was_made_again_since_is_listed(made):
    train(made, 0, 0.5)
    assert listed(made) == [(Kind.CHANGED, "results/fold0", "gather")]
    gather(made)
    assert listed(made) == [(Kind.CHANGED, "results/probabilities", "fuse")]


def test_an_input_that_changed_while_its_job_ran_is_listed_until_the_job_runs_again(made):
    clip = {"role": "data", "path": "data/A11_ang_int1_ver1.mov", "size": 1, "sha256": 64 * "0"}
    made.job("tell", [clip["path"]], {"results/told": "told"}, status="tainted", changed_inputs=[clip])
    assert listed(made) == [(Kind.UNSTEADY, clip["path"], "tell")]
    made.job("tell", [clip["path"]], {"results/told": "told"})
    assert listed(made) == []


def test_a_difference_says_what_the_record_has_so_that_the_bytes_can_be_looked_for(made):
    store = made.store
    record = store.makers["results/fused"]
    (made.root / "results/fused").unlink()
    (lost,) = compare(store).differences
    assert (lost.record, lost.found) == (record, None)
    assert lost.file == store.records[record]["outputs"][0]


def test_of_some_records_only_their_files_are_compared(made):
    (made.root / "results/fused").unlink()
    store = made.store
    assert compare(store, [store.makers["results/fold0"]]).differences == []


class Files(list):
    """Files as Snakemake gives them; none has a role."""

    def items(self) -> list:
        return []


def job(name: str, inputs: list[str], outputs: list[str], script: str | None = "script.py", **params: object) -> Any:
    """Snakemake's job "rule wildcard", as far as it is looked at."""
    rule, *wildcards = name.split()
    about = {"rule": SimpleNamespace(name=rule, script=script), "wildcards_dict": dict(enumerate(wildcards))}
    return SimpleHashable(**about, input=Files(inputs), output=Files(outputs), params=params)


class SimpleHashable(SimpleNamespace):
    __hash__ = object.__hash__


TRAINED = {"encoder": {"learning_rate": 0.1, "layers": [2, 4]}, "seed": 17}
READ = ["results/media", "src/train.py", "requirements.lock"]
FOLDS = ["results/fold0", "results/fold1"]


def why(made: Lineage, *jobs: Any) -> list[str]:
    return [*sentences(concerned(jobs, made.store))]


def test_a_lost_part_reruns_the_job_that_makes_all_parts_together(made):
    together = job("train", READ, FOLDS, **TRAINED)
    assert why(made, together) == []
    (made.root / "results/fold0").unlink()
    assert why(made, together) == ["1 result(s) are gone (results/fold0): 1 job(s) run again (train)"]


def test_each_cause_is_told_once_with_a_count_and_an_example(made):
    for path in FOLDS:
        (made.root / path).unlink()
    made.file("src/train.py", "")
    apart = [job(f"train {path[-1]}", READ, [path], **TRAINED) for path in FOLDS]
    assert why(made, *apart) == [
        "1 input(s) changed since they were read (src/train.py): 2 job(s) run again (train 0, ...)",
        "2 result(s) are gone (results/fold0, ...): 2 job(s) run again (train 0, ...)",
    ]


def test_other_parameters_and_other_files_to_read_or_to_make_are_causes_too(made):
    more = job("train", [*READ, "data/more"], [*FOLDS, "results/fold2"], **TRAINED | {"seed": 18})
    assert why(made, more) == [
        "1 job(s) differ: its parameters changed (train): 1 job(s) run again (train)",
        "1 result(s) were not made yet (results/fold2): 1 job(s) run again (train)",
    ]
    assert "it reads other files now" in why(made, job("train", READ[:2], FOLDS, **TRAINED))[0]
    assert "another rule makes its files now" in why(made, job("learn", READ, FOLDS, **TRAINED))[0]


def test_what_was_never_made_or_has_no_script_is_left_to_snakemake(made):
    assert why(made, job("new", [], ["results/new"]), job("all", FOLDS, [], script=None)) == []
    made.file("results/new", "from elsewhere")
    assert why(made, job("new", [], ["results/new"], script=None)) == []
    (said,) = why(made, job("new", [], ["results/new"]))
    assert said == "1 result(s) lie here that no recorded job made (results/new): 1 job(s) run again (new)"
