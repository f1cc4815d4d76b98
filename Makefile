# On a fresh machine with Python ≥ 3.10 and make: `make lab` and `make test` are all there is to know.
PYTHON ?= python3
VENV := .venv/bin/python
STAMPED := $(PYTHON) scripts

.PHONY: help lab test test-quick test-long bench shots widget build clean constraints setup setup-tests

help: ## Show what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

lab: setup ## Set everything up and open JupyterLab on the Playground
	@$(VENV) scripts/lab.py

test: setup-tests ## Set everything up and run every test there is
	@$(VENV) scripts/check.py

test-quick: setup-tests ## Lint, types, and the tests without kernel or browser: 3 minutes
	@$(VENV) scripts/check.py quick

test-long: setup-tests ## Walk and search ten times as long as in test
	@$(VENV) scripts/check.py long

bench: setup-tests ## Time dl-lab beside its peers
	@$(VENV) scripts/bench.py

shots: setup-tests ## Take screenshots of every widget into shots/
	@$(VENV) scripts/shots.py

widget: setup ## Write a new explainer that works: make widget NAME=loss_surface
	@$(VENV) scripts/widget.py $(NAME)

build: setup ## Build a wheel and an sdist into dist/
	@$(VENV) -m pip install -qq --constraint constraints.txt build
	@$(VENV) -m build --no-isolation

constraints: setup-tests ## Write down the versions that are installed now
	@$(VENV) scripts/constraints.py

clean: ## Remove everything that was installed or built
	rm -rf .venv .cache build dist dl_lab/static dl_lab/labextension node_modules ui-tests/node_modules \
		test-results shots .pytest_cache .mypy_cache .ruff_cache .hypothesis

setup:
	@$(STAMPED)/environment.py lab
	@$(STAMPED)/frontend.py

setup-tests:
	@rm -rf test-results
	@$(STAMPED)/environment.py test
	@$(STAMPED)/frontend.py --ui-tests
	@$(VENV) scripts/kernels.py
	@$(VENV) scripts/tensorboards.py
	@$(VENV) scripts/colab.py
	@$(STAMPED)/chromium.py
	@$(STAMPED)/compiler.py
