#!/usr/bin/env bash
# Set up once, then pass ruff, mypy and pytest; arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
. ./setup.sh "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/pytest "$@"
