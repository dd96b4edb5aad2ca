#!/usr/bin/env bats
# cost; make plan: what it reckons, from what, what it refuses, and that it leaves nothing behind.

load ../helpers

setup() {
    not_sanitized "what programs under sanitizers take tells nothing"
    HERE=$BATS_TEST_TMPDIR
    mkdir "$HERE/tmp"
    SMALL=(train-seg-unet.network=unet-resnet18_w16 train-{seg,cls}-bisenet.network=bisenet-resnet18_w16
        train-seg-{unet,bisenet}.{iterations=4,eval-every=2,batch=2} train-seg-bisenet.side=64
        train-cls-bisenet.{iterations=4,eval-every=2,batch=2,side=64,dilate=8})
    TINY=(PROFILE=demo synth.train=20 synth.test=5 synth.side=256 synth.lesions=0.5 "${SMALL[@]}")
}

plan() { # plan ARGUMENT...: measured as shortly as can be
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES TMPDIR="$HERE/tmp" make -s --no-print-directory -C "$ROOT" CUDA=0 \
        WORK="$HERE/work" PLAN_SECONDS=0 plan "$@"
}

stage() { # stage NAME JQ: of the plan in $HERE/plan
    jq -e ".stages[] | select(.stage == \"$1\") | $2" "$HERE/plan"
}

equal() { # equal A B: two numbers, but for the last digits
    jq -n -e "($1) as \$a | ($2) as \$b | (\$a - \$b | fabs) <= 1e-9 * (\$b | fabs)" >/dev/null || {
        echo "$1 is not $2"
        return 1
    }
}

flop() { # flop STAGE ITERATIONS CHECKED: of training on so many batches of 2, and of so many predictions in between
    local network=bisenet-resnet18_w16 side=64
    [ "$1" != train-seg-unet ] || network=unet-resnet18_w16 side=192
    cost --json --side $side $network | jq "$2 * 2 * .train + $3 * .predict"
}

@test "cost prints every network, or those that are named" {
    cost >"$HERE/table"
    grep -qE '^unet-resnet18 +12120615 +56\.71[0-9]+ ' "$HERE/table"
    grep -qE '^bisenet-resnet18 +13402984 +95\.93[0-9]+ ' "$HERE/table"
    networks=$(($(grep -c '^DECODER(' "$ROOT/lib/models/decoders/decoders.def") * $(grep -c '^ENCODER(' "$ROOT/lib/models/encoders/encoders.def")))
    [ "$(wc -l <"$HERE/table")" = $((1 + networks)) ]
    cost --json --batch 6 --side 64 bisenet-resnet18 >"$HERE/six"
    cost --json --side 64 bisenet-resnet18 | jq -s -e '.[1].predict == 6 * .[0].predict and
        .[1].train == 6 * .[0].train and .[0].train == 3 * .[0].forward and .[0].forward > .[0].predict' - "$HERE/six"
    fails 1 "no network 'vnet'" cost vnet
    fails 1 'unet-resnet18: sides of 160 x 160' cost --side 160
}

