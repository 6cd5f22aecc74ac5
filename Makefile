# One verb each; `make help` lists them. Everything lives in .venv/ and .local/ of this folder.
PYTHON ?= python3
PORTAL ?= simulated
INSTALLER ?= uv
SERVER ?= http://127.0.0.1:8080
VENV := .venv
BIN := $(VENV)/bin
# What running needs, and what tests, lint and benchmarks need on top of it.
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# MLflow's server wants an older pyarrow than the pipeline has.
MLFLOW_VENV := .venv-mlflow
READY_MLFLOW := $(MLFLOW_VENV)/.ready
CLI := $(BIN)/food-inspections
# One resolution for every platform and Python, with hashes; which index served it stays out.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock"
# dg looks at the definitions only; with an instance of its own it needs no Postgres.
DG_HOME := $(CURDIR)/$(VENV)/dg
DG := VIRTUAL_ENV=$(CURDIR)/$(VENV) DAGSTER_HOME=$(DG_HOME) $(BIN)/dg
export DAGSTER_HOME := $(CURDIR)
export PYTHONUNBUFFERED := 1
# Set by many containers; nothing is compiled at installation, so every start would compile it all again: 5 CPU seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run dev portal test lint bench docs eda lock stop clean serve screenshots mlflow

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PORTAL=simulated (default), https://data.cityofchicago.org, or a Parquet or CSV file or a folder of them"
	@echo "  FROM=2024-01-01 TO=2024-12-30   bound the weeks (Mondays) of run"
	@echo "  INSTALLER=pip   install with pip instead of uv"
	@echo "  BENCH='install run --sides now'   parts and options of bench"

$(READY): requirements.lock pyproject.toml installation/install.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "food-inspections needs Python 3.11 or newer; name one with 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	@$(PYTHON) installation/install.py $(VENV) requirements.lock --project --installer $(INSTALLER) \
	  --size "about 400 MB to download, 1.2 GB on disk"
	@touch $@

$(READY_DEV): requirements-dev.lock $(READY)
	@$(PYTHON) installation/install.py $(VENV) requirements-dev.lock --installer $(INSTALLER) \
	  --size "about 100 MB to download"
	@touch $@

$(READY_MLFLOW): installation/mlflow.lock pyproject.toml installation/install.py
	@$(PYTHON) installation/install.py $(MLFLOW_VENV) installation/mlflow.lock --project --installer $(INSTALLER) \
	  --size "1.3 GB on disk"
	@touch $@

run: $(READY) ## the main job: load the history, materialise every stage, print Monday's list
	@$(CLI) run --portal '$(PORTAL)' $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)')

dev: $(READY) ## Dagster's UI with its daemon, and what serve does, on the same data (and the portal, where it is ours)
	@$(CLI) dev --portal '$(PORTAL)'

serve: $(READY) ## the API of the published lists at http://127.0.0.1:8080
	@$(CLI) serve --portal '$(PORTAL)'

mlflow: $(READY_MLFLOW) ## a server for experiment tracking at http://127.0.0.1:5000, in an environment of its own
	@$(MLFLOW_VENV)/bin/food-inspections mlflow

portal: $(READY) ## only the portal server, over the simulated city or the files of PORTAL
	@$(CLI) portal --source '$(PORTAL)'

test: $(READY_DEV) ## all tests
	@$(BIN)/pytest -n 2 --dist loadfile

lint: $(READY_DEV) ## ruff, mypy, and dg over the definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy food_inspections_dagster food_inspections_portal
	@mkdir -p $(DG_HOME)
	@printf 'telemetry:\n  enabled: false\n' > $(DG_HOME)/dagster.yaml
	@$(DG) check defs
	@$(DG) list defs --json > $(DG_HOME)/defs.json

bench: $(READY_DEV) ## speed and memory as ratios within one run; prints the tables of benchmarks/README.md
	@$(BIN)/python -m benchmarks $(BENCH)

docs: $(READY) ## write the data dictionary and the picture of the asset graph again, from the code
	@$(BIN)/python docs/generate.py

eda: $(READY) ## write docs/eda.md and its figures again, from what make run has stored; BESIDE: rows to lay beside it
	@$(BIN)/python docs/eda.py $(if $(BESIDE),--beside '$(BESIDE)')

screenshots: $(READY_DEV) ## pictures of the dashboard of a server that runs, into docs/screenshots (needs chromium)
	@$(BIN)/python docs/screenshots.py --server '$(SERVER)'

lock: $(READY_DEV) ## resolve the dependencies again into requirements.lock, requirements-dev.lock and mlflow.lock
	@$(LOCK) --group build --constraints installation/constraints.txt pyproject.toml -o requirements.lock
	@$(LOCK) --group dev --constraints requirements.lock -o requirements-dev.lock
	@# Models are served with the versions that made them; only pyarrow has to be older.
	@sed -nE 's/^([A-Za-z0-9._-]+==[^\\]*[^\\ ]) *\\?$$/\1/p' requirements.lock | grep -v '^pyarrow==' >$(VENV)/pins.txt
	@$(LOCK) --group build --group mlflow --constraints $(VENV)/pins.txt pyproject.toml -o installation/mlflow.lock

stop: ## stop the embedded Postgres
	@test ! -x $(CLI) || $(CLI) stop

clean: stop ## remove all data and the environment
	@rm -rf .local $(VENV) $(MLFLOW_VENV) .pytest_cache .mypy_cache .ruff_cache
