# `make submission` and `make test` need Python 3.11, 3.12 or 3.13, git and make, nothing else. PYTHON=... takes a certain
# Python, TORCH=cpu or TORCH=cuda a certain build of torch, CORES=... so many cores, PROFILE=... a folder of profiles/. The machine
# is checked before anything is installed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := submission
.PHONY: submission test quick unit campaign audit lint docs lock benchmarks

SITE ?= build/docs
PROFILE ?= default
INSTALL = @python=$$(bash envs/python.sh "$(PYTHON)") && "$$python" envs/install.py
# Two files of tests at a time, one thread each, in the order of tests/conftest.py.
PYTEST = OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Set in many containers; every process would compile this project's modules, and every pytest its tests, again.
unexport PYTHONDONTWRITEBYTECODE

# Where no cache can be kept at home, all programs keep theirs here.
ifndef XDG_CACHE_HOME
ifneq ($(shell mkdir -p "$$HOME/.cache" 2>/dev/null && test -w "$$HOME/.cache" && echo kept),kept)
export XDG_CACHE_HOME := $(CURDIR)/cache/home
export MPLCONFIGDIR := $(XDG_CACHE_HOME)/matplotlib
endif
endif

submission: .venv/runtime  ## the whole study; goes on where a killed run stopped
	blemore recover
	LINEAGE_CALLER_PID=$$PPID snakemake submission --workflow-profile profiles/$(PROFILE) $$(python envs/limits.py $(PROFILE) $(CORES))

test: .venv/developer .venv/crates/ready  ## style, types, import contracts, then every test
	@command -v chromedriver >/dev/null || echo "No chromium with chromedriver here: the report page is not tested in a browser."
	$(MAKE) --no-print-directory lint
	$(PYTEST) --durations=25

quick: .venv/developer  ## the everyday tests, one to two minutes
	$(PYTEST) -m "not slow and not thorough"

unit: .venv/developer  ## all tests that start no workflow and no browser
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
	python tools/docstrings.py

docs: .venv/developer  ## the documentation as a site, build/docs/index.html; a warning is an error
	sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --conf-dir docs . $(SITE)

benchmarks: .venv/developer
	for name in decode demo faces individuals interval_coverage lineage memory noop thresholds throughput training; do echo "== $$name"; python benchmarks/$$name.py; done
	OMP_NUM_THREADS=1 python benchmarks/fusion.py
	python benchmarks/heads.py --train linear --time 256 512

lock: .venv/developer
	bash envs/lock.sh

.venv/runtime: requirements.lock requirements-cuda.lock pyproject.toml
	$(INSTALL) runtime
	@touch $@

.venv/developer: requirements-dev.lock .venv/runtime
	$(INSTALL) developer
	@touch $@

# What checks exported crates from outside needs another `rich` than ours.
.venv/crates/ready: envs/crates.txt .venv/runtime
	$(INSTALL) crates
	@touch $@
