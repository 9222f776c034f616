"""The sources behind a job are read from its imports."""

from pathlib import Path

import pytest

from joblineage import code
from joblineage.code import sources

REPOSITORY = Path(__file__).parents[1]


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
            "workflow_scripts/fuse.py": "from blemore.fusion.run import fuse\n",
            "src/blemore/__init__.py": "",
            "src/blemore/fusion/__init__.py": "",
            "src/blemore/fusion/run.py": "def fuse():\n    from blemore import tables\n",
            "src/blemore/tables.py": "import numpy\n",
            "src/blemore/unused.py": "",
        },
    )
    assert sources(root, "workflow_scripts/fuse.py") == [
        "src/blemore/fusion/run.py",
        "src/blemore/tables.py",
        "workflow_scripts/fuse.py",
    ]


def test_a_module_loaded_by_name_comes_with_its_own_imports(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "workflow_scripts/embed.py": "",
            "src/blemore/encoders/audio.py": "import blemore.sound\n",
            "src/blemore/sound.py": "",
        },
    )
    (root / "src/blemore/sound.py").write_text("RATE = 16000\n")
    found = sources(root, "workflow_scripts/embed.py", "src/blemore/encoders/audio.py")
    assert found == ["src/blemore/encoders/audio.py", "src/blemore/sound.py", "workflow_scripts/embed.py"]


def test_circular_imports_end(tmp_path: Path) -> None:
    root = package(
        tmp_path,
        {
            "script.py": "import blemore.one\n",
            "src/blemore/one.py": "import blemore.two\n",
            "src/blemore/two.py": "import blemore.one\n",
        },
    )
    assert sources(root, "script.py") == ["script.py", "src/blemore/one.py", "src/blemore/two.py"]


def test_fusion_does_not_depend_on_any_encoder() -> None:
    found = sources(REPOSITORY, "workflow_scripts/fuse.py")
    assert "src/blemore/tables.py" in found
    assert not [path for path in found if "/encoders/" in path or "/media/" in path]


def test_imports_are_found_wherever_a_statement_may_stand(tmp_path: Path) -> None:
    """As many modules as imports, one each in every kind of block."""
    blocks = (
        "if True:\n    import blemore.a\nelif True:\n    import blemore.b\nelse:\n    import blemore.c\n"
        "try:\n    import blemore.d\nexcept ValueError:\n    import blemore.e\nelse:\n    import blemore.f\n"
        "finally:\n    import blemore.g\n"
        "class K:\n    async def k(self):\n        import os, blemore.h\n"
        "for _ in ():\n    import blemore.i; import blemore.j\n"
        "while False:\n    import blemore.k\nelse:\n    import blemore.l\n"
        "with open('x'):\n    from blemore import (  # all of them (one)\n        m,\n    )\n"
        "match 1:\n    case 1:\n        import blemore.n\n"
    )
    modules = {f"src/blemore/{name}.py": "pass\n" for name in "abcdefghijklmn"}
    root = package(tmp_path, {"script.py": blocks, **modules})
    assert sources(root, "script.py") == ["script.py", *sorted(modules)]


@pytest.mark.parametrize(
    "text",
    [
        '"""Modules that we import."""\nif True: import blemore.a\n',
        "import os; import blemore.a\n",
        "from blemore import (a)  # import\n",
        "from blemore import \\\n    a\n",
        "from blemore \\\n    import a\n",
        "from blemore \\\r\n    import a\r",
        "from blemore import (\n    a,  # the first\n)\n",
        "from blemore import a as b\n",
        "import os, blemore . a\n",
        "import os, blemore.a as b\r\n",
        "from blemore.a import *\n",
        "def f(): from blemore import a\n",
    ],
)
def test_an_import_in_any_form_is_found(tmp_path: Path, text: str) -> None:
    root = package(tmp_path, {"script.py": text, "src/blemore/a.py": "pass\n"})
    assert sources(root, "script.py") == ["script.py", "src/blemore/a.py"]


def test_what_is_read_off_the_lines_is_what_the_compiler_finds_in_every_module() -> None:
    read = 0
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        text = path.read_bytes()
        found = code.IMPORT.findall(text)
        if len(found) == len(code.WORD.findall(text)):
            assert code._read(found) == code._parsed(text, str(path)), path
            read += 1
    assert read > 200
