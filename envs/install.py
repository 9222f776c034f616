"""Install the environment in .venv: `install.py runtime`, `developer` or `crates`. `make` calls this.

The machine is checked first, and nothing is installed where something would fail (check.py). `install.py uv ...` runs uv
with the settings that pip has on this machine: index, proxy, certificates, folders of wheels. The standard library only.
"""

import ast
import os
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import check

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv/bin"
UV = "uv==0.13.9"

FROM_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
"""A setting of pip, and the variable by which uv takes the same."""


def as_for_pip(listed: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which uv finds what pip finds.

    Parameters
    ----------
    listed : what `pip config list` prints, a line a setting: global.index-url='...'. Of one setting the files' section
        [global] counts least, then [install], then the environment (":env:").
    environment : what it is added to; a variable that is set there stays.
    """
    pip = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([a-z-]+)=(['\"].*['\"])$", listed, re.M):
            pip[name] = ast.literal_eval(value)
    variables = {FROM_PIP[name]: " ".join(value.split()) for name, value in pip.items() if name in FROM_PIP}
    if "UV_FIND_LINKS" in variables:
        variables["UV_FIND_LINKS"] = variables["UV_FIND_LINKS"].replace(" ", ",")
    # As pip: the best version of all indexes. The locks' hashes say which files are taken.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true", **variables, **environment}


def uv(*arguments: str, **options: bool) -> int:
    """Run uv in the checkout with pip's settings; its exit status."""
    pip = [BIN / "python", "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, check=True, capture_output=True, encoding="utf-8", errors="replace").stdout
    return subprocess.run([BIN / "uv", *arguments], cwd=ROOT, env=as_for_pip(listed, os.environ), **options).returncode


def install(*arguments: str, environment: str = ".venv") -> None:
    """Have uv install into an environment; a terminal shows how far it is."""
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    compiled = ["--compile-bytecode"]  # else each process recompiles where Python may not write
    if uv("pip", "install", *quiet, *compiled, "--python", f"{environment}/bin/python", *arguments):
        raise SystemExit("The installation stopped; `make` again goes on from here.")


def stop_at(faults: list[str]) -> None:
    """End here, with what to change, if there is something."""
    if faults:
        raise SystemExit("\n".join(faults))


def begin(torch: str) -> None:
    """Check the machine, then make .venv with uv in it."""
    if not ((BIN / "uv").exists() and (BIN / "python").exists()):
        stop_at(check.faults(ROOT, torch))
        print("Making .venv", flush=True)
        venv.create(ROOT / ".venv", clear=True, symlinks=True, with_pip=True)
        pip = [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV]
        if subprocess.run(pip).returncode:
            raise SystemExit("uv cannot be installed from the package index that pip asks: see above.")


def cpu_build(version: str) -> list[str] | None:
    """uv's arguments for torch's CPU build: of pip's folders and indexes, else of PyTorch's own. None: out of reach."""
    plain = f"torch=={version}"
    dry = ("pip", "install", "--quiet", "--dry-run", "--python", ".venv/bin/python", "--no-deps")
    for arguments in ([f"{plain}+cpu"], [plain, "--torch-backend", "cpu"]):
        if uv(*dry, *arguments, capture_output=True) == 0:
            return arguments
    return None


def runtime(torch: str) -> None:
    """What a run needs: torch for the CPU or with CUDA, then everything else, then the project."""
    version = re.search(r"^torch==(\S+)$", (ROOT / "requirements.lock").read_text("utf-8"), re.M)[1]
    of_cpu = cpu_build(version) if torch == "cpu" else None
    said = "for the CPU" if torch == "cpu" else "with CUDA"
    if torch == "cpu" and of_cpu is None:
        torch, said = "cuda", "with CUDA (no CPU build for this Python is within reach)"
        if not (ROOT / ".venv/runtime").exists():  # else it lies there already
            stop_at(check.disk(ROOT, torch))
    size = f"{check.DOWNLOAD[torch]:g} GB to download, {check.ENVIRONMENT[torch]:g} GB in .venv"
    print(f"Installing torch {version} {said} and what else the study needs: about {size}", flush=True)
    install("--no-deps", *(of_cpu or ["-r", "requirements-cuda.lock"]))
    install("-r", "requirements.lock")
    install("--no-deps", "--editable", ".")


def main(what: str, *arguments: str) -> int:
    if what == "uv":
        return uv(*arguments)
    torch = os.environ.get("TORCH") or ("cuda" if check.gpu() else "cpu")
    if torch not in check.ENVIRONMENT:
        raise SystemExit(f"TORCH={torch} is neither cpu nor cuda.")
    begin(torch)
    if what == "runtime":
        runtime(torch)
    elif what == "developer":
        print("Installing the developers' tools", flush=True)
        install("-r", "requirements-dev.lock")
    else:
        print("Installing what checks crates from outside", flush=True)
        uv("venv", "--quiet", "--clear", "--python", ".venv/bin/python", ".venv/crates")
        install("-r", "envs/crates.txt", environment=".venv/crates")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
