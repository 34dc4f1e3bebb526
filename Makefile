# All checks of the project. BIN is the folder of the virtual environment's programs.
BIN ?= .venv/bin

.PHONY: install check lint types imports test test-slow

install:  ## Create the environment for development
	python3 -m venv .venv
	.venv/bin/pip install -e '.[dev]'

check: lint types imports test  ## Everything that must pass before a change is merged

lint:  ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:  ## Strict type checks of the package
	$(BIN)/mypy

imports:  ## Stages do not import each other
	PYTHONPATH=. $(BIN)/lint-imports

test:  ## The everyday tests
	$(BIN)/pytest -n 2

test-slow:  ## Killed scans, long simulations and complete trainings, by name; run before a release
	$(BIN)/pytest -n 2 -m slow -vv -rs
