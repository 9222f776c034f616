"""The denylist: whoever stands on it is neither listed, imported nor generated; records that hang on them are named."""

import json
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import Lineage, fuse, small_study, train
from made_records import gather as gather_fold
from test_demo import OPTIONS
from test_roster import CLIPS, TESTS, data_set

from blemore import cli
from blemore.audit.persons import codes
from blemore.audit.withdrawal.check import check, dependents
from blemore.audit.withdrawal.shortened import KEPT, refuse_shortened, whole
from blemore.datasets import demo
from blemore.datasets.completeness import Published, check_data
from blemore.datasets.importing import import_data
from blemore.datasets.roster import read_roster
from blemore.datasets.sources import without_rows
from blemore.datasets.withdrawn import FILE, NOBODY, REASON, Withdrawn, read_same, read_withdrawn, write_withdrawn
from blemore.gemini import store
from blemore.gemini.service import Service
from blemore.media.clips import gather
from blemore.tables import PROBE_COLUMNS, usable
from demoactors import make, schedule
from joblineage.errors import DataError, MissingDataError
from joblineage.files import sha256
from joblineage.graph import Descent, Graph
from joblineage.run import close
from joblineage.store import key
from joblineage.study import Study
from joblineage.verdict import Verdict

DAY = "2026-11-23"
FILES = demo.clip_files(Path(), OPTIONS)

names = st.sampled_from([Path(file).stem for file in FILES])
persons = st.sampled_from(demo.train_actors(OPTIONS))
lists = st.builds(Withdrawn.named, st.sets(persons, max_size=3), st.sets(names, max_size=5))


@given(lists)
def test_a_clip_is_kept_exactly_where_neither_it_nor_its_person_was_withdrawn(withdrawn):
    kept = withdrawn.kept(FILES)
    gone = [file for file in FILES if file not in kept]
    assert all(withdrawn.holds(Path(file).stem) for file in gone)
    assert not any(
        name in withdrawn.names["clips"] or name.split("_")[0] in withdrawn.names["persons"]
        for name in map(lambda file: Path(file).stem, kept)
    )


@given(lists, st.integers(1, 3), st.dictionaries(persons, st.sampled_from(sorted(schedule.UNUSUAL)), max_size=2))
def test_the_demos_rules_make_every_clip_that_is_left_once(withdrawn, ratios, unusual):
    options = OPTIONS | {"ratios": ratios, "unusual": unusual}
    made = [*demo.cut_files(options, withdrawn), *withdrawn.kept(demo.test_files(options))]
    for turn in range(demo.TURNS):
        pattern = demo.files_of_turn(options, turn)
        whole = demo.whole_actors(options, withdrawn, turn)
        made += [file.replace("{actor}", actor) for actor in whole for file in pattern]
    assert sorted(made) == withdrawn.kept(demo.clip_files(Path("data"), options))


def test_with_nobody_on_the_list_nothing_is_cut():
    assert demo.whole_actors(OPTIONS, NOBODY, 0) == demo.train_actors(OPTIONS)
    assert demo.cut_files(OPTIONS, NOBODY) == []
    assert NOBODY.kept(FILES) == FILES


entries = st.one_of(st.tuples(st.just("person"), persons), st.tuples(st.just("clip"), names))
sums = st.lists(st.integers(0, 16**64 - 1).map("{:064x}".format), max_size=3)


