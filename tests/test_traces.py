"""The search for what still names somebody: every kind of file that people keep, and nobody else's name."""

import bz2
import gzip
import hashlib
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemore.audit.withdrawal import contents
from blemore.audit.withdrawal.carry_out import note
from blemore.audit.withdrawal.plan import Plan
from blemore.audit.withdrawal.remains import Remains, remains
from blemore.audit.withdrawal.traces import Search, Trace, Traces

WHO = "A41"
CLIP = "A41_ang_int4_ver1"
SUM = hashlib.sha256(b"moving pictures").hexdigest()
search = Search("person", WHO, [SUM], {SUM: len(b"moving pictures")})


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        about = tarfile.TarInfo(name)
        about.size = len(data)
        archive.addfile(about, io.BytesIO(data))
    return file.getvalue()


def parquet(**columns: pa.Array | list) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def feather(**columns: pa.Array | list) -> bytes:
    file = io.BytesIO()
    pyarrow.feather.write_feather(pa.table(columns), file)
    return file.getvalue()


def numpy(save: Callable = np.save, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def database(who: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE TABLE persons (name TEXT, clips INTEGER)")
        base.execute("INSERT INTO persons VALUES (?, 54)", [who])
        base.commit()
        return base.serialize()


def kinds(who: str, clip: str) -> dict[str, bytes]:
    """One file of each kind that names a person."""
    people = ["A11", who, "A12"]
    text = f"person,score\nA11,1\n{who},2\n".encode()
    return {
        "a.csv": text,
        "a.jsonl": f'{{"person": "{who}"}}\n'.encode(),
        "wide.txt": "\n".join(people).encode("utf-16"),
        "notebook.ipynb": f'{{"cells": ["{clip}"]}}'.encode(),
        "column.parquet": parquet(person=people),
        "categories.parquet": parquet(person=pa.array(people).dictionary_encode()),
        "header.parquet": parquet(**{who: [1.0]}),
        "list.parquet": parquet(clips=[["A11"], [who]]),
        "structure.parquet": parquet(about=[{"who": "A11", "n": 1}, {"who": who, "n": 2}]),
        "map.parquet": parquet(by=pa.array([[(who, 1)]], pa.map_(pa.string(), pa.int64()))),
        "table.feather": feather(person=people),
        "names.npy": numpy(arr=np.array(people)),
        "objects.npy": numpy(arr=np.array(people, object), allow_pickle=True),
        "key.npz": numpy(np.savez, **{who: np.zeros(2)}),
        "column.npz": numpy(np.savez, persons=np.array(people), values=np.zeros(3)),
        "fields.npy": numpy(arr=np.array([(who, 1.0)], [("person", "U8"), ("score", float)])),
        "d.pickle": pickle.dumps({"persons": people}),
        "base.sqlite": database(who),
        "a.csv.gz": gzip.compress(text),
        "a.csv.bz2": bz2.compress(text),
        "a.csv.xz": lzma.compress(text),
        "study.zip": zipped(readme=b"nothing", table=text),
        "clips.tar": tarred(f"train/{clip}.mov", b"seen"),
        "clips.tar.gz": gzip.compress(tarred("a.csv", text)),
        "outer.zip": zipped(inner=zipped(deep=gzip.compress(text))),
        "book.xlsx": zipped(**{"xl/sharedStrings.xml": f"<si><t>{who}</t></si>".encode()}),
        "unknown.bin": b"\0\1" + clip.encode() + b"\0\2",
        "letters.bin": b"\0\1" + clip.encode("utf-32-le"),
    }


@pytest.mark.parametrize("name", kinds(WHO, CLIP))
def test_a_person_is_found_in_every_kind_of_file_and_nobody_else_is_taken_for_them(tmp_path, name):
    def said(who: str, clip: str) -> list[str]:
        (tmp_path / name).write_bytes(kinds(who, clip)[name])
        found = search(tmp_path)
        assert found.unread == []
        return [one.path for one in found.named]

    assert said(WHO, CLIP) == [name]
    for other in ("A412", "A4", "BA41", "a41"):
        assert said(other, CLIP.replace(WHO, other.replace("BA", "B_A1"))) == []


def test_hashes_of_clips_name_them_in_lists_and_copies_are_found_under_any_name(tmp_path):
    (tmp_path / "manifest.json").write_text(f'{{"sha256": "{SUM}"}}')
    (tmp_path / "other.json").write_text('{"sha256": "' + 64 * "a" + '"}')
    (tmp_path / "holiday.mov").write_bytes(b"moving pictures")
    (tmp_path / "another.mov").write_bytes(b"moving picture!")
    (tmp_path / "holiday.zip").write_bytes(zipped(**{"a.mov": b"moving pictures"}))
    found = search(tmp_path)
    assert found.copies == ["holiday.mov"]
    assert found.named == [Trace("holiday.zip", "a.mov (a copy)"), Trace("manifest.json", "text")]


def test_names_of_files_links_and_empty_folders_count(tmp_path):
    (tmp_path / f"exports/{WHO}").mkdir(parents=True)
    (tmp_path / "exports/link").symlink_to(f"/elsewhere/{CLIP}.mov")
    (tmp_path / f"{CLIP}.mov").write_bytes(b"\0")
    (tmp_path / "A412.mov").write_bytes(b"A41 in media is chance")
    metadata = ".snakemake/metadata/" + urlsafe_b64encode(f"data/{CLIP}.mov".encode()).decode()
    (tmp_path / metadata).parent.mkdir(parents=True)
    (tmp_path / metadata).write_text("{}")
    assert [one.path for one in search(tmp_path).named] == [
        f"{CLIP}.mov",
        "exports/link",
        f"exports/{WHO}",
        metadata,
    ]


def test_in_bytes_a_short_code_is_chance(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"\0\xff A41 \0")
    assert search(tmp_path) == Traces()


def test_what_cannot_be_looked_into_is_said(tmp_path):
    whole = zipped(a=b"text")
    (tmp_path / "broken.zip").write_bytes(whole[:20])
    locked = bytearray(whole)
    for place in (6, whole.rindex(b"PK\1\2") + 8):  # the bit that says "encrypted", of both headers
        locked[place] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "cut.parquet").write_bytes(parquet(a=["b"])[:-9])
    deep = b"text"
    for _ in range(6):
        deep = zipped(inner=deep)
    (tmp_path / "deep.zip").write_bytes(deep)
    (tmp_path / "other/.git").mkdir(parents=True)
    found = search(tmp_path)
    assert found.named == []
    why = {one.path: one.what for one in found.unread}
    assert set(why) == {"broken.zip", "locked.zip", "paper.pdf", "cut.parquet", "deep.zip", "other/.git"}
    assert "encrypted" in why["locked.zip"]
    assert why["other/.git"] == "another repository's history"


def test_environments_caches_and_folders_that_are_passed_over_are_not_searched(tmp_path):
    for folder in (".git", "env", "src/__pycache__", "store", "kept"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_text(WHO)
    (tmp_path / "env/pyvenv.cfg").touch()
    found = search(tmp_path, [tmp_path / "store"], without={"kept/a.txt"})
    assert found == Traces()


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["A41", "A4", "1", "A412", "_", " ", "x", "\0"]), max_size=40), st.integers(8, 40))
def test_where_a_file_is_cut_into_windows_makes_no_difference(tmp_path, parts, window):
    text = "".join(parts).replace("\0", "\n").encode()
    (tmp_path / "a.txt").write_bytes(text)
    at_once = search(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "WINDOW", window)
        patch.setattr(contents, "OVERLAP", 8)
        assert search(tmp_path) == at_once


