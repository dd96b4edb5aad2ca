#!/usr/bin/env bash
# slurm-fold.sh RUN: on a node, an element of a stage's array job: runs the fold of RUN/fold-K, then says in RUN/ended-K
# whether it is done. On SIGTERM (a notice before the time is over, or before the fold has to give way) training saves where
# it is, and the fold goes back into the queue, to go on from there.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "$(dirname "$0")/../method/settled.bash"
run=$1 member=$SLURM_ARRAY_TASK_ID
element=${SLURM_ARRAY_JOB_ID}_$member
eval "fold=($(cat "$run/fold-$member"))" # slurm.sh has quoted each
key=${fold[1]} product=${fold[2]}
fold=("${fold[@]:3}")
rm -f "$run/ended-$member"
export THREADS=${THREADS:-${SLURM_CPUS_ON_NODE:-1}}
# The queue has chosen devices; where it has chosen none, training is on processors.
if [ -n "${SLURM_JOB_GPUS-}" ]; then export GPUS=${CUDA_VISIBLE_DEVICES:-0}; else unset GPUS; fi

saved() { # what tells this checkpoint from the next
    stat -c '%i %.9Y' "${product%.mpk*}.part/last.mpk" 2>/dev/null || true
}

# shellcheck disable=SC2317 # by trap
stop_training() { # the other programs of the fold end with it
    local process name state
    asked=1
    echo "fold $member is told to stop"
    for process in /proc/[0-9]*; do
        { IFS= read -r -d '' name <"$process/cmdline" && state=$(<"$process/stat"); } 2>/dev/null || continue
        read -ra state <<<"${state##*) }"
        [ "${name##*/}" != train-fold ] || [ "${state[2]}" != "$worker" ] || kill -TERM "${process##*/}" 2>/dev/null || true
    done
}

put_back() { # into the queue; what is cancelled, or was put back already, is not running any more
    local state i
    for ((i = 0; i < 60; i++)); do # a controller may be restarting
        if state=$(squeue --noheader --jobs="$element" --format=%T 2>/dev/null); then
            [ "$state" != RUNNING ] || scontrol requeue "$element" # which ends what runs here
            return
        fi
        sleep 1
    done
    return 1
}

finish() { # finish STATUS
    local seconds
    seconds=$(($(date +%s) - began))
    printf '%d\t%s\t%d\t%d\t0\t0\t%d\t0\t%s\n' $((member + 1)) "${SLURMD_NODENAME:-$HOSTNAME}" "$began" "$seconds" "$1" "${fold[*]}" \
        >>"$run/joblog-$member"
    echo "$1" >"$run/ended-$member.part"
    mv "$run/ended-$member.part" "$run/ended-$member"
    exit "$1"
}

asked='' before=$(saved) began=$(date +%s)
set -m # a process group of its own
trap stop_training TERM
"${fold[@]}" </dev/null &
worker=$!
wait $worker || true
while kill -0 -- "-$worker" 2>/dev/null; do sleep 0.1; done # SIGTERM has ended the wait
[ "$(key_of "$product" 1)" != "$key" ] || finish 0
if [ -n "$asked" ]; then # what becomes of it, the queue knows
    # Where nothing was saved, another time would save nothing.
    if [ "$(saved)" != "$before" ]; then
        echo "fold $member was saved, to go on from there"
        put_back || true
    fi
    exit 1
fi
finish 1
