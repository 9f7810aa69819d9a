#!/bin/sh
# Remove what builds, boots and tools leave behind; .venv stays.
set -eu
unset CDPATH # with it, cd goes elsewhere
cd -- "$(dirname -- "$0")/.."
find kernel_out -mindepth 1 -maxdepth 1 ! -name README.md ! -name .gitignore -exec rm -rf {} +
rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
find generator qemu tests -name __pycache__ -prune -exec rm -rf {} +
