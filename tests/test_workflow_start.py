"""What every start and every end of the workflow pays for."""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from snakemake.persistence import PersistenceBase

from blemore.datasets.withdrawn import NOBODY
from blemore.scoring.labels import CLASSES
from blemore.study import CLOSED, STUDY, begin, in_utf8
from joblineage.run import _stages_here
from joblineage.store import Store

REPOSITORY = Path(__file__).parents[1]
CHOOSES = vars(PersistenceBase)["_serialize_param"]  # Snakemake's own: before any test plans a workflow in this process


def test_a_start_of_the_workflow_loads_no_heavy_library() -> None:
    rules = "".join(path.read_text() for path in sorted((REPOSITORY / "rules").glob("*.smk")))
    imports = re.findall(r"^(?:from (?:blemore|joblineage).*)$", rules, re.M)
    assert len(imports) > 5
    code = "\n".join([*imports, "import sys", "print(*{name.split('.')[0] for name in sys.modules})"])
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "blemore" in loaded
    assert not {"pandas", "pyarrow", "networkx", "scipy", "torch", "sklearn"} & set(loaded)


@pytest.mark.parametrize("value", [1, 0.1, True, None, "text", ["a", 1], {"a": {"b": [0.5]}}])
def test_snakemake_spells_a_parameter_alike_without_pandas(value: object) -> None:
    """rules/common.smk has it do without; what stands in the metadata of finished jobs must stay the same."""
    persistence = SimpleNamespace(_serialize_param_builtin=partial(PersistenceBase._serialize_param_builtin, None))
    assert isinstance(CHOOSES, property)
    with_pandas = PersistenceBase._serialize_param_pandas(persistence, value)
    assert persistence._serialize_param_builtin(value) == with_pandas == repr(value)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for path in ("data/demo", "results/media", "results/individuals/clusters.parquet"):
        (tmp_path / path).mkdir(parents=True)
    return tmp_path


