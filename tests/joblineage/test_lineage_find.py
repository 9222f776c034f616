"""`find`: everything that came from some bytes, a name or a checkpoint."""

import json
from pathlib import Path

import pytest
from made_records import Lineage, fuse, gather, main, small_study, train

from joblineage.finding import Finder

CHECKPOINT = {"checkpoint": "facebook/wav2vec2-base", "revision": "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8"}


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    return small_study(tmp_path)


def said(capsys, made: Lineage, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["find", *arguments, "--workspace", str(made.root)])
    printed = capsys.readouterr()
    return ended.value.code, printed.out + printed.err


def test_bytes_are_found_by_the_first_eight_digits_of_their_sha256(made):
    record = made.store.records[made.store.current["gather"]]
    matches = Finder(made.store).sha256(record["outputs"][0]["sha256"][:8].upper())
    assert [(one.how, one.job, one.what) for one in matches] == [
        ("made", "gather", "results/probabilities"),
        ("read", "fuse", "results/probabilities"),
    ]


def test_a_sample_is_found_where_it_is_read_fitted_on_and_judged(made):
    matches = Finder(made.store).names(["A11_ang_int1_ver1"])
    assert {(one.how, one.job) for one in matches} == {
        ("read", "prepare"),
        ("judged", "train/fold=0"),
        ("fitted on", "train/fold=1"),
    }


@pytest.mark.parametrize("name", ["facebook/wav2vec2-base", "wav2vec2-base", "0b5b8e86", "the file"])
def test_a_checkpoint_is_found_by_name_revision_and_the_sha256_of_a_file(made, name):
    weights = made.file("weights/model.pt", "weights")
    made.job("embed", [weights], {"results/features": ""})
    one = made.store.records[made.pending[0]]["inputs"][0]
    file = {part: one[part] for part in ("path", "sha256", "size")}
    made.job("embed", [weights], {"results/features": "other"}, model=CHECKPOINT | {"files": [file]})
    matches = Finder(made.store).checkpoint(one["sha256"][:8] if name == "the file" else name)
    assert [(match.job, match.how) for match in matches] == [("embed", "started from")]
    assert matches[0].what == (
        "weights/model.pt" if name == "the file" else f"{CHECKPOINT['checkpoint']} ({CHECKPOINT['revision']})"
    )


def test_what_came_from_a_sample_is_every_file_downstream_of_it(made):
    finder = Finder(made.store)
    assert {one.what for one in finder.below(finder.names(["A11_ang_int1_ver1"]))} == {
        "results/media",
        "results/fold0",
        "results/fold1",
        "results/probabilities",
        "results/fused",
    }


def test_what_came_from_a_made_file_leaves_out_what_its_maker_made_beside_it(made):
    finder = Finder(made.store)
    record = made.store.records[made.store.current["gather"]]
    below = finder.below(finder.sha256(record["outputs"][0]["sha256"]))
    assert [one.what for one in below] == ["results/fused"]


def test_an_earlier_record_is_found_too_and_marked(made):
    old = made.store.records[made.store.current["train/fold=0"]]["outputs"][0]["sha256"]
    train(made, 0, 0.2)
    gather(made)
    fuse(made)
    made.run()
    finder = Finder(made.store)
    assert {one.current for one in finder.sha256(old)} == {False}
    assert {(one.job, one.current) for one in finder.below(finder.sha256(old))} == {("gather", False), ("fuse", False)}


def test_the_command_lists_jobs_and_ends_with_one_where_nothing_is_found(made, capsys):
    code, text = said(capsys, made, "--name", "A11_ang_int1_ver1", "--down")
    assert code == 0
    assert "touched by 3 of 5 recorded jobs" in text
    assert "fuse came from it: results/fused" in text
    code, text = said(capsys, made, "--name", "A99")
    assert (code, text) == (1, "name A99: nothing found in 5 records\n")


def test_the_json_form_names_every_file(made, capsys):
    _, text = said(capsys, made, "--name", "A11_ang_int1_ver1.mov", "--down", "--json")
    found = json.loads(text)
    assert len(found["matches"]) == 3
    assert len(found["below"]) == 5


@pytest.mark.parametrize(
    "wrong", [[], ["--name", "a", "--checkpoint", "b"], ["--sha256", "1234567"], ["--sha256", "no-digits"]]
)
def test_a_question_that_cannot_be_answered_ends_with_two(made, capsys, wrong):
    assert said(capsys, made, *wrong)[0] == 2
