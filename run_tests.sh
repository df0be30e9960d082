#!/usr/bin/env bash
# Set up once, then pass ruff, mypy and pytest; arguments go to pytest.
# With --quick alone: the loop of a developer, without mypy and the tests that are slow.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
. "$here/setup.sh" "[dev]"
cd "$here"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
if [ "${1:-}" = --quick ]; then
    exec .venv/bin/pytest -m "not slow and not browser and not gpu" "${@:2}"
fi
.venv/bin/mypy
.venv/bin/pytest "$@"
