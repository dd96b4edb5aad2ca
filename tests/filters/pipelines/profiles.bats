#!/usr/bin/env bats
# The profiles of config.json, and what they are made of: stages that begin with others, or are like others.

load ../helpers

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    mkdir "$HERE/tmp"
    mapfile -t profiles < <(jq -r '.profiles | keys_unsorted[]' "$ROOT/config.json")
}

method() { # method ARGUMENT...
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES TMPDIR="$HERE/tmp" PLAN_SECONDS=0 make -s --no-print-directory -C "$ROOT" \
        CUDA=0 WORK="$HERE/work" "$@"
}

stages() { # stages PROFILE PREFIX: those that it has
    jq -r --arg profile "$1" --arg prefix "$2" '(del(.profiles) * .profiles[$profile]) | to_entries[]
        | select(.value != null and (.key | startswith($prefix))) | .key' "$ROOT/config.json"
}

@test "every profile passes the checks, and make knows what it runs" {
    method help >"$HERE/help"
    for profile in "${profiles[@]}"; do
        method -n PROFILE="$profile" submissions >"$HERE/table" 2>"$HERE/says" || { cat "$HERE/says"; false; }
        no grep -q 'no submission is made of this' "$HERE/says"
        [ "$(grep -c '^parallel .*/train-fold.sh' "$HERE/table")" = "$(stages "$profile" train- | wc -l)" ]
        [ "$(grep -c '^parallel .*/predict-fold.sh .*/test ' "$HERE/table")" = "$(stages "$profile" test- | wc -l)" ]
        grep -qE "^  (.* )?$profile( |$)" "$HERE/help"
    done
}

# As small as can be measured, with the smallest network in place of each: its own are plan.bats' matter.
@test "make plan tells what a profile with stages of its own takes" {
    for profile in winner best; do
        mapfile -t training < <(stages "$profile" train-)
        settings=(data.size=128x128)
        for stage in "${training[@]}"; do
            settings+=("$stage.side=64" "$stage.batch=2" "$stage.dilate=0" "$stage.network=bisenet-resnet18_w16")
        done
        method plan PROFILE="$profile" FORMAT=json init= "${settings[@]}" >"$HERE/plan" 2>"$HERE/says" || { cat "$HERE/says"; false; }
        jq -r '.stages[].stage | select(startswith("train-"))' "$HERE/plan" | diff - <(printf '%s\n' "${training[@]}")
        jq -r '.stages[].stage | select(startswith("test-"))' "$HERE/plan" | diff - <(stages "$profile" test-)
        jq -e '[.stages[].stage] | length == (unique | length)' "$HERE/plan"
        jq -e '.total.seconds > 0 and .total.flop > 0 and all(.stages[]; .seconds > 0)' "$HERE/plan"
    done
}

@test "a stage begins with the models of another, fold by fold, and is like it but for what it says itself" {
    jq '."train-late" = {like: "train-seg-bisenet", init: "train-seg-bisenet", rate: 1e-4} | ."test-late" = ."test-seg-bisenet"' \
        "$ROOT/config.json" >"$HERE/config.json"
    settings=(CONFIG="$HERE/config.json" PROFILE=demo synth.{train=8,test=1,side=128,lesions=1,format=png}
        train-seg-bisenet.{network=bisenet-resnet18_w16,side=32,iterations=2,eval-every=2,batch=2})
    # An init for all is that of the first, not of what begins with it
    method -n "${settings[@]}" init=net.mpk train-late 2>/dev/null | grep 'train-fold.sh' >"$HERE/table"
    grep -q "train-seg-bisenet/fold-{1} .* ::: 0 1 ::: 'net.mpk'\$" "$HERE/table"
    grep -q "train-late/fold-{1} .*--iterations 2 .*--rate 0.0001 .* ::: 0 1 :::+ $HERE/work/train-seg-bisenet/fold-0.mpk $HERE/work/train-seg-bisenet/fold-1.mpk\$" "$HERE/table"
    method "${settings[@]}" train-late >"$HERE/says" 2>&1 || { cat "$HERE/says"; false; }
    cd "$HERE/work"
    for k in 0 1; do
        augment -q train --fold $k/2 --split val --plain --side 32 --lesion-only -o "$HERE/val"
        augment -q train --fold $k/2 --split train --side 32 --lesion-only --samples 4 --seed $k | train-fold -q --network bisenet-resnet18_w16 \
            --iterations 2 --batch 2 --accumulate 1 --rate 1e-4 --seed $k --eval-every 2 --val "$HERE/val" --init train-seg-bisenet/fold-$k.mpk "$HERE/fold-$k"
        inspect --json "$HERE/fold-$k/best.mpk" | jq -c 'select(.id)' | grep -v '"id":"state"' >"$HERE/wanted"
        inspect --json train-late/fold-$k.mpk | jq -c 'select(.id)' | grep -v '"id":"state"' | diff "$HERE/wanted" -
    done
    # Done is done; what the first stage is made of changes both, what the second is made of only that
    method "${settings[@]}" -q train-late
    before=$(stat -c %i train-seg-bisenet/fold-0.mpk)
    method "${settings[@]}" train-late.rate=1e-3 train-late 2>/dev/null
    [ "$(stat -c %i train-seg-bisenet/fold-0.mpk)" = "$before" ]
    inode=$(stat -c %i train-late/fold-0.mpk)
    method "${settings[@]}" train-late.rate=1e-3 train-seg-bisenet.rate=1e-3 train-late 2>/dev/null
    [ "$(stat -c %i train-late/fold-0.mpk)" != "$inode" ]
    [ "$(stat -c %i train-seg-bisenet/fold-0.mpk)" != "$before" ]
}

