# Every target sets up .venv by itself; a machine with Python 3.11+, pip and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# a file's tests stay together, as they share what is slow to make
ON_ALL_CORES := -n auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run test check format bench docs notebook prove wheel clean

help:  ## what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

$(READY): pyproject.toml constraints.txt
	@echo "installing into $(VENV): a few minutes, once"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

run: $(READY)  ## the main job on the embedded default data set; ends with the report's path
	$(BIN)/fadefollow run

test: $(READY)  ## the test suite, on all cores
	$(BIN)/python -m pytest $(ON_ALL_CORES)

check: $(READY)  ## lint, format, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ON_ALL_CORES)

format: $(READY)  ## mend formatting and imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## speed against peers, as ratios within one run
	$(BIN)/python -m benchmarks

docs: $(READY)  ## the documentation as a site, from docs/ into docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs: $(CURDIR)/docs/_build/html/index.html"

notebook: $(READY)  ## the example notebook executed anew, its outputs stored
	$(BIN)/python docs/notebooks/execute.py

prove: $(READY)  ## the slow proofs that the default suite leaves out, and the calibrations
	$(BIN)/python -m pytest -m slow
	$(BIN)/fadefollow calibrate
	$(BIN)/fadefollow calibrate --universe
	for name in binance_history universe_4h; do \
	  if [ -d datasets/store/$$name ]; then $(BIN)/fadefollow calibrate --real $$name || exit 1; \
	  else echo "$$name is not imported: its real null is left out"; fi; done
	$(BIN)/fadefollow calibrate --watch
	if [ -d datasets/store/universe_4h ]; then $(BIN)/fadefollow calibrate --watch --real universe_4h; fi
	$(BIN)/fadefollow calibrate --tuning

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean:  ## remove what was produced, but no data and no runs
	rm -rf $(VENV) dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
