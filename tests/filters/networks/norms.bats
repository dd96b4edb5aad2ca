#!/usr/bin/env bats
# --norm gn: group normalisation in place of batch normalisation, which checkpoints tell by the network's name.

load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    small_training 4 4
    learn group --norm gn
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    HERE=$BATS_TEST_TMPDIR
}

# learn DIR [OPTION]...: two iterations
learn() {
    train-fold -q --network bisenet-resnet18_w16 --iterations 2 --batch 2 --accumulate 1 --rate 1e-2 --threads 2 \
        --log-every 1 "$@" train.mpk
}

losses() { # losses DIR
    jq .loss "$1/log.jsonl"
}

names() { # names CHECKPOINT: of its tensors
    inspect --json "$1" | jq -r 'select(.id).id'
}

@test "a checkpoint has scales and shifts without running statistics, and a name that all programs know" {
    [ "$(inspect --json group/last.mpk | jq -r 'select(.id == "state").network')" = bisenet-resnet18_w16-gn ]
    names group/last.mpk >"$HERE/names"
    grep -qx 'context_path.backbone.layer1.0.bn1.weight' "$HERE/names"
    grep -qx 'context_path.backbone.layer1.0.bn1.bias' "$HERE/names"
    no grep -q running_ "$HERE/names"
    decode -q xrays/test | predict-fold -q -m group/last.mpk -o "$HERE/told.mpk"
    weights -q group/last.mpk -o "$HERE/group.safetensors"
    decode -q xrays/test | predict-fold -q -m "$HERE/group.safetensors" --network bisenet-resnet18_w16 --norm gn --side 64 \
        -o "$HERE/said.mpk"
    cmp <(inspect --json "$HERE/told.mpk" | tail -n +2) <(inspect --json "$HERE/said.mpk" | tail -n +2)
    weights -q --network bisenet-resnet18_w16 --norm gn "$HERE/group.safetensors" -o "$HERE/again.mpk"
    jq -n -e "$(cost --json bisenet-resnet18_w16-gn | jq -c 'del(.network)') == $(cost --json bisenet-resnet18_w16 | jq -c 'del(.network)')"
}

@test "it learns another way than batch normalisation, and on the stand-in for CUDA nearly alike" {
    learn "$HERE/usual" --norm bn
    no cmp -s <(losses group) <(losses "$HERE/usual")
    learn "$HERE/cuda" --norm gn --device cuda
    paste <(losses group) <(losses "$HERE/cuda") | awk '{ apart = $1 - $2; if (apart * apart > 1e-6 * $1 * $1) bad = 1 } END { exit bad }'
}

@test "a batch of one image can be learned from" {
    learn "$HERE/one" --norm gn --batch 1
    fails 1 "batch of 1" learn "$HERE/none" --norm bn --batch 1
}

@test "weights of the other norm are refused by their names before any work" {
    learn "$HERE/usual" --iterations 1
    fails 1 "surplus: 'spatial_path.cbr1.cbr_unit.1.running_mean' and 81 more" learn "$HERE/none" --norm gn --init "$HERE/usual/last.mpk"
    fails 1 "missing: 'spatial_path.cbr1.cbr_unit.1.running_mean', " learn "$HERE/none" --init group/last.mpk
    [ ! -e "$HERE/none/last.mpk" ]
    fails 1 "does not fit bisenet-resnet18_w16-gn" weights --init-for bisenet-resnet18_w16 --norm gn "$HERE/usual/last.mpk"
    weights -q --init-for bisenet-resnet18_w16 --norm gn group/last.mpk
    fails 1 "bisenet-resnet18_w16-gn; now: bisenet-resnet18_w16" learn group --resume
    fails 2 "--norm is of the network" weights --norm gn group/last.mpk -o "$HERE/none.mpk"
    fails 2 "--norm is of the network" predict-fold -m group/last.mpk --norm gn xrays
    fails 1 "no network 'bisenet-resnet18_w16-xn'" cost bisenet-resnet18_w16-xn
}