@pytest.mark.thorough
@given(st.lists(st.tuples(entries, sums), max_size=6))
def test_what_is_added_is_written_read_and_never_lost(tmp_path, added):
    withdrawn = NOBODY
    for (kind, name), found in added:
        withdrawn = withdrawn.adding(kind, name, DAY, found)
    write_withdrawn(tmp_path / FILE, withdrawn)
    read = read_withdrawn(tmp_path / FILE)
    assert {(kind, entry[kind]) for entry in read.entries for kind in ("person", "clip") if kind in entry} == {
        entry for entry, _ in added
    }
    assert read.sha256 == {digest for _, found in added for digest in found}
    assert len(read.entries) == len({entry for entry, _ in added})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "expected a list"),
        ("[", "not valid JSON"),
        ('[{"person": "A1", "person": "A2", "date": "2026-11-23", "sha256": []}]', "stands more than once"),
        ('[{"date": "2026-11-23", "sha256": []}]', "either a person or a clip"),
        ('[{"person": "A1", "clip": "x", "date": "2026-11-23", "sha256": []}]', "either a person or a clip"),
        ('[{"person": "A1_b", "date": "2026-11-23", "sha256": []}]', "entry 1, person"),
        ('[{"person": "A1", "date": "2026-02-30", "sha256": []}]', "'2026-02-30' is not a 'date'"),
        ('[{"person": "A1", "date": "2026-11-23", "sha256": ["12"]}]', "entry 1, sha256[0]"),
    ],
)
def test_a_broken_list_is_refused(tmp_path, text, words):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError) as caught:
        read_withdrawn(tmp_path / FILE)
    assert words in str(caught.value)


def test_what_is_revoked_holds_no_longer_and_stays_written_with_who_when_and_why(tmp_path):
    withdrawn = NOBODY.adding("person", "A902", DAY, ["a" * 64]).adding("clip", "test_0001", DAY, [])
    back = withdrawn.revoking("A902", "2026-12-01", "ann", "consent given again")
    write_withdrawn(tmp_path / FILE, back)
    read = read_withdrawn(tmp_path / FILE)
    assert read.names == {"persons": [], "clips": ["test_0001"]}
    assert read.sha256 == set()
    assert not read.holds("A902_ang_int4_ver1")
    assert read.entries[0]["revoked"] == {"date": "2026-12-01", "by": "ann", "reason": "consent given again"}
    again = read.adding("person", "A902", "2026-12-02", ["b" * 64])
    assert [entry["date"] for entry in again.of("person", "A902")] == [DAY, "2026-12-02"]
    assert again.sha256 == {"b" * 64}
    with pytest.raises(DataError, match="no person and no clip of this name is withdrawn"):
        back.revoking("A902", "2026-12-01", "ann", "twice")
    for reason in ("", " ", "two\nlines"):
        with pytest.raises(DataError, match=r"revoked\.reason"):
            write_withdrawn(tmp_path / FILE, withdrawn.revoking("A902", DAY, "ann", reason))


def test_a_job_whose_list_changed_since_it_was_planned_is_refused(tmp_path):
    withdrawn = NOBODY.adding("person", "A902", DAY, [])
    write_withdrawn(tmp_path / FILE, withdrawn)
    assert read_same(tmp_path / FILE, withdrawn.adding("person", "A902", DAY, ["a" * 64]).digest) == withdrawn
    with pytest.raises(DataError, match="since this run began"):
        read_same(tmp_path / FILE, NOBODY.digest)


