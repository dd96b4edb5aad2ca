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
echo "${SLURM_CLUSTER_NAME-}: job $element on ${SLURMD_NODENAME:-$HOSTNAME}"

saved() { # what tells this checkpoint from the next
    stat -c '%i %.9Y' "${product%.mpk*}.part/last.mpk" 2>/dev/null || true
}

# shellcheck disable=SC2317 # by trap
stop_training() { # the other programs of the fold end with it
    local process name state
    asked=1
    for process in /proc/[0-9]*; do
        { IFS= read -r -d '' name <"$process/cmdline" && state=$(<"$process/stat"); } 2>/dev/null || continue
        read -ra state <<<"${state##*) }"
        [ "${name##*/}" != train-fold ] || [ "${state[2]}" != "$worker" ] || kill -TERM "${process##*/}" 2>/dev/null || true
    done
    echo "fold $member is told to stop"
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

# Of a partition's or a QOS's grace time Slurm gives notice to a job's steps alone, not to its script: where jobs may have to
# give way, there is a step that does nothing but wait for it.
await_notice() {
    local preemption status=0
    preemption=$(scontrol show config | awk '$1 == "PreemptType" { print $3 }') || return 0
    [[ $preemption == preempt/* && $preemption != preempt/none ]] || return 0
    srun --quiet --overlap --nodes=1 --ntasks=1 --mem=0 --gres=none --input=none sleep infinity || status=$?
    [ $status != 143 ] || kill -TERM $$ # SIGTERM has ended the step
}

asked='' before=$(saved) began=$(date +%s)
# The queue has chosen devices; where it has chosen none, training is on processors.
unset GPUS
if [ -n "${SLURM_JOB_GPUS-}${SLURM_GPUS_ON_NODE-}${SLURM_SHARDS_ON_NODE-}" ]; then
    export GPUS=${CUDA_VISIBLE_DEVICES-}
    [ -n "$GPUS" ] || {
        echo "Slurm gives devices and does not say which (CUDA_VISIBLE_DEVICES is not set): gres.conf wants File= for them"
        finish 1
    }
fi
set -m # process groups of their own
trap stop_training TERM
await_notice 2>/dev/null &
notice=$!
trap 'kill -- -$notice 2>/dev/null || true' EXIT
disown
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
