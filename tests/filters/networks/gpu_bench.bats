# What times networks on a GPU, tried on the CPU and on the stand-in: it measures nothing there.
load ../helpers

setup() {
    not_sanitized "slow; operations are tested one by one"
    SPEED=$(dirname "$(command -v parity)")/gpu-bundle/bin/speed
    GPU=$ROOT/tests/gpu
    cd "$BATS_TEST_TMPDIR" || return
    set -o pipefail
}

small() { # small OPTION...: a network in small
    "$SPEED" --network bisenet-resnet18_w16 --side 32 --batch 2 --repeat 1 --accumulate 2 --precision f32 "$@"
}

@test "the bound needs no device, and follows the rates" {
    "$SPEED" --bound train | jq -e '.gflop > 1000 and .gflop < 1020 and .bound_ms > .gflop / 790 and
        .bound_ms > .gigabytes / 4.3 and .ms == null'
    slow=$("$SPEED" --bound --tflops 79 --tbs 0.43 train | jq .bound_ms)
    "$SPEED" --bound train | jq -e --argjson slow "$slow" '$slow / .bound_ms | . > 9.99 and . < 10.01'
    fails 2 "train or predict" "$SPEED" learn
    fails 1 "multiples of 32" "$SPEED" --side 33 train
}

@test "both tasks run and are timed" {
    small --device cpu train | jq -e '.ms > 0 and .batch == 2 and (.images_per_s * .ms / 2000 - 1 | fabs) < 0.02'
    small --device cpu predict | jq -e '.ms > 0 and .device_ms > 0'
}

@test "and on the stand-in for CUDA" {
    [ -e "${PLEURA_CUDA:-}" ] || skip "the stand-in is not built"
    small --device cuda train | jq -e '.ms > 0'
    small --device cuda predict | jq -e '.ms > 0 and .device_ms > 0'
}

@test "bench.sh times ours where PyTorch is not there, and prints tables" {
    printf '#!/bin/sh\n[ "$1" != -c ] || exit 1\nexec python3 "$@"\n' >no-torch
    chmod +x no-torch
    export DEVICE=cpu NETWORKS=bisenet-resnet18_w16 SIDE=32 BATCH=2 REPEAT=1 PRECISION=f32
    PYTHON=./no-torch "$GPU/bench.sh" "$SPEED" lines >table 2>said
    grep -q "no PyTorch" said
    [ "$(jq -r .task lines | sort | uniq -c | tr -s ' \n' ' ')" = " 2 predict 2 train " ]
    grep -qE '^\| bisenet-resnet18_w16 \| training step, 2 of 32 x 32 \| [0-9.]+ \| - \| - \|' table
    grep -qE '^\| bisenet-resnet18_w16 \| its forward pass alone' table
}

made_up() { # made_up WHO HOW MS TAKEN
    printf '{"what":"speed","who":"%s",%s"network":"n","task":"train","side":768,"batch":6,"precision":"bf16",' "$1" "$2"
    printf '"gflop":100,"gigabytes":2,"tflops":50,"tbs":4,"bound_ms":3,"ms":%s,"taken_mib":%s}\n' "$3" "$4"
}

@test "document.py compares ours, the slower of two runs, with the faster compiled one" {
    {
        echo '{"what":"limits","device":"A GPU","bf16_tflops":50,"f32_tflops":5,"copy_tbs":4}'
        made_up Pleura "" 10 1000
        made_up Pleura "" 12 1000
        made_up "PyTorch 2" '"how":"eager",' 36 3000
        made_up "PyTorch 2" '"how":"graphs",' 24 5000
        made_up "PyTorch 2" '"how":"tuned",' 18 2000
    } >lines
    /usr/bin/python3 "$GPU/document.py" lines >table
    grep -q "^Measured in one run on A GPU: 50 TFLOP/s in bf16, 5.0 in float32, a copy moves 4.00 TB/s. PyTorch 2; bf16.$" table
    grep -qxF "| n | training step, 6 of 768 x 768 | 100 | 2.00 | 2.00 | 0.50 | 3.00 |" table
    grep -qxF "| n | training step, 6 of 768 x 768 | 12.00 | 36.00 | 18.00 | 3.00 | 1.50 | 3.00 | 0.25 |" table
    grep -qxF "| n | training step | 1000 | 3000 | 2000 | - | - | 3.00 | 2.00 |" table
    printf 'a\n<!-- speed: by tests/gpu/document.py -->\nold\n<!-- end of speed -->\nb\n' >page
    /usr/bin/python3 "$GPU/document.py" lines page
    cmp page <(echo a; echo '<!-- speed: by tests/gpu/document.py -->'; cat table; echo '<!-- end of speed -->'; echo b)
    echo nothing >page
    fails 1 "has no line" /usr/bin/python3 "$GPU/document.py" lines page
    [ "$(cat page)" = nothing ]
}