def in_git(root: Path, withdrawn: Withdrawn) -> None:
    write_withdrawn(root / FILE, withdrawn)
    me = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")
    for command in (["init", "-q"], ["add", FILE], [*me, "commit", "-qm", "Consent withdrawn"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def in_a_run(root: Path, withdrawn: Withdrawn) -> None:
    write_withdrawn(root / FILE, withdrawn)
    made = Lineage(root, Study(files=(FILE,)))
    made.job("prepare", [], {"results/media": "media"})
    assert close(made.store, [re.compile("results/")], [], complete=False)


def on_this_machine(root: Path, withdrawn: Withdrawn) -> None:
    write_withdrawn(root / KEPT, withdrawn)


@pytest.mark.parametrize("known", [in_git, in_a_run, on_this_machine])
def test_a_shorter_list_is_refused_with_the_names_and_the_commands(tmp_path, known):
    longer = NOBODY.adding("person", "A12", DAY, ["a" * 64]).adding("clip", "test_0001", DAY, [])
    known(tmp_path, longer)
    for shorter, lost in (
        (NOBODY, ["person A12", "clip test_0001"]),
        (NOBODY.adding("person", "A12", DAY, []), ["person A12", "clip test_0001"]),  # not the hash
        (NOBODY.adding("person", "A12", DAY, ["a" * 64]), ["clip test_0001"]),
    ):
        write_withdrawn(tmp_path / FILE, shorter)
        with pytest.raises(DataError) as refused:
            refuse_shortened(tmp_path)
        assert [fault.split(",")[0] for fault in refused.value.faults] == [f"lacks {one}" for one in lost]
        assert "`blemore withdraw --clip test_0001` puts that back" in str(refused.value)
        assert "`blemore withdraw --revoke test_0001 --reason WHY`" in str(refused.value)
        whole_again = whole(tmp_path)[0]
        assert whole_again.names == longer.names
        assert whole_again.sha256 == longer.sha256
    for kept in (longer, longer.revoking("A12", DAY, "ann", "again"), longer.adding("person", "A13", DAY, [])):
        write_withdrawn(tmp_path / FILE, kept)
        refuse_shortened(tmp_path)


def test_a_second_withdrawal_after_a_revocation_is_not_rolled_back_either(tmp_path):
    back = NOBODY.adding("person", "A12", DAY, []).revoking("A12", DAY, "ann", "again")
    on_this_machine(tmp_path, back.adding("person", "A12", "2026-12-02", []))
    write_withdrawn(tmp_path / FILE, back)
    with pytest.raises(DataError, match="lacks person A12"):
        refuse_shortened(tmp_path)


def test_what_is_kept_and_cannot_be_read_stops_nobody(tmp_path):
    write_withdrawn(tmp_path / FILE, NOBODY)
    (tmp_path / KEPT).parent.mkdir()
    for broken in (b"", b"{", b'[{"person": 3}]', b"[" * 100_000, b"\xff"):
        (tmp_path / KEPT).write_bytes(broken)
        refuse_shortened(tmp_path)
        assert (tmp_path / KEPT).read_bytes() == broken


def test_an_import_with_a_shorter_list_is_refused_before_any_work(download, tmp_path, monkeypatch, capsys):
    on_this_machine(tmp_path, NOBODY.adding("person", "A412", DAY, []))
    write_withdrawn(tmp_path / FILE, NOBODY)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["data", "import", str(download)])
    assert "lacks person A412" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_verify_says_that_the_list_is_shorter(tmp_path):
    made = small_study(tmp_path)
    on_this_machine(tmp_path, NOBODY.adding("person", "A99", DAY, []))
    (finding,) = check(tmp_path, Graph(made.store), set(made.store.records))[0]
    assert (finding.verdict, finding.node) == (Verdict.WITHDRAWN, FILE)
    assert "lacks person A99" in finding.what


@pytest.mark.parametrize("text", ["null", "[" * 200, '[{"person": "A1", "person": "A2"}]', None])
def test_verify_has_a_verdict_where_the_list_cannot_be_read(tmp_path, text):
    made = small_study(tmp_path)
    if text is None:
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).write_text(text)
    (finding,) = check(tmp_path, Graph(made.store), set(made.store.records))[0]
    assert (finding.verdict, finding.node) == (Verdict.MISSING, FILE)
    assert "who withdrew is not known" in finding.what


