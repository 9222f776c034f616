"""A key that signs stays with its holder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from joblineage.commands.app import commands
from joblineage.errors import DataError
from joblineage.signing import keep_outside
from joblineage.study import Study


@pytest.mark.parametrize("key", ["key", "lineage/key", "../study/key", "link/key"])
def test_a_key_in_the_study_s_folder_is_refused(tmp_path: Path, key: str) -> None:
    root = tmp_path / "study"
    (root / "lineage").mkdir(parents=True)
    (root / "link").symlink_to(root / "lineage")
    with pytest.raises(DataError, match="lies in the study's folder"):
        keep_outside(root, root / key)
    keep_outside(root, tmp_path / "key")
    keep_outside(root, tmp_path / "study-key")


def test_the_command_makes_no_key_in_the_study_s_folder(tmp_path: Path) -> None:
    called = ["sign", str(tmp_path / "key"), "--new-key", "--workspace", str(tmp_path)]
    assert CliRunner().invoke(commands(Study()), called).exit_code == 1
    assert not list(tmp_path.iterdir())
