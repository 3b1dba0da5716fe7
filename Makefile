# On a fresh machine: `make demo`, `make test`. Needed: Python 3.11 with its headers, make, git; on Linux a
# C++ compiler too, since pdqhash has no wheels there.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.8
# TORCH=cpu installs PyTorch without CUDA, 4 GB less, by uv's torch backend. Empty: the ordinary wheels.
TORCH ?=
NAME ?=

export JINA_OPTOUT_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all up lint format bench requirements tools export cli-docs dashboards clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make bench NAME=quality   one benchmark of benchmarks/"
	@echo "  make demo TORCH=cpu       install PyTorch without CUDA (4 GB less)"

setup: $(READY) ## Install everything into .venv

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Adjudicate needs Python 3.11; set PYTHON=/path/to/python3.11." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
ifeq ($(TORCH),)
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode -r requirements.txt
else
	@grep -v -E '^(nvidia-|cuda-|triton)' requirements.txt > $(VENV)/requirements-$(TORCH).txt
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode \
	  --torch-backend $(TORCH) -r $(VENV)/requirements-$(TORCH).txt
endif
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Start the Flow, review the sample ads over three protocols, write out/report.html
	@$(BIN)/adjudicate demo

up: $(READY) ## Start the Flow of flow.yml; Ctrl-C stops it
	@$(BIN)/adjudicate up

test: $(READY) lint ## Lint, type-check and run the tests
	$(BIN)/python -m pytest

test-all: $(READY) lint ## The same with the tests marked slow
	$(BIN)/python -m pytest -m ''

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Run all benchmarks, or one with NAME=x; results in out/bench/
	@$(BIN)/python -m benchmarks $(NAME)

requirements: $(READY) ## Compile requirements.txt anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --all-extras --no-emit-index-url \
	  --custom-compile-command 'make requirements' pyproject.toml -o requirements.txt

cli-docs: $(READY) ## Write docs/cli.md anew from the commands
	$(BIN)/python -W ignore -m adjudicate.cli.reference > docs/cli.md

dashboards: $(READY) ## Write grafana/dashboards/ anew from the modules beside them
	@$(BIN)/python -m grafana

# Linters and validators whose pins differ from the product's: an environment of their own.
TOOLS := $(VENV)/tools
TOOLS_READY := $(TOOLS)/.ready

tools: $(TOOLS_READY) ## Install the linters of images, manifests and Terraform into .venv/tools

$(TOOLS_READY): requirements/tools.txt $(READY)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(TOOLS)
	$(BIN)/uv pip sync --python $(TOOLS)/bin/python --require-hashes requirements/tools.txt
	@touch $@

# The images that the exported files name; an overlay or `docker-compose.yml` puts a registry before them.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
USES = ADJUDICATE_$(1)_USES=docker://adjudicate/$(2):$(VERSION)
IMAGES := $(call USES,GATEWAY,gateway) $(call USES,ENCODER,encoder) $(call USES,LIBRARY,library) \
  $(call USES,JUDGE,judge) $(call USES,LEDGER,ledger)
# Where `make export` writes; a test exports elsewhere and compares.
EXPORT_DIR ?= .

export: $(READY) ## Write k8s/base/ and compose/docker-compose.flow.yml anew from flow.yml
	@mkdir -p $(EXPORT_DIR)/compose
	$(IMAGES) $(BIN)/jina export kubernetes flow.yml $(EXPORT_DIR)/k8s/base --k8s-namespace adjudicate
	$(IMAGES) $(BIN)/jina export docker-compose flow.yml $(EXPORT_DIR)/compose/docker-compose.flow.yml

clean: ## Remove what was built: .venv, out, data
	rm -rf $(VENV) out data build .mypy_cache .ruff_cache .pytest_cache
