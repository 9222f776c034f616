"""A file is whole or absent, whatever happens while it is written."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from joblineage.files import sha256, whole_file, write_bytes, write_json


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_bytes(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        write_bytes(tmp_path / "table.csv", b"x")
    assert error.value.filename == str(tmp_path / "table.csv")
    with pytest.raises(FileNotFoundError) as error:
        write_bytes("/proc/table.csv", b"x")
    assert error.value.filename == "/proc/table.csv"


def test_two_writers_of_one_file_have_temporary_files_of_their_own(tmp_path: Path) -> None:
    """Process ids are no names: two machines, or two containers, have the same ones."""
    path = tmp_path / "x.json"
    with whole_file(path) as one, whole_file(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert one != other
    assert path.read_text() == "one"
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_is_made_and_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "new" / "file", b"abc")
    assert sha256(tmp_path / "new" / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert not (tmp_path / "x.json").exists()
