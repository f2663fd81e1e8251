# Development tasks. Run `make help` for a list.
VENV := .venv
BIN := $(VENV)/bin
HELP := src/holdfast/web/help
ENVIRONMENT := $(VENV)/$(if $(wildcard $(VENV)/installed),installed,runnable)
# Tests start hundreds of Python processes; without bytecode, each compiles all of Holdfast again.
unexport PYTHONDONTWRITEBYTECODE
IN_PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder
QUICK := -m "not envoy and not browser and not long" $(addprefix tests/,certificates apis network gateway store services rest web work)

# Where the kind of the database can make a difference (except tests with the marker `sqlite`), and the tutorial, as
# the story from end to end.
ON_BOTH := $(addprefix tests/,store services rest web server browser/test_tutorial.py)

.PHONY: help install run test quick lowest coverage fuzz picture tables reference docs check check-types check-tests check-rest \
	bench lock vendor upgrade

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed ## install everything for development into .venv

$(VENV)/installed: requirements/run.txt requirements/test.txt pyproject.toml tools/install.sh
	@sh tools/install.sh $(VENV) test
	@touch $@

# Packages for running and for the docs. Where everything is installed, nothing is installed over it.
$(VENV)/runnable: requirements/build.txt requirements/docs.txt requirements/run.txt pyproject.toml tools/install.sh
	@[ -e $(VENV)/installed ] || sh tools/install.sh $(VENV) build docs run
	@touch $@

run: $(ENVIRONMENT) docs ## start Holdfast with a demo backend
	@$(BIN)/holdfast up --demo

test: check docs ## everything: checks, and all tests with real Envoy and a real browser
	@sh tools/browser.sh $(BIN)
	@sh tools/proxies.sh
	@sh tools/client.sh $(VENV)
	@sh tools/kubernetes.sh $(VENV) >/dev/null
	$(BIN)/python -m pytest $(IN_PARALLEL) --durations 20
	$(BIN)/python -m pytest $(IN_PARALLEL) --durations 20 --database=postgresql $(ON_BOTH)

quick: install docs ## the tests that start no process, such as Envoy or a browser
	$(BIN)/python -m pytest $(IN_PARALLEL) $(QUICK)

lowest: install docs ## make quick, with the lowest versions of all dependencies that we allow, and an older PostgreSQL
	sh tools/lowest.sh $(IN_PARALLEL) $(QUICK)
	HOLDFAST_TEST_POSTGRESQL=16 sh tools/lowest.sh $(IN_PARALLEL) --database=postgresql tests/store tests/services

coverage: install docs ## how much of each package of src/holdfast the tests of make quick run
	$(BIN)/python -m pytest $(IN_PARALLEL) $(QUICK) --cov holdfast --cov-report json:.coverage.json
	$(BIN)/python tools/coverage_by_package.py .coverage.json

fuzz: install ## send 200 random requests to each REST operation
	HOLDFAST_FUZZ=200 $(BIN)/python -m pytest tests/rest/test_schemathesis.py --timeout=1800

picture: install ## take the screenshots of the README and the tutorial again
	HOLDFAST_PICTURES=$(CURDIR)/docs/images $(BIN)/python -m pytest tests/browser/test_tutorial.py

tables: install ## measure the verdicts again; writes docs/reference/verdicts.md
	HOLDFAST_TABLES=docs/reference $(BIN)/python -m pytest tests/envoy/test_verdicts.py

reference: install ## write docs/reference/cli.md and rest-operations.md from the code
	$(BIN)/python tools/reference.py

docs: $(HELP)/index.html ## build the docs site, which the publisher serves under /help

$(HELP)/index.html: $(ENVIRONMENT) mkdocs.yml tools/docs_hooks.py $(shell find docs -type f)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

check: install ## lint, types, layers, English
	@$(MAKE) --no-print-directory --jobs 2 check-tests check-types check-rest

check-types:
	$(BIN)/mypy

check-tests:
	$(BIN)/mypy --config-file tests/mypy.ini tests bench

check-rest:
	$(BIN)/ruff check src tests tools bench
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/lint-imports
	$(BIN)/python tools/prose.py

bench: install ## measure changes, scale, throughput, telemetry, faults, databases, control planes, long lists, the watch and the start of the command; writes docs/reference/benchmarks.md
	$(BIN)/python bench/time_to_trust.py
	$(BIN)/python bench/agents.py
	$(BIN)/python bench/scale.py
	$(BIN)/python bench/throughput.py
	$(BIN)/python bench/telemetry.py
	$(BIN)/python bench/faults.py
	$(BIN)/python bench/cost_of_changes.py
	$(BIN)/python bench/failover.py
	$(BIN)/python bench/lists.py
	$(BIN)/python bench/watch_round.py
	PYTHONPATH=tests $(BIN)/python bench/database_comparison.py
	PYTHONPATH=tests $(BIN)/python bench/control_planes.py
	$(BIN)/python bench/command_start.py

upgrade: install ## upgrade two control planes and two gateways without downtime, and back: make upgrade FROM=REF
	PYTHONPATH=tests $(BIN)/python tests/topology/rolling_upgrade.py $(FROM)

lock: install ## resolve requirements/*.in into hashed locks
	for name in build docs run test client; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt || exit; done
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-deps \
		requirements/kubernetes.in -o requirements/kubernetes.txt

vendor: install ## fetch the vendored page assets again and check their sums
	$(BIN)/python tools/vendor.py
