# Voltdeck. `make run` starts a living demo plant, `make test` proves the product; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run test lint unit bench services vendor screens clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# more runners than cores, as many tests wait for servers; the browser alone afterwards; the longest first, as
# tests/conftest.py sorts them; PYTEST_ARGS="-n0 -x tests/plant" for the inner loop
PYTEST_ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder
BROWSER_ARGS ?= -n 0
# compiled tests are kept: pytest rewrites 200 files, which every runner would do for itself
unexport PYTHONDONTWRITEBYTECODE
# `make test REPORT=1` also writes a Markdown report of each of the two runs to tests/reports
MD_REPORT := $(if $(REPORT),--md-report-auto)

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: $(VENV)/.run ## set up everything and serve the demo plant on port 8000
	@$(BIN)/python app.py demo

test: $(VENV)/.test services ## set up everything, lint, type-check and run all tests
	@$(BIN)/ruff check .
	@$(BIN)/python -m pytest -n 0 --collect-only -qq > /dev/null & $(BIN)/mypy; found=$$?; wait; exit $$found  # compiles the tests meanwhile
	@$(BIN)/python -m pytest $(PYTEST_ARGS) $(MD_REPORT) -m "not browser"
	@$(BIN)/python -m pytest $(BROWSER_ARGS) $(MD_REPORT) -m browser

unit: $(VENV)/.test ## only the quick tests: no browser, no server process
	@$(BIN)/python -m pytest -m "not browser and not server and not slow" -q

lint: $(VENV)/.test ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(VENV)/.test ## all benchmarks, each beside its baseline (minutes)
	@$(BIN)/python -m bench all

services: ## find or install what the tests need beside Python
	@bash scripts/services.sh

screens: $(VENV)/.test services ## screenshots of the demo plant into docs/screens
	@$(BIN)/python scripts/screens.py

vendor: ## fetch the shipped browser assets again (npm)
	@bash scripts/vendor_assets.sh

clean: ## remove the virtual environment and caches, keep the data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Voltdeck needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}; try: make PYTHON=python3.12 run")'
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "Installing the packages of requirements.txt (about a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	@echo "Installing the packages of requirements-dev.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