def test_what_is_found_is_sorted_by_who_has_to_do_something(tmp_path):
    paths = {
        "told": ["logs/demo_actor/A41.log", ".snakemake/log/a.log", "cache/lineage/status.json", "lineage.html"],
        "tables": ["data/blemore/train_metadata.csv"],
        "again": ["data/demo/truth.json", "results/metrics.json", ".snakemake/metadata/abc"],
        "records": ["lineage/records/a.json"],
        "yours": ["exports/lineage.html", "data/notes.txt", "tests/a.py"],
    }
    lists = ["withdrawn.json", "withdrawals/2026-11-29-A41.md"]
    named = [Trace(path, "text") for one in (*paths.values(), lists) for path in one]
    found = Traces(named, [], [Trace("a.pdf", "PDF")])
    left = remains(found, tmp_path, {"data/demo/truth.json"})
    assert left.derived == paths["told"]
    assert left.tables == paths["tables"]
    for part in ("again", "records", "yours"):
        assert [one.path for one in getattr(left, part)] == paths[part]
    assert left.unread == found.unread


def test_the_note_lists_what_is_left_one_by_one_and_a_crowded_folder_in_one_line():
    left = Remains(
        tables=["data/blemore/train_metadata.csv"],
        again=[Trace("results/fusion/weights.json", "text"), Trace("results/fusion/decided.parquet", "column clip")],
        records=[Trace("lineage/records/a.json", "text")],
        committed=[Trace("docs/notes.md", "text")],
        yours=[Trace("a.csv", "column who"), *(Trace(f"crowd/{number}.txt", "text") for number in range(21))],
        unread=[Trace("locked.zip", "encrypted")],
    )
    planned = Plan("person", WHO, {SUM: CLIP}, ["logs/a.log"], left, [], [], [], {}, {}, [], {}, 0)
    sections = {part.splitlines()[0]: part.splitlines()[2:] for part in note(planned, "Done").split("\n## ")[1:]}
    assert {"- logs: 1 files", "- data/blemore/train_metadata.csv: the rows"} <= set(sections["Removed"])
    still = sections["Still names them"]
    assert "- this commit's files (`git grep -lw A41`): docs/notes.md" in still
    assert any("`git log --all --oneline -S A41`" in line for line in still)
    assert "- results/fusion: 2 files, until the study has run again" in still
    assert any(line.startswith("- lineage/records: 1 files") for line in still)
    assert sections["Yours, and still names them: look at each"] == ["- a.csv: column who", "- crowd: 21 files"]
    assert sections["Could not be looked into"] == ["- locked.zip: encrypted"]
