# Two commands for a fresh machine: `make demo` and `make test`. Everything they need is installed below .venv
# and the user's cache; the first run says what it fetches and builds.
PYTHON ?= python3
BIN := .venv/bin

unexport PYTHONDONTWRITEBYTECODE  # what one interpreter of a test run has compiled, hundreds need not compile again

.DEFAULT_GOAL := help
.PHONY: help setup tools lacks demo test containers patterns lint types unit e2e e2edocker bench calibrate soak survive \
  stability nightly install-matrix docs clean

help:  ## what there is to make
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Testbed needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m testbed.runtime.tools.bootstrap

setup: .venv/ready  ## install everything (the other commands do it as well)

tools: setup  ## install what optional features and their tests need beyond wheels (apt-get as root; else what to run)
	@$(BIN)/testbed tools --install

lacks: setup
	@$(BIN)/testbed tools

demo:  ## break a running shop in several ways, and see which policies contain it
	@$(MAKE) --no-print-directory -q .venv/ready || echo "Setting up takes about a minute, once. After that:"
	@echo "Eight scenarios, about 40 s: each breaks one thing in a running shop."
	@$(MAKE) --no-print-directory -s setup
	@$(BIN)/python -m pytest examples/test_shop.py -p no:randomly -p testbed.frontends.plugin.each -o console_output_style=classic --no-header -q

WORKERS ?= 5  # of pytest-xdist: most tests wait, so two cores have room for more than two
test: setup lacks lint types  ## all tests: one session of pytest
	@$(BIN)/python -m pytest tests examples/patterns -n $(WORKERS) --dist worksteal

patterns: setup  ## the pattern gallery: each pattern at work, and the usual way in which it is broken
	@$(BIN)/python -m pytest examples/patterns -n 4 --dist worksteal

containers: setup  ## tests/docker, the unchanged demo in Docker containers among them; skipped without an engine and image
	@$(BIN)/python -m pytest tests/docker -n 3

lint: setup  ## ruff, and the arrows between rooms (import-linter)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: setup  ## mypy --strict
	@$(BIN)/mypy

unit: setup  ## the pure tests: seconds
	@$(BIN)/python -m pytest tests/unit -n 2

e2e: setup  ## tests on real meshes
	@$(BIN)/python -m pytest tests/e2e tests/stubs -n 2

IN_DOCKER := faults/test_faults faults/test_process_faults faults/test_graceful_ends injection/test_blackhole \
  mesh/test_breakers mesh/test_bulkheads mesh/test_placement mesh/test_grpc_edges experiment/test_policy_override \
  checks/test_checks_of_retries checks/test_deadlines_and_stale_answers evidence/test_samples
e2edocker: setup  ## tests of whole meshes from tests/e2e, unchanged, in Docker containers (.ci/run does it; minutes)
	@$(BIN)/python -m pytest $(IN_DOCKER:%=tests/e2e/%.py) --testbed-runtime=docker -n 4 --dist loadfile \
	  -k 'not memory_cannot_be_limited'

bench: setup  ## measured ratios: start-up, injection, latency, load drivers
	@$(BIN)/python -m benchmarks

calibrate: setup  ## can every scenario in examples/ tell the difference? without the fault, without the policies
	@$(BIN)/testbed calibrate examples

KILLS ?= 100
KILLS_DOCKER ?= 20
survive: setup  ## kill -9 at random moments, 100 times and as often under xdist (KILLS=20); nothing may be left behind
	@TESTBED_KILLS=$(KILLS) TESTBED_KILLS_XDIST=$(KILLS) TESTBED_KILLS_DOCKER=$(KILLS_DOCKER) \
	  $(BIN)/python -m pytest -q -x tests/e2e/runtime/survival -p no:randomly

TIMES ?= 50
OF ?= examples/test_shop.py
soak: setup  ## the demo 50 times in random order (TIMES=5, OF=examples: the gallery, too), then `make survive`
	@$(BIN)/testbed soak --times $(TIMES) $(OF) -n 2
	@$(MAKE) --no-print-directory survive

install-matrix: setup  ## from checkout, wheel, sdist and git, with each Python 3.11 to 3.14 here, as root and not
	@$(BIN)/python -m pytest tests/install/matrix.py -v -p no:randomly

RUNS ?= 10
UNDER ?= idle
TEST ?=
stability: setup  ## the whole suite RUNS=10 times UNDER=idle, loops or memory, with a tally (TEST=...: one test)
	@$(BIN)/python -m benchmarks.stability --runs $(RUNS) --under $(UNDER) --test '$(TEST)'

STEPS ?=
nightly: setup  ## before a release: install-matrix, stability, calibrate, soak, bench; one summary file (hours)
	@$(BIN)/python -m benchmarks.nightly $(STEPS)

docs: setup  ## write the part of docs/topology.md that comes from the schema
	@sed '/^### Topology$$/,$$d' docs/topology.md > docs/topology.new
	@$(BIN)/testbed schema --markdown >> docs/topology.new && mv docs/topology.new docs/topology.md

clean:  ## remove .venv and what tests left
	rm -rf .venv .testbed .pytest_cache .mypy_cache .ruff_cache
	rm -rf examples/your-services/node/node_modules examples/your-services/go/build
