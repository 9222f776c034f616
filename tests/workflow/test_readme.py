"""The commands of README.md for a finished study run as they stand."""

import shlex
from pathlib import Path

import pytest
from readme_commands import IN_A_STUDY

from .conftest import Study, with_stores

pytestmark = pytest.mark.slow


def test_the_commands_for_a_study_run_as_they_stand(guarded: Study, tmp_path: Path) -> None:
    study = with_stores(guarded, tmp_path)
    for command in IN_A_STUDY:
        done = study.run(*shlex.split(command.replace("../KEY", f"{tmp_path}/KEY")))  # refused in the study's folder
        assert done.stdout + done.stderr, command
    assert (study.folder / "study.zip").is_file()
    assert (study.folder / "lineage.html").is_file()
    assert list((study.folder / "data/demo/train").glob("A901_*"))  # a dry run
