"""Code that is not the study's stays out of its processes, or is found: in src/, in compiled files, among installed ones."""

import base64
import hashlib
import marshal
import os
import py_compile
import sys
import sysconfig
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from made_records import Lineage, small_study

from joblineage import capture, isolation, loaded
from joblineage.checks import processes
from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.installed import Installed
from joblineage.study import Study
from joblineage.variables import changing, unusual
from joblineage.verdict import Verdict

OWN = Study(modules=("src/words",))


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A study's folder with a package of its own, which is the present folder."""
    root = tmp_path / "study"
    (root / "src/words").mkdir(parents=True)
    (root / "src/words/count.py").write_text("VALUE = 1\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return root


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path", ["numpy.py", "sitecustomize.py", "json.cpython-311-x86_64-linux-gnu.so", "yaml.pyc", "csv/x.py"]
)
def test_src_holds_the_study_s_packages_alone(root, monkeypatch, path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in isolation.OF_A_RUN:
        monkeypatch.setenv(name, "")
    for name in ("__pycache__", "words.egg-info"):
        (root / "src" / name).mkdir()
    isolation.isolate(root, OWN)
    planted = root / "src" / path
    planted.parent.mkdir(exist_ok=True)
    planted.touch()
    with pytest.raises(DataError, match=f"src/{path.partition('/')[0]}: no module of this study"):
        isolation.isolate(root, OWN)


def test_no_module_is_looked_for_in_the_study_s_folder(root, monkeypatch):
    elsewhere = str(root.parent)
    monkeypatch.setattr(sys, "path", ["", str(root), str(root / "rules"), str(root / "src"), elsewhere])
    isolation.stay_out(root)
    assert sys.path == [str(root / "src"), elsewhere]


def test_a_module_of_the_study_s_folder_that_is_loaded_already_ends_the_run(root, monkeypatch):
    (root / "planted.py").touch()
    monkeypatch.syspath_prepend(str(root))
    __import__("planted")
    with pytest.raises(DataError, match=r"planted.py: loaded in place of a library"):
        isolation.isolate(root, OWN)
    del sys.modules["planted"]


def plant(source: Path, text: str, how: py_compile.PycInvalidationMode | None = None) -> Path:
    """A compiled file of another text, which Python takes for that of the source."""
    kept, about = source.read_text(), source.stat()
    source.write_text(text.ljust(len(kept)))
    os.utime(source, ns=(about.st_atime_ns, about.st_mtime_ns))
    compiled = py_compile.compile(str(source), invalidation_mode=how)
    source.write_text(kept)
    os.utime(source, ns=(about.st_atime_ns, about.st_mtime_ns))
    return Path(compiled)


@pytest.mark.parametrize("how", [None, py_compile.PycInvalidationMode.UNCHECKED_HASH])
def test_a_planted_compiled_file_is_removed_and_ends_the_run(root, how):
    source = root / "src/words/count.py"
    py_compile.compile(str(source))
    isolation.begin(root)  # nothing is wrong with an honest one
    compiled = plant(source, "VALUE = 2", how)
    with pytest.raises(DataError, match=r"count\.cpython-\d+\.pyc: was not compiled from its source; removed"):
        isolation.begin(root)
    assert not compiled.exists()
    isolation.begin(root)


def test_a_compiled_file_that_python_would_not_load_is_left_alone(root):
    source = root / "src/words/count.py"
    compiled = Path(py_compile.compile(str(source)))
    source.write_text("VALUE = 22222\n")
    isolation.begin(root)
    assert compiled.exists()


@pytest.mark.parametrize("garbage", [b"", b"garbage", marshal.dumps(1)])
def test_a_compiled_file_that_holds_no_code_is_removed(root, garbage):
    compiled = Path(py_compile.compile(str(root / "src/words/count.py")))
    compiled.write_bytes(compiled.read_bytes()[:16] + garbage)
    with pytest.raises(DataError):
        isolation.begin(root)


@pytest.fixture
def site(root, monkeypatch) -> Path:
    """A folder of installed packages with one, "tool", all that this environment has."""
    site = root.parent / "site-packages"
    (site / "tool").mkdir(parents=True)
    (site / "tool/__init__.py").write_text("VALUE = 1\n")
    (site / "tool/numbers.npy").write_text("1 2 3")
    install(site)
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.setattr(
        sysconfig, "get_path", lambda name: str(site if name in ("purelib", "platlib") else root.parent / "python")
    )
    return site


def install(site: Path, version: str = "1.0") -> None:
    """Write the list of the package's files as an installer does."""
    lines = []
    for path in sorted(one for one in (site / "tool").iterdir() if one.is_file()):
        sha256 = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"tool/{path.name},sha256={sha256},{path.stat().st_size}")
    (site / f"tool-{version}.dist-info").mkdir(exist_ok=True)
    (site / f"tool-{version}.dist-info/RECORD").write_text(
        "\n".join([*lines, "../../bin/tool,sha256=other,1", "x.pyc,,"])
    )


