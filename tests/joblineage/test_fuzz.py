"""Whatever a file of a study holds, `verify` gives a verdict, and the other commands answer or say what is wrong."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from made_records import Lineage, fuse, small_study
from mutations import mutated

from joblineage import explaining, finding, showing
from joblineage.checks import lock, metadata
from joblineage.comparing import Comparison
from joblineage.errors import DataError
from joblineage.files import read_bytes
from joblineage.outcome import Outcome
from joblineage.run_view import find_run
from joblineage.store import Store
from joblineage.verdict import Verdict
from joblineage.verify import verify

BLOCK = 20
COMPARED = ("record", "run", "object", "result")
"""Kinds of files of which every byte counts."""


def twice_run(root: Path) -> Lineage:
    """A finished study of two runs, with what other tools say of it."""
    made = small_study(root)
    made.file("results/probabilities", "others")
    made.job("gather", ["results/fold0", "results/fold1"], {"results/probabilities": "others"})
    fuse(made)
    made.run()
    made.tell()
    return made


QUESTIONS: tuple[Callable[[Store], object], ...] = (
    lambda store: showing.as_dict(finding.find("results/fused", store), store),
    lambda store: list(finding.Finder(store).names(["A11_ang_int1_ver1"])),
    lambda store: finding.Finder(store).below(finding.Finder(store).sha256("0" * 8)),
    lambda store: [*Outcome(Comparison(find_run("previous", store), find_run("last", store))).lines()],
    lambda store: explaining.then(finding.find("results/fused", store), store, find_run("previous", store)),
    lambda store: verify(store, "results/fused"),
)
"""What the other commands ask."""


def test_the_study_that_is_changed_verifies(tmp_path):
    assert verify(twice_run(tmp_path).store).findings == []


@pytest.mark.thorough
@pytest.mark.parametrize("block", range(10))
def test_any_bytes_in_any_file_end_in_a_verdict(tmp_path, block):
    root = twice_run(tmp_path).root
    whole = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    verify(Store(root))  # the files' status is known from here on
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        with mutated(root, seed) as (kind, path):
            verdict = verify(Store(root)).verdict
            same = path.is_file() and path.read_bytes() == whole.get(path)  # a value was replaced by an equal one
            assert verdict is not Verdict.OK or kind not in COMPARED or same, (seed, path)
            store = Store(root)
            for ask in QUESTIONS:
                with suppress(DataError):  # says what is wrong
                    ask(store)
    assert verify(Store(root)).findings == []


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text", ["", "null", "[1]", "1", "stages:", "stages: [1]", "stages: {all: []}", "a: &a [*a]", "\0"]
)
@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_settings_and_stages_of_any_form_end_in_a_verdict(tmp_path, name, text):
    made = small_study(tmp_path)
    made.file("dvc.yaml", "stages: {all: {cmd: snakemake}}")
    made.file("params.yaml", "seed: 1")
    made.job("again", ["results/fused"], {"results/again": "again"})
    made.run()
    made.tell()
    assert verify(Store(tmp_path), plan=False).verdict is Verdict.OK
    made.file(name, text)
    assert {name} == {one.node for one in verify(Store(tmp_path), plan=False).findings}
    assert lock.check(Store(tmp_path)) == ([], [])  # by what the run kept


def test_a_link_to_itself_in_place_of_an_object_ends_in_a_verdict(tmp_path):
    root = twice_run(tmp_path).root
    place = min((root / "lineage/objects").iterdir())
    place.unlink()
    place.symlink_to(place.name)
    assert verify(Store(root)).verdict is not Verdict.OK


def test_metadata_that_this_user_may_not_read_are_a_note(tmp_path, monkeypatch):
    root = twice_run(tmp_path).root

    def read(path):
        if ".snakemake" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(metadata, "read_bytes", read)
    report = verify(Store(root))
    assert report.findings == []
    assert any("metadata may not be read by this user" in note for note in report.notes)
