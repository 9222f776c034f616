"""What others meet first: an import that costs nothing, and a library that speaks of no study of ours."""

import re
import subprocess
import sys
from importlib import import_module

from alone import LIBRARY

from joblineage.export.payload import kept_back
from joblineage.study import Study

WORDS = re.compile(r"person|clip|emotion|encoder|\bactor|submission|results/|train_|score|blemore", re.I)
ALLOWED = {
    "study.py": ["results/"],  # the usual folder of a Snakemake project
    "README.md": ["results/"],
    "export/description.py": ["Person"],  # a type of schema.org
    "record.py": ["blemore"],  # names under which older studies wrote
    "run.py": ["blemore"],
    "signing.py": ["blemore"],
    "schemas": ["blemore"],
}


def test_what_every_job_loads_is_the_standard_library_alone():
    code = (
        f"import sys; sys.path.insert(0, {str(LIBRARY.parent)!r}); import joblineage.job, joblineage.declare\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "hashlib" in loaded
    assert loaded - sys.stdlib_module_names == {"__main__", "joblineage"}


def test_the_library_speaks_of_no_study_of_ours():
    found = {}
    for path in sorted(LIBRARY.rglob("*")):
        name = path.relative_to(LIBRARY)
        if path.suffix in (".py", ".json", ".md", ".toml", ".yaml", ".txt") or path.name == "Snakefile":
            words = {*map(str, WORDS.findall(path.read_text()))}
            words -= {*ALLOWED.get(name.as_posix(), []), *ALLOWED.get(name.parts[0], [])}
            found |= {name.as_posix(): words} if words else {}
    assert found == {}


def test_every_name_of_the_face_is_there():
    rows = re.findall(r"^\| (`joblineage.*?) \|", (LIBRARY / "README.md").read_text(), re.M)
    names = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    assert len(names) == 13
    for name in names:
        module, _, last = name.rpartition(".")
        assert hasattr(import_module(module), last) or import_module(name), name


def test_by_default_all_of_results_may_leave_and_nothing_of_data():
    assert kept_back("results/deep/down/table.csv", "table", Study()) is None
    assert kept_back("data/deep/down/raw.csv", "table", Study()) == "private"
