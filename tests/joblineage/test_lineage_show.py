"""`show`: the chain that an artifact came from."""

import json
import re
import resource
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from made_records import Lineage, fuse, gather, main, small_study, train
from rich.console import Console

from joblineage.errors import DataError
from joblineage.finding import Artifact, find
from joblineage.showing import as_dict, tree

SHOW = "import sys; from joblineage.commands.app import commands; from joblineage.study import Study; commands(Study())(['show', *sys.argv[1:]])"


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    return small_study(tmp_path)


def shown(made: Lineage, artifact: str, depth: int | None = None) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(tree(find(artifact, made.store), made.store, depth))
    return console.export_text()


def test_a_path_a_job_key_and_the_beginning_of_an_id_name_the_same_record(made):
    record = made.store.current["fuse"]
    assert find("fuse", made.store).record == find(record[:8], made.store).record == record
    assert find("results/fused", made.store) == find(str(made.root / "results/fused"), made.store)
    assert find("./results/fused", made.store) == Artifact(record, "results/fused")


def test_the_chain_goes_down_to_the_raw_files_and_shows_each_job_once(made):
    text = shown(made, "results/fused")
    for job in ("fuse", "gather", "train fold=0", "train fold=1", "prepare"):
        assert len(re.findall(rf"── {job}\n", text)) == 1, text
    assert "and, shown elsewhere: prepare" in text
    assert "data/A11_ang_int1_ver1.mov (raw, sha256" in text


def test_a_job_is_shown_with_its_time_parameters_seed_and_commit(made):
    text = shown(made, "train/fold=0", 0)
    assert "1.5 s, commit c0ffee00" in text
    assert "layers [2, 4], learning_rate 0.1; seed 17" in text


def test_many_raw_files_are_counted(tmp_path):
    made = Lineage(tmp_path)
    made.job("prepare", [made.file(f"data/{k}.mov", "x" * 2**18) for k in range(8)], {"results/media": ""})
    made.run()
    assert "8 data in data/ (2.0 MiB, raw)" in shown(made, "prepare")


def test_a_tainted_record_says_which_input_changed_under_it(tmp_path):
    made = Lineage(tmp_path)
    changed = {"role": "data", "path": "data/a.mov", "sha256": 64 * "0", "size": 1}
    reads = [made.file("data/a.mov", "a")]
    made.job("prepare", reads, {"results/media": ""}, status="tainted", changed_inputs=[changed])
    assert "TAINTED: changed while it worked: data/a.mov" in shown(made, "prepare")


def test_a_file_that_was_edited_between_two_jobs_is_no_longer_taken_for_the_first_ones(made):
    made.file("results/probabilities", "edited")
    made.job("fuse", ["results/media", "results/probabilities"], {"results/fused": "of edited"})
    text = shown(made, "fuse")
    assert "results/probabilities (not as its job left it, sha256" in text
    assert "gather" not in text


def test_depth_ends_the_chain_and_says_what_is_above(made):
    text = shown(made, "fuse", 1)
    assert "gather" in text
    assert "train" not in text
    assert "... 2 jobs above, 0 raw inputs" in text


def test_the_json_form_holds_each_job_once_the_nearest_first(made):
    told = as_dict(find("results/fused", made.store), made.store)
    assert [job["key"] for job in told["jobs"]] == ["fuse", "gather", "prepare", "train/fold=0", "train/fold=1"]
    assert [job["depth"] for job in told["jobs"]] == [0, 1, 1, 2, 2]
    assert told["artifact"]["path"] == "results/fused"
    assert [one["path"] for one in told["jobs"][2]["raw"]] == [
        "data/A11_ang_int1_ver1.mov",
        "data/A12_hap_int1_ver1.mov",
    ]


def test_an_older_record_is_shown_with_what_it_was_made_of(made):
    old = dict(made.store.current)
    train(made, 0, 0.2)
    gather(made)
    fuse(made)
    made.run()
    chain = {job["key"]: job["id"] for job in as_dict(find(old["fuse"], made.store), made.store)["jobs"]}
    assert chain == old
    assert as_dict(find("fuse", made.store), made.store)["jobs"][0]["id"] != old["fuse"]


def test_a_misspelt_name_is_answered_with_names_that_are_close(made):
    with pytest.raises(DataError, match="close to it: results/fused"):
        find("result/fused", made.store)
    with pytest.raises(DataError, match="read as it was found, by prepare"):
        find("data/A11_ang_int1_ver1.mov", made.store)


def test_a_folder_without_records_says_how_to_make_some(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["show", "fuse", "--workspace", str(tmp_path)])
    assert "no records here" in capsys.readouterr().err


def test_the_command_prints_json_that_can_be_read(made, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["show", "results/fused", "--json", "--workspace", str(made.root)])
    assert json.loads(capsys.readouterr().out)["record"] == made.store.current["fuse"]


@pytest.mark.thorough
def test_a_chain_of_two_hundred_jobs_is_shown_within_a_second_and_without_heavy_imports(tmp_path):
    """Ten layers of twenty jobs, each reading all twenty above it: 60 inputs a record."""
    made = Lineage(tmp_path)
    sources = [made.file(f"src/module{k}.py", f"{k}") for k in range(20)]
    raw = [made.file(f"data/{k}.mov", f"{k}") for k in range(20)]
    layer = [made.file(f"data/more{k}.mov", f"{k}") for k in range(20)]
    for depth in range(10):
        names = [f"job/layer={depth}/n={k}" for k in range(20)]
        outputs = [f"results/{depth}/{k}" for k in range(20)]
        for name, output in zip(names, outputs, strict=True):
            made.job(name, [*layer, *raw, *sources], {output: output})
        layer = outputs
    made.run()
    heavy = "; print(sorted({'pandas', 'dvc', 'snakemake', 'torch', 'numpy'} & {*sys.modules}), file=sys.stderr)"
    code = SHOW.replace("commands(S", "import atexit; atexit.register(lambda: exec(HEAVY)); commands(S")
    code = f"HEAVY = {heavy[2:]!r}; {code}"
    spent = []
    for _ in range(2):  # the first may have to compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", code, "results/9/0", "--workspace", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.stderr.strip() == "[]"
    assert done.stdout.count("── job layer=") == 181
    assert min(spent) < 1
