"""One workspace holds one study, and a killed run is recovered from."""

import asyncio
import json
import os
import re
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import IOFile, _IOFile
from snakemake.persistence.file import FilePersistence

from joblineage.workspace import (
    METADATA,
    added_later,
    committed,
    forget,
    hard_links_replaceable,
    note,
    notes_apart,
    orphans,
    output_of,
    refused_by_git,
    remove,
)


def test_files_that_no_rule_makes_are_found_and_removed_with_their_empty_folders(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("results/encoders/s4d/fold0.parquet", "results/encoders/gone/fold0.parquet", "results/.x.csv.7.tmp"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x")
    left = orphans([Path("results")], [re.compile(r"results/encoders/(?P<e>s4d)/fold(?P<f>0|1)\.parquet$")])
    assert [str(path) for path in left] == ["results/.x.csv.7.tmp", "results/encoders/gone/fold0.parquet"]
    remove(left)
    assert not Path("results/encoders/gone").exists()
    assert Path("results/encoders/s4d/fold0.parquet").exists()


def test_snakemakes_notes_on_what_no_rule_makes_go_and_all_others_stay(tmp_path: Path) -> None:
    def noted(path: str) -> Path:
        place = tmp_path / note(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
        assert output_of(place.relative_to(tmp_path / METADATA).as_posix()) == path
        return place

    made, gone = noted("results/a.csv"), noted("data/A903.mov")
    long_made, long_gone = noted("results/" + 300 * "a" + ".csv"), noted("data/" + 300 * "b" + ".mov")
    other = tmp_path / METADATA / "no base64"
    other.touch()
    forget(tmp_path, [re.compile(r"results/a+\.csv$")], [])
    assert [path.exists() for path in (made, long_made, other, gone, long_gone)] == [True, True, True, False, False]


def test_every_version_of_a_file_on_any_branch_is_read_from_git(tmp_path: Path) -> None:
    def git(*command: str) -> None:
        me = (
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "init.defaultBranch=main",
        )
        subprocess.run(["git", *me, *command], cwd=tmp_path, check=True, capture_output=True)

    assert list(committed(tmp_path, "list.json")) == []
    git("init")
    for text, then in (("one", ()), ("two", ("checkout", "-b", "other")), ("three", ("checkout", "main"))):
        (tmp_path / "list.json").write_text(text)
        (tmp_path / "other list.json").write_text(f"another {text}")
        git("add", ".")
        git("commit", "-m", text)
        git(*(then or ("status",)))
    assert sorted(committed(tmp_path, "list.json")) == [b"one", b"three", b"two"]


def test_a_kind_asked_for_when_the_others_were_there_keeps_a_rule_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {kind: [f"media/{kind}/{shard}" for shard in "01"] for kind in ("faces", "pieces")}

    def made(path: str, rule: str | None) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
        if rule:
            note = Path(".snakemake/metadata", urlsafe_b64encode(path.encode()).decode())
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"rule": rule}))

    def later() -> list[str]:
        return added_later(files, "prepare_later")

    assert later() == []  # nothing is there yet
    made("media/faces/0", None)
    assert later() == []  # a job of all kinds is writing, or was killed there
    made("media/faces/0", "prepare_shard")
    assert later() == ["pieces"]
    made("media/pieces/0", "prepare_later")
    next(note for note in Path(".snakemake/metadata").glob("*") if "later" in note.read_text()).write_text('{"ru')
    assert later() == ["pieces"]  # Snakemake was killed while it wrote its note
    made("media/pieces/0", None)
    assert later() == ["pieces"]  # being written by that rule
    made("media/pieces/0", "prepare_later")
    assert later() == ["pieces"]
    Path("media/faces/0").unlink()
    assert later() == []  # a rule without outputs cannot be
    made("media/faces/0", "prepare_shard")
    made("media/pieces/0", "prepare_shard")
    assert later() == []  # made by the rule of all kinds


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_known_to_be_refused_by_git(tmp_path: Path, monkeypatch) -> None:
    for kind in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{kind}", os.devnull)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert not refused_by_git(tmp_path)
    for path in (tmp_path, tmp_path / ".git"):
        os.chown(path, 12345, 12345)
    assert refused_by_git(tmp_path)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_snakemake_writes_no_note_through_a_link(tmp_path: Path, monkeypatch, link) -> None:
    monkeypatch.setattr(FilePersistence, "_io_write", FilePersistence._io_write)  # set back afterwards
    notes_apart()
    notes, other = SimpleNamespace(_record_path=lambda folder, about: f"{folder}/{about}"), tmp_path / "object"
    other.write_text("kept")
    link(other, tmp_path / "note")
    for value in (1, 2):
        FilePersistence._io_write(notes, str(tmp_path), {"rule": value}, "note")
        assert json.loads((tmp_path / "note").read_text()) == {"rule": value}
    assert other.read_text() == "kept"


def test_an_output_that_is_linked_to_dvcs_cache_is_replaced_and_one_that_a_user_protects_is_not(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(_IOFile, "protected", _IOFile.protected)
    hard_links_replaceable()
    kept, linked = tmp_path / "kept", tmp_path / "linked"
    for path in (kept, linked):
        path.write_text("x")
    os.link(linked, tmp_path / "object")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    rule = SimpleNamespace(workflow=SimpleNamespace(iocache=SimpleNamespace(active=False)))
    files = [IOFile(str(path)) for path in (kept, linked)]
    for file in files:
        file.rule = rule
    assert [asyncio.run(file.protected()) for file in files] == [True, False]
