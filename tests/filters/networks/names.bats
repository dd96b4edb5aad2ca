#!/usr/bin/env bats
# Networks by name: the tables of docs/configuration.md, and what one does that has no global logit.

load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    small_training 2 4
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
}

@test "the document's decoders and encoders are those that programs know, in any pair" {
    rows() { # rows HEADING: the names of a table's rows
        sed -n "/^| $1 |/,/^\$/s/^| \`\([^\`]*\)\` |.*/\1/p" "$ROOT/docs/configuration.md"
    }
    for encoder in $(rows encoder); do
        for decoder in $(rows decoder); do echo "$decoder-$encoder"; done
    done >"$BATS_TEST_TMPDIR/wanted"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/wanted")" -ge 9 ]
    cost --json --side 192 | jq -r .network | cmp - "$BATS_TEST_TMPDIR/wanted"
    train-fold --options | jq -r '.network.choices[]' | cmp - "$BATS_TEST_TMPDIR/wanted"
}

@test "a network without a global logit learns on both devices, and predicts; a loss of that logit is refused" {
    not_sanitized "slow"
    for device in cpu cuda; do
        train-fold -q --device $device --network smp-unet-resnet18_w16 --batch 2 --iterations 1 --accumulate 1 $device train.mpk
        inspect --check $device/last.mpk
    done
    decode -q xrays/test | predict-fold -q -m cpu/last.mpk | inspect --check
    fails 1 "the loss global is of a global logit, which this network has not" \
        train-fold --network smp-unet-resnet18_w16 --lambda-cls 0.1 --batch 2 none train.mpk
    [ ! -e none ]
}

@test "attention is part of a checkpoint, and one without it is no start for it" {
    not_sanitized "slow"
    train() {
        train-fold -q --batch 2 --iterations 1 --accumulate 1 "$@" train.mpk
    }
    train --network bisenet-resnet18_cbam attends
    inspect --json attends/last.mpk | jq -r .id >names
    grep -qx 'context_path.backbone.layer4.1.cbam.ChannelGate.mlp.3.bias' names
    grep -qx 'context_path.backbone.layer4.1.cbam.SpatialGate.spatial.cb_unit.1.running_var' names
    decode -q xrays/test | predict-fold -q -m attends/last.mpk | inspect --check
    train --network bisenet-resnet18 plain
    fails 1 "missing: 'context_path.backbone.layer1.0.cbam." train --network bisenet-resnet18_cbam --init plain/last.mpk "$BATS_TEST_TMPDIR/none"
    fails 1 "surplus: 'context_path.backbone.layer1.0.cbam." train --network bisenet-resnet18 --init attends/last.mpk "$BATS_TEST_TMPDIR/none"
}

@test "sides that a network does not take are refused with those that it takes" {
    fails 1 "sides of 96 x 96: this network takes multiples of 64" cost --side 96 albunet-resnet18
    fails 1 "sides of 96 x 96: this network takes multiples of 32 from 192" cost --side 96 unet-resnet18
    fails 1 "multiples of 64" train-fold --network albunet-resnet18 --batch 2 none <(augment shards --side 96 --samples 2)
    [ ! -e none ]
}
