"""A withdrawal on a real study: nothing that shows the clips is left where it can reach, searched by content."""

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dvc.repo import Repo

from blemore.audit.withdrawal.carry_out import carry_out
from blemore.audit.withdrawal.places import Place
from blemore.audit.withdrawal.plan import plan
from blemore.challenge.submission import check
from joblineage.workspace import output_of

from .conftest import Study, clone, with_stores
from .test_studies import as_blemore

pytestmark = pytest.mark.slow

PERSON = "A903"
NEEDLE = 40
"""Bytes out of the middle of a clip, a crop, sound or a piece: long enough to be found nowhere else."""
REMOTES = ("--remote", "shared", "--remote", "private")


def files(study: Study) -> dict[str, Path]:
    """Every file of the workspace, DVC's cache and the remotes; git's own and the source code left out."""
    folder = study.folder
    tops = {"workspace": folder, "shared": folder.parent / "shared", "private": folder.parent / "private"}
    found = {f"{name}/{path.relative_to(top)}": path for name, top in tops.items() for path in top.rglob("*")}
    aside = ("workspace/.git/", "workspace/src/", "workspace/.snakemake/")
    return {name: path for name, path in found.items() if path.is_file() and not name.startswith(aside)}


def middle(data: bytes) -> bytes:
    return data[len(data) // 2 : len(data) // 2 + NEEDLE]


def cells(table: bytes, names: set[str]) -> Iterator[bytes]:
    """Pictures, sound and pieces of some clips in a Parquet table."""
    rows = pq.read_table(io.BytesIO(table)).to_pylist()
    for row in rows:
        if row.get("clip") in names:
            yield from (value for value in row.values() if isinstance(value, bytes) and len(value) > 200)


class Search:
    """Looks for what shows some clips, by content.

    whole : sha256 of raw clips, and of every file of media. needles : bytes out of raw clips, crops, sound, pieces.
    """

    def __init__(self, study: Study, names: set[str]):
        self.names = names
        clips = [path for path in (study.folder / "data").rglob("*.mov") if path.stem in names]
        assert {path.stem for path in clips} == names
        self.whole = {hashlib.sha256(path.read_bytes()).hexdigest() for path in clips}
        self.values = [path.read_bytes() for path in clips]
        for path in sorted((study.folder / "results/media").rglob("*.parquet")):
            if path.parent.name != "probe":
                self.values += cells(path.read_bytes(), names)
        self.needles = {middle(value) for value in self.values}
        self.starts = np.zeros(1 << 16, bool)  # by two bytes: whether they begin a needle
        self.starts[[int.from_bytes(needle[:2], "little") for needle in self.needles]] = True

    def __call__(self, study: Study) -> dict[str, str]:
        """{file: how it shows one of the clips}."""
        found = {}
        for name, path in files(study).items():
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() in self.whole:
                found[name] = "a clip"
            elif self._within(data):
                found[name] = "bytes of a clip"
            elif data[:4] == b"PAR1" and self._in_table(data):
                found[name] = "a table with a clip's pictures, sound or features"
            elif any(base64.b64decode(part) in self.values for part in pictures(data, name)):
                found[name] = "a page with a picture"
        return found

    def _within(self, data: bytes) -> bool:
        for odd in (0, 1) if len(data) >= NEEDLE else ():
            pairs = np.frombuffer(data, "<u2", (len(data) - odd) // 2, odd)
            places = 2 * np.flatnonzero(self.starts[pairs]) + odd
            if any(data[place : place + NEEDLE] in self.needles for place in places):
                return True
        return False

    def _in_table(self, data: bytes) -> bool:
        if any(cells(data, self.names)):
            return True
        table = pq.read_table(io.BytesIO(data))
        return "features" in table.column_names and bool(self.names & set(table["clip"].to_pylist()))


def pictures(data: bytes, name: str) -> list[bytes]:
    if not name.endswith(".html"):
        return []
    return [part.split(b'"')[0] for part in data.split(b"data:image/jpeg;base64,")[1:]]


def tree(study: Study) -> dict[str, str]:
    found = {**files(study), "denylist": study.folder / "withdrawn.json"}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}


def persons_clips(study: Study, person: str) -> set[str]:
    return {path.stem for path in (study.folder / "data/demo/train").glob(f"{person}_*.mov")}


def verdict(study: Study) -> tuple[int, str]:
    done = study.run("blemore", "lineage", "verify", check=False)
    return done.returncode, done.stdout + done.stderr


def naming(study: Study, person: str) -> set[str]:
    """Files of the workspace, and of what DVC remembers of it elsewhere, that name somebody, by a plain search of bytes.

    Git's own and DVC's stores left out; zips and gz are opened, Snakemake's names decoded.
    """
    word = re.compile(rf"(?<![A-Za-z0-9]){person}(?![A-Za-z0-9])".encode())
    remembered = Path(Repo(str(study.folder)).site_cache_dir)
    found = {path for top in (study.folder, remembered) for path in top.rglob("*") if path.is_file()}
    aside = (study.folder / ".git", study.folder / ".dvc/cache")
    named = set()
    for path in sorted(path for path in found if not any(path.is_relative_to(one) for one in aside)):
        name = path.relative_to(study.folder if path.is_relative_to(study.folder) else remembered).as_posix()
        texts = [name.encode(), output_of(path.name).encode() if path.parent.name == "metadata" else b""]
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                texts += [one for member in archive.namelist() for one in (member.encode(), archive.read(member))]
        if any(word.search(text) for text in (*texts, data)):
            named.add(name)
    return named


def exports(study: Study, person: str) -> set[str]:
    """Files that people made of a person's clips and keep beside the study: their paths."""
    folder = study.folder / "exports"
    folder.mkdir()
    clip = next((study.folder / "data/demo/train").glob(f"{person}_*"))
    (folder / "notes.csv").write_text(f"person,seen\n{person},yes\n")
    with gzip.open(folder / "scores.csv.gz", "wt") as file:
        file.write(f"clip,score\n{clip.stem},1\n")
    pq.write_table(
        pa.table({"who": ["A901", person]}), folder / "who.parquet", compression="none", use_dictionary=False
    )
    with zipfile.ZipFile(folder / "handed on.zip", "w") as archive:
        archive.write(clip, clip.name)
    return {path.relative_to(study.folder).as_posix() for path in folder.iterdir()}


@pytest.fixture
def kept(guarded: Study, tmp_path: Path) -> Study:
    return with_stores(guarded, tmp_path)


def test_a_person_is_gone_from_everywhere_and_the_study_runs_without(kept: Study) -> None:
    names = persons_clips(kept, PERSON)
    search = Search(kept, names)
    before = search(kept)
    places = ("workspace/data/", "workspace/results/", "workspace/.dvc/cache/", "private/", "shared/")
    for place in places:
        assert [name for name in before if name.startswith(place)], place
    assert {"a clip", "bytes of a clip", "a table with a clip's pictures, sound or features"} <= set(before.values())
    vectors = len(list((kept.folder / "cache/gemini-stand-in/vectors").rglob("*.npy")))
    others = {path: path.read_bytes() for path in (kept.folder / "data/demo").rglob("*.mov") if path.stem not in names}
    (kept.folder / "studies").mkdir()
    (kept.folder / "studies/copy.bin").write_bytes(
        next((kept.folder / "data/demo/train").glob(f"{PERSON}_*")).read_bytes()
    )

    own = exports(kept, PERSON)
    kept.run("blemore", "lineage", "report")
    everything = tree(kept)
    said = kept.run("blemore", "withdraw", "--person", PERSON, *REMOTES, "--dry-run").stdout
    assert "nothing was changed" in said
    assert f"person {PERSON} ({len(names)} clips)" in said
    assert tree(kept) == everything

    note = kept.run("blemore", "withdraw", "--person", PERSON, *REMOTES).stdout
    (kept.folder / "exports/handed on.zip").unlink()  # the note names it: people look at what is theirs
    assert search(kept) == {}
    gone = ("logs/", ".snakemake/log/", "cache/lineage/", "lineage.html", "data/demo/train/")
    assert not [name for name in naming(kept, PERSON) if name.startswith(gone)]
    for path in own:
        assert f"- {path}: " in note
    assert {path: path.read_bytes() for path in others} == others
    assert len(list((kept.folder / "cache/gemini-stand-in/vectors").rglob("*.npy"))) == vectors - len(names)
    for words in ("other clones", "git's history", "derived files", "fit_head: 2", "fuse: 1", "remote private: "):
        assert words in note
    (written,) = (kept.folder / "withdrawals").glob(f"*-{PERSON}.md")
    assert written.read_text().strip() == note.strip()
    assert [one["person"] for one in json.loads((kept.folder / "withdrawn.json").read_text())] == [PERSON]
    assert kept.git("status", "--porcelain", "--untracked-files=no").split() == ["M", "withdrawn.json"]

    code, text = verdict(kept)
    assert code == 16
    assert text.startswith("WITHDRAWN")
    code, text = verdict_of(kept, "results/submission/submission.zip")
    assert code == 16

    kept.submission()
    assert verdict(kept)[0] == 0
    assert search(kept) == {}
    assert check(kept.folder / "results/submission/submission.zip") == []
    assert not persons_clips(kept, PERSON)
    assert PERSON not in set(pq.read_table(kept.folder / "results/clips/clips.parquet")["person"].to_pylist())
    assert kept.would_run() == {}
    kept.run("dvc", "push")
    assert search(kept) == {}

    # Once more: nothing that the new study made changes. The run's log said whose clips were gone, and goes.
    again = kept.run("blemore", "withdraw", "--person", PERSON, *REMOTES).stdout
    assert verdict(kept)[0] == 0, again
    assert "until the study has run again" not in again
    left, committed = naming(kept, PERSON), set(kept.git("ls-files").split())
    assert {one for one in left & committed if not one.startswith("tests/")} == {"withdrawn.json"}
    notes = {"withdrawals/withdrawn.json", written.relative_to(kept.folder).as_posix()}
    records = {one for one in left if one.startswith(("lineage/records/", "lineage/objects/"))}
    theirs = own - {"exports/handed on.zip"}
    assert left - committed == notes | records | theirs
    for path in theirs:
        assert f"- {path}: " in again


def test_a_rolled_back_list_is_refused_and_a_revocation_is_the_way_back(kept: Study) -> None:
    names = persons_clips(kept, PERSON)
    kept.run("blemore", "withdraw", "--person", PERSON)
    kept.git("checkout", "--quiet", "--", "withdrawn.json")
    for command in (("snakemake", "-n", "submission"), ("dvc", "repro")):
        refused = kept.run(*command, check=False)
        assert refused.returncode
        assert f"lacks person {PERSON}" in refused.stdout + refused.stderr
    code, text = verdict(kept)
    assert code == 16
    assert f"lacks person {PERSON}" in text
    assert not persons_clips(kept, PERSON)

    kept.run("blemore", "withdraw", "--revoke", PERSON, "--reason", "consent given again")
    (entry,) = json.loads((kept.folder / "withdrawn.json").read_text())
    assert entry["person"] == PERSON
    assert entry["revoked"]["reason"] == "consent given again"
    assert len(entry["sha256"]) == len(names)
    assert [count for rule, count in kept.would_run().items() if rule.startswith("demo_actor")] == [1]


def verdict_of(study: Study, artifact: str) -> tuple[int, str]:
    done = study.run("blemore", "lineage", "verify", artifact, check=False)
    return done.returncode, done.stdout


def test_a_clip_goes_alone_and_a_test_clip_stays_in_the_submission(kept: Study) -> None:
    search = Search(kept, {"A901_ang_int4_ver1", "test_0003"})
    template = json.loads((kept.folder / "results/submission/submission.json").read_text())["predictions"].keys()
    kept.run("blemore", "withdraw", "--clip", "A901_ang_int4_ver1.mov", *REMOTES)
    kept.run("blemore", "withdraw", "--clip", "test_0003", *REMOTES)
    assert search(kept) == {}
    assert len(persons_clips(kept, "A901")) == 15
    assert verdict(kept)[0] == 16
    assert sorted(kept.repro())[:3] == ["clips", "compare", "decide"]
    assert verdict(kept)[0] == 0
    assert search(kept) == {}
    predictions = json.loads((kept.folder / "results/submission/submission.json").read_text())["predictions"]
    assert predictions.keys() == template
    assert predictions["test_0003.mov"]
    assert kept.would_run() == {}


def test_with_blemore_the_raw_clips_of_others_stay(guarded: Study, tmp_path: Path) -> None:
    kept = clone(tmp_path / "study")
    shutil.copytree(guarded.folder / "data/demo", kept.folder / "data/demo")
    as_blemore(kept)
    shutil.rmtree(kept.folder / "data/demo")
    kept.submission()
    kept.remotes(tmp_path)
    kept.git("add", "dvc.lock")
    kept.git("commit", "--quiet", "-am", "Real clips")
    kept.run("dvc", "push")
    clips = {path: path.read_bytes() for path in (kept.folder / "data/blemore").rglob("*.mov")}
    labels = (kept.folder / "data/blemore/train_metadata.csv").read_bytes().splitlines(keepends=True)
    search = Search(kept, {"A901_ang_int4_ver1"})
    kept.run("blemore", "withdraw", "--clip", "A901_ang_int4_ver1", *REMOTES)
    assert search(kept) == {}
    table = kept.folder / "data/blemore/train_metadata.csv"
    assert table.read_bytes() == b"".join(row for row in labels if b"A901_ang_int4_ver1" not in row)
    left = {path: path.read_bytes() for path in (kept.folder / "data/blemore").rglob("*.mov")}
    assert left == {path: data for path, data in clips.items() if path.stem not in search.names}
    stored = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (kept.folder.parent / "private").rglob("*")
        if path.is_file()
    }
    assert {hashlib.sha256(data).hexdigest() for data in left.values()} <= stored
    kept.submission()
    assert verdict(kept)[0] == 0
    assert search(kept) == {}


