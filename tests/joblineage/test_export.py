"""`export`: RO-Crate and SLSA of a made-up study, and what they do not tell."""

import io
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from made_records import LOCK, Lineage

from joblineage.errors import DataError
from joblineage.export.crate import METADATA, check_crate, write_crate
from joblineage.export.payload import MANIFEST, README
from joblineage.export.pseudonyms import Names, salt_from
from joblineage.export.slsa import statement
from joblineage.export.view import View
from joblineage.files import read_json
from joblineage.store import digest
from joblineage.study import Study as About

CODES = {"A11", "A123"}
CLIPS = ["A11_ang_int1_ver1", "A123_hap_int1_ver1", "test_0001"]
TABLE = "results/fusion/probabilities.parquet"
ABOUT = About(
    results=("results/fusion/", "results/calibration/", "results/submission/"),
    private=("data/", "results/media/"),
    outside=("weights/",),
    products="results/submission/",
)


class Study(Lineage):
    """A study in small: its run keeps copies of Snakefile, lock file and params.yaml, as a real one does."""

    def file(self, path: str, text: str) -> str:
        super().file(path, text)
        if path == TABLE:
            table = pd.DataFrame({"clip": CLIPS, "person": ["A11", "A123", None], "ang": [0.25, 0.5, 0.75]})
            table.to_parquet(self.root / path)
        return path

    def run(self) -> str:
        files = {"Snakefile": "rule all:\n", "params.yaml": "seed: 17\nblemore: {folds: 2}\n", LOCK: "numpy==2.0\n"}
        study = {path: self.store.put((self.root / self.file(path, text)).read_bytes()) for path, text in files.items()}
        name = super().run()
        run = self.store.runs[name] | {"study": study}
        (self.root / f"lineage/runs/{name}.json").unlink()
        return self.store.write("runs", run)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Raw clips -> prepare, which names persons -> train -> a table that names them -> submit; a job of one person."""
    made = Study(tmp_path / "study", ABOUT)
    raw = [made.file(f"data/blemore/train/{clip}.mov", clip) for clip in CLIPS[:2]]
    raw.append(made.file("data/blemore/test/test_0001.mov", "a test clip"))
    made.file(LOCK, "numpy==2.0\n")
    made.file("src/train.py", '"""Trains."""\n')
    made.file("src/names.py", '"""Reads names such as A123_hap_int1_ver1."""\n')
    made.file("weights/network.pt", "weights from elsewhere")
    made.job("prepare", [*raw, "src/names.py"], {"results/media/faces/000.parquet": "faces"})
    reads = ["results/media/faces/000.parquet", "weights/network.pt", "src/train.py", LOCK]
    made.job("train/fold=0", reads, {"results/encoders/s4d/fold0.safetensors": "weights"}, params={"rate": 0.1})
    made.job("offsets/person=A123", ["results/encoders/s4d/fold0.safetensors"], {"results/calibration/A123.json": "{}"})
    makes = {TABLE: "", "results/submission/submission.json": '{"predictions": {}}'}
    made.job("submit", ["results/encoders/s4d/fold0.safetensors"], makes, metrics={"acc_presence": 0.5})
    made.run()
    return made


def view_of(study: Study, salt: bytes | None = b"salt" * 8, *, kept: bool = False) -> View:
    return View(study.store, Names(frozenset(CODES), salt, kept))


def crate(study: Study, **options) -> dict[str, bytes]:
    out = study.root.parent / "crate.zip"
    write_crate(view_of(study, **options), out)
    with zipfile.ZipFile(out) as file:
        return {name: file.read(name) for name in file.namelist()}


def words(files: dict[str, bytes]) -> str:
    """All that is readable in files, names too; tables as tables."""
    texts = [*files]
    for name, data in files.items():
        if name.endswith(".parquet"):
            texts.append(pd.read_parquet(io.BytesIO(data)).to_csv())
        else:
            texts.append(data.decode())
    return "\n".join(texts)


def test_a_crate_tells_no_person_unless_asked(study):
    text = words(crate(study))
    assert not [code for code in CODES if code in text]
    asked = words(crate(study, salt=None))
    assert all(code in asked for code in CODES)


def test_what_lies_in_a_crate_is_the_study_s_own_bytes_and_the_manifest_knows_the_rest(study):
    files = crate(study)
    for name, data in files.items():
        if name not in (METADATA, MANIFEST, README):
            assert (study.root / name).read_bytes() == data, name
    why = {one["path"]: one["why"] for one in json.loads(files[MANIFEST])["files"]}
    assert why["results/media/faces/000.parquet"] == why[None] == "private"
    assert why[TABLE] == why["src/names.py"] == "names"
    assert why["results/encoders/s4d/fold0.safetensors"] == "unlisted"
    assert why["weights/network.pt"] == "outside"
    assert not [name for name in files if name.startswith(("data/", "results/media/", "weights/"))]


def test_pseudonyms_whose_salt_is_kept_come_with_tables_and_are_the_same_each_time(study, tmp_path):
    salt = salt_from(tmp_path / "salt")
    assert salt == salt_from(tmp_path / "salt")
    assert (tmp_path / "salt").stat().st_mode & 0o077 == 0
    files = crate(study, salt=salt, kept=True)
    table = pd.read_parquet(io.BytesIO(files[f"pseudonyms/{TABLE}"]))
    name = view_of(study, salt).names.pseudonym("A123")
    assert table.set_index("clip").loc[f"{name}_hap_int1_ver1", ["person", "ang"]].tolist() == [name, 0.5]
    assert table["clip"].is_monotonic_increasing
    assert not [code for code in CODES if code in words(files)]
    assert files == crate(study, salt=salt, kept=True)


def test_pseudonyms_without_a_kept_salt_are_others_each_time(study):
    names = {view_of(study, salt_from(None)).names.pseudonym("A11") for _ in range(3)}
    assert len(names) == 3


def test_jobs_stand_makers_first_and_else_by_the_names_that_are_shown(study):
    names = [job.name for job in view_of(study).jobs]
    assert [name.partition("/")[0] for name in names[:2]] == ["prepare", "train"]
    assert names[2:] == sorted(names[2:])
    assert {"submit"} < set(names[2:])


def test_a_code_is_found_between_other_words_only():
    names = Names(frozenset({"A11"}), b"salt")
    assert names.tells("train/A11_ang.mov")
    assert names.tells("A11")
    assert not any(map(names.tells, ("A112_ang", "BA11", "a11", "sha A1 1")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("attack", ["differs", "missing", "extra", "twice", "size"])
def test_the_check_of_a_crate_names_the_file(study, attack):
    files, path, out = crate(study), "results/submission/submission.json", study.root.parent / "attacked.zip"
    said = {"differs": f"{path}: has sha256", "missing": f"{path}: is missing", "extra": "results/more.json: was added"}
    said |= {"twice": f"{path}: is there twice", "size": f"{path}: has 19 bytes"}
    added = []
    match attack:
        case "differs":
            files[path] = files[path].replace(b"{}", b"[]")
        case "missing":
            del files[path]
        case "extra":
            files["results/more.json"] = b"{}"
        case "twice":
            added = [(path, files[path])]
        case "size":
            files[METADATA] = files[METADATA].replace(b'"contentSize": "19"', b'"contentSize": "18"')
    with zipfile.ZipFile(out, "w") as file:
        for name, data in [*files.items(), *added]:
            file.writestr(name, data)
    with pytest.raises(DataError) as error:
        check_crate(out)
    assert error.value.faults[0].startswith(said[attack])
    assert len(error.value.faults) == 1


def test_the_check_sees_a_result_that_was_changed_together_with_the_metadata(study):
    files, path = crate(study), "results/submission/submission.json"
    before, after = files[path], files[path].replace(b"{}", b"[]")
    files[path] = after
    files[METADATA] = files[METADATA].replace(digest(before).encode(), digest(after).encode())
    out = study.root.parent / "attacked.zip"
    with zipfile.ZipFile(out, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    with pytest.raises(DataError, match=f"{path}: is not what its record"):
        check_crate(out)


def test_an_unharmed_crate_passes_the_check(study):
    files = crate(study)
    assert check_crate(study.root.parent / "crate.zip") == len(files) - 1


def test_a_file_that_is_not_what_its_record_says_is_not_exported(study):
    (study.root / "results/submission/submission.json").write_text("{}")
    with pytest.raises(DataError, match="is not what its record says"):
        crate(study)
    assert not (study.root.parent / "crate.zip").exists()


def test_the_slsa_statement_is_valid_and_names_the_submission_and_what_it_hangs_on(study):
    document = statement(view_of(study))
    Statement.copy_from_pb(json_format.ParseDict(document, StatementMessage())).validate()
    json_format.ParseDict(document["predicate"], Provenance())
    sums = {one["path"]: one["sha256"] for record in study.store.records.values() for one in record["outputs"]}
    path = "results/submission/submission.json"
    assert document["subject"] == [{"name": path, "digest": {"sha256": sums[path]}}]
    needs = {one["name"]: one["digest"] for one in document["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert needs["code"] == {"gitCommit": "c0ffee" + 34 * "0"}
    assert {"data", LOCK, "params.yaml", "Snakefile", "weights/network.pt"} < needs.keys()
    assert not [code for code in CODES if code in json.dumps(document)]


def test_a_run_that_did_not_finish_the_study_is_not_exported(tmp_path):
    made = Study(tmp_path)
    made.job("one", [made.file("src/one.py", "")], {"results/one.json": "{}"})
    with pytest.raises(DataError, match="did not finish"):
        view_of(made)


def test_the_metadata_holds_one_action_a_record_inside_those_of_the_run(study):
    graph = {one["@id"]: one for one in json.loads(crate(study)[METADATA])["@graph"]}
    organised = next(one for one in graph.values() if one["@type"] == "OrganizeAction")
    controls = [graph[one["@id"]] for one in organised["object"]]
    jobs = [graph[control["object"]["@id"]] for control in controls]
    assert sorted(job["identifier"] for job in jobs) == sorted(study.store.records)
    train = next(job for job in jobs if job["name"] == "train/fold=0")
    assert (train["startTime"][:4], train["actionStatus"]) == ("2026", "http://schema.org/CompletedActionStatus")
    values = [graph[one["@id"]].get("value") for one in train["object"]]
    assert 0.1 in values
    assert read_json(study.root / f"lineage/records/{train['identifier']}.json")["job"]["rule"] == "train"


def test_what_prov_asks_of_a_job_is_read_from_the_crate_as_the_docs_say(study):
    """docs/lineage.md, RO-Crate -> PROV: used, wasGeneratedBy, wasAssociatedWith."""
    graph = {one["@id"]: one for one in json.loads(crate(study)[METADATA])["@graph"]}

    def names(one: dict, key: str) -> set[str]:
        found = one.get(key, [])
        return {graph[it["@id"]]["name"] for it in (found if isinstance(found, list) else [found])}

    jobs = {one["name"]: one for one in graph.values() if one["@id"].startswith("#record-")}
    script = {name: graph[job["instrument"]["@id"]] for name, job in jobs.items()}
    files = {"results/media/faces/000.parquet", "weights/network.pt"}
    assert names(jobs["train/fold=0"], "object") == files | {"rate"}
    assert names(script["train/fold=0"], "hasPart") == {"src/train.py"}
    assert names(script["train/fold=0"], "softwareRequirements") == {LOCK}
    assert names(jobs["prepare"], "object") == {MANIFEST}  # stands for the raw files
    assert names(jobs["prepare"], "result") == {"results/media/faces/000.parquet"}
    assert names(jobs["submit"], "result") == {TABLE, "results/submission/submission.json", "acc_presence"}
    assert {len(names(job, "agent")) for job in jobs.values()} == {1}
