# Sourced by run_all.sh and run_tests.sh: an environment of its own in the checkout, made once.
# usage: . ./setup.sh EXTRA     ("" for the benchmark alone, "[dev]" for the tests too)

python=${PYTHON:-python3}
stamp=".venv/installed$1"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; $python is older. Set PYTHON=/path/to/python3.11" >&2
    exit 4
fi
if [ ! -f "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    echo "installing into .venv (a few minutes, once) ..." >&2
    "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$1"
    touch "$stamp"
fi

# Large arrays are freed and taken again in every training step. Telling the C library to keep
# their memory saves a tenth of a step's time on a CPU.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592
