# `make demo` and `make test` do all the set-up themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all keras-tests docs lint bench clean

demo: $(VENV)/.demo
	$(BIN)/kerata demo

# Most tests run each program once, so XLA may compile quickly. What is about the compiled program itself runs as users run it;
# `make test-all` runs everything so.
QUICK := --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 --xla_backend_optimization_level=0 \
	--xla_llvm_disable_expensive_passes=true
OPTIMIZED := $(wildcard tests/test_kernels_*.py) tests/test_tiny.py tests/test_demo.py

# The tests of a file run in one process, which compiles once what they share.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m "not slow" $(OPTIMIZED)
	XLA_FLAGS="$(XLA_FLAGS) $(QUICK)" $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(OPTIMIZED:%=--ignore=%)

test-all: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

# Keras 3's own tests against Kerata.
keras-tests: $(VENV)/.dev
	XLA_FLAGS="$(XLA_FLAGS) $(QUICK)" $(BIN)/python tools/own_tests_of_keras3.py

# The chapters, and the reference from docstrings, as a site in build/docs.
docs: $(VENV)/.docs
	$(BIN)/python tools/site_pages.py

lint: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks tools examples conftest.py
	$(BIN)/ruff check src tests benchmarks tools examples conftest.py
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache
