"""A clone has the same bytes wherever it is made: text with LF, pictures and tables untouched."""

import hashlib
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
BINARY = ("jpg", "mov", "mp4", "npz", "parquet", "png", "pt", "safetensors", "wav", "zip")


def git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def hashes(folder: Path) -> dict[str, str]:
    """{path: sha256} of the files of a clone, but those of git."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != ".git")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.thorough
def test_a_clone_with_autocrlf_has_the_bytes_of_one_without(tmp_path):
    clones = {}
    for how in ("true", "false"):
        git(tmp_path, "clone", "--quiet", "--depth", "1", "-c", f"core.autocrlf={how}", f"file://{REPOSITORY}", how)
        clones[how] = hashes(tmp_path / how)
        assert git(tmp_path / how, "status", "--porcelain") == ""
    assert len(clones["true"]) > 300
    assert clones["true"] == clones["false"]


def test_bytes_of_a_binary_file_survive_and_text_gets_lf(tmp_path):
    git(tmp_path, "init", "--quiet", "made")
    made = tmp_path / "made"
    (made / ".gitattributes").write_bytes((REPOSITORY / ".gitattributes").read_bytes())
    for ending in BINARY:
        (made / f"one.{ending}").write_bytes(b"no zero byte\r\nhere\n")
    (made / "text.py").write_bytes(b"one\r\ntwo\r\n")
    before = hashes(made)
    git(made, "add", "--all")
    git(made, "-c", "user.name=test", "-c", "user.email=test", "commit", "--quiet", "-m", "files")
    git(tmp_path, "clone", "--quiet", "-c", "core.autocrlf=true", "made", "clone")
    after = hashes(tmp_path / "clone")
    assert {name for name in before if before[name] != after[name]} == {"text.py"}
    assert (tmp_path / "clone/text.py").read_bytes() == b"one\ntwo\n"