def test_a_folder_outside_git_is_told_at_the_start_of_a_run(study: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(study)
    params = yaml.safe_load((study / "params.yaml").read_text())
    begin(study, params, [], [], "data/demo", [], 2, NOBODY)
    assert "not under git" in capsys.readouterr().err
    (study / ".git").mkdir()
    begin(study, params, [], [], "data/demo", [], 2, NOBODY)
    assert capsys.readouterr().err == ""


def test_a_run_closes_what_shows_persons_before_anything_is_written_there(study: Path, monkeypatch) -> None:
    monkeypatch.chdir(study)
    study.chmod(0o755)
    (study / ".dvc/private").mkdir(parents=True)
    (study / "store").mkdir(mode=0o777)
    params = yaml.safe_load((study / "params.yaml").read_text())
    begin(study, params, [], [], "data/demo", [], 2, NOBODY)
    closed = {name: (study / name).stat().st_mode & 0o777 for name in (*CLOSED, ".dvc/private")}
    assert set(closed.values()) == {0o750}
    (study / ".dvc/config.local").write_text("['remote \"private\"']\n    url = ../store\n")
    begin(study, params, [], [], "data/demo", [], 2, NOBODY)
    assert (study / "store").stat().st_mode & 0o777 == 0o750


def test_a_cache_of_dvc_that_lies_elsewhere_keeps_its_modes_and_is_named_where_everybody_can_read_it(
    study: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(study)
    params = yaml.safe_load((study / "params.yaml").read_text())
    (study / ".git").mkdir()
    (study / ".dvc").mkdir(exist_ok=True)
    (study / ".dvc/config.local").write_text("[cache]\n    dir = ../shared\n")
    (shared := study / "shared").mkdir()
    for mode, named in ((0o775, 1), (0o770, 0)):
        shared.chmod(mode)
        begin(study, params, [], [], "data/demo", [], 2, NOBODY)
        assert capsys.readouterr().err.count("is open to everybody on this machine") == named
        assert shared.stat().st_mode & 0o777 == mode


def test_a_study_without_its_private_store_gets_no_empty_folders_in_its_place(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text()) | {"private": "absent"}
    begin(tmp_path, params, [], [], "data/demo", [], 2, NOBODY)
    assert not (tmp_path / "results").exists()


def test_where_everything_is_here_dvc_versions_all_stages_at_once(study: Path) -> None:
    assert _stages_here(Store(study, STUDY)) == ["dvc.yaml"]


def test_without_the_private_store_only_stages_that_need_nothing_of_it_are_versioned(study: Path) -> None:
    shutil.rmtree(study / "data")
    shutil.rmtree(study / "results")
    assert _stages_here(Store(study, STUDY)) == ["fuse", "calibrate", "evaluate", "submit", "report"]


def test_parameters_that_are_not_utf_8_are_refused_by_name_and_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes("seed: 1\nnote: für alle\n".encode())
    assert in_utf8(str(path)) == str(path)
    path.write_bytes("seed: 1\nnote: für alle\n".encode("latin-1"))
    with pytest.raises(SystemExit, match=r"params\.yaml: line 2 is not UTF-8 .*: save it as UTF-8"):
        in_utf8(str(path))


def test_the_parameters_are_looked_at_before_snakemake_reads_them() -> None:
    assert 'configfile: study.in_utf8("params.yaml")' in (REPOSITORY / "rules/common.smk").read_text()


SMALL = """
from pathlib import Path
from joblineage.planned import up_to_date

configfile: "params.yaml"

rule submission:
    input: "second"

rule first:
    output: "first"
    params: seed=config["seed"]
    shell: "echo {params.seed} > first"

rule second:
    input: "first"
    output: "second"
    shell: "cp first second; cp after.yaml params.yaml"

onsuccess:
    print("up to date:", up_to_date(Path(), "submission"))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("targets", "after", "expected"),
    [
        (["submission"], "seed: 1\n", True),
        (["--until", "first", "--", "submission"], "seed: 1\n", False),
        (["submission"], "seed: 2\n", False),
    ],
    ids=["the whole study", "until a rule", "parameters edited meanwhile"],
)
def test_a_run_knows_at_its_end_whether_a_new_one_would_have_nothing_to_do_and_goes_on(
    tmp_path: Path, targets: list[str], after: str, expected: bool
) -> None:
    (tmp_path / "Snakefile").write_text(SMALL)
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "after.yaml").write_text(after)
    shutil.copytree(REPOSITORY / "profiles/default", tmp_path / "profiles/default")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"up to date: {expected}" in done.stdout
    assert "Complete log(s)" in done.stderr  # the run's own logging goes on
    assert len(list((tmp_path / ".snakemake/log").iterdir())) == 1


SPACED = """
from pathlib import Path
from blemore import study

rule all:
    input: "made"

rule made:
    output: "made"
    script: "made.py"

study.mark(Path(workflow.basedir), workflow)
"""


@pytest.mark.slow
def test_jobs_run_where_study_and_environment_lie_in_a_path_with_a_space(tmp_path: Path) -> None:
    folder, environment = tmp_path / "Ä study", tmp_path / "an environment"
    folder.mkdir()
    environment.symlink_to(sys.prefix)
    (folder / "src").symlink_to(REPOSITORY / "src")
    (folder / "Snakefile").write_text(SPACED)
    (folder / "made.py").write_text("import sys; open(snakemake.output[0], 'w').write(sys.executable)")
    python = environment / "bin/python"
    outside = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "PATH": os.defpath}
    command = [python, "-m", "snakemake", "--cores", "1"]
    subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, check=True)
    assert (folder / "made").read_text() == str(python)


def test_tables_are_read_for_leaks_without_pandas(tmp_path: Path) -> None:
    table = pa.table({"clip": ["a"], "person": ["A901"], **{name: [0.5] for name in CLASSES}})
    pq.write_table(table, tmp_path / "table.parquet")
    code = (
        "import sys; from blemore.audit.leaks.rows import rows_of; print(*rows_of('table.parquet')[''], *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "a"
    assert "pandas" not in done.stdout.split()
