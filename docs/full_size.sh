#!/bin/bash
# Five networks at the photographs' own size on one GPU: docs/full_size.sh [options that carvana-bench folds has]
# All train at the same time: one alone leaves the card idle while it loads, validates and saves.
# Run it again after a failure: what is done stays done, and a training goes on after its last epoch.
set -euo pipefail
program=$(realpath "$(dirname "$0")/../.venv/bin/carvana-bench")

trap 'kill $(jobs -p) 2>/dev/null || true; wait; exit 130' INT TERM HUP # the shell would leave the trainings behind
"$program" folds full "$@"
for part in 1 2 3 4 5; do
    "$program" train full --part "$part/5" "$@" &
done
wait
"$program" run full "$@"