# Of two folds at a time, of three stages and one more, with numbers of their own; what is in no submission is not planned.
@test "each stage has its row, totals add up, arithmetic is that of cost" {
    jq '."train-x" = ."train-cls-bisenet" + {folds: 3} | ."test-x" = ."test-cls-bisenet"
        | .profiles.demo."train-x" = (.profiles.demo."train-cls-bisenet" + {side: 64, batch: 2, iterations: 4, "eval-every": 4, "keep-best": 2, average: "maps",
            network: "bisenet-resnet18_w16"} | del(.folds))
        | ."merge-x" = {stages: ["test-x"], threshold: 0.5} | .submission3 = {decide: "merge-x", ratio: 0.5, segment: "merge-seg"}
        | ."train-idle" = ."train-x" | ."test-idle" = ."test-x"' "$ROOT/config.json" >"$HERE/config.json"
    plan CONFIG="$HERE/config.json" "${TINY[@]}" train-seg-unet.iterations=12 train-cls-bisenet.folds=5 synth.test=50 \
        test-seg-unet.flip=true JOBS=2 FORMAT=json >"$HERE/plan" 2>"$HERE/says"
    grep -qx 'config: train-idle: no submission is made of this' "$HERE/says"
    jq -r '.stages[].stage' "$HERE/plan" | diff - <(printf '%s\n' xrays data train-{seg-unet,seg-bisenet,cls-bisenet,x} \
        test-{seg-unet,seg-bisenet,cls-bisenet,x} merge-cls1 merge-cls2 merge-x3 merge-seg submissions)
    for column in iterations flop disk seconds; do
        equal "$(jq ".total.$column" "$HERE/plan")" "$(jq "[.stages[].$column] | add" "$HERE/plan")"
        jq -e ".total.$column > 0" "$HERE/plan"
    done
    jq -e '.total.memory == ([.stages[].memory] | max) and all(.stages[]; .seconds > 0 and .disk > 0 and .memory > 0)' \
        "$HERE/plan"
    # Every fold is evaluated on its part: of the 10 lesions, or of all 20; the parts of all folds are all images together.
    equal "$(stage train-seg-unet .flop)" "$(flop train-seg-unet 24 60)"
    equal "$(stage train-seg-bisenet .flop)" "$(flop train-seg-bisenet 8 20)"
    equal "$(stage train-cls-bisenet .flop)" "$(flop train-cls-bisenet 20 40)"
    equal "$(stage train-x .flop)" "$(flop train-x 12 20)"
    equal "$(stage test-seg-unet .flop)" "$(cost --json --side 192 unet-resnet18_w16 | jq '2 * 50 * 2 * .predict')"
    # A model of two networks is run twice, and is twice as large
    equal "$(stage test-x .flop)" "$(cost --json --side 64 bisenet-resnet18_w16 | jq '3 * 50 * 2 * .predict')"
    stage train-x ".disk > 3 * 2 * $(cost --json --optimizer radam bisenet-resnet18_w16 | jq .checkpoint)"
    stage train-seg-unet '.images == 48 and .iterations == 24'
    stage test-cls-bisenet '.images == 250'
    stage merge-seg '.images == 50'
    stage submissions '.images == 150'
    # Validation: each model predicts its part of the 20 images
    jq -e '[.validation[] | [.stage, .images]] == [["validate-seg-unet", 20], ["validate-seg-bisenet", 20], ["validate-cls-bisenet", 20],
        ["validate-x", 20]] and all(.validation[]; .flop > 0 and .disk > 0 and .seconds > 0)' "$HERE/plan"
    # Maps of 256 x 256 numbers of two bytes
    jq -e '.maps.folds == 12 and .maps.float16 == 12 * 50 * 131072 and .maps.bytes < .maps.float16' "$HERE/plan"
    # A step in training holds weights, moments and gradients at the least; a shard holds each pixel once.
    jq -e '.machine.memory > .total.memory and .machine.disk > 0' "$HERE/plan"
    jq -e '.jobs == 2 and .threads == ([1, (.processors / 2 | floor)] | max)' "$HERE/plan"
    stage train-seg-unet ".memory > 2 * 4 * 4 * $(cost --json --side 192 unet-resnet18_w16 | jq .parameters)"
    stage train-x '.memory > 2 * 4 * 4 * 2105272'
    stage data '.disk > 70 * 65536 and .disk < 1.1 * 70 * 65536'
    # Nothing is made where the stages work, and nothing stays.
    [ ! -e "$HERE/work" ]
    [ -z "$(ls -A "$HERE/tmp")" ]
}

@test "a submission with a rule takes validation and calibration, and has masks of its own" {
    jq '.profiles.demo.submission1 = {ratio: null, rule: "validation"}' "$ROOT/config.json" >"$HERE/config.json"
    plan CONFIG="$HERE/config.json" "${TINY[@]}" train-seg-bisenet.{accumulate=4,ranks=4} FORMAT=json >"$HERE/plan"
    # Ranks are processes, each with its activations: another stage has the same network, side and batch, and one.
    stage train-seg-bisenet ".memory > 1.5 * $(stage train-cls-bisenet .memory)"
    jq -r '.stages[].stage' "$HERE/plan" | diff - <(printf '%s\n' xrays data {train,test}-{seg-unet,seg-bisenet,cls-bisenet} \
        merge-cls1 merge-cls2 merge-seg merge-seg1 validate-{seg-unet,seg-bisenet,cls-bisenet} calibrate submissions)
    stage calibrate '.images == 20 and .seconds > 0'
    equal "$(jq .total.seconds "$HERE/plan")" "$(jq '[.stages[].seconds] | add' "$HERE/plan")"
}

