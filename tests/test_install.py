"""The door: what would fail is said before anything is installed, and uv finds what pip finds."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
BASH, MAKE = shutil.which("bash"), shutil.which("make")


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "envs")
    return importlib.import_module("check")


@pytest.fixture
def install(check):
    return importlib.import_module("install")


@pytest.fixture
def programs(tmp_path) -> Path:
    """A folder of programs, to be all of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join([f"#!{BASH}", *lines, ""]))
    path.chmod(0o755)
    return path


def python(folder: Path, name: str, version: tuple[int, ...]) -> Path:
    """A Python that says that it is of this version."""
    code = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    return program(folder, name, f'exec "{sys.executable}" -IS -c "{code}" "$2"')


def found(folder: Path, *given: str) -> subprocess.CompletedProcess:
    command = [BASH, str(REPOSITORY / "envs/python.sh"), *given]
    return subprocess.run(command, cwd=folder, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


def test_the_first_python_that_fits_and_runs_is_taken(programs):
    program(programs, "python3.11", "exit 127")  # as those of pyenv that are not switched on
    python(programs, "python3.12", (3, 9, 2))
    fits = python(programs, "python3.13", (3, 13, 0))
    python(programs, "python3", (3, 14, 0))
    assert found(programs).stdout.strip() == str(fits)


def test_a_certain_python_is_taken_or_refused_but_no_other_one(programs):
    python(programs, "python3.12", (3, 12, 1))
    other = python(programs, "mine", (3, 11, 9))
    assert found(programs, str(other)).stdout.strip() == str(other)
    old = python(programs, "old", (2, 7, 18))
    assert f"{old} is Python 2.7" in found(programs, str(old)).stderr
    assert "there is no Python /nowhere" in found(programs, "/nowhere").stderr


@pytest.mark.parametrize("version", [None, (3, 9, 18), (3, 14, 0)])
def test_without_a_fitting_python_it_is_said_how_to_get_one(programs, version):
    if version:
        python(programs, "python3", version)
    program(programs, "apt-cache", '[ "$2" = python3.13-venv ]')
    done = found(programs)
    assert (done.returncode, done.stdout) == (1, "")
    first, *ways = done.stderr.splitlines()
    assert first.startswith("Python 3.11, 3.12 or 3.13 is needed (")
    assert ("python3 is Python {}.{}".format(*version) if version else "there is none") in first
    assert [line.split()[0] for line in ways[:3]] == ["uv", "conda", "sudo"]
    assert ways[2] == "  sudo apt-get install python3.13-venv"
    assert "make PYTHON=" in ways[3]


def test_the_distributions_package_is_named_only_where_it_is_known(programs):
    assert "your distribution's package" in found(programs).stderr
    program(programs, "dnf")
    assert "sudo dnf install python3.12" in found(programs).stderr


@pytest.mark.parametrize("target", ["submission", "test"])
def test_make_without_python_says_so_and_installs_nothing(tmp_path, programs, target):
    for name in (
        "Makefile",
        "envs",
        "requirements.lock",
        "requirements-cuda.lock",
        "requirements-dev.lock",
        "pyproject.toml",
    ):
        path = REPOSITORY / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    before = sorted(tmp_path.iterdir())
    (programs / "bash").symlink_to(BASH)
    environment = {"PATH": str(programs), "HOME": str(tmp_path)}
    done = subprocess.run([MAKE, target], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed (there is none).")
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("home", "own", "kept"),
    [
        ("/proc/nowhere", None, "cache/home"),
        (None, None, "cache/home"),
        (".", None, ""),
        ("/proc/nowhere", "/mine", "/mine"),
    ],
)
def test_where_no_cache_can_be_kept_at_home_all_programs_keep_theirs_in_the_checkout(tmp_path, home, own, kept):
    folder = tmp_path / "Ä b"
    folder.mkdir()
    shutil.copy(REPOSITORY / "Makefile", folder)
    given = {"PATH": os.environ["PATH"], "HOME": home and str(folder / home), "XDG_CACHE_HOME": own}
    command = [MAKE, "--eval", "show: ; @echo $${XDG_CACHE_HOME:-}:$${MPLCONFIGDIR:-}", "show"]
    environment = {name: value for name, value in given.items() if value}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    cache = str(folder / kept) if kept else ""
    ours = f"{cache}/matplotlib" if kept == "cache/home" else ""
    assert done.stdout.strip() == f"{cache}:{ours}"


def test_make_finds_the_pythons_that_the_project_says_it_runs_on():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    low, high = re.findall(r"\((3, \d+)\)", (REPOSITORY / "envs/python.sh").read_text())
    assert project["project"]["requires-python"] == f">={low.replace(', ', '.')}"
    solved = f"python_full_version < '3.{int(high.split()[1]) + 1}'"
    assert all(solved in environment for environment in project["tool"]["uv"]["environments"])


def test_a_machine_that_fits_has_no_faults(check, tmp_path):
    (tmp_path / "src").mkdir()
    room = [f for f in check.faults(tmp_path, "cpu") if "GB are free" not in f]  # this test asks no disk for room
    assert room == []


@pytest.mark.parametrize("name", ["Ä ö ü", "студия", "a.b-c_d+e=f,g@h~", "情绪"])
def test_letters_of_any_alphabet_and_spaces_may_be_in_the_path(check, name):
    assert check.path(Path("/home/me") / name) == []


@pytest.mark.parametrize("mark", "$:;'\"`*?#&|<>()[]{}!\\%\n")
def test_a_path_that_a_shell_takes_for_a_command_is_refused(check, mark):
    (said,) = check.path(Path(f"/home/me/a{mark}b"))
    assert mark in said
    assert "move it" in said


def test_too_small_a_disk_is_named_with_what_is_there_and_what_is_needed(check, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("usage", (), {"free": 4e9}))
    assert check.disk(tmp_path, "cpu") == []
    (said,) = check.disk(tmp_path, "cuda")
    assert said == f"4.0 GB are free in {tmp_path}, 7.0 GB are needed: make room there."


def test_a_cache_on_another_disk_needs_room_too(check, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/self/cache")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: type("usage", (), {"free": 0 if "proc" in str(folder) else 9e9})
    )
    (said,) = check.disk(tmp_path, "cpu")
    assert said.startswith("0.0 GB are free in /proc/self, 2.6 GB are needed")


def test_a_checkout_and_a_folder_for_temporary_files_must_be_writable(check, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "src")
    (said,) = check.folders(tmp_path)
    assert said.startswith(f"Not writable: {tmp_path / 'src'}.")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(check.tempfile, "tempdir", None)
    (said,) = check.temporary()
    assert str(tmp_path / "nowhere") in said
    assert "TMPDIR" in said


def test_a_python_without_ensurepip_is_sent_to_its_package(check, monkeypatch):
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda name: None)
    (said,) = check.python()
    assert "-venv" in said


