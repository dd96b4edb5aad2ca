# What times networks on the CPU beside others, tried in small: it measures nothing here.
load ../helpers

setup() {
    not_sanitized "slow; what it times is tested elsewhere"
    BUILT=$(dirname "$(command -v parity)")
    export PATH=$BUILT/tests/bench:$PATH
    cd "$BATS_TEST_TMPDIR" || return
}

# Says it is ready, answers its turns with the given numbers, and leaves word of each.
made_up() { # made_up NAME MILLISECONDS...
    local name=$1
    shift
    printf 'echo ready; for ms in %s; do read -r _ || exit 0; echo %s >>order; echo $ms; done; ! read -r _' "$*" "$name"
}

@test "turns go around, and one that fails or is slow is out" {
    turns --rounds 3 --limit 6 "$(made_up a 1 2 3)" "echo ready; read -r _; exit 3" "$(made_up b 40 5 6.5)" "sleep 60" >said
    [ "$(tr '\n' ' ' <order)" = "a b a b a b " ]
    [ "$(cut -d ' ' -f 2- said)" = "1.0000 2.0000 3.0000
failed
40.0000 5.0000 6.5000
slow" ]
    [ "$(head -n 1 said | cut -d ' ' -f 1)" -gt 500 ]
    turns --rounds 2 --anew "$(made_up a 7)" | grep -q ' 7.0000 7.0000$'
    fails 1 "prints no milliseconds" turns -n 1 "echo ready; read -r _; echo nothing"
}

@test "one that does not end at its input's end has failed" {
    [ "$(turns -n 1 "echo ready; read -r _; echo 1; exit 1")" = failed ]
}

@test "the floor follows the batch, and a prediction is below a training step" {
    two=$(floor bisenet-resnet18 96 2 predict f32 1)
    many=$(floor bisenet-resnet18 96 16 predict f32 1)
    train=$(floor bisenet-resnet18 96 16 train f32 1)
    jq -en --argjson two "${two%% *}" --argjson many "${many%% *}" --argjson train "${train%% *}" \
        '0 < $two and $two < $many and $many < $train'
    fails 1 "f32 or bf16" floor bisenet-resnet18 96 2 predict f16 1
}

@test "each grouped layer has a row with the shares of its passes" {
    floor smp-unet-se_resnext50_32x4d 64 1 grouped f32 1 >rows
    [ "$(grep -cE '^[0-9]+ x [0-9]+, [0-9]+ channels, (4|8|16|32) a group, .*:( [0-9]+\.[0-9]{2}){3}$' rows)" = 7 ]
    grep -qE '^[0-9.]+ GFLOP/s, [0-9.]+ GB/s$' rows
}

@test "the rows of networks, where no rival is there" {
    PATH=$BUILT/gpu-bundle/bin:$PATH PYTHON=/usr/bin/python3 RIVALS=openvino NETWORKS=bisenet TASKS=predict BATCH=1 THREADS=1 \
        SIDE=64 ROUNDS=1 "$ROOT/tests/bench/run.sh" "$(dirname "$(command -v predict-fold)")" "$BUILT" networks >rows
    cat rows
    grep -qE '^bisenet, predict, f32 +[0-9]+  milliseconds: a batch of 1, threads: 1, [0-9]+ MiB' rows
    grep -qE '^bisenet, predict, bf16 ' rows
    [ "$(grep -cE '^  over the floor +[0-9.]+ ' rows)" = 2 ]
}
