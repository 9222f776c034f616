#!/usr/bin/env bash
# Solve pyproject.toml into the two lock files and envs/blemore.yaml. `make lock` calls this; it needs a network.
# torch carries no hash and no "+cpu": a machine with a folder of CPU wheels takes those, others the registry's build.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d "${PIP_FIND_LINKS:-/nope}" ] && export UV_FIND_LINKS="$PIP_FIND_LINKS"
# The lock's own torch pin would be preferred to a CPU wheel: forget it before solving.
sed -i '/^torch==/d' requirements.lock requirements-dev.lock
solve() {
  .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-find-links --python-version 3.11 \
    --custom-compile-command "make lock" "$@"
}
solve --extra study --extra demo pyproject.toml -o requirements.lock
solve --group dev -c requirements.lock -o requirements-dev.lock
.venv/bin/python - <<'PY'
import re
import tomllib
from pathlib import Path

for lock in map(Path, ("requirements.lock", "requirements-dev.lock")):
    entry = r"^torch==([0-9.]+)(?:\+cpu)? \\\n(?:    --hash=\S+(?: \\)?\n)+"
    lock.write_text(re.sub(entry, r"torch==\1\n", lock.read_text(), flags=re.M))

pins = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", Path("requirements.lock").read_text(), flags=re.M))
project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
asked = [*project["dependencies"], *(line for name in ("study", "audit", "demo") for line in extras[name])]
wanted = sorted({re.split(r"[<>=]", line)[0] for line in asked if not line.startswith("blemore[")})
Path("envs/blemore.yaml").write_text(
    "# Written by `make lock`: what the project asks for, pinned as in requirements.lock.\n"
    "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    + "".join(f"      - {name}=={pins[name]}\n" for name in wanted)
)
PY