def looked_at(*loaded: Path) -> dict[str, str]:
    """What a job finds: {file's name: why}."""
    installed = Installed()
    found = installed.foreign(map(str, loaded))
    installed.keep()
    return {installed.named(path): why for path, why in found.items()}


def test_what_is_as_it_was_installed_is_not_foreign(site):
    assert looked_at(site / "tool/__init__.py") == {}


@pytest.mark.parametrize("said", ["", "[]", "{tool}", "{tool}\t1\t2", "{record}\t", "tool-1.0.dist-info\tother"])
def test_a_damaged_memory_of_the_environment_is_made_anew(site, said):
    assert looked_at(site / "tool/__init__.py") == {}
    (place,) = (site.parent / "home/joblineage").iterdir()
    sums = Installed().sums()
    place.write_text(said.format(tool=site / "tool/__init__.py", record=site / "tool-1.0.dist-info/RECORD"))
    assert looked_at(site / "tool/__init__.py") == {}
    assert Installed().sums() == sums


@pytest.mark.parametrize("seen", [False, True], ids=["at the first look", "since the last look"])
@pytest.mark.parametrize("name", ["__init__.py", "numbers.npy"])
def test_an_edited_file_of_a_package_is_named(site, name, seen):
    if seen:
        assert looked_at(site / "tool/__init__.py") == {}
    path = site / "tool" / name
    about = path.stat()
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert looked_at(site / "tool/__init__.py") == {f"site-packages/tool/{name}": "changed since it was installed"}


def test_another_version_that_was_installed_since_is_not_foreign(site):
    assert looked_at(site / "tool/__init__.py") == {}
    (site / "tool-1.0.dist-info").rename(site / "tool-2.0.dist-info")
    (site / "tool/__init__.py").write_text("VALUE = 2\n")
    install(site, "2.0")
    assert looked_at(site / "tool/__init__.py") == {}


@pytest.mark.parametrize("name", ["evil.pth", "sitecustomize.py"])
def test_what_no_package_brought_into_the_environment_is_named(site, name):
    (site / name).write_text("import os\n")
    extra = [site / name] if name.endswith(".py") else []
    assert looked_at(site / "tool/__init__.py", *extra) == {f"site-packages/{name}": "of no installed distribution"}


def test_a_compiled_file_of_a_package_that_is_replaced_is_named(site):
    source = site / "tool/__init__.py"
    py_compile.compile(str(source))
    assert looked_at(source) == {}
    compiled = Path(cache_from_source(str(source)))
    data = compiled.read_bytes()
    evil = compile("VALUE = 2\n", str(source), "exec")
    compiled.write_bytes(data[:16] + marshal.dumps(evil))
    assert looked_at(source) == {"site-packages/tool/__init__.py": "not compiled from its source"}


def test_a_changed_file_of_the_standard_library_is_named(site):
    path = site.parent / "python/json.py"
    path.parent.mkdir()
    path.write_text("VALUE = 1\n")
    assert looked_at(path) == {}
    path.write_text("VALUE = 2\n")
    assert looked_at(path) == {"python/json.py": "changed since it was first seen"}


def test_two_environments_of_the_same_versions_and_other_files_are_told_apart(site):
    before = capture.surroundings()
    assert list(before["distributions"]) == ["tool"]
    (site / "tool/__init__.py").write_text("VALUE = 2\n")
    assert capture.edited(before, capture.surroundings()) == []  # the list is the same: the file itself is named
    install(site)
    assert capture.edited(before, capture.surroundings()) == ["tool"]
    older = {name: before[name] for name in before if name != "distributions"}
    assert capture.edited(older, capture.surroundings()) == []


