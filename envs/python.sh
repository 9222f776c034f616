#!/usr/bin/env bash
# Print the Python that this project is installed with: $1 where it is given, else the first that fits.
# Where none does, say how to get one. `make` calls this before it installs anything.
set -euo pipefail
FITS='import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

names=(.venv/bin/python python3.11 python3.12 python3.13 python3 python)
if [ -n "${1:-}" ]; then names=("$1"); fi
seen=
for name in "${names[@]}"; do
  if version=$("$name" -c "$FITS" 2>/dev/null); then
    command -v "$name"
    exit
  fi
  if [ -n "$version" ]; then seen+=", $name is Python $version"; fi
done
seen=${seen#, }
if [ -z "$seen" ]; then seen=${1:+there is no Python $1}; fi

package="your distribution's package of one of these versions"
if command -v apt-cache >/dev/null; then
  for version in 3.12 3.13 3.11; do
    if apt-cache show "python$version-venv" >/dev/null 2>&1; then
      package="sudo apt-get install python$version-venv"
      break
    fi
  done
elif command -v dnf >/dev/null; then package="sudo dnf install python3.12"
elif command -v zypper >/dev/null; then package="sudo zypper install python312"
fi

printf '%s\n' >&2 \
  "Python 3.11, 3.12 or 3.13 is needed (${seen:-there is none}). Get one by one of these lines, then type make again:" \
  "  uv python install 3.12 && make PYTHON=\"\$(uv python find 3.12)\"" \
  "  conda create --name blemore python=3.12 && conda activate blemore" \
  "  $package" \
  "Where one lies elsewhere: make PYTHON=/its/folder/bin/python3.12"
exit 1
