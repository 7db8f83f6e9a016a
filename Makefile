# Every target prepares what it needs and starts at once the second time.
.DEFAULT_GOAL := help
.PHONY: help setup demo run test check bench fuzz crashes fix chromium
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= $(shell for p in python3.11 python3 python; do $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
JAVASCRIPT := $(if $(wildcard tests/js/package-lock.json),tests/js/node_modules/.installed)
PARALLEL := -n logical --dist worksteal
OLD_BADGES := tests/ob2/.venv/.installed
RALPH := tests/ralph/.venv/.installed
BROWSER := $(wildcard tests/browser)

help: ## what can be made here
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(DEVELOPMENT) ## prepare .venv and nothing else

demo: $(RUNTIME) ## start the service, push the sample statements, show what came of them
	@$(BIN)/plaudit demo

run: $(RUNTIME) ## the service alone, at http://127.0.0.1:8000
	@$(BIN)/plaudit serve

test: $(DEVELOPMENT) $(JAVASCRIPT) $(OLD_BADGES) $(RALPH) $(if $(BROWSER),chromium) ## all tests, in Python, JavaScript and the browser
	@if [ -n "$(BROWSER)" ] && [ ! -x /usr/bin/chromium ]; then $(BIN)/pytest $(PARALLEL) --ignore=tests/browser; else $(BIN)/pytest $(PARALLEL); fi

check: $(DEVELOPMENT) ## lint, types, import contracts, OpenAPI drift
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/test_openapi.py

bench: $(DEVELOPMENT) ## measure intake, boards and memory, with the machine's own limits beside them
	@$(BIN)/python -m tests.bench

crashes: $(DEVELOPMENT) ## kill processes at random under load, 200 times, and look whether all is right
	@$(BIN)/python -m tests.crashes

fuzz: $(DEVELOPMENT) ## send 20,000 requests of any kind, and look whether all are answered as documented
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest tests/http/test_fuzz.py tests/http/test_hostile.py

fix: $(DEVELOPMENT) ## format, mend what ruff can mend, and write openapi.json
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format
	@$(BIN)/python -m service.app

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Plaudit needs Python 3.11: install it, or name it with 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@echo "Preparing .venv (a minute or two, once) …"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Could not make .venv; on Debian, python3.11-venv brings what is missing." >&2; exit 1; }

$(RUNTIME): pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable .
	@touch $@

$(DEVELOPMENT): pyproject.toml | .venv/bin/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $(RUNTIME) $@

tests/js/node_modules/.installed: tests/js/package-lock.json
	@cd tests/js && npm ci --silent --no-audit --no-fund
	@touch $@

$(RALPH): tests/ralph/requirements.txt | .venv/bin/python
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

$(OLD_BADGES): tests/ob2/requirements.txt | .venv/bin/python
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@

chromium:
	@test -x /usr/bin/chromium || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && echo "Installing chromium for the browser tests …" && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null && test -x /usr/bin/chromium; } || \
	  echo "The browser tests are left out: they need chromium at /usr/bin/chromium (apt-get install chromium)." >&2
