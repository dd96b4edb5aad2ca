#!/usr/bin/env bash
# bench.sh SPEED LINES: times networks, ours (the program SPEED) and PyTorch's (rival.py) in turns, into
# LINES (JSON), and prints the tables. PYTHON is one with PyTorch; without it only ours is timed. What
# PyTorch cannot compile within SECONDS_LEFT in all is left out.
#   DEVICE=cpu NETWORKS=bisenet-resnet18 SIDE=64 BATCH=2 REPEAT=1    small, as a test of this script itself
#   NETWORKS="smp-unet-efficientnet_b4 smp-unet-se_resnext50_32x4d" SIDE=512 BATCH=6    others, on timm's encoders
set -euo pipefail
speed=$1 lines=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3} device=${DEVICE:-cuda}
end=$((SECONDS + ${SECONDS_LEFT:-240}))
sizes=(--side "${SIDE:-768}" --repeat "${REPEAT:-20}" --precision "${PRECISION:-bf16}" --device "$device")
[ -z "${BATCH:-}" ] || sizes+=(--batch "$BATCH")
jobs=()
for task in train predict; do
    for network in ${NETWORKS:-bisenet-resnet18 unet-resnet18}; do jobs+=("$task $network"); done
done
export PYTHONDONTWRITEBYTECODE=1
: >"$lines"
: >"$lines.log"

rival() { # rival TASK [OPTION]...: a line, or a word about why there is none
    local left=$((end - SECONDS)) status=0
    [ "$left" -lt 90 ] || left=90
    [ "$left" -gt 5 ] || left=5
    timeout "$left" "$python" "$here/rival.py" "$@" --device "$device" >>"$lines" 2>>"$lines.log" || status=$?
    case $status in
    0) ;;
    124) echo "bench: PyTorch, $*: no time was left" >&2 ;;
    *) echo "bench: PyTorch, $*: failed, see $lines.log" >&2 ;;
    esac
}

ours() { # ours TASK NETWORK
    "$speed" "$1" --network "$2" "${sizes[@]}" "${rates[@]}" >>"$lines"
}

theirs() { # theirs HOW TASK NETWORK
    [ -z "$torch" ] || rival "$2" --network "$3" --how "$1" "${sizes[@]}"
}

torch=$("$python" -c 'import torch; print(torch.__version__)' 2>>"$lines.log") ||
    echo "bench: no PyTorch for $python: only ours is timed" >&2
rates=()
[ -z "$torch" ] || rival limits
if [[ $(<"$lines") =~ bf16_tflops\":\ ([0-9.]+).*copy_tbs\":\ ([0-9.]+) ]]; then
    rates=(--tflops "${BASH_REMATCH[1]}" --tbs "${BASH_REMATCH[2]}")
fi
for job in "${jobs[@]}"; do
    read -r task network <<<"$job"
    ours "$task" "$network"
    theirs eager "$task" "$network"
    ours "$task" "$network"
done
for how in ${COMPILED-graphs tuned}; do
    for job in "${jobs[@]}"; do
        if [ "$SECONDS" -lt "$end" ]; then
            read -r task network <<<"$job"
            theirs "$how" "$task" "$network"
        fi
    done
done
"$python" "$here/document.py" "$lines"
