"""Scripts that Snakemake runs as forks of one process do and end as they would in a Python of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from snakemake.script import PythonScript

from joblineage import warm

Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a script's text as Snakemake does, warm; `xml.dom` and the study's package `own` are loaded beforehand."""
    (tmp_path / "src/own").mkdir(parents=True)
    (tmp_path / "src/own/__init__.py").write_text("import os\nSTARTED = os.getpid()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'src'}{os.pathsep}{Path(warm.__file__).parents[1]}")
    monkeypatch.setattr(PythonScript, "execute_script", lambda script, *_: pytest.fail(f"{script} started by itself"))
    warm.start(["xml.dom", "own", "not_installed"], warm.LEAST_JOBS)

    def run_text(text: str, **about: object) -> None:
        script = tmp_path / "script.py"
        script.write_text("import os, sys\nfrom pathlib import Path\n" + text)
        asked = {"threads": 1, "conda_env": None, "container_img": None, "env_modules": None, "resources": {}} | about
        PythonScript.execute_script(SimpleNamespace(**asked), str(script))

    return run_text


def test_libraries_are_there_and_the_study_s_own_modules_are_loaded_by_each_job(run: Run, tmp_path: Path) -> None:
    run("""
there = {"xml.dom" in sys.modules, "own" not in sys.modules, __name__ == "__main__", sys.argv == [__file__]}
import own
Path("said").write_text(f"{there} {own.STARTED == os.getpid()} {os.environ['OMP_NUM_THREADS']} {sys.stdin.read()}")
""")
    assert (tmp_path / "said").read_text() == "{True} True 1 "


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("raise ValueError('no')", 1),
        ("sys.exit('no')", 1),
        ("sys.exit(7)", 7),
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 9)", -9),
    ],
)
def test_a_job_that_does_not_end_well_fails_with_its_exit_code(run: Run, text: str, code: int) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(text)
    assert failed.value.returncode == code
    run("sys.exit(0)")  # the next one is not touched by it
    run("sys.exit()")


def test_temporary_files_lie_where_the_rule_s_resources_say(run: Run, tmp_path: Path) -> None:
    run("import tempfile; Path('said').write_text(tempfile.gettempdir())", resources={"tmpdir": str(tmp_path)})
    assert (tmp_path / "said").read_text() == str(tmp_path)


@pytest.mark.parametrize(
    "about", [{"threads": 2}, {"conda_env": "env"}, {"container_img": "image"}, {"env_modules": "module"}]
)
def test_a_job_of_another_environment_or_more_threads_starts_by_itself(run: Run, about: dict[str, object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="started by itself"):
        run("", **about)


def test_few_jobs_start_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PythonScript, "execute_script", before := PythonScript.execute_script)
    warm.start(["json"], warm.LEAST_JOBS - 1)
    assert PythonScript.execute_script is before


def test_the_process_ends_with_its_snakemake_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import time\nfrom joblineage import warm\nwarm.start(['json'], 99)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(warm.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        (server,) = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
