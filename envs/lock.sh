#!/usr/bin/env bash
# Solve pyproject.toml into the two lock files. `make lock` calls this; it needs a network.
# torch carries no hash and no "+cpu": a machine with a folder of CPU wheels takes those, others the registry's build.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d "${PIP_FIND_LINKS:-/nope}" ] && export UV_FIND_LINKS="$PIP_FIND_LINKS"
solve() { .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-find-links --python-version 3.11 --custom-compile-command "make lock" "$@"; }
solve pyproject.toml -o requirements.lock
solve --group dev -c requirements.lock -o requirements-dev.lock
for lock in requirements.lock requirements-dev.lock; do
  .venv/bin/python - "$lock" <<'PY'
import re, sys
path = sys.argv[1]
text = open(path).read()
# the torch entry loses its local version and its hashes
text = re.sub(r"^torch==([0-9.]+)(?:\+cpu)? \\\n(?:    --hash=\S+(?: \\)?\n)+", r"torch==\1\n", text, flags=re.M)
open(path, "w").write(text)
PY
done
