# One verb each; `make help` lists them. Everything lives in .venv/ and .local/ of this folder.
PYTHON ?= python3
PORTAL ?= simulated
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CLI := $(BIN)/food-inspections
export DAGSTER_HOME := $(CURDIR)
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help run dev portal test lint bench docs lock stop clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PORTAL=simulated (default), https://data.cityofchicago.org, or a Parquet or CSV file or a folder of them"
	@echo "  FROM=2024-01-01 TO=2024-12-30   bound the weeks (Mondays) of run"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "food-inspections needs Python 3.11 or newer; name one with 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) (about two minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY) ## the main job: load the history, materialise every stage, print Monday's list
	@$(CLI) run --portal '$(PORTAL)' $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)')

dev: $(READY) ## Dagster's UI with its daemon on the same data (and the portal, where it is ours)
	@$(CLI) dev --portal '$(PORTAL)'

portal: $(READY) ## only the portal server, over the simulated city or the files of PORTAL
	@$(CLI) portal --source '$(PORTAL)'

test: $(READY) ## all tests
	@$(BIN)/pytest -n 2 --dist loadfile

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy food_inspections_dagster food_inspections_portal

bench: $(READY) ## speed and memory as ratios within one run; prints the tables of benchmarks/README.md
	@$(BIN)/python -m benchmarks

docs: $(READY) ## write the data dictionary and the picture of the asset graph again, from the code
	@$(BIN)/python docs/generate.py

lock: $(READY) ## resolve the dependencies again into requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --extra dev pyproject.toml -o requirements.lock --custom-compile-command "make lock"

stop: ## stop the embedded Postgres
	@test ! -x $(CLI) || $(CLI) stop

clean: stop ## remove all data and the environment
	@rm -rf .local $(VENV) .pytest_cache .mypy_cache .ruff_cache
