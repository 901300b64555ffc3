# zefnb. You need Python 3.11 or newer and make; everything else is installed into .venv on first use.
#
#   make demo         a chatroom with live clients in this terminal and in your browser; ARGS="--nodes 2" has two nodes
#   make test         lint, types and all tests
#   make test-pythons the same without a browser on each other Python, on both loops, with coverage
#   make lint         lint and types alone
#   make bench        speed, compared with other libraries
#   make attacks      attacks on real servers: promises and results
#   make docs         the documentation site, in build/site
#   make lab          JupyterLab with the tutorial notebooks
#   make clean        remove .venv and the files that the tools left behind
#
# PYTHON=...   the interpreter for .venv
# ARGS=...     arguments for the command: make test ARGS="-k demo", make demo ARGS="--port 9000"

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'

# The first suitable interpreter on the path.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$p $(IS_NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)

# Programs that some tests need: a terminal, a browser and the tool for the authorities that it trusts, an ACME authority.
TEST_PROGRAMS := tmux chromium certutil pebble redis-server

.DEFAULT_GOAL := help
.PHONY: help demo test test-pythons lint bench attacks faults docs lab clean programs

help:
	@sed -n 's/^# \{0,2\}//p' $(firstword $(MAKEFILE_LIST)) | sed -n '1,14p'

# A chatroom on several nodes needs the packages of a cluster.
demo: $(VENV)/$(if $(findstring --nodes,$(ARGS)),.cluster,.plain)
	@$(BIN)/zefnb demo $(ARGS)

test: $(VENV)/.test programs lint
	@status=0; \
	$(BIN)/python -m tests $(ARGS) || status=$$?; \
	for program in $(TEST_PROGRAMS); do command -v $$program >/dev/null \
		|| echo "LEFT OUT: the tests that need $$program, which is not installed"; done; \
	exit $$status

test-pythons: $(VENV)/.test programs
	@$(BIN)/python -m tests.pythons $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m bench $(ARGS)

attacks: $(VENV)/.bench
	$(BIN)/python -m attacks $(ARGS)

faults: attacks
	@echo "make faults is now make attacks. The next version will remove the old name."

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --clean --quiet
	@echo "The site is in build/site: open build/site/index.html"

lab: $(VENV)/.lab
	@$(BIN)/zefnb lab $(ARGS)

clean:
	rm -rf $(VENV) .venv-3.* build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The environment. Each set of dependencies has a stamp file; all are installed again when pyproject.toml changes.

$(BIN)/python:
	@p='$(PYTHON)'; \
	if [ -z "$$p" ] || ! "$$p" $(IS_NEW_ENOUGH) 2>/dev/null; then \
		echo "zefnb needs Python 3.11 or newer; $${p:-python3} is $$("$${p:-python3}" --version 2>&1 | head -n 1)." >&2; \
		echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	if ! "$$p" -c 'import ensurepip, venv' 2>/dev/null; then \
		package="$$("$$p" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $$package ..."; \
			apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$$package" >/dev/null; \
		else \
			echo "This Python has no venv. On Debian and Ubuntu: sudo apt-get install $$package" >&2; \
			exit 1; \
		fi; \
	fi; \
	echo "Creating $(VENV) with $$("$$p" --version) ..."; \
	"$$p" -m venv --clear $(VENV)
	@# Older versions of pip need three times as long for these dependencies.
	@$(PIP) --upgrade pip

$(VENV)/.plain: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.cluster: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb and the packages of a cluster into $(VENV) ..."
	@$(PIP) --editable '.[cluster]'
	@touch $@ $(VENV)/.plain

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb and the packages for its tests into $(VENV) ..."
	@$(PIP) --editable '.[test]'
	@$(BIN)/python -m tests.net.auth.providers.node_programs
	@touch $@ $(VENV)/.plain

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb and the libraries to compare it with into $(VENV) ..."
	@$(PIP) --editable '.[bench]'
	@touch $@ $(VENV)/.plain

$(VENV)/.lab: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb and JupyterLab into $(VENV) ..."
	@$(PIP) --editable '.[lab]'
	@touch $@ $(VENV)/.plain

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@echo "Installing zefnb and MkDocs into $(VENV) ..."
	@$(PIP) --editable '.[docs]'
	@touch $@ $(VENV)/.plain

# Debian's packages have the programs' names, except that of certutil. When they cannot be installed, a message says that their tests are left out.
programs:
	@missing=; for program in $(TEST_PROGRAMS); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -n "$$missing" ]; then \
		missing="$$(echo "$$missing" | sed 's/certutil/libnss3-tools/')"; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing$$missing with apt-get ..."; export DEBIAN_FRONTEND=noninteractive; \
			apt-get install -y -qq --no-install-recommends $$missing >/dev/null 2>&1 \
			|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } \
			|| echo "NOT INSTALLED, their tests are left out:$$missing"; \
		else \
			echo "NOT INSTALLED, their tests are left out:$$missing (as root they would be installed with apt-get)"; \
		fi; \
	fi
