"""A damaged study comes back with `make submission` alone. The long form: `make campaign PART=damages`."""

import pytest

from .conftest import Study, executed
from .damages import DAMAGES, SUBMISSION, cut, lost, stored

pytestmark = pytest.mark.slow

AT_ONCE = (
    "the submission is lost",
    "a table is cut",
    "a table is full of zeros",
    "two results are swapped",
    "faces are cut",
    "Snakemake's note on a result is no text",
    "a record is cut",
    "a kept copy is cut",
    "the run's document is emptied",
    "dvc.lock is cut",
    "DVC's list of locks is garbage",
    "the lineage's memory of files is garbage",
)
"""Damages that do not touch one another, those of the lineage last: the others look up there what to damage."""


def test_twelve_damages_at_once_are_repaired_without_a_job(finished: Study, study: Study) -> None:
    for name in AT_ONCE:
        DAMAGES[name](study.folder)
    done = study.make()
    assert executed(done.stdout + done.stderr) == []
    assert "restored 6 result(s) from DVC's cache" in done.stdout
    assert study.payload() == finished.payload()
    verified = study.run("blemore", "lineage", "verify", "--cache")
    assert verified.stdout.splitlines()[-1].startswith("OK")


def test_what_dvc_s_cache_has_damaged_too_is_made_again(finished: Study, study: Study) -> None:
    copy = stored(study.folder, SUBMISSION)
    cut(copy)
    found = study.run("blemore", "lineage", "verify", "--cache", check=False).stdout
    assert f"MISSING  {copy.relative_to(study.folder)}" in found
    lost(study.folder / SUBMISSION)
    done = study.make()
    assert "removed 1 damaged object(s) of DVC's cache" in done.stdout
    assert "write_submission" in executed(done.stdout + done.stderr)
    assert study.payload() == finished.payload()
    verified = study.run("blemore", "lineage", "verify", "--cache")
    assert verified.stdout.splitlines()[-1].startswith("OK")
