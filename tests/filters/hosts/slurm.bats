#!/usr/bin/env bats
# Folds in Slurm's queue: a cluster on this machine, whose nodes and controller go down in the middle, whose jobs take nodes from
# others, and which has devices to give.

load ../helpers
load same
load cluster

setup_file() {
    CLUSTER=$BATS_FILE_TMPDIR/cluster
    SLURM_CONF=$CLUSTER/slurm.conf
    WORK=$BATS_FILE_TMPDIR/work
    WHOLE=$BATS_FILE_TMPDIR/whole
    CONFIG=$BATS_FILE_TMPDIR/config.json
    BIN=$BATS_FILE_TMPDIR/bin
    PATH=$PATH:/usr/sbin
    export CLUSTER SLURM_CONF WORK WHOLE CONFIG BIN PATH
    mkdir -p "$CLUSTER" "$BIN"
    no_cluster >"$CLUSTER/cannot"
    ! sanitized || echo "sanitized: the programs are tested one by one" >"$CLUSTER/cannot"
    [ ! -s "$CLUSTER/cannot" ] || return 0
    # Two stages, of which the second begins with the models of the first
    jq '{data} + {synth: (.profiles.demo.synth + {train: 12, test: 3, side: 64, format: "png", lesions: 0.5}),
        "train-a": (."train-cls-bisenet" + {network: "bisenet-resnet18_w16", init: "", folds: 2, side: 64, dilate: 8, batch: 2,
            "whole-batches": false, accumulate: 1, iterations: 30, "eval-every": 15}),
        "train-b": {like: "train-a", init: "train-a", iterations: 2, "eval-every": 1}, "test-b": ."test-cls-bisenet",
        "merge-m": {stages: ["test-b"], threshold: 0.3},
        submission1: {decide: "merge-m", segment: "merge-m", ratio: 0.5}, profiles: {small: {}}}' "$ROOT/config.json" >"$CONFIG"
    ln -s "$(dirname "$(command -v augment)")"/* "$BIN/"
    rm "$BIN"/{augment,train-fold}
    # Where there is a file `hold`, samples stop coming after some, until their fold is killed
    cat >"$BIN/augment" <<END
#!/bin/bash
case "\$*" in
*--skip*) "$(command -v augment)" "\$@" | { head -c 60000 && while [ -e "$CLUSTER/hold" ]; do kill -0 \$PPID || exit 1; sleep 0.1; done && cat; } ;;
*) exec "$(command -v augment)" "\$@" ;;
esac
END
    # Where there is a file `broken`, fold 1 of train-b fails; `devices` is of all, which device they were given
    cat >"$BIN/train-fold" <<END
#!/bin/sh
case "\$*" in
*.part) echo "\${CUDA_VISIBLE_DEVICES-none} \$*" >>"$CLUSTER/devices" ;;
esac
case "\$*" in
*train-b/fold-1.part) [ ! -e "$CLUSTER/broken" ] || { echo "train-fold: the disk is full" >&2; exit 1; } ;;
esac
exec "$(command -v train-fold)" "\$@"
END
    chmod +x "$BIN"/{augment,train-fold}
    ACCOUNTING=yes start_cluster
    # What a run without a queue makes, in $WORK, since the paths of X-rays count
    method THREADS=1 submission1 >"$CLUSTER/log" 2>&1 || cat "$CLUSTER/log"
    mv "$WORK" "$WHOLE"
}

teardown_file() {
    [ -s "$CLUSTER/cannot" ] || stop_cluster
}

setup() {
    [ ! -s "$CLUSTER/cannot" ] || skip "$(cat "$CLUSTER/cannot")"
    HERE=$BATS_TEST_TMPDIR
    rm -f "$CLUSTER"/{broken,devices,hold}
    rm -rf "$WORK"
    mkdir "$WORK"
    find "$WHOLE" -mindepth 1 -maxdepth 1 ! -name 't*-[ab]' ! -name '*.csv' ! -name 'merge*' -exec cp -a -t "$WORK" {} +
}

teardown() {
    local i
    [ ! -s "$CLUSTER/cannot" ] || return 0
    scancel --user="$(id -u)" 2>/dev/null || true
    rm -f "$CLUSTER/hold"
    for ((i = 0; i < 100; i++)); do
        [ -n "$(squeue --noheader 2>/dev/null)" ] || break
        sleep 0.2
    done
}

method() { # method ARGUMENT...: make, which asks the queue often
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 BIN="$BIN" WORK="$WORK" \
        CONFIG="$CONFIG" PROFILE=small SLURM_PAUSE=1 "$@" 3>&-
}

half_way() { # half_way FOLD...: waits until these of train-a train; they go on when there is no file `hold`
    local fold i
    for ((i = 0; i < 600; i++)); do
        for fold; do
            [ -e "$WORK/train-a/fold-$fold.part/log.jsonl" ] || { sleep 0.1; continue 2; }
        done
        return 0
    done
    cat "$HERE/stderr"
    tail -n 20 "$WORK"/train-a/slurm/*.log
    return 1
}

until_said() { # until_said WORDS [FILE]
    local i
    for ((i = 0; i < 600; i++)); do
        ! grep -q -- "$1" "${2-$HERE/stderr}" 2>/dev/null || return 0
        sleep 0.1
    done
    cat "$HERE/stderr"
    return 1
}

until_answered() { # by the queue
    local i
    for ((i = 0; i < 100; i++)); do
        ! squeue --noheader >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    return 1
}

waiting() { # the process that waits for the queue
    local process
    for process in /proc/[0-9]*; do
        ! tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q "^bash pipelines/slurm/slurm.sh parallel .* $WORK/" || basename "$process"
    done | head -n 1
}

job() { # the queue's
    squeue --noheader --format='%F' | head -n 1
}

@test "a fold has to give way, a node goes down, the controller restarts: the submission of a run without a queue" {
    touch "$CLUSTER/hold"
    method SLURM="--partition=main --comment='my folds'" THREADS=1 submission1 2>"$HERE/stderr" &
    run_pid=$!
    half_way 0 1
    method status >"$HERE/status"
    grep -E '^train-a +[01] +training on n[12] +' "$HERE/status" | wc -l | grep -qx 2
    scontrol show job "$(job)_0" | grep -q '^ *Comment=my folds '
    node=$(squeue --noheader --array --format='%K %N' | sed -n 's/^1 //p')
    scancel --signal=TERM --batch "$(job)_0" # as before a time is over
    until_said 'fold 0 is told to stop' "$WORK/train-a/slurm/fold-0.log"
    stop_node "$node"
    stop_controller
    until_said 'train-a: the queue does not answer; waiting'
    start_controller
    cp -al "$WORK/train-a/slurm/fold-0.log" "$HERE/log" # which goes when all is done
    rm "$CLUSTER/hold"
    start_node "$node"
    wait $run_pid || { cat "$HERE/stderr" "$CLUSTER/controller.log"; false; }
    cat "$HERE/stderr"
    grep -q 'fold 0 was saved, to go on from there' "$HERE/log"
    grep -q 'slurm: train-a: 2 of 2 folds to do, as job' "$HERE/stderr"
    grep -q '^train-a, fold 0/2: Dice ' "$HERE/stderr"
    no grep failed "$HERE/stderr"
    same train-a train-b test-b
    cmp "$WHOLE/submission1.csv" "$WORK/submission1.csv"
    # Nothing is repeated, and the queue gets nothing
    touch "$WORK/options/train-a"
    method SLURM=-- THREADS=1 submission1 2>"$HERE/stderr"
    no grep slurm: "$HERE/stderr"
}

@test "make is killed, its job is not: without SLURM make is refused, with other settings the job goes, with the same it is waited for, and what was cancelled meanwhile is told and done" {
    touch "$CLUSTER/hold"
    setsid bash -c "$(declare -f method); method SLURM=-- JOBS=1 THREADS=1 train-a.seed=1 train-a" 2>"$HERE/stderr" 3>&- &
    half_way 0
    method status | tr -s ' ' | grep -E '^train-a 1 in the queue: JobArrayTaskLimit - - - -'
    first=$(job)
    kill -9 -- "-$!"
    fails 2 "train-a: job $first is still in the queue: make with SLURM= waits for it" method train-a
    fails 1 "train-a: job $first is still in the queue" env PATH="$BIN:$PATH" WORK="$WORK" "$ROOT/pipelines/repair/repair.sh"
    method SLURM=-- THREADS=1 train-a 2>"$HERE/stderr" &
    until_said "train-a: job $first in the queue is of other settings or inputs; it is cancelled"
    until_said "train-a: 2 of 2 folds to do, as job"
    second=$(job)
    [ "$second" != "$first" ]
    kill "$(waiting)"
    until_said "train-a: job $second stays in the queue"
    wait $! || true
    half_way 0 1
    scancel "${second}_1"
    for ((i = 0; i < 60; i++)); do
        method status | tr -s ' ' >"$HERE/status"
        ! grep -F "train-a 1 CANCELLED, see $WORK/train-a/slurm/fold-1.log" "$HERE/status" || break
        sleep 0.5
    done
    [ $i -lt 60 ] || { cat "$HERE/status"; false; }
    method SLURM=-- THREADS=1 train-a 2>"$HERE/stderr" &
    until_said "train-a: job $second is in the queue already"
    rm "$CLUSTER/hold"
    wait $! || { cat "$HERE/stderr"; false; }
    [ "$(grep -c ', fold 1: ' "$HERE/stderr")" = 1 ]
    grep "slurm: train-a, fold 1: CANCELLED; its log $WORK/train-a/slurm/fold-1.log ends: " "$HERE/stderr"
    [ "$(grep -c 'folds to do' "$HERE/stderr")" = 1 ]
    grep 'train-a: 1 of 2 folds to do' "$HERE/stderr"
    same train-a
}

@test "a fold that fails is named with its log, the others are kept, and make does it alone" {
    touch "$CLUSTER/broken"
    cp -a "$WHOLE/train-a" "$WORK"
    fails 2 "slurm: train-b, fold 1: failed; its log $WORK/train-b/slurm/fold-1.log ends: train-fold: the disk is full" \
        method SLURM=-- THREADS=1 submission1
    method status | tr -s ' ' | grep -F "train-b 1 failed, see $WORK/train-b/slurm/fold-1.log - - - -"
    [[ $stderr == *"slurm: train-b: 1 of 2 folds are not done; make again to go on"* ]]
    rm "$CLUSTER/broken"
    method SLURM=-- THREADS=1 submission1 2>"$HERE/stderr"
    grep 'train-b: 1 of 2 folds to do, as job' "$HERE/stderr"
    same train-b test-b
    cmp "$WHOLE/submission1.csv" "$WORK/submission1.csv"
}

# give_way PARTITION: train-a by a queue where both folds run side by side until another job takes their node
give_way() {
    rm -rf "$WORK/train-a" "$HERE/high"
    touch "$CLUSTER/hold"
    method SLURM="--partition=$1" THREADS=1 train-a 2>"$HERE/stderr" &
    half_way 0 1
    sbatch --partition=high --ntasks=1 --cpus-per-task=2 --output="$HERE/high" --wrap='echo it runs'
    until_said 'fold 0 is told to stop' "$WORK/train-a/slurm/fold-0.log"
    ln -f "$WORK/train-a/slurm/fold-0.log" "$HERE/log"
}

@test "a job of a higher partition takes the node, with a grace time and without: the models of a run without a queue" {
    give_way brief # 20 s
    rm "$CLUSTER/hold"
    wait $! || { cat "$HERE/stderr"; false; }
    cat "$HERE/stderr" "$HERE/log"
    grep -q 'fold 0 was saved, to go on from there' "$HERE/log"
    grep -q 'it runs' "$HERE/high"
    no grep -E 'failed|PREEMPTED' "$HERE/stderr"
    same train-a
    give_way low
    until_said 'it runs' "$HERE/high" # both folds are gone, saved or not: they had but the queue's KillWait for it
    rm "$CLUSTER/hold"
    wait $! || { cat "$HERE/stderr"; false; }
    cat "$HERE/stderr" "$HERE/log"
    no grep -E 'failed|PREEMPTED' "$HERE/stderr"
    same train-a
}

@test "each fold has the device that the queue gives it; what the cluster has not is refused, and nothing is left behind" {
    touch "$CLUSTER/hold"
    method SLURM="--partition=gpu --gres=gpu:1" THREADS=1 train-a train-a.iterations=2 train-a.eval-every=2 2>"$HERE/stderr" &
    half_way 0 1
    [ "$(squeue --noheader --states=RUNNING --format='%K %N' | sort)" = $'0 n3\n1 n3' ]
    grep -E '^0 .* --device cuda .*fold-0.part$' "$CLUSTER/devices"
    grep -E '^1 .* --device cuda .*fold-1.part$' "$CLUSTER/devices"
    rm "$CLUSTER/hold"
    wait $! || { cat "$HERE/stderr"; false; }
    [ "$(ls "$WORK"/train-a/fold-?.mpk | wc -l)" = 2 ]
    fails 2 "slurm: train-a: sbatch: error: Batch job submission failed: Requested node configuration is not available" \
        method SLURM="--partition=gpu --gres=gpu:3" train-a
    fails 2 "slurm: train-a: sbatch: error: Invalid generic resource (gres) specification" method SLURM="--gres=abacus:1" train-a
    [ ! -e "$WORK/train-a/slurm" ]
    # A cluster that counts devices and does not number them
    fails 2 "slurm: train-a, fold 0: failed; its log $WORK/train-a/slurm/fold-0.log ends: Slurm gives devices and does not say which" \
        method SLURM="--partition=main --gres=gpu:1" train-a
    no grep 'abacus' "$CLUSTER/devices"
}

@test "how a fold ended that the controller has forgotten, accounting knows" {
    [ -z "$(no_accounting)" ] || skip "$(no_accounting)"
    touch "$CLUSTER/hold"
    setsid bash -c "$(declare -f method); method SLURM=-- THREADS=1 train-a" 2>"$HERE/stderr" 3>&- &
    half_way 0 1
    kill -9 -- "-$!"
    first=$(job)
    scancel "$first"
    for ((i = 0; i < 300; i++)); do
        [ "$(sacct --noheader --allocations --format=State --jobs="$first" | grep -c CANCELLED)" -lt 2 ] || break
        sleep 0.2
    done
    stop_controller
    start_controller -c
    until_answered
    [ -z "$(squeue --noheader --states=all)" ]
    method status | tr -s ' ' | tee "$HERE/status"
    grep -F "train-a 1 CANCELLED, see $WORK/train-a/slurm/fold-1.log" "$HERE/status"
}

@test "what is wrong with SLURM is said before any work" {
    fails 2 "slurm: train-a: sbatch: error: Batch job submission failed: Invalid partition name" method SLURM=--partition=nowhere train-a
    rm -r "$WORK"
    fails 2 "slurm: SLURM and HOSTS are both given" method SLURM=-- HOSTS=hosts.txt train-a
    [ ! -e "$WORK" ]
    wrong() { # wrong SLURM WORDS [SETTING]...
        fails 1 "slurm: $2" env SLURM="$1" HOSTS= GPUS= SLURM_PAUSE= "${@:3}" "$ROOT/pipelines/slurm/slurm.sh"
    }
    wrong gpu "SLURM: 'gpu' is no option"
    wrong '--partition main' "SLURM: 'main' is no option"
    wrong '$(date)' "SLURM: '\$(date)' is no option"
    wrong '--comment="my folds' 'SLURM=--comment=\"my\ folds: a quote is not closed'
    wrong --array=0-3 'SLURM: --array=0-3: make says this itself'
    wrong --wrap=date 'SLURM: --wrap=date: make says this itself'
    wrong $'--comment=a\nb' "SLURM=\$'--comment=a\\nb': options of sbatch without control characters"
    wrong -- 'SLURM and GPUS are both given' GPUS=0
    wrong -- 'SLURM_PAUSE=\$\(date\): seconds' SLURM_PAUSE='$(date)'
    printf '#!/bin/sh\necho "slurm_load_jobs error: Unable to contact slurm controller" >&2\nexit 1\n' >"$HERE/squeue"
    chmod +x "$HERE/squeue"
    wrong -- 'the queue does not answer: slurm_load_jobs error: Unable to contact' PATH="$HERE:$PATH"
}
