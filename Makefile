# Two commands matter: `make demo` and `make test`. Both make the environment they need.
PYTHON ?= python3
DIR ?= ./demo-workspace
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types unit soak bench lock clean

$(VENV)/.demo: pyproject.toml requirements/base.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/.test: $(VENV)/.demo requirements/test.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	tests/system_packages.sh
	touch $@

demo: $(VENV)/.demo  ## The practice company, up to the mails that wait for your yes.
	$(BIN)/quarterdeck demo "$(DIR)" $(if $(RESET),--reset)

test: lint types unit  ## Everything the project promises, checked.

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q

soak: $(VENV)/.test  ## 2,000 kills of random processes, and the crash sweep; most of an hour.
	QUARTERDECK_KILL_ROUNDS=2000 $(BIN)/python -m pytest -n 2 -q tests/e2e/test_kill_rounds.py tests/e2e/test_crash_points.py

bench: $(VENV)/.test  ## Every figure beside its floor; under three minutes.
	$(BIN)/python bench/run.py --quick

lock: $(VENV)/.test  ## Exact versions with hashes, without download addresses.
	$(BIN)/python requirements/lock.py

clean:
	rm -rf $(VENV)