@test "the published method: all its iterations and maps; the challenge's counts where no data is at hand" {
    cd "$ROOT"
    plan PROFILE=full train-seg-unet.side=192 train-{seg,cls}-bisenet.side=64 train-{seg-unet,seg-bisenet,cls-bisenet}.batch=2 \
        data.size=256x256 data.folder="$HERE/none" >"$HERE/table"
    grep -q '^stage  *images  *iterations  *arithmetic  *disk  *memory  *time$' "$HERE/table"
    for stage in data train-seg-unet train-seg-bisenet train-cls-bisenet test-seg-unet test-seg-bisenet test-cls-bisenet \
        merge-cls1 merge-cls2 merge-seg submissions total; do
        [ "$(grep -c "^$stage " "$HERE/table")" = 1 ]
    done
    no grep -q '^xrays' "$HERE/table"
    grep -qE '^data +15,252 ' "$HERE/table"
    grep -qE '^train-seg-unet +808,000 +404,000 .* PFLOP .* days$|^train-seg-unet +808,000 +404,000 .* PFLOP .* hours$' "$HERE/table"
    grep -qE '^train-cls-bisenet +1,112,000 +556,000 ' "$HERE/table"
    grep -qE '^test-seg-bisenet +32,050 +[0-9]+ TFLOP +~' "$HERE/table"
    grep -qE '^total +1,316,000 ' "$HERE/table"
    grep -q 'X-rays (the challenge): 12,047 to learn from, 2,650 of them with a lesion; 3,205 to predict' "$HERE/table"
    grep -q 'maps of 25 folds: .* GiB packed, 9.8 GiB in float16' "$HERE/table"
    grep -qE '^make validate: 36,141 images more, in .*; their maps take [0-9.]+ GiB' "$HERE/table"
    grep -qE '^This machine has [0-9.]+ GiB of memory; where the work folder will be, [0-9.]+ .iB of disk are free' "$HERE/table"
    grep -q '^Speed and memory: measured just now on 4 made-up X-rays, ' "$HERE/table" # for 0 seconds
    grep -q '^Work cannot begin yet. init: weights/resnet18-f37072fd.pth is missing' "$HERE/table"
}

@test "the X-rays of a folder are counted; a trained model's own maps tell how they pack" {
    synth -q --train 7 --test 3 --side 64 --lesions 0.5 "$HERE/data"
    rm "$HERE/data/sample_submission.csv"
    lesions=$(tail -n +2 "$HERE/data/train-rle.csv" | grep -v -e '-1$' | cut -d , -f 1 | sort -u | wc -l)
    synth -q --train 6 --test 0 --side 64 --lesions 1 "$HERE/learn"
    decode "$HERE/learn/train" --labels "$HERE/learn/train-rle.csv" | augment --plain --side 64 |
        train-fold -q --network bisenet-resnet18_w16 --batch 2 --accumulate 1 --iterations 3 "$HERE/model"
    mkdir -p "$HERE/work/train-cls-bisenet"
    cp "$HERE/model/last.mpk" "$HERE/work/train-cls-bisenet/fold-0.mpk"
    before=$(find "$HERE/work" -printf '%p %i %s %T@\n')
    plan PROFILE=demo "${SMALL[@]}" DATA="$HERE/data" FORMAT=json >"$HERE/plan"
    jq -e ".data.train == 7 and .data.test == 3 and .data.lesion == $lesions" "$HERE/plan"
    stage data '.images == 10'
    stage test-seg-unet '.estimated and .images == 6'
    stage test-cls-bisenet '.estimated == false'
    # No map of 64 x 64 numbers packs to more than itself
    stage test-cls-bisenet '.disk < 6 * 1.1 * 2 * 4096'
    [ "$(find "$HERE/work" -printf '%p %i %s %T@\n')" = "$before" ]
}

@test "what cannot be planned is named, and nothing is printed" {
    refused() { # refused WORDS ARGUMENT...
        fails 2 "$1" plan "${@:2}"
        [ -z "$output" ]
        [ -z "$(ls -A "$HERE/tmp")" ]
        [ ! -e "$HERE/work" ]
    }
    refused "unknown setting 'train-seg-unet.size'" train-seg-unet.size=3
    refused 'train-seg-unet.side: 100 is not a multiple of 32' train-seg-unet.side=100
    refused "no profile 'huge'" PROFILE=huge
    refused "FORMAT: 'xml' is not table or json" FORMAT=xml
    refused "JOBS: 'many' is not" JOBS=many
    refused "PLAN_SECONDS: '-1' is not" PLAN_SECONDS=-1
    refused 'nowhere: is no folder' DATA="$HERE/nowhere"
    # What the stage itself would say
    refused 'batch of 1' "${TINY[@]}" train-seg-unet.batch=1
}

@test "interrupted, it takes its programs and files along" {
    cd "$ROOT"
    TMPDIR=$HERE/tmp PLAN_SECONDS=0 pipelines/plan/plan.sh config.json demo "$HERE/work" '' 1 table \
        synth.side=256 train-seg-unet.network=unet-resnet18_w16 train-seg-bisenet.{network=bisenet-resnet18_w16,side=64} \
        train-cls-bisenet.side=512 train-cls-bisenet.batch=8 >"$HERE/said" 2>&1 &
    pid=$!
    eventually pgrep -f "train-fold .*$HERE/tmp/.*/train-cls-bisenet.1/" # one of the stage's programs
    kill -TERM $pid
    wait $pid || true
    [ -z "$(ls -A "$HERE/tmp")" ]
    no pgrep -f "$HERE/tmp"
    no grep -q total "$HERE/said"
}
