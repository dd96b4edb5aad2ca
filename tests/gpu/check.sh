#!/usr/bin/env bash
# check.sh [PART]...: whether the CUDA backend is right on this machine's GPU, and how fast; every PART by default:
#   parity     recorded figures of both networks, in float32 and bf16
#   operations each operation, the losses and the optimiser against the CPU's
#   curves     short training runs against the CPU's, in float32 and bf16, and the same bytes twice
#   sanitizer  compute-sanitizer's memcheck and racecheck on small cases
#   speed      against PyTorch, in what is left of the time: the tables of docs/gpu.md
# Runs in the folder that `make gpu-bundle` makes. Needs CUDA's libraries, cuDNN 9 and Python, with PyTorch for the
# comparison; no other package, no network. Takes LIMIT seconds at the most (540). Ends with `N passed, N failed`; with status
# 77 where there is no GPU. OUT is a folder for logs (logs, beside bin), NETWORKS some of them, DOCUMENT a page for the tables.
set -u
bundle=$(realpath "$(dirname "$0")/../..")
mkdir -p "${OUT:=$bundle/logs}"
out=$(realpath "$OUT") document=${DOCUMENT:+$(realpath "$DOCUMENT")} python=${PYTHON:-python3}
cd "$bundle" || exit 1
parts=${*:-parity operations curves sanitizer speed}
limit=${LIMIT:-540} passed=0 failed=0

# lacking: the libraries that the module needs and the loader does not find, in lib/ neither
lacking() { LD_LIBRARY_PATH=lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ldd "$PLEURA_CUDA" | awk '/not found/ {print $1}'; }

# find_lacking: the folders of those that are in Python's packages, or else beside nvcc, as LD_LIBRARY_PATH takes them
find_lacking() {
    local folders name
    mapfile -t folders < <("$python" -c 'import nvidia; print(*nvidia.__path__, sep="\n")' 2>/dev/null)
    folders+=("$(dirname "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")/..")
    for name in $(lacking); do
        find -L "${folders[@]}" -name "$name" -printf '%h\n' -quit 2>/dev/null
    done | sort -u | paste -sd:
}

say() { echo "== $*, after $SECONDS s"; }

result() { # result STATUS TEXT
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok - $2"
    else
        failed=$((failed + 1))
        echo "not ok - $2"
    fi
}

left() { # left MOST: seconds, at most MOST, that the next step may take
    local rest=$((limit - SECONDS))
    [ "$rest" -lt "$1" ] || rest=$1
    [ "$rest" -gt 1 ] || rest=1
    echo "$rest"
}

# tap NAME COMMAND...: counts its TAP lines; a command that ends without one has failed.
tap() {
    local name=$1 status line
    shift
    timeout "$(left 120)" "$@" >"$out/$name.log" 2>&1
    status=$?
    while IFS= read -r line; do
        result "$([[ $line == ok* ]])$?" "$name: ${line#*- }"
    done < <(grep -E '^(not )?ok ' "$out/$name.log")
    if [ $status != 0 ] || ! grep -qE '^(not )?ok ' "$out/$name.log"; then
        result 1 "$name: ended with status $status"
        tail -n 20 "$out/$name.log" | sed 's/^/    /'
    fi
}

figures() { # figures NAME OPTION... FIXTURE...
    local name=$1 status line
    shift
    timeout "$(left 120)" bin/parity --device cuda "$@" >"$out/$name.log" 2>&1
    status=$?
    while IFS= read -r line; do
        result "$([[ $line == *'"ok":true'* ]])$?" "$name: $line"
    done < <(grep '^{' "$out/$name.log")
    grep -v '^{' "$out/$name.log" | sed 's/^/    /'
    [ $status -le 1 ] || result 1 "$name: ended with status $status"
}

learn() { # learn OUT OPTION...: a training run into OUT
    local to=$out/$1
    shift
    timeout "$(left 90)" bin/learn "$@" >"$to" 2>"$to.log" || sed 's/^/    /' "$to.log"
}

