# What there is to do here. `make up` and `make test` need a Debian or Ubuntu with Python 3.11 and root, and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
CLOUD ?= local
export DD_CLOUD := $(CLOUD)

.PHONY: help up down status test test-fast test-nightly test-applications test-deploy test-image test-jupyterhub test-openstack test-upgrade lint bench fuzz kill-anywhere soak simulate

help: ## Say what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## From a fresh machine to an open notebook; CLOUD=local, static or openstack says where hosts come from
	@runtime/bootstrap.sh run
	@$(BIN)/dockerdriver up

down: ## Stop everything and remove what it made; data and images stay; LOSE_WORK=yes: also what cannot be backed up
	@if [ -x $(BIN)/dockerdriver ]; then $(BIN)/dockerdriver down $(if $(LOSE_WORK),--lose-work); else echo 'dockerdriver: nothing was set up in this checkout'; fi

status: ## Say what runs: processes, hosts, slots, sessions
	@if [ -x $(BIN)/dockerdriver ]; then $(BIN)/dockerdriver status; else echo 'dockerdriver: nothing was set up in this checkout'; fi

# Workers of pytest-xdist must collect the tests in one order.
export PYTHONHASHSEED := 0
# Python keeps what it compiled, whatever the machine's environment says (images of containers often forbid it): else each
# of the hundreds of processes of a test run compiles all our code, and pytest rewrites every test, anew.
unexport PYTHONDONTWRITEBYTECODE

test: ## Set up what the tests need and run all that decides whether a change may land, the unit tests with branch coverage
	@runtime/bootstrap.sh test
	@$(MAKE) $(BESIDE) layers style
	@$(MAKE) --no-print-directory test-lanes

# Lanes of tests, and the checks that take long: tests/rigs/beside.py says which test is in which lane,
# tests/rigs/lanes/turns.py what runs beside what. What a lane wrote is printed when it is over. The few tests of a lane
# that failed are run a second time, alone, when all is over: CONTRIBUTING.md says what becomes of those that pass then.
.PHONY: test-lanes
test-lanes:
	@$(BIN)/python -m tests.rigs.lanes

test-nightly: ## What takes minutes and few changes touch: an upgrade, trouble of OpenStack, a Hub on a stack, odd networks
	@runtime/bootstrap.sh test
	@$(BIN)/python -m pytest -m nightly

test-openstack: ## Only what needs OpenStack's real services, which it starts; 10 minutes
	@runtime/bootstrap.sh test
	@$(BIN)/python -m pytest -m openstack

# The newest release before this commit; 0b8b365 is older than the first.
RELEASE_BEFORE = $(shell git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>/dev/null)
test-upgrade: ## Upgrade a running installation from the release before, or from FROM, a commit, to this version: FROM=0b8b365
	@runtime/bootstrap.sh test
	@UPGRADE_FROM=$(or $(FROM),$(RELEASE_BEFORE),0b8b365) $(BIN)/python -m pytest tests/system/test_upgrade.py

test-deploy: ## Run the playbook of a manager on machines with systemd, system containers: one, upgraded and back, and beside it two; 20 minutes
	@runtime/bootstrap.sh test
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/system/test_deploy.py tests/system/test_deploy_split.py

test-jupyterhub: ## JupyterHub's own tests of spawners, on the spawner for DockerDriver; 3 minutes, needs npm
	@runtime/bootstrap.sh lint
	@$(BIN)/python -m tests.rigs.hub

test-applications: ## Real applications behind the gateway, in a browser; 20 minutes, installs them first: APP=streamlit for one
	@runtime/bootstrap.sh test
	@$(BIN)/python -m tests.rigs.applications $(APP)

test-image: ## What RStudio is asked behind the gateway, asked of a real image that this machine's engine has or pulls: IMAGE=rocker/rstudio
	@runtime/bootstrap.sh test
	@RSTUDIO_IMAGE=$(or $(IMAGE),$(error say which: IMAGE=rocker/rstudio)) $(BIN)/python -m pytest tests/integration/gateway/test_rstudio.py

