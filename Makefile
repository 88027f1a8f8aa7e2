# Every target works in a fresh clone: it makes the virtual environment and checks the machine first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test up lint format bench mutation lock venv browser translations clean

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
TRANSLATIONS := $(wildcard portal/locale/*/LC_MESSAGES/django.po)
TEST_PROCESSES ?= 2
PORT ?= 8000

help: ## shows this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: venv translations ## makes the virtual environment and checks what is needed of the machine
	@$(PYTHON) portal/embedded/system.py

demo: setup ## loads the sample month, does the main job, serves the portal (SERVE=no: stops after the job)
	@exec $(PYTHON) manage.py demo --port $(PORT) $(if $(filter no,$(SERVE)),--no-serve)

up: setup ## serves the portal with its worker and scheduler
	@$(PYTHON) manage.py migrate --verbosity 0
	@exec $(PYTHON) manage.py serve --port $(PORT)

test: setup browser ## passes every test
	@exec $(PYTHON) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

lint: setup ## checks format, rules, types, imports, templates, migrations
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/djlint templates --quiet --check
	$(VENV)/bin/djlint templates --quiet --lint
	$(PYTHON) manage.py makemigrations --check --dry-run

format: setup ## formats code and templates, and mends what the linter can
	$(VENV)/bin/ruff check --quiet --fix-only .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/djlint templates --quiet --reformat

bench: setup ## measures; prints a line of JSON a figure
	@exec $(PYTHON) -m tests.bench

mutation: setup ## changes the rules a little, thousands of times, and counts how many changes the tests notice
	@rm -rf mutants
	@$(VENV)/bin/mutmut run --max-children $(TEST_PROCESSES)
	@$(VENV)/bin/mutmut results

LOCK := $(VENV)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

lock: venv ## resolves the dependencies anew
	@$(PYTHON) -m pip install --quiet uv
	@$(LOCK) --upgrade --extra dev --output-file requirements.lock

venv: $(INSTALLED)

# A virtual environment that was interrupted half-way has no stamp and is made again.
$(INSTALLED): requirements.lock
	@set -eu; \
	if ! [ -x $(PYTHON) ] || ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		found=""; \
		for below in 13 99; do for candidate in python3 python3.12 python3.11 python3.13; do \
			if [ -z "$$found" ] && "$$candidate" -c \
				"import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $$below))" 2>/dev/null; then \
				found="$$candidate"; \
			fi; \
		done; done; \
		if [ -z "$$found" ]; then \
			echo "Python 3.11 or later is needed: install python3.11 or python3.12." >&2; exit 1; \
		fi; \
		echo "Making the virtual environment with $$found ..." >&2; \
		rm -rf $(VENV); \
		"$$found" portal/embedded/system.py --venv; \
		"$$found" -m venv $(VENV); \
	fi; \
	$(PYTHON) portal/embedded/install.py requirements.lock; \
	touch $(INSTALLED)

browser:
	@$(PYTHON) portal/embedded/system.py --browser

translations: $(TRANSLATIONS:.po=.mo)

%.mo: %.po | $(INSTALLED)
	@$(VENV)/bin/pybabel --quiet compile --domain django --input-file $< --output-file $@

clean: ## removes the virtual environment and caches; the data in PORTAL_HOME stay
	rm -rf $(VENV) mutants .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
