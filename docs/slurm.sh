#!/bin/bash
# Run a suite by SLURM job arrays: docs/slurm.sh TASKS SUITE [options that carvana-bench folds has]
# What a task gets is sbatch's to know, from its environment: SBATCH_PARTITION, SBATCH_GPUS=1, ...
# Submit again after a failure: what is done stays done.
set -euo pipefail
tasks=$1
shift
program=$(realpath "$(dirname "$0")/../.venv/bin/carvana-bench")  # seen by all machines

# submit NAME AFTER ARRAY WORDS...: one job, or an array of them, once the job AFTER has ended well
submit() {
    local name=$1 after=$2 array=$3
    shift 3
    local words
    words=$(printf '%q ' "$program" "$@")
    [ "$array" = 1 ] || words+="--part \$SLURM_ARRAY_TASK_ID/$array"
    sbatch --parsable --requeue --open-mode=append --kill-on-invalid-dep=yes --job-name="carvana-$name" \
        ${after:+--dependency=afterok:$after} --array="1-$array" --wrap "exec $words"
}

folds=$(submit folds "" 1 folds "$@")
train=$(submit train "$folds" "$tasks" train "$@")
predict=$(submit predict "$train" "$tasks" predict "$@")
submit report "$predict" 1 run "$@"
