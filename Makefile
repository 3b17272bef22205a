# linli 邻里. `make` prints this help.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench lint types docs lock clean
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes

help: ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime ## a living community in one command (ARGS=--exit ends after the tour)
	@$(BIN)/linli demo $(ARGS)

test: $(VENV)/.dev ## every test, on real PostgreSQL and Valkey (ARGS=tests/rules for a part)
	@$(BIN)/python -m compileall -q api tests  # the processes that tests start would each compile it again
	@$(BIN)/python -m pytest $(or $(ARGS),-n 3 --dist loadfile --no-loadscope-reorder)

check: $(VENV)/.dev lint types ## format, lint, types, import law, migrations, generated docs, audit
	@$(BIN)/python -m scripts.check

lint: $(VENV)/.dev ## format and lint
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

bench: $(VENV)/.dev ## ratios against hand-written limits, into docs/performance.md
	@$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.dev ## write the generated pages and OpenAPI documents again
	@$(BIN)/linli docs && $(BIN)/python -m scripts.openapi

lock: ## resolve the dependencies again (needs uv)
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## forget the virtual environment and the embedded engines' data
	rm -rf $(VENV) .linli

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) -r requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) -r requirements-dev.lock
	@touch $@
