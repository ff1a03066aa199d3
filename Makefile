# Bare `make` prints what each target does. Everything runs in .venv, which is made from constraints.txt when it is stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check bench growth profile fuzz faults alerts clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

demo: $(STAMP) ## a whole city on this machine: broker, a simulated year, indicators, a page; Ctrl-C stops it
	@$(BIN)/cityflux demo $(DEMO)

test: $(STAMP) ## all tests (those of servers that are not installed are skipped, and say so)
	@$(BIN)/pytest $(TEST)

check: $(STAMP) ## format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(STAMP) ## cost and latency from broker to store, beside Telegraf and others; needs mosquitto and victoria-metrics
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(BIN)/python -m benchmarks.ingest $(BENCH)

growth: $(STAMP) ## what a message costs with more stations, quantities, history and readings; 20 minutes, 8 GB of disk
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(BIN)/python -m benchmarks.growth $(GROWTH)

profile: $(STAMP) ## where the CPU of a message goes, stage by stage, as py-spy sees it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@$(BIN)/python -m benchmarks.profile $(PROFILE)

N ?= 1000000
SEED ?= 1
SEEDS ?= 20
JOBS ?= 2
fuzz: $(STAMP) ## N=1000000 SEED=1: so many hostile payloads, so many of other formats, a hundredth as many hostile MQTT sessions
	@$(BIN)/python -m tests.fuzz $(N) --seed $(SEED)
	@$(BIN)/python -m tests.fuzz $(N) --of formats --seed $(SEED)
	@$(BIN)/python -m tests.fuzz $$(($(N) / 100)) --of sessions --seed $(SEED)

faults: $(STAMP) ## SEEDS=20 JOBS=2: so many runs of the fault laboratory; needs mosquitto, InfluxDB, faketime and root
	@$(BIN)/python -m tests.faults --seeds $(SEEDS) --jobs $(JOBS)

alerts: $(STAMP) ## SEEDS=20 JOBS=2: so many seeds of each scenario of alerts with known truth, through intake, books and watch
	@$(BIN)/python -m tests.alerts --seeds $(SEEDS) --jobs $(JOBS)

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("cityflux needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
