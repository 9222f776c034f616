"""What a record says of a job's surroundings: files, code, environment, hardware. Costs milliseconds besides hashing."""

import filecmp
import getpass
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from joblineage.files import LITTER
from joblineage.installed import Installed
from joblineage.store import Store
from joblineage.variables import changing, of_start

LOCK = "requirements.lock"
NOT_CODE = ":(exclude)dvc.lock"
"""dvc.lock is written by runs: it never makes the code dirty."""

NO_SOURCE = re.compile(r"/__pycache__/|\.egg-info/")
"""Folders beside source files that hold none; .dvcignore names them too."""

File = dict[str, Any]


def now() -> str:
    """The time, UTC, to the microsecond: "2026-11-25T12:00:00.000000Z"."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def hashed(role: str, path: str, *, md5: bool = False) -> File:
    """{role, path, sha256, size} of a file; with `md5` that too (DVC's name for the same bytes)."""
    sums = [hashlib.sha256()] + ([_md5()] if md5 else [])
    size = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            for digest in sums:
                digest.update(block)
    return {"role": role, "path": path, "size": size} | {digest.name: digest.hexdigest() for digest in sums}


def differ(installed: Path, source: Path, *packages: str) -> bool:
    """Whether an installation holds other files than the folder `src` of a checkout has; `source` may have pages besides."""
    asked = [(installed, "*"), (source, "*.py")]
    files = [
        file.relative_to(top)
        for top, pattern in asked
        for package in packages
        for file in (top / package).rglob(pattern)
        if file.is_file() and not NO_SOURCE.search(file.as_posix()) and not LITTER.fullmatch(file.name)
    ]
    _, mismatch, errors = filecmp.cmpfiles(installed, source, map(str, files), shallow=False)
    return bool(mismatch or errors)


def dvc_md5(path: Path, without: str = ".tmp", *, litter: bool = False) -> str:
    """DVC's md5 of a file, or of a folder: of the list of its files and their md5 (what `.dvcignore` names left out).

    Parameters
    ----------
    without : ending of names that are left out besides.
    litter : whether what file browsers and editors leave counts too, as it does where no `.dvcignore` names it.
    """
    if path.is_file():
        return _md5_of(path)
    files = (file for file in path.rglob("*") if file.is_file() and not NO_SOURCE.search(file.as_posix()))
    kept = (
        file
        for file in files
        if not file.name.endswith((".tmp", without)) and (litter or not LITTER.fullmatch(file.name))
    )
    return dvc_folder_md5({file.relative_to(path).as_posix(): _md5_of(file) for file in kept})


def dvc_folder_md5(files: Mapping[str, str]) -> str:
    """DVC's md5 of a folder, "....dir", from {path below it: md5}."""
    listed = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items(), key=lambda pair: pair[0].split("/"))]
    return _md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


_md5 = partial(hashlib.md5, usedforsecurity=False)


def _md5_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def files_of(named: Any) -> list[tuple[str, str]]:
    """(role, path) of Snakemake's list of inputs or outputs, in its order; an unnamed one's role is "file"."""
    roles: dict[str, str] = {}
    for name, value in named.items():
        for path in [value] if isinstance(value, str) else value:
            roles.setdefault(str(path), name)
    return [(roles.get(path, "file"), path) for path in map(str, named)]


def code(store: Store, modules: Iterable[File]) -> dict[str, Any]:
    """Keep a copy of every source file used, so that a later reader sees the lines, and say what code it was:
    {commit, dirty: paths that differ from it, diff: object with `git diff`}; commit and diff are null where git
    does not know this folder.
    """
    for module in modules:
        if not store.has(module["sha256"]):
            store.put(Path(module["path"]).read_bytes())
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": [], "diff": None}
    status = _git("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", ".", NOT_CODE) or b""
    dirty = sorted(line[3:].decode(errors="replace") for line in status.split(b"\0") if line)
    diff = store.put(_git("diff", "HEAD", "--", ".", NOT_CODE) or b"") if dirty else None
    return {"commit": commit.decode().strip(), "dirty": dirty, "diff": diff}


