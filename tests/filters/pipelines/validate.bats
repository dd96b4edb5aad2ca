#!/usr/bin/env bats
# Validation: every model's probabilities for the training images that it has not seen, with different numbers of folds.

load ../helpers
load checked

setup_file() {
    WORK=$BATS_FILE_TMPDIR/work
    WHOLE=$BATS_FILE_TMPDIR/whole
    export WORK WHOLE
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    rm -rf "$WORK"
    cd "$HERE"
}

# method ARGUMENT...: make with few iterations, on one thread; the deciding models have three folds, the others two
method() {
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 THREADS=1 WORK="$WORK" PROFILE=demo \
        synth.{train=17,test=4,side=128,lesions=0.5,format=png} \
        train-{seg-unet,seg-bisenet,cls-bisenet}.{network=bisenet-resnet18_w16,side=64,iterations=2,eval-every=2,batch=2} \
        train-cls-bisenet.{dilate=8,folds=3} merge-{cls,seg}.threshold=0.3 "$@"
}

copy_of_whole() { # $WORK, of a run that was not disturbed, with its times
    if [ ! -e "$WHOLE" ]; then
        method score-validation calibrate >"$BATS_FILE_TMPDIR/says" 2>&1 || { cat "$BATS_FILE_TMPDIR/says"; return 1; }
        mv "$WORK" "$WHOLE"
    fi
    cp -a "$WHOLE" "$WORK"
}

unseen() { # unseen STAGE: its probabilities for all training images
    zstd -dcq "$WORK/validate-$1"/fold-*.mpk.zst
}

ids() { # of the stream on stdin
    inspect --json | jq -r '.id // empty'
}

@test "each image is predicted once, by the model that has not seen it, as it would be in the test set" {
    copy_of_whole
    [ ! -e "$WORK/test" ]
    for stage in seg-unet seg-bisenet cls-bisenet; do
        folds=$(jq ".\"train-$stage\".folds" "$WORK/config.json")
        [ "$(find "$WORK/validate-$stage" -name '*.zst' | wc -l)" = "$folds" ]
        for ((k = 0; k < folds; k++)); do
            augment -q --fold "$k/$folds" --split val --plain --side 32 "$WORK/train" | ids >part
            zstd -dcq "$WORK/validate-$stage/fold-$k.mpk.zst" >map
            ids <map | diff part -
            predict-fold -q --model "$WORK/train-$stage/fold-$k.mpk" "$WORK/train" | inspect --json |
                jq -c 'select(.id) | {id, probability}' | grep -F -f part | sort >wanted
            inspect --json map | jq -c 'select(.id) | {id, probability}' | sort | diff wanted -
        done
    done
}

@test "stages of two and of three folds have one order, so that their probabilities merge" {
    copy_of_whole
    unseen seg-unet | ids >order
    [ "$(sort -u order | wc -l)" = 17 ]
    unseen cls-bisenet | ids | diff order -
    merge <(unseen seg-unet) <(unseen cls-bisenet) | ids | diff order -
}

@test "done is done; a changed number repeats what depends on it; damage is found" {
    others() {
        find "$WORK"/{train-*,validate-seg-*} \( -name '*.mpk' -o -name '*.zst' \) -printf '%p %i\n' | sort
    }
    copy_of_whole
    method -q validate
    before=$(others)
    inode=$(stat -c %i "$WORK/validate-cls-bisenet/fold-0.mpk.zst")
    method test-cls-bisenet.flip=true validate 2>/dev/null
    [ "$(others)" = "$before" ]
    [ "$(stat -c %i "$WORK/validate-cls-bisenet/fold-0.mpk.zst")" != "$inode" ]
    cp "$WORK/validate-seg-unet/fold-1.mpk.zst" sound
    truncate -s -9 "$WORK/validate-seg-unet/fold-1.mpk.zst"
    echo garbage >"$WORK/validate-seg-bisenet/joblog"
    echo mine >"$WORK/validate-seg-unet/notes"
    method repair >says
    grep -q '/validate-seg-unet/fold-1.mpk.zst: is not what make left there; removed' says
    grep -q '/validate-seg-bisenet/joblog: is not a job log of GNU parallel; removed' says
    grep -q '/validate-seg-unet/notes: not of make: left alone' says
    tail -n 1 says | grep -q ' 2 are damaged and removed, 0 more are to be made, 0 are left alone'
    method test-cls-bisenet.flip=true validate
    cmp sound "$WORK/validate-seg-unet/fold-1.mpk.zst"
}

