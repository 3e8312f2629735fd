# make demo and make test need only Python 3.11 or newer; uv is used if it is there, pip if not.
PY ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# One environment, filled in three steps; each file remembers that its step is done.
BASE := $(VENV)/.base
DEV := $(VENV)/.dev
BENCH := $(VENV)/.bench
DECLARED := pyproject.toml setup.py constraints.txt

# pip of Python 3.11 is too old for --group, so it is renewed inside the environment.
ifdef UV
INSTALL := uv pip install -q --python $(BIN)/python -c constraints.txt
else
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
endif

.DEFAULT_GOAL := help
.PHONY: help demo test coverage crash-matrix fault-matrix versions check format bench constraints clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(BASE) ## trade real daily bars on paper and prove what happened; offline, no questions
	@$(BIN)/traderbot demo

test: $(DEV) ## run every test, on a PostgreSQL and a Redis that the run starts itself
	$(BIN)/python -m pytest -n 3

coverage: $(DEV) ## the same, and say how much of the code it reached (half as long again)
	$(BIN)/python -m pytest -n 3 --cov --cov-report=term --cov-fail-under=85

crash-matrix: $(DEV) ## kill a trader at every boundary, 20 times each, on both databases (an hour)
	$(BIN)/python -m tests.crash.matrix

fault-matrix: $(DEV) ## send 300 orders through every way a venue fails, and compare the books
	$(BIN)/python -m tests.crash.faults

versions: $(BASE) ## the unit tests under every supported Python, and the same log from each
	$(BIN)/python tools/versions.py

check: $(BENCH) ## format, lint, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## write the code as the formatter would
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH) ## measure; every number in the documents comes from here
	$(BIN)/python -m benchmarks.run

constraints: $(BASE) ## renew constraints.txt, the exact versions that demo, test and bench install
	@test -n "$(UV)" || $(INSTALL) uv
	$(or $(UV),$(BIN)/uv) pip compile -q --upgrade --universal --python-version 3.11 \
	  --all-extras --group dev --group bench --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make constraints' -o constraints.txt pyproject.toml

clean: ## remove the environment and whatever the tools left
	rm -rf $(VENV) .versions build dist *.egg-info .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BASE): $(DECLARED)
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "traderbot needs Python 3.11 or newer. Name one: make PY=python3.12"; exit 1; }
	@echo "installing into $(VENV)"
ifdef UV
	@test -x $(BIN)/python || uv venv -q -p $(PY) $(VENV)
else
	@test -x $(BIN)/python || $(PY) -m venv $(VENV) || \
	  { echo "Python's venv module is missing (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade 'pip>=25.1'
endif
	@$(INSTALL) -e .
	@touch $@

$(DEV): $(BASE)
	@echo "installing what the tests need"
	@$(INSTALL) -e '.[postgres,embedded,fast,ccxt,alpaca,data,ml,report,research]' --group dev
	@touch $@

$(BENCH): $(DEV)
	@echo "installing what the benchmarks compare with"
	@$(INSTALL) --group bench
	@touch $@