def _git(*command: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *command], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def environment(store: Store, lock: str | None, installed: Installed) -> str:
    """Object with Python's version, every installed package, what differs from the lock file, the system.

    Parameters
    ----------
    lock : sha256 of the lock file where the job lists it.
    """
    about = surroundings(installed)
    differing = differs_from_lock(about["packages"], Path(LOCK).read_text("utf-8")) if lock else {}
    return store.put_json(about | {"lock": lock, "differs_from_lock": differing})


def surroundings(installed: Installed | None = None) -> dict[str, Any]:
    """{python, system, packages, distributions}: versions of the interpreter and of every installed package, name of the
    system, and a hash over the files that each package installed (`Installed.sums`)."""
    sums = (installed or Installed()).sums()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()} {platform.libc_ver()[1]}".strip(),
        "packages": packages(),
        "distributions": {_distribution(name)[0]: value for name, value in sorted(sums.items())},
    }


def packages() -> dict[str, str]:
    """{name: version} of every installed distribution, read from the folders' names (no metadata is parsed)."""
    versions: dict[str, str] = {}
    for folder in sys.path:
        if folder.endswith("-packages") and Path(folder).is_dir():
            for entry in os.scandir(folder):
                if entry.name.endswith(".dist-info"):
                    name, version = _distribution(entry.name)
                    versions.setdefault(name, version)
    return dict(sorted(versions.items()))


def _distribution(folder: str) -> tuple[str, str]:
    """(name, version) of a distribution's folder."""
    name, _, version = folder.removesuffix(".dist-info").rpartition("-")
    return _normal(name), version


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def pins(lock: str) -> dict[str, str]:
    """{name: version} that a lock file asks for."""
    lines = (line.split(" ")[0].split(";")[0] for line in lock.splitlines() if line[:1].isalnum() and "==" in line)
    return {_normal(name.split("[")[0]): version for name, _, version in (line.partition("==") for line in lines)}


def differs_from_lock(installed: Mapping[str, str], lock: str) -> dict[str, list[str | None]]:
    """{package: [version asked for, version found]} where they differ; a local part such as "+cpu" is no difference."""
    return {
        name: [version, installed.get(name)]
        for name, version in sorted(pins(lock).items())
        if (installed.get(name) or "").split("+")[0] != version.split("+")[0]
    }


def edited(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Packages that two environments have in the same version, but of other files; none for one recorded before these were."""
    old, new = (environment.get("distributions", {}) for environment in (before, after))
    versions = before["packages"], after["packages"]
    same = (name for name in sorted(old.keys() & new.keys()) if versions[0].get(name) == versions[1].get(name))
    return [name for name in same if old[name] != new[name]]


def own_modules() -> list[str]:
    """Names of the loaded modules that belong to the study's own packages, sorted."""
    packages = {entry.name for entry in Path("src").glob("*")}
    return sorted(name for name in sys.modules if name.split(".")[0] in packages)


def torch_used() -> Any:
    """torch where a module of the study has imported it, else None: a fork of `warm` has it loaded for other jobs too."""
    torch = sys.modules.get("torch")
    return torch if any(vars(sys.modules[name]).get("torch") is torch for name in own_modules()) else None


def cuda() -> Any:
    """torch's module for the GPU where this process has used one, else None; torch is not imported for it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def user() -> str | None:
    """Who is at work, by the name of the account; None where it has none."""
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return None


def peak_memory() -> int:
    """Bytes that this process has held at most. What `getrusage` counts begins with the memory of whoever started it."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def hardware() -> dict[str, Any]:
    """{cpu, cores, ram_mb, gpu}: gpu is null on a processor."""
    used = cuda()
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "ram_mb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20),
        "gpu": used.get_device_name() if used else None,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def determinism() -> dict[str, Any]:
    """Threads and flags that decide whether the same bytes come again."""
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    torch = torch_used()
    forced = torch and torch.are_deterministic_algorithms_enabled()  # or only warned of, and it may have happened
    return {
        "threads": {name: os.environ.get(name) for name in threads},
        "variables": changing(of_start()),
        "hash_seed": os.environ.get("PYTHONHASHSEED"),
        "torch_threads": torch and torch.get_num_threads(),
        "torch_deterministic": forced and not torch.is_deterministic_algorithms_warn_only_enabled(),
    }
