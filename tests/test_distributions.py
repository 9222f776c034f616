"""Each package of src that serves others is a distribution: what it lists is what it holds, what it asks for is what it imports."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from alone import alone
from packaging.requirements import Requirement

SRC = Path(__file__).parents[1] / "src"
NAMES = {"cv2": "opencv-python-headless", "google": "in-toto-attestation", "in_toto_attestation": "in-toto-attestation", "yaml": "pyyaml"}  # fmt: skip
"""Distributions that are called otherwise than what they bring; google.protobuf comes with in-toto-attestation."""
BOTH = pytest.mark.parametrize("name", ["joblineage", "demoactors"])


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def asked(about: dict[str, Any]) -> dict[str, Requirement]:
    """{name: requirement} of a distribution, extras too."""
    extras = about["project"].get("optional-dependencies", {}).values()
    return {one.name: one for one in map(Requirement, chain(about["project"]["dependencies"], *extras))}


def imported(path: Path) -> set[str]:
    """Top-level modules that a file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@BOTH
def test_a_distribution_lists_every_folder_of_modules(name: str) -> None:
    folders = {path.parent.relative_to(SRC).as_posix().replace("/", ".") for path in modules(SRC / name)}
    assert sorted(folders) == sorted(project(SRC / name)["tool"]["setuptools"]["packages"])
    root = project(SRC.parent)["tool"]["setuptools"]["package-data"]
    assert root[name] == project(SRC / name)["tool"]["setuptools"]["package-data"][name]


@BOTH
def test_a_distribution_asks_for_what_it_imports_and_for_nothing_else(name: str) -> None:
    used = set().union(*map(imported, modules(SRC / name))) - sys.stdlib_module_names - {name}
    assert {NAMES.get(one, one) for one in used} == set(asked(project(SRC / name)))


@BOTH
def test_the_lock_file_holds_what_a_distribution_asks_for(name: str) -> None:
    lock = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (SRC.parent / "requirements.lock").read_text(), flags=re.M))
    root = asked(project(SRC.parent))
    for one, requirement in asked(project(SRC / name)).items():
        assert requirement.specifier.contains(lock[one]), one
        assert one in root, one


def test_stores_can_be_installed_beside_the_lock() -> None:
    """The pins of all three were solved with the lock's; what stood against S3 was botocore's python-dateutil."""
    extras = project(SRC.parent)["project"]["optional-dependencies"]
    assert {name: [str(Requirement(line).specifier)[:2] for line in extras[name]] for name in ("s3", "ssh", "gs")} == {
        name: ["=="] for name in ("s3", "ssh", "gs")
    }
    lock = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (SRC.parent / "requirements.lock").read_text(), flags=re.M))
    assert Requirement("python-dateutil<3").specifier.contains(lock["python-dateutil"])
    for line in chain.from_iterable(extras[name] for name in ("s3", "ssh", "gs")):
        name = Requirement(line).name
        try:
            asked_for = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # not here: then the bound above is all that is looked at
        for other in map(Requirement, asked_for):
            if other.name in lock and not (other.marker and not other.marker.evaluate({"extra": ""})):
                assert other.specifier.contains(lock[other.name]), f"{name}: {other}"


def test_every_package_of_the_study_s_own_distribution_is_there() -> None:
    for name, patterns in project(SRC.parent)["tool"]["setuptools"]["package-data"].items():
        assert [pattern for pattern in patterns if not list((SRC / name).glob(pattern))] == []


@pytest.mark.slow
@BOTH
def test_a_wheel_is_built_offline_and_imported_where_the_study_is_not(name: str, tmp_path: Path) -> None:
    shutil.copytree(SRC / name, tmp_path / "source")  # setuptools builds beside the source
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, tmp_path / "source", "-w", tmp_path], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "installed")
    held = {path.relative_to(tmp_path / "installed").as_posix() for path in (tmp_path / "installed" / name).rglob("*")}
    assert {path.relative_to(SRC).as_posix() for path in modules(SRC / name)} <= held
    assert f"{name}/py.typed" in held
    data = {"joblineage": "joblineage/schemas/record.schema.json", "demoactors": "demoactors/head.npz"}
    assert data[name] in held
    environment = alone(tmp_path / "installed", None, {"blemore", "joblineage", "demoactors"} - {name})
    top = [f"{name}.{path.stem}" for path in (SRC / name).glob("[a-z]*.py")]
    code = f"import {', '.join(top)}; print({name}.__path__[0])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == str(tmp_path / "installed" / name), done.stderr
