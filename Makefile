# Needs make and Python 3.11 (or uv, which fetches Python 3.11 by itself). Nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock

# The first Python 3.11 on PATH; empty where there is none.
PYTHON := $(shell for name in python3.11 python3; do \
	if $$name -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; \
	then echo $$name; break; fi; done)
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
# The stack's scripts need no package, and run on later Pythons, too; `make env` on earlier ones.
SCRIPTS := $(or $(PYTHON),$(shell python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo python3),$(if $(UV),uv run --quiet --no-project --python 3.11 python))
# Whole files go to one process each, in the order of their names: the longest are not the last ones.
PARALLEL = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
NO_PYTHON = Python 3.11 wanted, found $(shell python3 --version 2>/dev/null || echo none): install Python 3.11 (for \
	example 'apt-get install python3.11 python3.11-venv' or 'brew install python@3.11'), or install uv, and run make \
	again

.PHONY: help install demo test test-spark test-system test-stack test-all check bench env backup restore rotate docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Create .venv with the locked packages and the project itself

# --no-deps: the lock is complete, and pip with hashes stumbles over requirements that name extras.
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

demo: install ## Fill a lake with a year of real daily prices, gate it, write and name a report
	$(BIN)/python -m flows.cli.demo_command

test: install ## Run the tests of the code: embedded engine, real Delta tables, real Soda (minutes)
	$(PARALLEL) -m "not spark and not system"

test-spark: install ## Run the tests that need Apache Spark (one Spark, one process)
	$(BIN)/python -m pytest -m "spark"

test-system: install ## Run the tests with servers and kills: Prefect, MinIO, PostgreSQL, full disks, docs, benchmarks
	$(PARALLEL) -m "system and not spark"

test-stack: install ## Start the stack on Docker beside any other, break it in every way, remove it (needs Docker; builds the images anew)
	$(BIN)/python -m pytest tests/stack

test-all: test test-spark test-system test-stack ## Run all four

check: install ## Lint, format, types, import rules, and the tests of the project's own files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/project

bench: install ## Measure against other tools, write docs/benchmarks.md (takes long; BENCH="daily_history --repeat 1" for less)
	$(BIN)/python -m benchmarks.run $(BENCH)

env: ## Write random passwords for docker compose into .secrets/; those there stay
	@$(or $(SCRIPTS),python3) infra/stack/make_env.py

backup: ## Back up the volumes of docker compose into backup/, or into the folder TO=...; stops it meanwhile
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.backup $(if $(TO),--to '$(TO)')

restore: ## Put back what a backup holds: FROM=backup/...; FORCE=1 replaces what is there
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.restore $(if $(FORCE),--force) '$(or $(FROM),$(error wanted FROM=backup/..., found none))'

rotate: ## Exchange a secret of docker compose while it runs: NAME=POSTGRES_PASSWORD
	@$(or $(SCRIPTS),$(error $(NO_PYTHON))) -m infra.stack.rotate '$(or $(NAME),$(error wanted NAME=POSTGRES_PASSWORD or another file of .secrets/, found none))'

docs: install ## Write docs/tables.md from the table declarations
	$(BIN)/python -m delta_tables.tables_doc

lock: ## Resolve the dependencies of pyproject.toml into requirements.lock (needs uv)
	uv pip compile pyproject.toml --quiet --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --output-file $(LOCK)
	uv pip compile pyproject.toml --quiet --extra postgres --extra simulator --extra stack --group images \
		--python-version 3.11 --python-platform linux --constraint $(LOCK) --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --output-file infra/worker.lock
	uv pip compile infra/spark.in --quiet --python-version 3.11 --python-platform linux --constraint $(LOCK) \
		--generate-hashes --no-emit-index-url --custom-compile-command 'make lock' --output-file infra/spark.lock

clean: ## Remove .venv and the caches; a lake is never removed
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