def test_where_something_would_fail_nothing_is_installed(install, monkeypatch, tmp_path):
    monkeypatch.setattr(install, "BIN", tmp_path / ".venv/bin")
    monkeypatch.setattr(install.check, "faults", lambda root, torch: ["Move it.", "Make room."])
    with pytest.raises(SystemExit, match=r"Move it\.\nMake room\."):
        install.begin("cpu")
    assert list(tmp_path.iterdir()) == []


LISTED = """global.cert='/from/file.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://file.example/simple'
global.constraint='/c.txt'
install.find-links='/wheels /more'
:env:.index-url='https://environment.example/simple'
global.proxy="http://it's.example:3128"
"""


def test_uv_takes_pips_index_certificates_proxy_and_folders_of_wheels(install):
    found = install.as_for_pip(LISTED, {"SSL_CERT_FILE": "/mine.pem", "HOME": "/home/me"})
    assert found == {
        "UV_DEFAULT_INDEX": "https://environment.example/simple",  # the environment before the file
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "ALL_PROXY": "http://it's.example:3128",
        "SSL_CERT_FILE": "/mine.pem",  # what is said to uv itself comes first
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "HOME": "/home/me",
    }


@pytest.mark.thorough
def test_this_pip_lists_its_settings_in_the_form_that_is_read(install, tmp_path):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://file.example/simple\n[install]\nfind-links =\n  /a b\n  /c\n"
    )
    environment = {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_NO_INDEX": "1"}
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, env=environment, capture_output=True, text=True, check=True).stdout
    found = install.as_for_pip(listed, {})
    assert found["UV_DEFAULT_INDEX"] == "https://file.example/simple"
    assert found["UV_FIND_LINKS"] == "/a,b,/c"
    assert found["UV_NO_INDEX"] == "1"


@pytest.fixture
def asked(install, monkeypatch, tmp_path):
    """What uv is called with; the builds of torch that are within reach lie in `reach`."""
    calls, reach = [], {"+cpu"}
    monkeypatch.setattr(install, "ROOT", tmp_path)
    shutil.copy(REPOSITORY / "requirements.lock", tmp_path)

    def uv(*arguments, **_):
        calls.append(arguments)
        return int("--dry-run" in arguments and not any(word in " ".join(arguments) for word in reach))

    monkeypatch.setattr(install, "uv", uv)
    monkeypatch.setattr(install.check, "disk", lambda root, torch: [])
    return calls, reach