def test_revoking_from_the_command_line_needs_a_reason_and_says_who(tmp_path, monkeypatch, capsys):
    on_this_machine(tmp_path, NOBODY.adding("person", "A412", DAY, []))
    write_withdrawn(tmp_path / FILE, NOBODY)  # rolled back: the way back is recorded all the same
    monkeypatch.setenv("LOGNAME", "ann")
    command = ["withdraw", "--revoke", "A412", "--workspace", str(tmp_path)]
    for wrong in (command, [*command[:1], "--reason", "x"], [*command, "--reason", "x", "--clip", "test_0001"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(wrong)
        assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--reason", "consent given again"])
    assert ended.value.code == 0
    (entry,) = read_withdrawn(tmp_path / FILE).entries
    assert entry["revoked"] | {"date": ""} == {"by": "ann", "reason": "consent given again", "date": ""}
    assert (tmp_path / FILE).read_bytes() == (tmp_path / KEPT).read_bytes()
    refuse_shortened(tmp_path)


def test_a_lost_list_brings_nobody_back(tmp_path):
    with pytest.raises(MissingDataError, match=r"git checkout withdrawn\.json"):
        read_withdrawn(tmp_path / FILE)


def test_the_roster_passes_over_them_and_keeps_a_test_clip_without_its_file(tmp_path):
    files = data_set(tmp_path)
    withdrawn = Withdrawn.named([], ["A412_neu_sit4_ver1", "A26_ang_int1_ver1", "test_0002"])
    roster = read_roster(tmp_path, files, withdrawn=withdrawn).set_index("clip")
    left = [clip for clip in CLIPS if not withdrawn.holds(clip)]
    assert sorted(roster.index) == sorted([*left, *TESTS])
    assert roster["file"].isna().to_dict() == {clip: clip == "test_0002" for clip in roster.index}
    gone = [file for file in files if not withdrawn.holds(Path(file).stem)]  # the clips are no longer there either
    assert read_roster(tmp_path, gone, withdrawn=withdrawn).set_index("clip").equals(roster)
    with pytest.raises(DataError, match="no clip is in fold 1"):
        read_roster(tmp_path, files, withdrawn=Withdrawn.named(["A412"], []))


def test_a_withdrawn_test_clip_is_set_aside_without_counting_as_bad(tmp_path):
    roster = read_roster(tmp_path, data_set(tmp_path), withdrawn=Withdrawn.named([], ["test_0002", "test_0007"]))
    probed = roster.dropna(subset="file")
    probe = pd.DataFrame({"clip": probed["clip"]}).reindex(columns=["clip", *PROBE_COLUMNS])
    probe = probe.assign(width=1, height=1, rotation=0, audio_rate=1, audio_channels=1, bytes=1, quarantine="")
    probe.to_parquet(tmp_path / "probe.parquet")
    clips = gather(roster, [tmp_path / "probe.parquet"], 0.0).set_index("clip")
    assert clips["quarantine"].to_dict() == {
        clip: "" if clip in set(probed["clip"]) else REASON for clip in roster["clip"]
    }
    assert not set(usable(clips.reset_index())["clip"]) & {"test_0002", "test_0007"}


@pytest.fixture
def download(tmp_path) -> Path:
    data_set(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for clip in (*CLIPS, *TESTS):
            archive.writestr(f"{clip}.mov", f"moving pictures of {clip}")
        for name in ("train_metadata.csv", "submission_template.json"):
            archive.write(tmp_path / name, name)
    return tmp_path / "all.zip"


def test_an_import_leaves_them_out_under_any_name(download, tmp_path):
    root, published = tmp_path / "data", Published(train=len(CLIPS), test=len(TESTS), folds=(2, 2, 2))
    secret = "A102_sad_int4_ver1"  # known by its content alone, as if it came under a name that nobody withdrew
    (tmp_path / "clip").write_text(f"moving pictures of {secret}")
    withdrawn = Withdrawn.named(["A412"], ["test_0001"]).adding("clip", "other", DAY, [sha256(tmp_path / "clip")])
    report = import_data([download], root, published=published, withdrawn=withdrawn)
    left = sorted(clip for clip in (*CLIPS, *TESTS) if not withdrawn.holds(clip) and clip != secret)
    assert sorted(path.stem for path in root.rglob("*.mov")) == left
    assert len(report.withdrawn) == 4
    assert not any(
        name.split("/")[-1].startswith("A412") for name in pd.read_csv(root / "train_metadata.csv")["filename"]
    )
    plain = import_data([download], tmp_path / "plain", published=published)
    assert plain.withdrawn == []
    assert (tmp_path / "plain/train_metadata.csv").read_bytes() == (tmp_path / "train_metadata.csv").read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_metadata_loses_their_rows_however_it_is_written(separator, encoding):
    rows = ["filename,note", "A102_x,a", '"train/A412_x.mov",ü', "train\\A412_y.MOV,c", " A413_z,d"]
    table = "\r\n".join(rows).replace(",", separator).encode(encoding)
    left = without_rows(table, Withdrawn.named(["A412"], ["A413_z"])).decode()
    assert left.lstrip("\ufeff") == "\r\n".join(rows[:2]).replace(",", separator) + "\r\n"
    assert without_rows(table, Withdrawn.named(["A99"], [])) == table


def test_a_check_neither_misses_nor_counts_them(download, tmp_path):
    root, published = tmp_path / "data", Published(train=len(CLIPS), test=len(TESTS), folds=(2, 2, 2))
    withdrawn = Withdrawn.named([], ["A412_neu_sit4_ver1"])
    import_data([download], root, published=published)
    (root / "train/A412_neu_sit4_ver1.mov").unlink()
    assert check_data(root, published, withdrawn).complete
    assert not check_data(root, published).complete


def test_the_demos_metadata_has_no_row_of_them_and_its_template_asks_for_all(tmp_path):
    make.make_tables(
        OPTIONS | {"seconds": [1.0, 1.2], "size": 64}, 5, tmp_path, Withdrawn.named(["A902"], ["test_0001"]).holds
    )
    rows = pd.read_csv(tmp_path / "train_metadata.csv")["filename"]
    assert {name.split("_")[0] for name in rows} == {"A901", "A903"}
    asked = json.loads((tmp_path / "submission_template.json").read_text())["predictions"]
    assert sorted(asked) == schedule.test_names(OPTIONS)
    assert sorted(json.loads((tmp_path / "truth.json").read_text())["style"]) == ["A901", "A903", "A904"]


CLIP = "A11_ang_int1_ver1"


def test_jobs_that_hang_on_a_withdrawn_clip_are_found_by_the_bytes_they_read(tmp_path):
    made = small_study(tmp_path)
    graph = Graph(made.store)
    touched = dependents(Descent(made.store), Withdrawn.named([], [CLIP]))
    assert {key(made.store.records[name]) for name in touched} == {key(one) for one in graph.records.values()}
    assert dependents(Descent(made.store), Withdrawn.named(["A13"], [])) == set()
    sums = [sha256(tmp_path / f"data/{CLIP}.mov")]
    assert dependents(Descent(made.store), NOBODY.adding("clip", "other", DAY, sums)) == touched


def test_verify_names_the_first_job_until_the_study_was_run_again(tmp_path):
    made = small_study(tmp_path)

    def found() -> list[str]:
        graph = Graph(made.store)
        return [one.node for one in check(tmp_path, graph, set(graph.records))[0]]

    assert found() == []
    write_withdrawn(tmp_path / FILE, NOBODY.adding("person", "A11", DAY, []))
    assert found() == ["prepare"]
    assert codes(made.store) == {"A11", "A12"}
    made.job("prepare", ["data/A12_hap_int1_ver1.mov"], {"results/media": "media without"})
    assert sorted(found()) == ["train/fold=0", "train/fold=1"]  # still of the older media, and so on down
    for fold in (0, 1):
        train(made, fold, 0.1, "again")
    assert found() == ["gather"]
    gather_fold(made)
    assert found() == ["fuse"]
    fuse(made)
    made.run()
    assert found() == []


def test_what_a_service_made_of_a_piece_is_found_by_the_ledger_of_its_cache(tmp_path):
    one, other = (Service("api", model, 128, 60, 1, 1.0) for model in ("gemini-embedding-2", "another"))
    ledger, cache = store.Ledger(tmp_path / "ledger.jsonl"), store.Cache(tmp_path)
    assert store.kept_of(b"piece", tmp_path) == []
    for piece, service in ((b"piece", one), (b"piece", other), (b"somebody else", one)):
        name = store.cache_key(piece, service)
        ledger.sent(name, service, 0.0)
        cache.keep(name, np.zeros(128, np.float32))
    cache.refuse(store.cache_key(b"refused", other), "too long")
    assert {path.stem for path in store.kept_of(b"piece", tmp_path)} == {
        store.cache_key(b"piece", one),
        store.cache_key(b"piece", other),
    }
    assert [path.suffix for path in store.kept_of(b"refused", tmp_path)] == [".refused"]