test-fast: ## Rules, small parts, style and types; a minute, needs no root (`make test` has more examples, and whole days)
	@runtime/bootstrap.sh lint
	@$(MAKE) $(BESIDE) check
	@$(BIN)/python -m pytest tests/unit -m "unit and not thorough" -n 2 --hypothesis-profile=few

kill-anywhere: ## Kill each part of a real stack at each step, count accepted requests; JSON=file, ONLY=pattern, FROM=pattern
	@runtime/bootstrap.sh test
	@$(BIN)/python -m tests.reliability.kill_anywhere $(if $(JSON),--json $(JSON)) $(if $(ONLY),--only "$(ONLY)") $(if $(FROM),--from "$(FROM)")

soak: ## Ask for a thousand short sessions while each minute a process is killed: MINUTES=30, JSON=file for the figures
	@runtime/bootstrap.sh test
	@$(BIN)/python -m tests.reliability.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SESSIONS),--sessions $(SESSIONS)) $(if $(JSON),--json $(JSON))

simulate: ## Live many random lives of a simulated pool: RUNS=20000, JSON=file for the counts, SEED=n to see one; REPLAYS=200: against what-if
	@runtime/bootstrap.sh test
	@$(BIN)/python -m $(if $(REPLAYS),tests.simulation.replayed --lives $(REPLAYS),tests.rigs.simulator $(if $(SEED),--seed $(SEED),--runs $(if $(RUNS),$(RUNS),500))) $(if $(JSON),--json $(JSON))

lint: ## Style, layers and types
	@runtime/bootstrap.sh lint
	@$(MAKE) $(BESIDE) check

# Each of these runs on one core, so two run beside each other; what one said is printed when it is over.
BESIDE := --no-print-directory --jobs=2 --output-sync=target
.PHONY: check typed layers style recipes
check: typed layers style
typed:
	@$(BIN)/mypy
layers:
	@$(BIN)/lint-imports
style:
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
recipes:
	@$(BIN)/ansible-lint --offline --strict playbooks

.PHONY: types
types: ## Check types with mypy; what it found is kept in .mypy_cache, so that the next time takes seconds
	@runtime/bootstrap.sh lint
	@$(BIN)/mypy

.PHONY: locks
locks: ## Write the hashes of all files that pip may take into the lock files
	@[ -x $(BIN)/python ] || runtime/bootstrap.sh lint # it would refuse a line that has no hashes yet
	@$(BIN)/python -m tests.lock_hashes

.PHONY: docs
docs: ## Write the parts of the docs that are made from the code, and build the site of them in build/site
	@runtime/bootstrap.sh lint
	@$(BIN)/python -m docs.generate
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build # --quiet would hide dead links from --strict, too

bench: ## Run one benchmark against its peer: NAME=trigger, JSON=file for the figures (KILLS=20 for NAME=recovery, QUICK=1 for NAME=launch, scaling or flow_runs, HOSTS=10000 for NAME=tick)
	@runtime/bootstrap.sh test
	@$(BIN)/python -m tests.benchmarks.$(if $(NAME),$(NAME),$(error say which: NAME=$(basename $(notdir $(filter-out %__init__.py,$(wildcard tests/benchmarks/*.py)))))) $(if $(JSON),--json $(JSON)) $(if $(KILLS),--kills $(KILLS)) $(if $(QUICK),--quick) $(if $(HOSTS),--hosts $(HOSTS))

fuzz: ## Give hostile input to a part: NAME=image_archive, image_names, settings, blueprints, courses, clouds_files, gateway_answers (as root); SECONDS=600
	@runtime/bootstrap.sh $(if $(filter gateway_answers,$(NAME)),test,lint)
	@$(BIN)/python -m tests.fuzz.$(or $(NAME),image_archive) --seconds $(or $(SECONDS),600) $(if $(JSON),--json $(JSON))
