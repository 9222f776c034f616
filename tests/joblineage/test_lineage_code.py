"""The sources behind a job are read from its imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_records import small_study

from joblineage import code, record
from joblineage.checks import commits
from joblineage.code import sources
from joblineage.errors import DataError
from joblineage.study import Study
from joblineage.verdict import Verdict
from joblineage.verify import verify

LIBRARY = Path(code.__file__).parent


def package(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_imports_are_followed_through_modules_and_inside_functions(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "workflow_scripts/fuse.py": "from project.fusion.run import fuse\n",
            "src/project/__init__.py": "",
            "src/project/fusion/__init__.py": "",
            "src/project/fusion/run.py": "def fuse():\n    from project import tables\n",
            "src/project/tables.py": "import numpy\n",
            "src/project/unused.py": "",
        },
    )
    assert sources(root, "workflow_scripts/fuse.py") == [
        "src/project/fusion/run.py",
        "src/project/tables.py",
        "workflow_scripts/fuse.py",
    ]


def test_a_module_loaded_by_name_comes_with_its_own_imports(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "workflow_scripts/embed.py": "",
            "src/project/encoders/audio.py": "import project.sound\n",
            "src/project/sound.py": "",
        },
    )
    (root / "src/project/sound.py").write_text("RATE = 16000\n")
    found = sources(root, "workflow_scripts/embed.py", "src/project/encoders/audio.py")
    assert found == ["src/project/encoders/audio.py", "src/project/sound.py", "workflow_scripts/embed.py"]


def test_what_an_example_imports_is_no_source(tmp_path: Path) -> None:
    text = 'def fit():\n    """Fit.\n\n    >>> from project import shown\n    """\n    from project import used\n'
    files = {"script.py": text, "src/project/shown.py": "a = 1\n", "src/project/used.py": "a = 1\n"}
    assert sources(package(tmp_path, files), "script.py") == ["script.py", "src/project/used.py"]


def test_circular_imports_end(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "script.py": "import project.one\n",
            "src/project/one.py": "import project.two\n",
            "src/project/two.py": "import project.one\n",
        },
    )
    assert sources(root, "script.py") == ["script.py", "src/project/one.py", "src/project/two.py"]


def test_imports_are_found_wherever_a_statement_may_stand(tmp_path: Path) -> None:
    """As many modules as imports, one each in every kind of block."""
    blocks = (
        "if True:\n    import project.a\nelif True:\n    import project.b\nelse:\n    import project.c\n"
        "try:\n    import project.d\nexcept ValueError:\n    import project.e\nelse:\n    import project.f\n"
        "finally:\n    import project.g\n"
        "class K:\n    async def k(self):\n        import os, project.h\n"
        "for _ in ():\n    import project.i; import project.j\n"
        "while False:\n    import project.k\nelse:\n    import project.l\n"
        "with open('x'):\n    from project import (  # all of them (one)\n        m,\n    )\n"
        "match 1:\n    case 1:\n        import project.n\n"
    )
    modules = {f"src/project/{name}.py": "pass\n" for name in "abcdefghijklmn"}
    root = package(tmp_path, {"script.py": blocks, **modules})
    assert sources(root, "script.py") == ["script.py", *sorted(modules)]


@pytest.mark.parametrize(
    "text",
    [
        '"""Modules that we import."""\nif True: import project.a\n',
        "import os; import project.a\n",
        "from project import (a)  # import\n",
        "from project import \\\n    a\n",
        "from project \\\n    import a\n",
        "from project \\\r\n    import a\r",
        "from project import (\n    a,  # the first\n)\n",
        "from project import a as b\n",
        "import os, project . a\n",
        "import os, project.a as b\r\n",
        "from project.a import *\n",
        "def f(): from project import a\n",
    ],
)
def test_an_import_in_any_form_is_found(tmp_path: Path, text: str) -> None:
    root = package(tmp_path, {"script.py": text, "src/project/a.py": "pass\n"})
    assert sources(root, "script.py") == ["script.py", "src/project/a.py"]


def test_what_is_read_off_the_lines_is_what_the_compiler_finds_in_every_module() -> None:
    read, modules = 0, sorted(LIBRARY.rglob("*.py"))
    for path in modules:
        text = code.EXAMPLE.sub(b"", path.read_bytes())
        found = code.IMPORT.findall(text)
        if len(found) == len(code.WORD.findall(text)):
            assert code._read(found) == code._parsed(text, str(path)), path
            read += 1
    assert read >= 0.9 * len(modules)


@pytest.fixture
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a script of Snakemake's is at work: the copy that runs lies beside."""
    package(tmp_path, {"src/words.py": "a = 1\n", "workflow_scripts/fuse.py": "import words\r\n"})
    package(tmp_path, {".snakemake/scripts/tmp1.fuse.py": "snakemake = 1\nimport words\n"})
    monkeypatch.chdir(tmp_path)
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, record.SCRIPT_MARK, str(tmp_path / ".snakemake/scripts/tmp1.fuse.py"), raising=False)
    monkeypatch.setattr(main, "__file__", str(tmp_path / "workflow_scripts/fuse.py"), raising=False)
    return tmp_path


def test_a_job_runs_the_script_and_the_modules_that_its_record_names(at_work: Path) -> None:
    listed = ["src/words.py", "workflow_scripts/fuse.py"]
    record.check_code(listed)
    (at_work / listed[1]).write_text("import others\n")  # after the run has begun
    with pytest.raises(DataError, match=r"workflow_scripts/fuse\.py: changed since this run began"):
        record.check_code(listed[:1])


def test_a_module_that_was_edited_while_a_job_loaded_it_ends_the_job(at_work: Path) -> None:
    module = at_work / "src/words.py"
    module.write_text("a = 2\n")
    os.utime(module, (1, 1))
    with pytest.raises(DataError, match=r"src/words\.py: changed since this run began"):
        record.check_code(["src/words.py"])


def test_a_module_that_git_does_not_know_and_no_record_names_is_found(tmp_path: Path) -> None:
    made = small_study(tmp_path)
    made.study = Study(modules=("src",))
    made.file("src/__pycache__/draft.pyc", "")
    made.file("src/notes.txt", "")
    made.file("src/draft.py", "a = 1\n")
    assert commits.untracked(made.store) == []  # nobody knows what git would
    for command in (["init", "-q"], ["add", "src/train.py"]):
        subprocess.run(["git", *command], cwd=made.store.root, check=True)
    assert commits.untracked(made.store) == ["src/draft.py"]
    assert (Verdict.UNRECORDED, "src/draft.py") in {(one.verdict, one.node) for one in verify(made.store).findings}
    subprocess.run(["git", "add", "src/draft.py"], cwd=made.store.root, check=True)
    assert commits.untracked(made.store) == []
