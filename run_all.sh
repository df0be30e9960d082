#!/usr/bin/env bash
# Set up once, then run a suite: ./run_all.sh [SUITE] [--data DIR] [...]; without arguments the demo.
# Paths are meant from the folder in which it is called.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/setup.sh" ""
case "${1:-}" in
    "" | -*) set -- demo "$@" ;;
esac
exec "$here/.venv/bin/carvana-bench" run "$@"
