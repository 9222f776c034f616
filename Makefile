# `make submission` and `make test` need Python 3.11, git and make, nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := submission
.PHONY: submission test quick unit campaign audit lint lock benchmarks

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := uv==0.13.9
CORES ?= all
# pip's folder of wheels, where a machine has one, is passed on to uv (which ignores pip's settings).
FIND_LINKS := $(if $(wildcard $(PIP_FIND_LINKS)/.),$(PIP_FIND_LINKS))
# Compiled at once, as pip does: where Python may not write, each of a run's processes would compile it all again.
INSTALL = UV_COMPILE_BYTECODE=1 $(if $(FIND_LINKS),UV_FIND_LINKS=$(FIND_LINKS)) .venv/bin/uv pip install --quiet --python .venv/bin/python
# Two files of tests at a time, one thread each, in the order of tests/conftest.py.
PYTEST = OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/.venv/bin:$(PATH)

submission: .venv/runtime  ## the whole study; goes on where a killed run stopped
	blemore recover
	LINEAGE_CALLER_PID=$$PPID snakemake --cores $(CORES) submission

test: .venv/developer .venv/crates/ready  ## style, types, import contracts, then every test
	@command -v chromedriver >/dev/null || echo "No chromium with chromedriver here: the report page is not tested in a browser."
	$(MAKE) --no-print-directory lint
	$(PYTEST) --durations=25

quick: .venv/developer  ## the everyday tests, a minute
	$(PYTEST) -m "not slow and not thorough"

unit: .venv/developer  ## all tests without a workflow, two minutes
	$(PYTEST) -m "not slow"

campaign: .venv/developer  ## PART=...: the long form of what `make test` samples; goes on where it stopped
	python tests/campaigns/run.py $(PART)

AUDIT = tampering tampering_records leaks withdraw private why diff export
audit: .venv/developer .venv/crates/ready  ## attacks, leaks, withdrawals, two runs, crates, on a tiny study that is run for real
	$(PYTEST) $(AUDIT:%=tests/workflow/test_%.py)

lint: .venv/developer
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules examples/words/Snakefile
	lint-imports
	mypy

benchmarks: .venv/developer
	for name in decode demo faces individuals lineage memory noop thresholds throughput training; do echo "== $$name"; python benchmarks/$$name.py; done
	OMP_NUM_THREADS=1 python benchmarks/fusion.py
	python benchmarks/heads.py --train linear --time 256 512

lock: .venv/developer
	bash envs/lock.sh

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed, found " + sys.version)'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check $(UV)

.venv/runtime: requirements.lock pyproject.toml | .venv/bin/uv
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps --editable .
	touch $@

.venv/developer: requirements-dev.lock .venv/runtime
	$(INSTALL) -r requirements-dev.lock
	touch $@

# What checks exported crates from outside needs another `rich` than ours.
.venv/crates/ready: envs/crates.txt | .venv/bin/uv
	.venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv/crates
	$(INSTALL:.venv/bin/python=.venv/crates/bin/python) -r envs/crates.txt
	touch $@
