# Sourced by run_all.sh and run_tests.sh: an environment of its own in the checkout, made once, and
# again where the checkout was moved or copied: an environment knows its place by its whole path.
# usage: here=CHECKOUT; . "$here/setup.sh" EXTRA     ("" for the benchmark alone, "[dev]" for tests too)

python=${PYTHON:-python3}
environment="$here/.venv"
stamp="$environment/installed$1"

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed; $python is older or not there. Set PYTHON=/path/to/python3.11" >&2
    exit 4
fi
if [ -f "$stamp" ] && ! { grep -qsF "$environment/bin/" "$environment/bin/carvana-bench" &&
    "$environment/bin/python" -c '' > /dev/null 2>&1; }; then
    echo "the checkout was moved or copied, or its Python is gone: setting up again" >&2
    rm -rf "$environment"
fi
if [ ! -f "$stamp" ] || [ "$here/pyproject.toml" -nt "$stamp" ] || [ "$here/constraints.txt" -nt "$stamp" ]; then
    echo "installing into $environment (a few minutes, once) ..." >&2
    "$python" -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check \
        -c "$here/constraints.txt" -e "$here$1"
    touch "$stamp"
fi
