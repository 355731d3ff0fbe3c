# Every target makes what it needs; the environment lives in .venv/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PORT ?= 8765
SIZES ?= 100000 1000000
PREFECT_PORT ?= 4200
SEEDS := $(patsubst %,sample_data/%.json,acoustic_connect ivvy wix)
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-all test check bench sandbox prefect deploy drain lock clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv/ from requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.version_info >= (3, 14))' \
	  || { echo "consent-sync needs Python 3.11, 3.12 or 3.13; try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements.lock into $(VENV)/ (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY) ## Run the main job on sample_data/ against a sandbox, as a Prefect flow
	@$(BIN)/python -m flows.demo

demo-all: $(READY) ## The same for all three destinations, one after the other
	@$(BIN)/python -m flows.demo --all

test: $(READY) ## Run all tests
	@$(BIN)/python -m pytest -n auto --dist worksteal

check: $(READY) ## Lint, types, formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

bench: $(READY) ## Measure speed and memory against baselines (SIZES="100000 1000000 10000000")
	@$(BIN)/python -m tests.benchmarks --sizes $(SIZES) --out docs/benchmarks.json

sandbox: $(READY) ## Serve the emulated destinations on 127.0.0.1:8765 (PORT=...)
	@$(BIN)/consent-sync sandbox --port $(PORT) $(SEEDS:%=--data %)

prefect: $(READY) ## Serve Prefect on 127.0.0.1:4200 (PREFECT_PORT=...) with one worker, until Ctrl-C
	@PREFECT_PORT=$(PREFECT_PORT) $(BIN)/python -m flows up

deploy: $(READY) ## Declare the deployments of prefect.yaml on that server
	@PREFECT_PORT=$(PREFECT_PORT) $(BIN)/python -m flows deploy

drain: $(READY) ## Pause its work pool, wait for the runs under way, end its worker
	@PREFECT_PORT=$(PREFECT_PORT) $(BIN)/python -m flows drain

lock: $(READY) ## Pin all dependencies again, with hashes and without any address
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o requirements.lock

clean: ## Remove the environment and everything generated
	@rm -rf $(VENV) .consent-sync .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
