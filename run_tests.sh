#!/usr/bin/env bash
# Set up once, then pass ruff, mypy and pytest; arguments go to pytest.
# With --quick alone: the loop of a developer, without mypy and the tests that are slow.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/setup.sh" "[dev]"
cd "$here"
# Three workers, each with whole files, as one often waits for processes that it started; they keep
# the order of tests/conftest.py. One thread of OpenMP each, as two would wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
pytest=(.venv/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder)
.venv/bin/ruff check .
.venv/bin/ruff format --check .
if [ "${1:-}" = --quick ]; then
    exec "${pytest[@]}" -m "not slow and not browser and not gpu" "${@:2}"
fi
.venv/bin/mypy
"${pytest[@]}" "$@"
