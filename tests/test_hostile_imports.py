"""What lies among the downloads may have any name and any damage: the good clips come in, the others are named, none slips by."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blemore.datasets.importing import _place, import_data
from blemore.datasets.names import parse_name
from blemore.datasets.withdrawn import SCHEMA, WORDS, Withdrawn, read_withdrawn, write_withdrawn
from blemore.params.schema import check_list
from blemore.scoring.columns import numbers, read_columns
from joblineage.errors import DataError

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
CLIPS = ("A26_ang_int1_ver1.mov", "A26_mix_ang_sad_70_30_ver2.mov", "test_0001.mov")


def folder(root: Path, **files: bytes) -> Path:
    root.mkdir()
    for name, data in files.items():
        (root / f"{name}.mov").write_bytes(data)
    return root


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_name_in_other_digits_is_none(name):
    assert _place(name)
    assert _place(name.translate(ARABIC)) is None
    with pytest.raises(ValueError, match="not a BLEMORE name"):
        parse_name(Path(name).stem.translate(ARABIC))


@given(
    st.from_regex(
        r"(A\d{2,3}_(ang_int|neu_sit)[1-4]_ver\d+|A\d{2}_mix_ang_sad_70_30_ver\d|test_\d+)\.mov", fullmatch=True
    )
)
def test_whatever_is_imported_has_a_name_that_a_file_may_have_and_the_denylist_can_say(name):
    place = _place(name)
    if place:
        clip = Path(place).stem
        assert len(place) < 200
        assert Withdrawn.named([], [clip]).holds(clip)
        check_list([{"clip": clip, "date": "2026-11-23", "sha256": []}], SCHEMA, "withdrawn.json", WORDS)


@pytest.mark.parametrize("entry", [{"person": "A26\n"}, {"person": "A٢٦"}, {"clip": "test_0001\n"}])
def test_a_withdrawal_that_would_match_nobody_is_refused(tmp_path, entry):
    (tmp_path / "withdrawn.json").write_text("[]")
    with pytest.raises(DataError, match="does not match"):
        write_withdrawn(tmp_path / "withdrawn.json", Withdrawn(({**entry, "date": "2026-11-23", "sha256": []},)))
    assert not read_withdrawn(tmp_path / "withdrawn.json").entries


def test_other_digits_in_a_table_are_text(tmp_path):
    (tmp_path / "table.csv").write_text("clip,share,row\na,٠.٥,1\nb,٠.٢,2\n", "utf-8")
    assert read_columns(tmp_path / "table.csv") == {"clip": ["a", "b"], "share": ["٠.٥", "٠.٢"], "row": [1, 2]}
    assert np.isnan(numbers(["٠.٥", "１２"])).all()
    assert numbers(["0,5\xa0%"]).tolist() == [0.5]


def test_two_files_of_one_size_and_checksum_are_not_taken_for_one(tmp_path):
    """Their CRC-32 is equal; whoever wants such a pair can make it of any two clips."""
    for name, data in (("one", b"plumless"), ("two", b"buckeroo")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("test_0001.mov", data)
    with pytest.raises(DataError, match="two different files on offer"):
        import_data([tmp_path / "one.zip", tmp_path / "two.zip"], tmp_path / "data")
    import_data([tmp_path / "one.zip"], tmp_path / "data")
    with pytest.raises(DataError, match="differs from"):
        import_data([tmp_path / "two.zip"], tmp_path / "data")


def test_a_name_that_no_disk_takes_and_a_file_that_cannot_be_read_stop_no_other(tmp_path, monkeypatch):
    source = folder(tmp_path / "in", test_0001=b"first", test_0002=b"second", test_0003=b"third")
    with zipfile.ZipFile(source / "long.zip", "w") as archive:
        archive.writestr(f"test_{'1' * 300}.mov", b"film")
    whole = Path.open

    def broken(path, *how, **options):
        if path.name == "test_0002.mov":
            raise OSError(5, "Input/output error", str(path))
        return whole(path, *how, **options)

    monkeypatch.setattr(Path, "open", broken)
    report = import_data([source], tmp_path / "data")
    assert everything(tmp_path / "data") == {"test/test_0001.mov": b"first", "test/test_0003.mov": b"third"}
    assert [Path(name).name for name in report.ignored] == [f"long.zip: test_{'1' * 300}.mov"]
    assert report.broken == [f"{source}/test_0002.mov: cannot be read (Input/output error)"]
    assert not report.complete


def test_imported_clips_are_closed_to_others(tmp_path):
    tmp_path.chmod(0o700)
    import_data([folder(tmp_path / "in", test_0001=b"first")], tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_clip_that_cannot_be_linked_stops_no_other(tmp_path, monkeypatch):
    source = folder(tmp_path / "in", test_0001=b"first", test_0002=b"second")
    link = os.link

    def other_disk(path, target):
        if path.name == "test_0001.mov":
            raise OSError(18, "Invalid cross-device link")
        link(path, target)

    monkeypatch.setattr(os, "link", other_disk)
    report = import_data([source], tmp_path / "data", link=True)
    assert everything(tmp_path / "data") == {"test/test_0002.mov": b"second"}
    assert report.broken == [f"{source}/test_0001.mov: cannot be linked (Invalid cross-device link); leave out --link"]


def test_a_withdrawn_clip_under_another_name_is_never_written(tmp_path):
    source = folder(tmp_path / "in", test_0001=b"first", test_0002=b"second")
    gone = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"  # sha256 of b"first"
    withdrawn = Withdrawn(({"person": "A26", "date": "2026-11-23", "sha256": [gone]},))
    report = import_data([source], tmp_path / "data", withdrawn=withdrawn)
    assert everything(tmp_path / "data") == {"test/test_0002.mov": b"second"}
    assert report.withdrawn == [f"{source}/test_0001.mov"]
    assert report.new == 1
