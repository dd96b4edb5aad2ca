# shellcheck shell=bash
# networks.bash: both networks on the CPU, as train-fold and predict-fold run them, against PyTorch and against the sum of
# the bare primitives' times. TORCH is a Python with PyTorch (default: python3); HOW how it runs networks (eager, or
# also tuned: compiled, which takes minutes); SIDE, BATCH and REPEAT as in the tables of docs/performance.md.

# timed OUT COMMAND...: the JSON line of a command goes to lines/OUT, its peak memory in KiB to peaks/OUT.
timed() {
    local out=$1
    shift
    mkdir -p lines peaks logs
    OMP_NUM_THREADS=2 command time -q -f %M -o "peaks/$out" "$@" 2>"logs/$out" | tail -n 1 >"lines/$out"
    [ -s "lines/$out" ] || sed 's/^/bench: /' "logs/$out" >&2
}

# milliseconds max|min NAME: of all lines of that name; nothing where there is none.
milliseconds() {
    cat lines/"$2"-* 2>/dev/null | jq -s "map(.ms) | $1 // empty"
}

peak_of() { # peak_of NAME: the least, in KiB
    tail -q -n 1 peaks/"$1"-* | sort -n | head -n 1
}

# network NAME train|predict f32|bf16: ours and theirs in turns; the slower of ours counts, the faster of theirs.
network() {
    local what=$1-$2-$3 task=$2 options how round bare ours theirs
    options=("$task" --network "$1-resnet18" --side "${SIDE:-768}" --batch "${BATCH:-2}" --accumulate 1
        --repeat "${REPEAT:-5}" --precision "$3" --device cpu)
    for round in 1 2; do
        timed "ours-$what-$round" speed "${options[@]}" --threads 2
        [ -z "$torch" ] || timed "torch-$what-$round" "$python" "$gpu/rival.py" "${options[@]}"
    done
    for how in ${HOW:-}; do
        [ -z "$torch" ] || timed "torch-$what-$how" "$python" "$gpu/rival.py" --how "$how" "${options[@]}"
    done
    ours=$(milliseconds max "ours-$what")
    theirs=$(milliseconds min "torch-$what")
    bare=$(bare "$1-resnet18" "${SIDE:-768}" "${BATCH:-2}" "${task/predict/infer}" "$3" 2)
    printf '%-44s %8.0f  %s\n' "$1, $task, $3" "$ours" "milliseconds, a batch of ${BATCH:-2}"
    if [ -n "$theirs" ]; then
        row "  faster than PyTorch's" "$(calculate "$theirs / $ours")" "PyTorch $torch, $3: $(printf %.0f "$theirs") ms" \
            "$(bar "$task" "$3")"
        row "  of its peak memory" "$(calculate "$(peak_of "ours-$what") / $(peak_of "torch-$what")")" "PyTorch $torch" \
            "$(memory_bar "$task" "$3")"
    fi
    row "  over the bare primitives" "$(calculate "$ours / $bare")" "their sum, $(printf %.0f "$bare") ms" \
        "$([ "$3" = f32 ] && echo '<=1.3' || echo '<=1.5')"
}

bar() { # bar TASK PRECISION: how many times PyTorch's speed in the same precision is wanted
    case $1-$2 in
    predict-f32 | train-bf16) echo 2.0 ;;
    train-f32) echo 3.0 ;;
    predict-bf16) echo 1.5 ;;
    esac
}

memory_bar() { # memory_bar TASK PRECISION
    case $1-$2 in
    train-f32) echo '<=0.4' ;;
    train-bf16) echo '<=0.25' ;;
    *) echo - ;;
    esac
}

across() { # across NAME TASK BAR: bf16 against PyTorch's float32
    local ours theirs
    ours=$(milliseconds max "ours-$1-$2-bf16")
    theirs=$(milliseconds min "torch-$1-$2-f32")
    [ -z "$theirs" ] || row "$1, $2: bf16 against float32" "$(calculate "$theirs / $ours")" "PyTorch $torch, f32" "$3"
}

# The loss of four heads and its gradients, where every pixel violates a margin.
losses() {
    local side=$((${SIDE:-768} * 4 / 3)) ours theirs round
    for round in 1 2; do
        loss "$side" "${BATCH:-2}" 2 >"ours-loss-$round"
        [ -z "$torch" ] || timed "torch-loss-$round" "$python" "$gpu/rival.py" loss --side "${SIDE:-768}" \
            --batch "${BATCH:-2}" --repeat "${REPEAT:-5}" --precision f32 --device cpu
    done
    ours=$(cut -d ' ' -f 1 ours-loss-* | sort -n | tail -n 1)
    theirs=$(milliseconds min torch-loss)
    printf '%-44s %8.0f  %s\n' "the loss of four heads" "$ours" "milliseconds, a batch of ${BATCH:-2}"
    [ -z "$theirs" ] ||
        row "  faster than PyTorch's" "$(calculate "$theirs / $ours")" "PyTorch $torch: $(printf %.0f "$theirs") ms" 10
    printf '%-44s %8.0f  %s\n' "  where few violate" "$(cut -d ' ' -f 2 ours-loss-* | sort -n | tail -n 1)" milliseconds
}

networks() {
    local python=${TORCH:-python3} torch gpu=${BASH_SOURCE[0]%/*}/../gpu name task precision
    torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) || torch=
    title "Networks, 2 threads" "against"
    [ -n "$torch" ] || skip "PyTorch" "$python has none; TORCH=python names one that has"
    for name in unet bisenet; do
        for task in predict train; do
            for precision in f32 bf16; do network "$name" "$task" "$precision"; done
        done
        across "$name" predict 3.5
        across "$name" train 5.0
    done
    losses
}
