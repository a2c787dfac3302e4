# riskmodel: `make demo` runs the main job, `make test` passes the tests. Each sets itself up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
DEMO_OUT ?= riskmodel-demo
# Compiled modules are kept: every command then starts in a fraction of the time. Each is compiled
# when it is first used: most of what is installed never is, and compiling all takes a minute.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test suite check lint types imports architecture format fuzz bench simulations model-speed screening-speed audit-speed keyholder-speed lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(STAMP) ## make .venv from the pinned requirements

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else 'riskmodel needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 setup')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## simulate a region and run every stage on it
	$(BIN)/riskmodel demo --out $(DEMO_OUT)

check: lint types imports architecture ## lint, types, architecture and documentation

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

architecture: setup
	$(BIN)/python -m pytest -q tests/architecture

# The types, which take a minute on one core, are checked while the tests run: every core is busy.
test: lint imports ## everything that CI runs
	$(MAKE) --jobs types suite

suite: setup
	$(BIN)/python -m pytest -q -n 2 --cov --cov-report=term --cov-fail-under=90

fuzz: setup ## throw far more examples at the readers than the tests do
	$(BIN)/python -m pytest -q -n 2 --hypothesis-profile=fuzz tests/property/test_hostile_input.py

format: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(BENCH_STAMP) ## measure speed and memory beside other tools; PARTS="small" for a quick look
	$(BIN)/python -m benchmarks.run --peers-python $(BENCH_VENV)/$(notdir $(BIN))/python $(if $(PARTS),--parts $(PARTS)) $(BENCH_OPTIONS)

simulations: setup ## simulate audits and intervals against a known truth and write what was found
	$(BIN)/python -m benchmarks.audit_simulations
	$(BIN)/python -m benchmarks.evaluation_simulations

model-speed: setup ## time models and measures and write docs/model_performance.md
	$(BIN)/python -m benchmarks.model_speed

screening-speed: setup ## time the list of a million pupils and write docs/screening_performance.md
	$(BIN)/python -m benchmarks.screening_speed

audit-speed: setup ## time the audit beside fairlearn and write docs/audit_performance.md
	$(BIN)/python -m benchmarks.audit_speed

keyholder-speed: setup ## time the key-holder's work and write docs/privacy_performance.md
	$(BIN)/python -m benchmarks.keyholder_speed

$(BENCH_STAMP): requirements-bench.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $(BENCH_STAMP)

lock: ## pin the requirements anew (needs uv)
	uv pip compile pyproject.toml --upgrade --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --upgrade --group build --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements-dev.txt
	uv pip compile benchmarks/requirements.in --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q -o requirements-bench.txt

clean: ## remove what the targets made, but not the demo's results
	rm -rf $(VENV) $(BENCH_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist .coverage .coverage.*
