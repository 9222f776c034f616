"""Killed in any phase, `make submission` finishes with the same bytes; the number of cores changes none."""

from pathlib import Path
from random import Random

import pytest

from joblineage.recovery import survey

from .conftest import Study
from .damages import of_a_killed_run
from .kills import back_to, kill
from .trials import is_whole_again

pytestmark = pytest.mark.slow

KILLS = {
    "generation": ("KILL the tool", "make"),
    "prepare": ("INT", "make"),
    "training": ("KILL Snakemake", "snakemake"),
    "fusion": ("suspended, then KILL", "make"),
    "closing": ("KILL all", "make"),
    "commit": ("TERM all", "make"),
}
"""One kill in each phase of one and the same study, in their order; `make campaign PART=kills` makes ten in each."""


def test_killed_in_each_phase_a_run_ends_with_the_bytes_of_one_core(finished: Study, tmp_path: Path) -> None:
    study, chance = finished.copy(tmp_path / "study", cold=True), Random(20261129)
    back_to(study, "generation")
    for phase, (how, tool) in KILLS.items():
        assert kill(study, phase, how, tool, chance), phase
    is_whole_again(study, finished)
    assert study.would_run() == {}
    assert survey(study.folder) == ([], [])


def test_a_bare_snakemake_that_meets_a_stale_lock_says_what_to_do(finished: Study, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study", cold=True)
    (study.folder / "results/report/index.html").unlink()  # one job to do
    lock = study.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/fusion/weights.json\n")
    of_a_killed_run(study.folder)
    refused = study.run("snakemake", "submission", check=False)
    assert refused.returncode
    assert "blemore recover" in refused.stderr
    study.make()
    assert study.would_run() == {}
