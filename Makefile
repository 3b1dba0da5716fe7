# On a fresh machine: `make demo`, `make test`. Needed: Python 3.11 with its headers, make, git; on Linux a
# C++ compiler too, since pdqhash has no wheels there.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Linters and validators whose pins differ from the product's: an environment of their own.
TOOLS := $(VENV)/tools
TOOLS_READY := $(TOOLS)/.ready
# TORCH=cpu installs PyTorch without CUDA, 4 GB less, by uv's torch backend. Empty: the ordinary wheels.
TORCH ?=
NAME ?=
# What has no wheels is built with the packages of build.txt alone, by hash as well.
INSTALL = $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --build-constraints requirements/build.txt

export JINA_OPTOUT_TELEMETRY = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo console screenshots test test-all up lint format bench requirements licences sbom secrets audit tools export cli-docs dashboards clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make bench NAME=quality   one benchmark of benchmarks/"
	@echo "  make demo TORCH=cpu       install PyTorch without CUDA (4 GB less)"

setup: $(READY) ## Install everything into .venv

$(READY): requirements.txt requirements/build.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Adjudicate needs Python 3.11; set PYTHON=/path/to/python3.11." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
ifeq ($(TORCH),)
	$(INSTALL) --require-hashes -r requirements.txt
else
	@awk -f requirements/without_cuda.awk requirements.txt > $(VENV)/requirements-$(TORCH).txt
	$(INSTALL) --torch-backend $(TORCH) -r $(VENV)/requirements-$(TORCH).txt
endif
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Start the Flow, review the sample ads over three protocols, write out/report.html
	@$(BIN)/adjudicate demo

console: $(READY) ## Open the reviewers' console on what the last `make demo` decided; Ctrl-C stops it
	@$(BIN)/adjudicate demo --serve

screenshots: $(READY) ## Draw the console's pages for the docs anew, on the data of the last `make demo`
	@$(BIN)/python -m tests.browser.screenshots

up: $(READY) ## Start the Flow of flow.yml; Ctrl-C stops it
	@$(BIN)/adjudicate up

# Processes of `make test`; each starts services of its own, and a Flow takes about 2 GB. 0: in one.
WORKERS ?= 2

test: $(READY) $(TOOLS_READY) lint ## Lint, type-check and run the tests
	$(BIN)/python -m pytest -n $(WORKERS)

test-all: $(READY) $(TOOLS_READY) lint ## The same with the tests marked slow
	$(BIN)/python -m pytest -m ''

lint: $(READY) $(TOOLS_READY) ## ruff, mypy, hadolint, and a search for secrets in what changed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(TOOLS)/bin/python -m supply.secrets
	@$(TOOLS)/bin/hadolint $(wildcard */Dockerfile */*/Dockerfile)

format: $(READY) ## Let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Run all benchmarks, or one with NAME=x; results in out/bench/
	@$(BIN)/python -m benchmarks $(NAME)

COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make requirements'
# The images' files take their pins from requirements.txt; the linters have pins of their own.
PINNED_ALIKE := $(filter-out tools uv,$(patsubst requirements/%.in,%,$(wildcard requirements/*.in)))

requirements: $(READY) ## Compile all requirements anew, with hashes; UPGRADE=--upgrade for the newest
	$(COMPILE) $(UPGRADE) --all-extras pyproject.toml -o requirements.txt
	@for name in tools uv; do \
	  $(COMPILE) $(UPGRADE) requirements/$$name.in -o requirements/$$name.txt || exit; \
	done
	@for name in $(PINNED_ALIKE); do \
	  $(COMPILE) $(UPGRADE) --no-emit-package adjudicate --constraints requirements.txt \
	    requirements/$$name.in -o requirements/$$name.txt || exit; \
	done

licences: $(READY) ## Check every package's licence and write docs/licences.md anew
	@$(BIN)/python -m supply licences

sbom: $(READY) ## Write bills of materials (CycloneDX) of the environment and the images to out/sbom/
	@$(BIN)/python -m supply sbom

secrets: $(TOOLS_READY) ## Take new findings into .secrets.baseline, and judge each one
	$(TOOLS)/bin/detect-secrets scan --no-verify --baseline .secrets.baseline
	$(TOOLS)/bin/detect-secrets audit .secrets.baseline

audit: $(TOOLS_READY) ## Ask the internet for known vulnerabilities of everything that is pinned
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes \
	  -r requirements.txt -r requirements/tools.txt -r requirements/build.txt -r requirements/uv.txt

cli-docs: $(READY) ## Write docs/cli.md anew from the commands
	$(BIN)/python -W ignore -m adjudicate.cli.reference > docs/cli.md

dashboards: $(READY) ## Write grafana/dashboards/ and the alerts of k8s/ anew from grafana/
	@$(BIN)/python -m grafana

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
# Nobody's settings are exported. Jina's own imports warn about what its pins already settle.
EXPORT := env -i PATH="$(PATH)" HOME="$(HOME)" PYTHONWARNINGS='ignore:pkg_resources is deprecated' \
  $(IMAGES) $(BIN)/jina export
# Where `make export` writes; a test exports elsewhere and compares.
EXPORT_DIR ?= .

export: $(READY) ## Write k8s/base/ and compose/docker-compose.flow.yml anew from flow.yml
	@mkdir -p $(EXPORT_DIR)/compose
	@$(EXPORT) kubernetes flow.yml $(EXPORT_DIR)/k8s/base --k8s-namespace adjudicate
	@$(EXPORT) docker-compose flow.yml $(EXPORT_DIR)/compose/docker-compose.flow.yml

clean: ## Remove what was built: .venv, out, data
	rm -rf $(VENV) out data build .mypy_cache .ruff_cache .pytest_cache
