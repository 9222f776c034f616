"""The commands of the pages in docs/ run as they stand, or are listed with the reason."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import readme_commands
from page_commands import IN_A_FOLDER, IN_A_STUDY, NOT_RUN, everywhere, to_run

from blemore.cli import main

REPOSITORY = Path(__file__).parents[1]


def test_every_command_of_the_pages_runs_in_a_test_or_is_listed_with_the_reason() -> None:
    run = {command for page in (*IN_A_FOLDER, *IN_A_STUDY) for command in to_run(page)}
    of_the_readme = {*readme_commands.IN_A_FOLDER, *readme_commands.IN_A_STUDY, *readme_commands.NOT_AS_IT_STANDS}
    assert everywhere() - run - of_the_readme == set(NOT_RUN)


def test_what_is_named_as_the_test_of_a_command_is_there() -> None:
    named = {name for reason in NOT_RUN.values() for name in re.findall(r"\w+\.(?:py|md)", reason)}
    there = {path.name for folder in ("tests", "docs") for path in (REPOSITORY / folder).rglob("*.*")}
    assert named
    assert named - there == {"README.md"}


@pytest.mark.thorough
@pytest.mark.parametrize("page", IN_A_FOLDER)
def test_the_commands_of_a_page_run_in_a_folder_as_they_stand(page, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "params.yaml", ".")
    shutil.copytree(REPOSITORY / "schemas", "schemas")
    found = [command for command in to_run(page) if command.startswith("blemore ")]
    assert found
    for command in found:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        said = capsys.readouterr()
        assert not ended.value.code, (command, said.err)
        assert said.out, command