def test_a_loaded_module_of_the_study_or_from_elsewhere_that_no_list_names_is_named(root, monkeypatch):
    for path in ("src/words/__init__.py", "src/words/hidden.py", "../elsewhere/other.py"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text("" if "__init__" in path else "VALUE = 1\n")
    for folder in ("src", "../elsewhere"):
        monkeypatch.syspath_prepend(os.path.abspath(folder))
    monkeypatch.setattr(Installed, "foreign", lambda *_: {})  # of all that pytest has loaded
    before = {one["file"] for one in loaded.foreign([], Installed())}
    for name in ("words.count", "words.hidden", "other"):
        __import__(name)
    found = loaded.foreign(["src/words/count.py"], Installed())
    for name in ("words", "words.count", "words.hidden", "other"):
        del sys.modules[name]
    assert {one["file"]: one["why"] for one in found if one["file"] not in before} == {
        "src/words/hidden.py": "not in the rule's code list",
        "other.py": "from outside the study and its environment",
    }


@pytest.mark.parametrize("name", isolation.SETTINGS)
def test_settings_of_a_library_in_the_study_s_folder_end_the_run(root, monkeypatch, name):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for variable in isolation.OF_A_RUN:
        monkeypatch.setenv(variable, "")
    (root / name).touch()
    with pytest.raises(DataError, match=f"{name}: a library would take its settings from it"):
        isolation.isolate(root, Study())
    assert name in isolation.strangers(root, Study())


def test_variables_that_change_numbers_or_code_are_recorded_without_secrets_and_paths():
    environment = {
        "ATEN_CPU_CAPABILITY": "default",
        "LD_PRELOAD": "/home/somebody/evil.so",
        "OPENCV_IPP": "disabled",
        "ARROW_USER_SIMD_LEVEL": "NONE",
        "TORCHINDUCTOR_MAX_AUTOTUNE": "1",
        "TORCH_TOKEN": "abc",
        "PYTHONSAFEPATH": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": "/home/somebody",
        "GLIBC_TUNABLES": "a=1:b=2",
    }
    found = changing(environment)
    assert found == {
        "ARROW_USER_SIMD_LEVEL": "NONE",
        "ATEN_CPU_CAPABILITY": "default",
        "GLIBC_TUNABLES": "a=1:b=2",
        "LD_PRELOAD": "(set)",
        "OPENCV_IPP": "disabled",
        "PYTHONSAFEPATH": "1",
        "TORCHINDUCTOR_MAX_AUTOTUNE": "1",
        "TORCH_TOKEN": "(set)",
    }
    assert unusual(found, {"GLIBC_TUNABLES": "a=1:b=2"}) == [
        "ARROW_USER_SIMD_LEVEL=NONE",
        "ATEN_CPU_CAPABILITY=default",
        "LD_PRELOAD=(set)",
        "OPENCV_IPP=disabled",
        "TORCHINDUCTOR_MAX_AUTOTUNE=1",
        "TORCH_TOKEN=(set)",
    ]


def checked(made: Lineage) -> tuple:
    graph = Graph(made.store)
    return processes.check(graph, graph.records)


def test_verify_names_foreign_code_variables_and_other_files_of_caches(tmp_path):
    made = small_study(tmp_path)
    made.file("cache/vector", "noise")
    determinism = next(iter(made.store.records.values()))["determinism"]
    taken = made.store.put_json(
        [{"path": "cache/vector", "sha256": "0" * 64}, {"path": "cache/gone", "sha256": "1" * 64}]
    )
    made.job(
        "fuse",
        ["results/media", "results/probabilities"],
        {"results/fused": "fused"},
        foreign=[{"file": "src/numpy.py", "sha256": None, "why": "not in the rule's code list"}],
        determinism=determinism | {"variables": {"ATEN_CPU_CAPABILITY": "default", "PYTHONPATH": "(set)"}},
        taken=taken,
    )
    made.run()
    (found,), notes = checked(made)
    assert (found.verdict, found.node) == (Verdict.UNRECORDED, "src/numpy.py")
    assert found.what.startswith("not in the rule's code list, and loaded by fuse")
    assert "ATEN_CPU_CAPABILITY=default was set, which may change numbers or code: fuse" in notes
    assert "1 files of caches are not those that were taken: cache/vector, ..." in notes
    assert not any("PYTHONPATH" in note for note in notes)


def test_verify_names_a_stranger_in_src(tmp_path):
    made = small_study(tmp_path)
    made.study = Study(modules=("src/train.py",))
    assert checked(made) == ([], [])
    made.file("src/sitecustomize.py", "")
    (found,), _ = checked(made)
    assert (found.verdict, found.node) == (Verdict.UNRECORDED, "src/sitecustomize.py")