@test "average: maps: a fold's model is its best checkpoints, and what comes of it is as if each had predicted apart" {
    jq 'del(.["train-seg-unet", "test-seg-unet", "train-cls-bisenet", "test-cls-bisenet", "merge-cls", "submission2"])
        | .profiles = {small: (.profiles.demo | {synth, "train-seg-bisenet"})}
        | ."merge-seg" = {stages: ["test-seg-bisenet"], threshold: 0.45} | .submission1 = {decide: "merge-seg", ratio: 0.5, segment: "merge-seg"}' \
        "$ROOT/config.json" >"$HERE/config.json"
    settings=(CONFIG="$HERE/config.json" PROFILE=small synth.{train=8,test=3,side=128,lesions=1,format=png}
        train-seg-bisenet.{network=bisenet-resnet18_w16,side=64,iterations=3,eval-every=1,batch=2,keep-best=2})
    method "${settings[@]}" train-seg-bisenet.average=maps submissions score-validation calibrate >"$HERE/says" 2>&1 ||
        { cat "$HERE/says"; false; }
    cd "$HERE/work"
    records() { inspect --json "$@" | jq -c 'select(.id)'; }
    for k in 0 1; do
        augment -q train --fold $k/2 --split val --plain --side 64 -o "$HERE/unseen.mpk"
        rm -f "$HERE"/{test,unseen}-?.mpk
        for nth in 1 2; do
            weights -q --nth $nth train-seg-bisenet/fold-$k.mpk -o "$HERE/one.mpk"
            predict-fold -q --type f4 -m "$HERE/one.mpk" test -o "$HERE/test-$nth.mpk"
            predict-fold -q --type f4 -m "$HERE/one.mpk" "$HERE/unseen.mpk" -o "$HERE/unseen-$nth.mpk"
        done
        for set in test unseen; do merge --type f2 "$HERE/$set"-[12].mpk -o "$HERE/$set-by-hand-$k.mpk"; done
        zstd -dcq test-seg-bisenet/fold-$k.mpk.zst | records - | diff - <(records "$HERE/test-by-hand-$k.mpk")
        zstd -dcq validate-seg-bisenet/fold-$k.mpk.zst | records - | diff - <(records "$HERE/unseen-by-hand-$k.mpk")
        no cmp -s <(records "$HERE/test-1.mpk") <(records "$HERE/test-2.mpk")
    done
    merge --type f8 "$HERE"/test-by-hand-[01].mpk -o "$HERE/mean.mpk"
    classify -q --ratio 0.5 --threshold 0.45 "$HERE/mean.mpk" -o "$HERE/decisions.mpk"
    rle-encode -q --threshold 0.45 "$HERE/mean.mpk" | rle-decode --sizes test/index.mpk | rle-encode -q -d "$HERE/decisions.mpk" |
        cmp - submission1.csv
    # Done is done. Another way to average is another model, of the same training, and the mean of weights needs no word.
    method "${settings[@]}" train-seg-bisenet.average=maps -q submissions
    method status "${settings[@]}" train-seg-bisenet.average=maps | grep -qE '^train-seg-bisenet +0 +done'
    log=$(stat -c %i train-seg-bisenet/fold-0.jsonl)
    method "${settings[@]}" train-seg-bisenet.average=weights train-seg-bisenet 2>/dev/null
    [ "$(stat -c %i train-seg-bisenet/fold-0.jsonl)" = "$log" ]
    [ "$(records train-seg-bisenet/fold-0.mpk | grep -c '"state"')" = 1 ]
    inode=$(stat -c %i train-seg-bisenet/fold-0.mpk)
    method "${settings[@]}" train-seg-bisenet 2>/dev/null
    [ "$(stat -c %i train-seg-bisenet/fold-0.mpk)" = "$inode" ]
    # Checkpoints that are damaged are found, and not used
    method "${settings[@]}" repair | grep -q ' 0 are damaged and removed, 0 more are to be made, 0 are left alone'
    truncate -s -1 train-seg-bisenet/fold-0.kept
    method "${settings[@]}" repair >"$HERE/says"
    grep -q 'train-seg-bisenet/fold-0.kept: is not what make left there; removed' "$HERE/says"
    [ ! -e train-seg-bisenet/fold-0.kept.key ] && [ -e train-seg-bisenet/fold-0.mpk ] && [ -e train-seg-bisenet/fold-1.kept ]
    method "${settings[@]}" train-seg-bisenet.average=maps train-seg-bisenet 2>/dev/null
    cmp train-seg-bisenet/fold-0.mpk train-seg-bisenet/fold-0.kept
    refused() { fails 2 "$1" method "${settings[@]}" -n "${@:2}" submissions; }
    refused 'train-seg-bisenet.average: "both" is not weights or maps' train-seg-bisenet.average=both
    for one in 1 null; do refused "average is of several checkpoints" train-seg-bisenet.{average=maps,keep-best=$one}; done
    jq '."train-late" = {like: "train-seg-bisenet", init: "train-seg-bisenet", "keep-best": null, average: null}
        | ."test-late" = ."test-seg-bisenet" | ."merge-seg".stages = ["test-late"]' "$HERE/config.json" >"$HERE/late.json"
    refused "train-late.init: the models of train-seg-bisenet are several networks each" CONFIG="$HERE/late.json" train-seg-bisenet.average=maps
}