@test "scores: of the masks that the thresholds and the ratio make of the mean of each stage's unseen probabilities" {
    copy_of_whole
    cd "$WORK"
    for row in validate-{seg-unet,seg-bisenet,cls-bisenet} validation-{merge-seg,submission1,submission2}; do
        grep -qE "^$row +0" "$BATS_FILE_TMPDIR/says"
        jq -e '.images == 17' "score-$row.json"
    done
    # The truth is that of the labels
    score --json --sizes train/index.mpk xrays/train-rle.csv validation-truth.csv | jq -e '.dice == 1 and .images == 17'
    # A stage alone, and the submission
    unseen seg-unet | rle-encode --threshold 0.3 | cmp - validate-seg-unet.csv
    merge --type f8 <(unseen seg-unet) <(unseen seg-bisenet) >"$HERE/mean"
    jq -n -e --slurpfile mean <(inspect --json "$HERE/mean") --slurpfile one <(unseen seg-unet | inspect --json) \
        --slurpfile other <(unseen seg-bisenet | inspect --json) 'def maps: map(select(.id) | {(.id): .probability.mean}) | add;
            [$mean, $one, $other | maps] as [$mean, $one, $other] | ($mean | length) == 17 and
            all($mean | keys[]; $mean[.] - ($one[.] + $other[.]) / 2 | fabs < 1e-9)'
    unseen cls-bisenet | classify --ratio 0.38 --threshold 0.3 -o "$HERE/decisions"
    rle-encode --threshold 0.3 --decisions "$HERE/decisions" "$HERE/mean" >"$HERE/masks"
    cmp "$HERE/masks" validation-submission1.csv
    score --json --sizes train/index.mpk xrays/train-rle.csv "$HERE/masks" | jq 'del(.weight_non_empty)' >"$HERE/score"
    jq 'del(.weight_non_empty)' score-validation-submission1.json | diff "$HERE/score" -
    # Of stages and of a merge of several, the probabilities, too
    [ ! -e score-validation-merge-cls.json ]
    rle-encode --threshold 0.3 "$HERE/mean" >"$HERE/masks"
    score --json --probabilities "$HERE/mean" --curves "$HERE/curves" --sizes train/index.mpk xrays/train-rle.csv "$HERE/masks" |
        jq 'del(.weight_non_empty)' >"$HERE/score"
    jq 'del(.weight_non_empty)' score-validation-merge-seg.json | diff "$HERE/score" -
    cmp "$HERE/curves" curves-validation-merge-seg.json
    for stage in seg-unet seg-bisenet cls-bisenet; do
        jq -e 'has("roc_area") and has("brier")' "score-validate-$stage.json"
        [ "$(jq '[.reliability[].pixels] | add' "curves-validate-$stage.json")" = $((17 * 128 * 128)) ]
    done
    # Damage to these is found, too
    truncate -s -1 validation-{truth,submission2,merge-seg}.csv score-validate-seg-unet.json curves-validation-merge-seg.json
    method repair | tail -n 1 | grep -q ' sound, 5 are damaged and removed, 0 more are to be made, 0 are left alone'
}

@test "make -n shows them; on hosts, too; one stage by its name" {
    method -n validate >table
    [ "$(grep -c 'train-fold.sh' table)" = 3 ]
    [ "$(grep -c 'predict-fold.sh' table)" = 3 ]
    grep -qF -- '--fold {1}/3 --split val --plain --side 64' table
    echo alpha >hosts.txt
    method -n HOSTS="$PWD/hosts.txt" validate-cls-bisenet >table
    [ "$(grep -c '^pipelines/hosts/hosts.sh .*predict-fold.sh' table)" = 1 ]
    grep -qE '^pipelines/hosts/hosts.sh .*/work/train .*/train-cls-bisenet/fold-2.mpk  *-- parallel' table
    no grep -q seg-unet table
    [ ! -e "$WORK" ]
}

@test "what a host sends back must be of the fold's part" {
    copy_of_whole
    mkdir task
    fold=(pipelines/method/predict-fold.sh "$WORK/train-cls-bisenet/fold-1.mpk" "$WORK/train" "$WORK/validate-cls-bisenet/fold-1"
        '--batch 4 --precision f32' '--fold 1/3 --split val --plain --side 64')
    check=$ROOT/pipelines/hosts/host-check.sh
    cp "$WORK/validate-cls-bisenet/fold-1.mpk.zst" task/product
    "$check" task "${fold[@]}"
    [[ $("$check" parts "${fold[@]}") =~ ^product=[0-9]+$ ]]
    cp "$WORK/validate-cls-bisenet/fold-2.mpk.zst" task/product
    run "$check" task "${fold[@]}"
    [ "$status" = 1 ] && [[ $output == "it sent probabilities for other images: "* ]]
}

