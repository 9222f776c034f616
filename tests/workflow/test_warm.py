"""A command that starts warm does what it does in a Python of its own."""

from pathlib import Path

import pytest

from .conftest import Study

pytestmark = pytest.mark.slow

TELL = "import os, sys; print(__name__, sys.argv, sys.path[:2], os.getcwd(), os.environ['HOME'], file=sys.stderr); "
ENDS = {
    "by itself": "",
    "with a code": "sys.exit(7)",
    "with a word": "sys.exit('no')",
    "with an error": "raise ValueError('no')",
    "at once": "print('said', flush=True); os._exit(3)",
    "by a signal's code": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("how", ["a script", "a module"])
def test_a_warm_python_says_and_ends_as_a_cold_one(tmp_path: Path, end: str, how: str) -> None:
    (tmp_path / "told.py").write_text(TELL + ENDS[end] + "\n")
    words = [str(tmp_path / "told.py")] if how == "a script" else ["-m", "told"]
    cold, warm = (Study(tmp_path, cold=cold).run("python", *words, "one", "two", check=False) for cold in (True, False))
    assert warm.stdout == cold.stdout
    assert warm.stderr.splitlines()[0] == cold.stderr.splitlines()[0]
    assert warm.stderr.splitlines()[-1] == cold.stderr.splitlines()[-1]
    assert warm.returncode & 255 == cold.returncode & 255


def test_a_warm_process_has_no_module_of_this_project_and_nothing_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "once.py").write_text(
        "import sys; print([one for one in sys.modules if one.startswith(('blemore', 'torch'))]); import torch\n"
    )
    for _ in range(2):
        assert Study(tmp_path).run("python", "once.py").stdout == "[]\n"
