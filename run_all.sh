#!/usr/bin/env bash
# Set up once, then run a suite: ./run_all.sh [SUITE] [--data DIR] [...]; without arguments the demo.
set -euo pipefail
cd "$(dirname "$0")"
. ./setup.sh ""
case "${1:-}" in
    "" | -*) set -- demo "$@" ;;
esac
exec .venv/bin/carvana-bench run "$@"
