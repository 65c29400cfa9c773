# Requires make and Python 3.11 (or uv, which downloads Python 3.11 itself), and nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock

# The first Python 3.11 on PATH, or empty.
PYTHON := $(shell for name in python3.11 python3; do \
	if $$name -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; \
	then echo $$name; break; fi; done)
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
# The stack's scripts need no packages and run on Python 3.11 or later; `make env` also on earlier versions.
SCRIPTS := $(or $(PYTHON),$(shell python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo python3),$(if $(UV),uv run --quiet --no-project --python 3.11 python))
# Each process gets whole test files, in the order of their names, so that the longest ones do not come last.
PARALLEL = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
NO_PYTHON = this needs Python 3.11, but found $(shell python3 --version 2>/dev/null || echo none): install Python 3.11 (for \
	example 'apt-get install python3.11 python3.11-venv' or 'brew install python@3.11'), or install uv, and run make \
	again

.PHONY: help install demo test test-spark test-system test-faults test-stack test-all check bench sbom env backup restore rotate docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv with the locked packages and the project itself

# --no-deps: the lock is complete, and pip with hashes rejects requirements with extras.
$(STAMP): pyproject.toml $(LOCK)
ifneq ($(UV),)
	uv venv --quiet --clear --python $(or $(PYTHON),3.11) $(VENV)
	uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCK)
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else ifneq ($(PYTHON),)
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --use-pep517 --no-deps --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
else
	$(error $(NO_PYTHON))
endif
	@touch $@

demo: install ## Fill a lake with a year of real daily prices and write report.html
	$(BIN)/python -m flows.cli.demo_command

test: install ## Run the tests on the embedded engine, without Spark and servers (about seven minutes)
	$(PARALLEL) -m "not spark and not system"

test-spark: install ## Run the tests on Apache Spark
	$(BIN)/python -m pytest -m "spark" -o "norecursedirs=.* dist tests/stack"

test-system: install ## Run the tests with servers and kills: Prefect, MinIO, PostgreSQL, full disks, docs, benchmarks
	$(PARALLEL) -m "system and not spark"

test-faults: install ## Break answers, disks, logs, clocks, files and processes; print what happened as a table
	$(BIN)/python -m pytest tests/faults -m "not spark"

test-stack: install ## Build, start, break and remove the stack on Docker, beside a running one (about half an hour)
	$(BIN)/python -m pytest tests/stack

test-all: test test-spark test-system test-faults test-stack ## Run all tests

check: install ## Check lint, format, types and import rules, and test the project's own files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/project

bench: install ## Compare with other tools and write docs/benchmarks.md (slow; BENCH="daily_history --repeat 1" runs less)
	$(BIN)/python -m benchmarks.run $(BENCH)

env: ## Write random passwords for the stack to .secrets/; keeps existing ones
	@$(or $(SCRIPTS),python3) infra/stack/make_env.py

backup: ## Back up the stack's volumes to backup/ or to the folder TO=...; stops the stack meanwhile
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.backup $(if $(TO),--to '$(TO)')

restore: ## Restore a backup: FROM=backup/...; FORCE=1 replaces existing content
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.restore $(if $(FORCE),--force) '$(or $(FROM),$(error name the backup: make restore FROM=backup/...))'

rotate: ## Replace a secret of the running stack: NAME=POSTGRES_PASSWORD
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.rotate '$(or $(NAME),$(error name a file of .secrets/: make rotate NAME=POSTGRES_PASSWORD))'

sbom: install ## Write dist/sbom.json, a CycloneDX list of the locked packages and their hashes
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements $(LOCK) --pyproject pyproject.toml --output-reproducible --output-format JSON \
		--output-file dist/sbom.json

docs: install ## Write docs/tables.md from the table declarations
	$(BIN)/python -m delta_tables.tables_doc

lock: ## Resolve the dependencies of pyproject.toml into requirements.lock (requires uv)
	uv pip compile pyproject.toml --quiet --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --output-file $(LOCK)
	uv pip compile pyproject.toml --quiet --extra postgres --extra simulator --extra stack --group images \
		--python-version 3.11 --python-platform linux --constraint $(LOCK) --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --output-file infra/worker.lock
	uv pip compile infra/spark.in --quiet --python-version 3.11 --python-platform linux --constraint $(LOCK) \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --output-file infra/spark.lock

clean: ## Remove .venv and the caches; never removes a lake
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
