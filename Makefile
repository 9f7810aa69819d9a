# Two commands bring everything up on a fresh machine: `make boot` and `make test`.
# The tools that they run are ordinary commands: .venv/bin/kgen and .venv/bin/pytest.

BIN := .venv/bin

# They speak of the user's Python, not of the one in .venv, and would break it.
unexport PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PYTHONWARNINGS PYTHONPLATLIBDIR

.PHONY: help setup boot test check format clean

help:
	@echo 'make boot    build the default kernel and boot it under QEMU'
	@echo 'make test    run every test, on all processors'
	@echo 'make check   run the linters and the quick tests (nothing boots)'
	@echo 'make format  format Python and C as the linters want it'
	@echo 'make setup   install what is missing; the others do it too (PYTHON=… chooses one)'
	@echo 'make clean   remove what was built; .venv stays'

setup:
	@scripts/setup.sh

boot: setup
	$(BIN)/kgen build
	$(BIN)/kgen boot

test: setup
	$(BIN)/pytest -n auto

check: setup
	$(BIN)/pytest -n auto -m 'not boot'

format: setup
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files 'templates/*.c' 'templates/*.h')

clean:
	@scripts/clean.sh
