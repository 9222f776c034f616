"""Foreign code beside a study that is run for real: kept out of its jobs, or named by `verify`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alone import LIBRARY
from test_example import EXAMPLE
from test_isolation import install, plant

pytestmark = pytest.mark.slow

TRACE = "from pathlib import Path\nPath({ran!r}).touch()\nVALUE = 1\n"
"""What a planted module does."""


class Words:
    """The example, whose first rule's script imports a package "tool" that is installed in a folder of its own."""

    def __init__(self, folder: Path):
        self.root, self.site, self.ran = folder / "words", folder / "site-packages", folder / "ran"
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns("__pycache__"))
        script = self.root / "workflow_scripts/count.py"
        script.write_text(script.read_text().replace("import csv\n", "import csv\n\nimport tool  # noqa: F401\n"))
        assert "import tool" in script.read_text()
        (self.site / "tool").mkdir(parents=True)
        (self.site / "tool/__init__.py").write_text("VALUE = 1\n")
        install(self.site)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DVC_", "KMP_", "LD_", "LINEAGE_"))
        }
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment["PYTHONPATH"] = os.pathsep.join([str(LIBRARY.parent), str(self.site)])
        self.environment["XDG_CACHE_HOME"] = str(folder / "home")

    def plant(self, path: Path) -> None:
        """A module that leaves a trace where it runs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRACE.format(ran=str(self.ran)))

    def run(self, **variables: str) -> None:
        """Make everything anew."""
        shutil.rmtree(self.root / "results", ignore_errors=True)
        self.command("snakemake", "--cores", "1", **variables)

    def verify(self) -> tuple[int, str]:
        """Exit code, and what it says."""
        done = self.command("python", "study.py", "verify", check=False)
        return done.returncode, done.stdout

    def command(self, *words: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess:
        about = self.environment | variables
        done = subprocess.run(words, cwd=self.root, env=about, capture_output=True, text=True, check=False)
        assert not (check and done.returncode), done.stdout + done.stderr
        return done


def test_modules_in_the_study_s_folders_never_run_in_a_job(tmp_path: Path) -> None:
    words = Words(tmp_path)
    for folder in (".", "workflow_scripts", ".snakemake/scripts"):
        words.plant(words.root / folder / "tool.py")
    words.command("snakemake", "--cores", "1")
    assert not words.ran.exists()
    assert words.verify()[0] == 0


def test_code_from_elsewhere_and_edited_packages_are_named_until_all_is_made_without_them(tmp_path: Path) -> None:
    words = Words(tmp_path)
    words.plant(tmp_path / "elsewhere/sitecustomize.py")
    tool = words.site / "tool/__init__.py"
    honest, about = tool.read_text(), tool.stat()
    tool.write_text("VALUE = 2\n")
    os.utime(tool, ns=(about.st_atime_ns, about.st_mtime_ns))
    path = os.pathsep.join([str(tmp_path / "elsewhere"), words.environment["PYTHONPATH"]])
    with pytest.raises(AssertionError, match="nothing was versioned"):
        words.run(PYTHONPATH=path, ATEN_CPU_CAPABILITY="default")
    code, said = words.verify()
    assert code == 13
    assert "UNRECORDED  sitecustomize.py" in said
    assert "UNRECORDED  site-packages/tool/__init__.py" in said
    assert "changed since it was installed, and loaded by count/text=sea" in said
    assert "note: ATEN_CPU_CAPABILITY=default was set" in said
    tool.write_text(honest)
    words.run()
    assert words.verify()[0] == 0
    plant(tool, "VALUE = 2")  # in its compiled file
    with pytest.raises(AssertionError, match="nothing was versioned"):
        words.run()
    assert "not compiled from its source" in words.verify()[1]
