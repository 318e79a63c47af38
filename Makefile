# `make demo` and `make test` need Python >= 3.11 and nothing else: each makes .venv if it is missing.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
NEWEST := python3.13 python3.12 python3.11 python3 python
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(NEWEST); do "$$p" -c "$(USABLE)" 2>/dev/null && { echo "$$p"; break; }; done)

.PHONY: demo test lint types bench clean help

help:
	@echo "make demo    run the main job on an embedded scenario; tables and pictures in runs/demo"
	@echo "make test    lint, import rules, types, tests, doctests, notebooks"
	@echo "make lint    ruff and the import rules        make types   mypy"
	@echo "make bench   how fast it is                   make clean   remove what the others made"

demo: $(VENV)/.run
	@$(BIN)/servecast demo --out runs/demo

test: lint types
	$(BIN)/python -m pytest -q
	$(BIN)/python -m pytest -q --nbmake notebooks

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.run
	$(BIN)/python -m experiments.bench
	$(BIN)/python -m experiments.bench_fleet

clean:
	rm -rf $(VENV) build dist runs .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find hardware_profiles workloads simulator experiments tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp is touched only when its step is done whole, so that an interrupted one starts over.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "servecast needs Python >= 3.11 with its venv module; set PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: pyproject.toml | $(VENV)/.made
	@echo "installing servecast into $(VENV) (once)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@echo "installing servecast and what its tests need into $(VENV) (once)"
	@$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.run