check_parity() {
    figures parity-f32 tests/golden/*net-*.json
    figures parity-bf16 --precision bf16 tests/golden/*net-*-{eval,train}.json
}

check_operations() {
    tap operations bin/cuda
    tap training bin/cuda_training
    tap "sums of batches" bin/batch_sum
}

check_curves() {
    local network seed side small
    for network in ${NETWORKS:-bisenet-resnet18 unet-resnet18}; do
        [ "$network" = unet-resnet18 ] && side=192 || side=96 # small, for the CPU
        small=(--network "$network" --side "$side" --batch 3 --iterations 6 --rate 1e-6)
        learn "$network-cpu" --device cpu "${small[@]}"
        learn "$network-cuda" "${small[@]}"
        "$python" tests/gpu/curves.py near 0.02 "$out/$network-cpu" "$out/$network-cuda"
        result $? "$network: float32 follows the CPU's losses"
        for seed in 1 2 3; do
            learn "$network-f32-$seed" --network "$network" --seed $seed "${CURVE[@]}"
            learn "$network-bf16-$seed" --network "$network" --seed $seed --precision bf16 "${CURVE[@]}"
        done
        learn "$network-again" --network "$network" --precision bf16 "${CURVE[@]}"
        "$python" tests/gpu/curves.py spread "$out/$network"-f32-[123] -- "$out/$network"-bf16-[123]
        result $? "$network: bf16 learns as float32 does"
        cmp "$out/$network-bf16-1" "$out/$network-again"
        result $? "$network: the same bytes twice"
    done
}

# A tool that does not work on this machine (in a container without the rights, say) is said, not counted.
check_sanitizer() {
    local tool
    if ! command -v compute-sanitizer >/dev/null; then
        echo "compute-sanitizer is not here: not run"
        return
    fi
    for tool in memcheck racecheck; do
        timeout "$(left 60)" compute-sanitizer --tool $tool --error-exitcode 9 \
            bin/cuda >"$out/$tool-operations.log" 2>&1
        sanitized $? "$tool of operations" "$out/$tool-operations.log"
        timeout "$(left 40)" compute-sanitizer --tool $tool --error-exitcode 9 bin/cuda_training \
            >"$out/$tool-training.log" 2>&1
        sanitized $? "$tool of losses and optimiser" "$out/$tool-training.log"
    done
}

sanitized() { # sanitized STATUS NAME LOG
    if grep -q -i 'device not supported\|not supported on this' "$3"; then
        echo "compute-sanitizer does not know this device: $2 not run"
    elif [ "$1" = 124 ]; then
        echo "$2: no time was left, $(grep -c '^ok' "$3") tests were clean"
    else
        result "$1" "$2"
        [ "$1" = 0 ] || grep -E '=====' "$3" | head -n 20 | sed 's/^/    /'
    fi
}

check_speed() {
    SECONDS_LEFT=$(left 300) tests/gpu/bench.sh bin/speed "$out/speed.jsonl" &&
        { [ -z "$document" ] || "$python" tests/gpu/document.py "$out/speed.jsonl" "$document"; }
    result $? "speed: measured${document:+, and $document is written}"
}

# Of the curves that are compared as a whole.
read -ra CURVE <<<"${CURVE:---side 192 --batch 6 --iterations 200 --accumulate 2}"

export CMOCKA_MESSAGE_OUTPUT=TAP PLEURA_CUDA=${PLEURA_CUDA:-$bundle/bin/pleura-cuda.so}
if [ ! -e "$PLEURA_CUDA" ]; then
    echo "gpu-check: $PLEURA_CUDA is not there: \`make gpu-bundle\` makes it where nvcc and cuDNN 9 are" >&2
    exit 77
fi
found=$(find_lacking)
[ -z "$found" ] || export LD_LIBRARY_PATH=$found${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
if lacking | grep . >&2; then
    echo "gpu-check: these libraries are not on this machine" >&2
    exit 77
fi
if ! bin/learn --side 64 --network bisenet-resnet18 --batch 2 --iterations 0 >"$out/device.log" 2>&1 &&
    grep -q 'no CUDA-capable device\|driver' "$out/device.log"; then
    sed 's/^/gpu-check: /' "$out/device.log" >&2
    exit 77
fi
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null
for part in $parts; do
    say "$part"
    "check_$part"
done
say "done"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
