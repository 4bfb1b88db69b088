# Two commands for a new machine: `make demo` and `make test`. They install everything they need into .venv
# and the user's cache. The first run prints what it downloads and builds.
PYTHON ?= python3
BIN := .venv/bin

unexport PYTHONDONTWRITEBYTECODE  # a test run starts hundreds of interpreters: they share the compiled files

.DEFAULT_GOAL := help
.PHONY: help setup tools lacks demo test containers patterns lint types unit e2e e2edocker bench calibrate soak survive \
  stability truth fuzz nightly install-matrix docs clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Testbed needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m testbed.runtime.tools.bootstrap

setup: .venv/ready  ## install everything (the other targets do this too)

tools: setup  ## install the tools of optional features and their tests (as root with apt-get; else print the commands)
	@$(BIN)/testbed tools --install

lacks: setup  ## list the tools of optional features, and which are missing
	@$(BIN)/testbed tools

demo:  ## run eight faults against a sample shop and report which policies contain them
	@$(MAKE) --no-print-directory -q .venv/ready || echo "The first setup takes about a minute. Then:"
	@echo "Eight scenarios, about 40 s: each breaks one thing in a running shop."
	@$(MAKE) --no-print-directory -s setup
	@$(BIN)/python -m pytest examples/test_shop.py -p no:randomly -p testbed.frontends.plugin.each -o console_output_style=classic --no-header -q

WORKERS ?= 5  # pytest-xdist workers: most tests wait, so 5 fit on two cores
test: setup lacks lint types  ## run lint, types and all tests
	@$(BIN)/python -m pytest tests examples/patterns -n $(WORKERS) --dist worksteal

patterns: setup  ## the pattern gallery: each pattern done right and done wrong
	@$(BIN)/python -m pytest examples/patterns -n 4 --dist worksteal

containers: setup  ## tests/docker, including the demo in Docker containers; skipped without engine and image
	@$(BIN)/python -m pytest tests/docker -n 3

lint: setup  ## ruff, and the import rules between packages (import-linter)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: setup  ## mypy --strict
	@$(BIN)/mypy

unit: setup  ## unit tests, without processes (seconds)
	@$(BIN)/python -m pytest tests/unit -n 2

e2e: setup  ## end-to-end tests on real meshes
	@$(BIN)/python -m pytest tests/e2e tests/stubs -n 2

IN_DOCKER := faults/test_faults faults/test_process_faults faults/test_graceful_ends injection/test_blackhole \
  mesh/test_breakers mesh/test_bulkheads mesh/test_placement mesh/test_grpc_edges experiment/test_policy_override \
  checks/test_checks_of_retries checks/test_deadlines_and_stale_answers evidence/test_samples
e2edocker: setup  ## some tests of tests/e2e in Docker containers (minutes; .ci/run runs it)
	@$(BIN)/python -m pytest $(IN_DOCKER:%=tests/e2e/%.py) --testbed-runtime=docker -n 4 --dist loadfile \
	  -k 'not memory_cannot_be_limited'

bench: setup  ## benchmarks: start-up, injection, latency, load drivers
	@$(BIN)/python -m benchmarks

calibrate: setup  ## check that each scenario in examples/ is sensitive to its fault and its policies
	@$(BIN)/testbed calibrate examples

CROWD ?= 32
KILLS ?= 100
KILLS_DOCKER ?= 20
survive: setup  ## kill -9 at random times, 100 times without and 100 with xdist (KILLS=20); no process may remain
	@TESTBED_CROWD=$(CROWD) TESTBED_KILLS=$(KILLS) TESTBED_KILLS_XDIST=$(KILLS) TESTBED_KILLS_DOCKER=$(KILLS_DOCKER) \
	  $(BIN)/python -m pytest -q -x tests/e2e/runtime/survival -p no:randomly

EXAMPLES ?= 20000
fuzz: setup  ## readers and constructors meet 20,000 examples each of anything (EXAMPLES=2000)
	@TESTBED_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/unit -m fuzz -n 2 --dist worksteal

TIMES ?= 50
OF ?= examples/test_shop.py
soak: setup  ## the demo 50 times in random order (TIMES=5, OF=examples), then `make truth` and `make survive`
	@$(BIN)/testbed soak --times $(TIMES) $(OF) -n 2
	@$(MAKE) --no-print-directory truth
	@$(MAKE) --no-print-directory survive

install-matrix: setup  ## install from checkout, wheel, sdist and git with each installed Python, as root and as a user
	@$(BIN)/python -m pytest tests/install/matrix.py -v -p no:randomly

RUNS ?= 10
UNDER ?= idle
TEST ?=
stability: setup  ## the whole suite RUNS=10 times with background load UNDER=idle, loops or memory (TEST=...: one test)
	@$(BIN)/python -m benchmarks.stability --runs $(RUNS) --under $(UNDER) --test '$(TEST)'

STEPS ?=
truth: setup  ## the corpus of verdicts, tests/e2e/truth, RUNS=10 times with background load UNDER=idle, loops or memory
	@$(BIN)/python -m benchmarks.truth --runs $(RUNS) --under $(UNDER)

nightly: setup  ## before a release: install-matrix, fuzz, stability, calibrate, soak, bench, with a summary file (hours)
	@$(BIN)/python -m benchmarks.nightly $(STEPS)

docs: setup  ## regenerate the schema part of docs/topology.md
	@sed '/^### Topology$$/,$$d' docs/topology.md > docs/topology.new
	@$(BIN)/testbed schema --markdown >> docs/topology.new && mv docs/topology.new docs/topology.md

clean:  ## remove .venv and the files of test runs
	rm -rf .venv .testbed .pytest_cache .mypy_cache .ruff_cache
	rm -rf examples/your-services/node/node_modules examples/your-services/go/build
