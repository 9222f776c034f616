"""What shows persons is closed to the machine's other users."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from joblineage.files import close


def folders(root: Path) -> Path:
    for path in ("data/train", "cache"):
        (root / path).mkdir(parents=True)
    (root / "data/train/clip.mov").write_bytes(b"film")
    return root


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(("study", "before", "after"), [
    (0o700, 0o755, 0o700), (0o755, 0o755, 0o750), (0o775, 0o777, 0o770), (0o755, 0o700, 0o700), (0o701, 0o777, 0o700),
])  # fmt: skip
def test_a_folder_is_closed_to_others_and_open_to_the_group_only_as_the_study_s_is(
    tmp_path, study, before, after
) -> None:
    root = folders(tmp_path)
    root.chmod(study)
    (root / "data").chmod(before)
    file = (root / "data/train/clip.mov").stat()
    assert close([root / "data", root / "absent"], like=root) == []
    assert mode(root / "data") == after
    assert (root / "data/train/clip.mov").stat() == file, "whoever compares files by their status sees no change"


def test_what_cannot_be_closed_and_a_link_are_a_note_and_end_nothing(tmp_path, monkeypatch) -> None:
    root = folders(tmp_path)
    (root / "linked").symlink_to(root / "data")
    before = mode(root / "data")
    with monkeypatch.context() as patch:
        for chmod in (lambda path, mode: None, Mock(side_effect=PermissionError(1, "Operation not permitted"))):
            patch.setattr(Path, "chmod", chmod)
            assert "its owner or its disk lets nobody close it" in close([root / "data"], like=root)[0]
    assert "is a link" in close([root / "linked"], like=root)[0]
    assert mode(root / "data") == before