def test_what_was_broken_off_is_finished_by_a_second_call(kept: Study, monkeypatch) -> None:
    names = persons_clips(kept, PERSON)
    search = Search(kept, names)
    remove = Place.remove

    def killed(place: Place, md5s: list[str]) -> None:
        if place.name == "shared":
            raise KeyboardInterrupt
        remove(place, md5s)

    monkeypatch.setattr(Place, "remove", killed)
    monkeypatch.setattr("blemore.audit.withdrawal.carry_out.recovery.survey", lambda root: ([], []))
    with pytest.raises(KeyboardInterrupt):
        carry_out(kept.folder, plan(kept.folder, "person", PERSON, ["shared", "private"]))
    assert search(kept)
    assert json.loads((kept.folder / "withdrawn.json").read_text())[0]["person"] == PERSON
    monkeypatch.setattr(Place, "remove", remove)
    carry_out(kept.folder, plan(kept.folder, "person", PERSON, ["shared", "private"]))
    assert search(kept) == {}


def test_a_remote_that_does_not_answer_is_told_and_done_later(kept: Study) -> None:
    search = Search(kept, persons_clips(kept, PERSON))
    private = kept.folder.parent / "private"
    private.rename(kept.folder.parent / "elsewhere")
    done = kept.run("blemore", "withdraw", "--person", PERSON, *REMOTES, check=False)
    assert done.returncode == 1
    assert "remote private could not be reached" in done.stdout
    (kept.folder.parent / "elsewhere").rename(private)
    left = search(kept)
    assert left
    assert all(name.startswith("private/") for name in left)
    kept.run("blemore", "withdraw", "--person", PERSON, "--remote", "private")
    assert search(kept) == {}

    lock = (kept.folder / "dvc.lock").read_text()  # a version of a study whose records are gone may hold anybody
    clusters = re.search(r"path: results/individuals/clusters.parquet\n.*\n +md5: (\w+)", lock)
    (kept.folder / "dvc.lock").write_text(lock.replace(clusters[1], 32 * "a"))
    kept.git("commit", "--quiet", "-am", "Another study")
    kept.git("revert", "--no-edit", "HEAD")
    refused = kept.run("blemore", "withdraw", "--person", "A999", "--remote", "private", check=False)
    assert refused.returncode == 1
    assert "is it spelt right?" in refused.stderr
    refused = kept.run("blemore", "withdraw", "--person", PERSON, "--remote", "unheard", check=False)
    assert "no remote 'unheard'" in refused.stderr