@test "a rule learned from them, in place of the ratio" {
    copy_of_whole
    cp "$WORK/rule-cls+seg.mpk" rule.mpk
    for k in 0 1 2; do zstd -dq "$WORK/validate-cls-bisenet/fold-$k.mpk.zst" -o "fold-$k.mpk"; done
    merge --type f8 <(unseen seg-unet) <(unseen seg-bisenet) >mean.mpk
    calibrate -q --segmenting mean.mpk "$WORK/xrays/train-rle.csv" fold-?.mpk | inspect --json | jq 'select(.id)' >wanted
    inspect --json rule.mpk | jq 'select(.id)' | diff wanted -
    jq -e '.images == 17 and (.folds | length) == 3 and (.grid | length) > 100' "$WORK/rule-cls+seg.json"

    method submissions 2>/dev/null
    cp "$WORK/merge-seg.csv" "$WORK/submission2.csv" .
    state=$(stat -c %i "$WORK/rule-cls+seg.mpk" "$WORK/merge-seg.csv" "$WORK/submission2.csv")
    ruled=(submission1.ratio=null submission1.rule=validation)
    method "${ruled[@]}" report score-validation >says 2>&1 || { cat says; false; }
    [ "$(stat -c %i "$WORK/rule-cls+seg.mpk" "$WORK/merge-seg.csv" "$WORK/submission2.csv")" = "$state" ]
    maps() { # maps STAGE...
        for stage; do printf '<(zstd -dcq %q) ' "$WORK/test-$stage"/*.zst; done
    }
    eval "merge --type f8 $(maps cls-bisenet)" | classify --rule rule.mpk -o decisions.mpk
    eval "merge --type f8 $(maps seg-unet seg-bisenet)" | rle-encode --rule rule.mpk --decisions decisions.mpk | cmp - "$WORK/submission1.csv"
    words=$(inspect --json "$WORK/merge-cls1.mpk" | jq -r '.history[-1]?' | head -n 1)
    [[ $words == "rule: decide "* ]]
    grep -qF "The decision follows the $words, which was learned" "$WORK/report.html"
    grep -qE "^rule-cls\+seg +$(jq '.dice * 10000 | round / 10000' "$WORK/rule-cls+seg.json") " says
    no grep -q '^validation-submission1' says
    grep -q '<section id="validation">' "$WORK/report.html"
    grep -q '<section id="rules">' "$WORK/report.html"
    method "${ruled[@]}" -q report
    # The rule has the thresholds: other ones of the merges repeat nothing of this.
    state=$(stat -c %i "$WORK"/{rule-cls+seg.mpk,merge-cls1.mpk,merge-seg1.csv,submission1.csv})
    method "${ruled[@]}" merge-cls.threshold=0.6 merge-seg.threshold=0.6 submission1 2>/dev/null
    [ "$(stat -c %i "$WORK"/{rule-cls+seg.mpk,merge-cls1.mpk,merge-seg1.csv,submission1.csv})" = "$state" ]
    method "${ruled[@]}" report 2>/dev/null
    method "${ruled[@]}" repair | grep -q ' sound, 0 are damaged and removed, 0 more are to be made, 0 are left alone'
    truncate -s -1 "$WORK/rule-cls+seg.json" "$WORK/merge-seg1.csv"
    method "${ruled[@]}" repair >says
    tail -n 1 says | grep -q ' 2 are damaged and removed, 0 more are to be made, 0 are left alone'
    method "${ruled[@]}" calibrate 2>/dev/null
    cmp rule.mpk "$WORK/rule-cls+seg.mpk"
}

@test "a submission has a ratio or a rule, and a rule is learned from one number of folds" {
    refuse 'submission1: ratio and rule are both there: one of them, please' '.submission1.rule = "validation"' full
    refuse 'submission1.ratio is missing; or a rule: "validation"' '.submission1.ratio = null' full
    refuse 'submission1.rule: "best" is not validation' '.submission1.rule = "best"' full
    rule='.submission1 |= (.rule = "validation" | del(.ratio))'
    refuse 'submission1.rule: the stages of merge-both have different numbers of folds' \
        "$rule"' | ."merge-both" = {stages: ["test-seg-unet", "test-cls-bisenet"], threshold: 0.5} | .submission1.decide = "merge-both"' full
    refuse 'submission1: its masks would be merge-seg1.csv, as those of merge-seg1: other names, please' \
        "$rule"' | ."merge-seg1" = ."merge-seg" | .submission2.segment = "merge-seg1"' full
    refuse_all
    jq "$rule" "$ROOT/config.json" >config.json
    checked config.json full | jq -e '.submission1 == {decide: "merge-cls", segment: "merge-seg", rule: "validation"}'
    jq '.profiles.demo.submission1 = {ratio: null, rule: "validation"}' "$ROOT/config.json" >config.json
    checked config.json demo | jq -e '.submission1.rule == "validation" and (.submission1 | has("ratio") | not)'
}
