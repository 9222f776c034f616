#!/usr/bin/env bash
# Solve pyproject.toml for every Python that it names into the three locks and envs/blemore.yaml. `make lock` calls this; it
# needs a network. requirements.lock names torch without hashes and nothing of CUDA, since torch's CPU build comes from
# elsewhere. requirements-cuda.lock holds the registry's build, which is for CUDA, and what that needs besides, with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
solve() { # by the registry alone: a folder's CPU build of torch would hide what the other one needs
  UV_FIND_LINKS='' UV_INDEX='' python envs/install.py uv pip compile --quiet --universal \
    --generate-hashes --python-version 3.11 --custom-compile-command "make lock" "$@"
}
sed -i '/^torch==/d' requirements.lock requirements-dev.lock
solve --extra study --extra demo --extra serve pyproject.toml -o requirements.lock
solve --group dev -c requirements.lock -o requirements-dev.lock
python - <<'PY'
import re
import tomllib
from pathlib import Path

ENTRY = re.compile(r"^([a-z0-9._-]+)==(\S+).*\n(?: .*\n)*", re.M)
EVERYWHERE = " ; python_full_version < '3.14' and sys_platform == 'linux'"  # all that the locks are for
for lock in map(Path, ("requirements.lock", "requirements-dev.lock")):
    lock.write_text(lock.read_text().replace(f"{EVERYWHERE} \\\n", " \\\n"))
text = Path("requirements.lock").read_text()
entries = {entry[1]: entry for entry in ENTRY.finditer(text)}
cuda = [name for name in entries if re.fullmatch(r"torch|triton|(cuda|nvidia)-.+", name)]
head = text[: text.index("\n", text.index("make lock")) + 1]
Path("requirements-cuda.lock").write_text(head + "".join(entries[name][0] for name in cuda))
for name in cuda:
    text = text.replace(entries[name][0], f"torch=={entries[name][2]}\n" if name == "torch" else "")
Path("requirements.lock").write_text(text)

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
asked = [*project["dependencies"], *(line for name in ("study", "audit", "demo", "predict", "serve") for line in extras[name])]
wanted = sorted({re.split(r"[<>=]", line)[0] for line in asked if not line.startswith("blemore[")})
Path("envs/blemore.yaml").write_text(
    "# Written by `make lock`: what the project asks for, pinned as in requirements.lock.\n"
    "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    + "".join(f"      - {name}=={entries[name][2]}\n" for name in wanted)
)
PY