@pytest.mark.parametrize(
    ("build", "within_reach", "taken", "said"),
    [
        ("cpu", {"+cpu"}, "+cpu", "for the CPU"),
        ("cpu", {"--torch-backend cpu"}, "--torch-backend cpu", "for the CPU"),
        ("cpu", {"nothing"}, "requirements-cuda.lock", "with CUDA (no CPU build for this Python is within reach)"),
        ("cuda", {"+cpu"}, "requirements-cuda.lock", "with CUDA and"),
    ],
)
def test_the_build_of_torch_fits_the_machine_and_is_said(install, asked, capsys, build, within_reach, taken, said):
    calls, reach = asked
    reach.clear()
    reach |= within_reach
    install.runtime(build)
    installed = [" ".join(call) for call in calls if "--dry-run" not in call]
    assert taken in installed[0]
    assert installed[1].endswith("-r requirements.lock")
    assert installed[2].endswith("--no-deps --editable .")
    assert said in capsys.readouterr().out


def test_another_build_than_those_two_is_refused(install, monkeypatch):
    monkeypatch.setenv("TORCH", "rocm")
    with pytest.raises(SystemExit, match="TORCH=rocm is neither cpu nor cuda"):
        install.main("runtime")


def test_a_larger_build_than_was_checked_for_is_not_begun_without_room(install, asked, monkeypatch, tmp_path):
    calls, reach = asked
    reach.clear()
    monkeypatch.setattr(install.check, "disk", lambda root, torch: [f"no room for {torch}"])
    with pytest.raises(SystemExit, match="no room for cuda"):
        install.runtime("cpu")
    assert all("--dry-run" in call for call in calls)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/runtime").touch()
    install.runtime("cpu")  # it was installed before, and takes no further room
    assert any("requirements-cuda.lock" in call for call in calls)


def entries(lock: str) -> dict[str, str]:
    text = (REPOSITORY / lock).read_text()
    return {found[1]: found[0] for found in re.finditer(r"^([a-z0-9._-]+)==.*\n(?: .*\n)*", text, re.M)}


def test_every_package_of_a_gpu_machine_is_in_a_lock_with_its_hashes():
    runtime, cuda = entries("requirements.lock"), entries("requirements-cuda.lock")
    assert set(runtime) & set(cuda) == {"torch"}
    assert {"triton", "nvidia-cublas", "nvidia-cudnn-cu13"} < set(cuda)
    assert all("--hash=sha256:" in entry for entry in cuda.values())
    assert [name for name, entry in runtime.items() if "--hash" not in entry] == ["torch"]
    assert cuda["torch"].split(" ")[0] == runtime["torch"].strip()


def test_no_pin_depends_on_the_python():
    for lock in ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock"):
        markers = re.findall(r"^[a-z0-9._-]+==\S+ ; (.*) \\$", (REPOSITORY / lock).read_text(), re.M)
        assert [marker for marker in markers if re.search(r"python_(full_)?version (?!< '3\.14')", marker)] == []


@pytest.mark.parametrize("version", [1, 2])
def test_a_run_takes_no_more_cores_and_memory_than_its_container_may_use(check, tmp_path, version):
    limits = importlib.import_module("limits")
    files = {
        1: {
            "cpu/cpu.cfs_quota_us": "150000",
            "cpu/cpu.cfs_period_us": "100000",
            "cpu/inner/cpu.cfs_quota_us": "-1",
            "memory/memory.limit_in_bytes": "3000000000",
            "memory/inner/memory.limit_in_bytes": "9223372036854771712",
        },
        2: {"cpu.max": "max 100000", "outer/cpu.max": "100000 100000", "outer/inner/memory.max": "3000000000"},
    }[version]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    own = {1: "4:memory:/inner\n1:cpu:/inner\n9:name=systemd:/x\n", 2: "0::/outer/inner\n"}[version]
    folders = limits.groups(tmp_path, own)
    usable = len(os.sched_getaffinity(0))
    assert limits.cores(folders) == min(usable, {1: 2, 2: 1}[version])
    assert limits.memory(folders, 10**12) == 3 * 10**9
    assert limits.memory(folders, 10**9) == 10**9
    assert limits.cores([]) == usable


def test_make_limits_a_run_on_one_machine_and_leaves_a_cluster_its_own(check, capsys):
    limits = importlib.import_module("limits")
    limits.main("default")
    assert re.fullmatch(r"--cores \d+ --resources mem_mb=\d{4,}\n", capsys.readouterr().out)
    limits.main("default", "3")
    assert capsys.readouterr().out.startswith("--cores 3 --resources mem_mb=")
    limits.main("gpu")
    assert re.fullmatch(r"--cores \d+ --resources mem_mb=\d{4,} gpu=1\n", capsys.readouterr().out)
    limits.main("slurm")
    assert capsys.readouterr().out == "\n"
