"""Scripts that Snakemake runs as forks of one process do and end as they would in a Python of their own."""

import json
import os
import shutil
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
from snakemake.shell import shell

from joblineage import warm, workspace

Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a script's text as Snakemake does, warm; `xml.dom` and the study's package `own` are loaded beforehand."""
    (tmp_path / "json.py").write_text("raise SystemExit('the study has a file that is named as a module of Python')")
    (tmp_path / "src/adds.py").parent.mkdir()
    (tmp_path / "src/adds.py").write_text("import os\nos.environ['ADDED'] = '1'\n")
    (tmp_path / "src/broken.py").write_text("raise OSError('a library for another machine')\n")
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
    (tmp_path / "src/with_thread.py").write_text(thread)
    (tmp_path / "src/own").mkdir()
    (tmp_path / "src/own/__init__.py").write_text("import os\nSTARTED = os.getpid()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", sys.executable)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    workspace.python_for_shells()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'src'}{os.pathsep}{Path(warm.__file__).parents[1]}")
    monkeypatch.setattr(PythonScript, "execute_script", lambda script, *_: pytest.fail(f"{script} started by itself"))
    warm.start(["not_installed", "broken", "adds", "with_thread", "xml.dom", "own"], warm.LEAST_JOBS)

    def run_text(text: str, **about: object) -> None:
        script = tmp_path / "scripts/script.py"
        script.parent.mkdir(exist_ok=True)
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


@pytest.mark.thorough
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


ABOUT = """
import json, signal
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
about = {
    "environment": {name: value for name, value in os.environ.items() if name not in ("_", "PWD", "OLDPWD", "SHLVL", "PS1")},
    "path": [folder for folder in sys.path if folder != os.path.dirname(sys.argv[0])],
    "signals": [str(signal.getsignal(getattr(signal, f"SIG{name}"))) for name in ("INT", "TERM", "HUP", "CHLD", "PIPE")],
    "folder": os.getcwd(),
    "umask": status["Umask"],
}
Path("said").write_text(json.dumps(about))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_job_has_the_surroundings_of_one_that_starts_by_itself(run: Run, tmp_path: Path) -> None:
    resources = {"tmpdir": str(tmp_path)}
    run(ABOUT, resources=resources)
    warm_one = json.loads((tmp_path / "said").read_text())
    shell("{sys.executable} {tmp_path}/scripts/script.py", resources=resources)
    assert warm_one == json.loads((tmp_path / "said").read_text())


@pytest.mark.thorough
def test_what_is_killed_beside_the_script_fails_the_job_when_the_script_has_ended(run: Run, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run("import time; os.kill(os.getppid(), 9); time.sleep(0.5); Path('said').write_text('ended')")
    assert failed.value.returncode == -signal.SIGKILL
    assert (tmp_path / "said").read_text() == "ended"


def test_jobs_start_by_themselves_when_the_process_was_killed(run: Run) -> None:
    before = {child.pid for child in psutil.Process().children()}
    run("")
    (server,) = [child for child in psutil.Process().children() if child.pid not in before]
    server.kill()
    server.wait()
    with pytest.raises(pytest.fail.Exception, match="started by itself"):
        run("")


def test_jobs_start_by_themselves_where_the_process_cannot_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(pytest.fail.Exception, match="started by itself"):
        run("")


def test_a_job_that_says_nothing_leaves_the_terminal_empty(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run("")
    assert capfd.readouterr() == ("", "")


def test_nothing_starts_before_the_first_job(run: Run) -> None:
    before = len(psutil.Process().children())
    warm.start(["json"], warm.LEAST_JOBS)
    assert len(psutil.Process().children()) == before


def test_few_jobs_start_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PythonScript, "execute_script", before := PythonScript.execute_script)
    warm.start(["json"], warm.LEAST_JOBS - 1)
    assert PythonScript.execute_script is before


def test_the_process_ends_with_its_snakemake_however_that_ends(tmp_path: Path) -> None:
    code = """
import time
from types import SimpleNamespace
from snakemake.script import PythonScript
from joblineage import warm
warm.start(["json"], 99)
PythonScript.execute_script(SimpleNamespace(threads=1, conda_env=0, container_img=0, env_modules=0, resources={}), "x.py")
print("ready", flush=True)
time.sleep(60)
"""
    (tmp_path / "x.py").touch()
    environment = os.environ | {"PYTHONPATH": str(Path(warm.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    ) as parent:
        parent.stdout.readline()
        (server,) = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not server.is_running() or server.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
