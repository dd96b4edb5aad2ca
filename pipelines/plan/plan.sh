#!/usr/bin/env bash
# plan.sh CONFIG PROFILE WORK DATA JOBS table|json [STAGE.KEY=VALUE]...: what each stage will take on this machine. The
# stages' own scripts run on a few made-up X-rays of the right size, for some seconds each, and plan.jq reckons from
# that. Arithmetic comes from `cost`. WORK is only looked at: where a stage has a trained model there, its maps tell how
# well maps pack.
set -eu -o pipefail
here=$(dirname "$0") config=$1 profile=$2 work=$3 data=$4 jobs=$5 format=$6
shift 6
spend=${PLAN_SECONDS:-8} # for each measurement; what takes longer is done once
made_up=16               # X-rays; few where their prediction by all test stages would be too much arithmetic for that time
few=4 rate=6e12          # operations a second
decoded=128              # so many files that the programs' start counts little
challenge='{from: "the challenge", train: 12047, lesion: 2650, test: 3205}' # where no data is at hand

complain() {
    echo "plan: $1" >&2
    exit 1
}

[[ $jobs =~ ^[1-9][0-9]*$ ]] || complain "JOBS: '$jobs' is not a whole number from 1 up"
[[ $spend =~ ^[0-9]+$ ]] || complain "PLAN_SECONDS: '$spend' is not a whole number from 0 up"
[[ $format =~ ^(table|json)$ ]] || complain "FORMAT: '$format' is not table or json"
machine=$(awk '/^MemTotal:/ { printf "%.0f", $2 * 1024 }' /proc/meminfo) # bytes of memory
parent=$(realpath -m -- "$work")
while [ ! -e "$parent" ]; do parent=$(dirname -- "$parent"); done
room=$(df --output=avail -B1 -- "$parent" | tail -n 1) # bytes where the work folder will be
processors=$(nproc) load=$(cut -d ' ' -f 1 /proc/loadavg)
export THREADS=${THREADS:-$((processors > jobs ? processors / jobs : 1))}

measuring=0
scratch=$(mktemp -d)
finish() {
    local i
    for ((i = 0; i < 100 && measuring != 0; i++)); do # until none is left to write in there
        kill -KILL -- "-$measuring" 2>/dev/null || break
        wait "$measuring" 2>/dev/null || true
        sleep 0.02
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM
"$here/../method/config.sh" "$config" "$profile" "$scratch/plan" "$data" "$@"
checked=$scratch/checked.json # stages only
jq 'del(.profile)' "$scratch/plan/config.json" >"$checked"

# What is asked of the configuration again and again is asked once: of[STAGE.NAME].
declare -A of
settings=$(jq -r --argjson options "$(train-fold --options)" -L "$here/../method" -f "$here/settings.jq" "$checked")
while IFS=$'\t' read -r name value; do of[$name]=$value; done <<<"$settings"

get() { # get JQ: of the configuration
    jq -r -L "$here/../method" "include \"stages\"; $1" "$checked"
}

# measure COMMAND...: $seconds that it took, and $memory, the sum in bytes of the largest that each of its processes has
# been; it has a process group of its own to be known by.
measure() {
    local now status pause=10 # milliseconds, more and more, since looking takes time, too
    set -m
    (TIMEFORMAT=%R && time "$@" >"$scratch/said" 2>&1) 2>"$scratch/seconds" </dev/null &
    measuring=$!
    set +m
    # A shell at the least: what was over before it was looked at counts as that.
    memory=$(awk '/^VmHWM:/ { printf "%.0f", $2 * 1024 }' /proc/$$/status)
    while kill -0 "$measuring" 2>/dev/null; do
        # Processes may end while they are listed.
        now=$({ cat /proc/[0-9]*/status 2>/dev/null || true; } | awk -v group="$measuring" \
            '/^NSpgid:/ { ours = $2 == group } /^VmHWM:/ && ours { sum += $2 } END { printf "%.0f", sum * 1024 }')
        [ "$now" -le "$memory" ] || memory=$now
        sleep "$(printf '0.%03d' $pause)"
        pause=$((pause < 400 ? pause * 3 / 2 : pause))
    done
    status=0
    wait "$measuring" || status=$?
    [ $status = 0 ] || cat "$scratch/said" >&2
    [ $status != 137 ] || complain "$* was killed: it takes more than the machine's memory, $((machine >> 20)) MiB, it seems"
    [ $status = 0 ] || complain "$* failed"
    measuring=0
    seconds=$(cat "$scratch/seconds")
}

at_once() { # at_once N COMMAND...: N of them in parallel, as GNU parallel would; SLOT at a word's end is each one's number
    local n=$1 slot pids=() pid
    shift
    for ((slot = 1; slot <= n; slot++)); do
        PARALLEL_JOBSLOT=$slot "${@/%SLOT/$slot}" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
}

copies() { # copies STAGE: how many of its folds run at a time
    echo $((${of[$1.folds]} < jobs ? ${of[$1.folds]} : jobs))
}

more() { # more SECONDS: how often that fits into what may be spent
    awk -v spend="$spend" -v one="$1" 'BEGIN { n = int(spend / (one + 1e-3)); print n < 200 ? n : 200 }'
}

found() { # found STAGE KEY NUMBER...: what was measured of it
    local numbers
    numbers=$(printf ',"%s":%s' "${@:2}")
    echo "{\"$1\":{${numbers:1}}}" >>"$scratch/measured"
}

size() { # size FILE...: bytes
    cat "$@" | wc -c
}

# ---- X-rays and shards

choose_count() { # sets made_up, and of[STAGE.predict], the arithmetic of an image at all sizes
    local stage
    for stage in ${of[testing]}; do of[$stage.predict]=$(cost_of_sides "$stage"); done
    for stage in ${of[testing]}; do echo "${of[$stage.predict]} ${of[$stage.passes]}"; done |
        awk -v many=$made_up -v most="$spend" -v rate=$rate '{ sum += many * $1 * $2 } END { exit sum <= most * rate }' || return 0
    made_up=$few
}

count() { # the images of the data set, and how many pixels each has
    if [ -n "${of[synth.format]-}" ]; then
        get '.synth | {from: "made up", train, lesion: (.train * .lesions | round), test, pixels: (.side * .side)}'
    elif [ ! -e "$(get .data.train[0])" ]; then
        get "$challenge"' + {pixels: (if .data.size == "" then 1048576 else .data.size | split("x") | map(tonumber) | .[0] * .[1] end)}'
    else
        # What would fail later is said; what can be counted is planned with.
        eval "survey -q --json $(jq -r -L "$here/../method" 'include "data"; .data | survey' "$checked") -o \"\$scratch/survey\"" || true
        [ -s "$scratch/survey" ] || complain "there is nothing to plan with"
        # Masks are not opened, so that they may all have a lesion.
        jq --arg from "$(get '.data | .train + .test | unique | join(", ")')" '{from: $from, train: .train.labels.images,
            lesion: (.train.labels | .lesions // .images), test: (.test.images // .train.labels.without_labels),
            pixels: ([.train, .test | .sizes[]? | .count as $n | .value | select(test("^[0-9]+ x [0-9]+$")) | split(" x ") |
                map(tonumber) | {pixels: (.[0] * .[1] * $n), n: $n}] | (map(.pixels) | add) / (map(.n) | add))}' "$scratch/survey"
    fi
}

make_data() { # make_data NAME [OPTION]...
    decode "$scratch/$1/train" "${@:2}" | shard "$scratch/$1.shards"
}

measure_data() {
    local type i
    count >"$scratch/images"
    side=$(jq '.pixels | sqrt | round' "$scratch/images")
    type=${of[synth.format]-dicom}
    # Lesions only, and both kinds, for the stages that learn from these.
    synth -q --train $made_up --test 0 --lesions 1 --side "$side" --format "$type" "$scratch/lesion"
    make_data lesion --labels "$scratch/lesion/train-rle.csv"
    measure synth -q --train $made_up --test 0 --lesions 0.5 --side "$side" --format "$type" "$scratch/half"
    found xrays memory "$memory" seconds "$seconds" images $made_up bytes "$(size "$scratch"/half/train/*)"
    make_data half --labels "$scratch/half/train-rle.csv"
    mkdir -p "$scratch/many/train"
    for ((i = 0; i < decoded / made_up; i++)); do
        tar -C "$scratch/half/train" -c . | tar -C "$scratch/many/train" -x --transform "s|^\./|&$i-|"
    done
    measure make_data many
    found data memory "$memory" seconds "$seconds" images $decoded bytes "$(size "$scratch"/many.shards/*.mpk)"
    rm -r "$scratch"/many*
}

# ---- folds

declare -A options
shown=0 # iterations that they are for

# options_for ITERATIONS: sets options[STAGE.NAME], the options of all stages for so many
# shellcheck disable=SC2016 # for the pattern
options_for() {
    [ "$1" != "$shown" ] || return 0
    shown=$1
    local line pattern='^override ([^ ]+) := \$\(empty\)(.*)\$\(empty\)$' variables
    variables=$(jq -r -L "$here/../method" --argjson n "$1" 'include "options"; map_values(if type == "object" and has("iterations")
        then . + {iterations: $n, "eval-every": $n, "whole-batches": false} else . end) | make_variables' "$checked")
    while read -r line; do
        [[ ! $line =~ $pattern ]] || options[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
    done <<<"$variables"
}

train_copies() { # train_copies STAGE ITERATIONS: measures as many folds as run at a time
    local shards=$scratch/half.shards
    [ "${of[$1.images]}" != lesion ] || shards=$scratch/lesion.shards
    mkdir "$scratch/$1.$2"
    options_for "$2"
    measure at_once "$(copies "$1")" "$here/../method/train-fold.sh" 0/$made_up "$shards" "$scratch/$1.$2/SLOT" 0 \
        "${options[$1.augment]}" "${options[$1.validation]}" "${options[$1.options]} --log-every ${of[$1.together]}"
}

steps() { # steps STAGE ITERATIONS: seconds of one, the median. What is logged first begins with everything cold, and counts only
    # where there is no other.
    jq -s --argjson batch "${of[$1.batch]}" --argjson first "${of[$1.together]}" 'map(select(.images_per_second)) |
        (map(select(.iteration > $first)) | select(length > 0)) // . | map($batch / .images_per_second) | sort |
        (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2' "$scratch/$1.$2"/*.jsonl
}

measure_training() { # measure_training STAGE
    local stage=$1 n=${of[$1.together]} first one begun fits resumable predict train
    first=${of[$stage.alike]}
    if [ -n "$first" ]; then
        jq --arg stage "$stage" --arg first "$first" 'select(.[$first]) | {($stage): .[$first]}' "$scratch/measured" >"$scratch/same"
        cat "$scratch/same" >>"$scratch/measured"
        cp "$scratch/$first.mpk" "$scratch/$stage.mpk"
        return
    fi
    train_copies "$stage" "$n"
    one=$seconds first=$(steps "$stage" "$n")
    begun=$(jq -n "$n * $first") fits=$(more "$first")
    if [ "$fits" -gt $((2 * n)) ]; then
        n=$((fits / n * n))
        train_copies "$stage" "$n"
    fi
    read -r resumable predict train < <(costs "$stage")
    found "$stage" memory "$memory" one "$one" first "$begun" step "$(steps "$stage" "$n")" \
        checkpoint "$(size "$scratch/$stage.$n/1.mpk")" resumable "$resumable" predict "$predict" train "$train"
    mv "$scratch/$stage.$n/1.mpk" "$scratch/$stage.mpk"
    rm -r "$scratch/$stage".[0-9]*
}

costs() { # costs STAGE: bytes of a checkpoint that it goes on from; arithmetic of an image to predict, and to train on
    local optimizer
    read -ra optimizer <<<"${of[$1.optimizer]}"
    {
        cost --json "${optimizer[@]}" --side "${of[$1.side]}" "${of[$1.full]}"
        cost --json --side "${of[$1.side]}" "${of[$1.network]}"
    } | jq -r -s '"\(.[0].resumable) \(.[1].predict) \(.[1].train)"'
}

cost_of_sides() { # cost_of_sides STAGE: of one image at all its sizes, to predict
    local at
    for at in ${of[$1.sides]}; do cost --json --side "$at" "${of[train-${1#test-}.network]}"; done | jq -s 'map(.predict) | add'
}

trained_model() { # trained_model STAGE: $model is one that WORK has, of the very network, or of as many
    local wanted=${of[$1.full]}$'\t'${of[$1.side]}$'\t'${of[$1.networks]}
    for model in "$work/$1"/fold-*.mpk; do
        if [ -e "$model" ] && [ "$(inspect --json "$model" | jq -r -s 'map(select(.id == "state")) |
            [.[0].network, .[0].side, length] | @tsv')" = "$wanted" ]; then
            return 0
        fi
    done
    return 1
}

predict_copies() { # predict_copies STAGE TIMES: measures it on all X-rays, so many times
    local i again=()
    for ((i = 1; i < $2; i++)); do
        again+=("$scratch/half.shards")
    done
    mkdir "$scratch/$1.$2"
    options_for 1
    measure at_once "$(copies "train-${1#test-}")" "$here/../method/predict-fold.sh" "$model" "$scratch/half.shards" \
        "$scratch/$1.$2/SLOT" "${options[$1.options]}" '' "${again[@]}"
}

measure_testing() { # measure_testing STAGE
    local stage=$1 train=train-${1#test-} times=1 first trained=1 i
    if ! trained_model "$train"; then
        model=$scratch/several.mpk trained=0
        for ((i = 0; i < ${of[$train.networks]}; i++)); do cat "$scratch/$train.mpk"; done >"$model"
    fi
    predict_copies "$stage" 1
    first=$seconds
    if [ "$(more "$first")" -gt 2 ]; then
        times=$(more "$first")
        predict_copies "$stage" "$times"
    fi
    mv "$scratch/$stage.1/1.mpk.zst" "$scratch/$stage.zst"
    found "$stage" memory "$memory" first "$first" last "$seconds" times "$times" trained $trained images $made_up \
        predict "${of[$stage.predict]}" \
        bytes "$(size "$scratch/$stage.zst")"
    rm -rf "$scratch/$stage".[0-9]*
}

# ---- the ensemble

merge_maps() { # merge_maps MERGE: of each of its stages, as many maps as it has folds
    local stage i maps=()
    for stage in ${of[$1.stages]}; do
        for ((i = 0; i < ${of[train-${stage#test-}.folds]}; i++)); do maps+=("$scratch/$stage.zst"); done
    done
    eval "merge --type f8 $(printf '<(zstd -dcq %q) ' "${maps[@]}")"
}

decide() { # decide MERGE
    merge_maps "$1" | classify --ratio 0.5 --threshold "${of[$1.threshold]}" -o "$scratch/decisions.mpk"
}

segment() { # segment MERGE
    merge_maps "$1" | rle-encode --threshold "${of[$1.threshold]}" -o "$scratch/masks.csv"
}

calibration() { # with all maps that the merges have, of which validation has a part
    local decide segment
    read -r decide segment <<<"${of[rule]}"
    calibrate -q "$scratch/half/train-rle.csv" <(merge_maps "$decide") --segmenting <(merge_maps "$segment") \
        -o "$scratch/rule.mpk"
}

submission() {
    rle-decode --sizes "$scratch/half.shards/index.mpk" "$scratch/masks.csv" |
        rle-encode --decisions "$scratch/decisions.mpk" -o "$scratch/submission.csv"
}

measure_ensemble() { # measure_ensemble STAGE PRODUCT COMMAND...
    measure "${@:3}"
    found "$1" memory "$memory" seconds "$seconds" images $made_up bytes "$(size "$scratch/$2")"
}

# ---- all of it

progress() {
    if [ -t 2 ]; then
        printf '\r\033[K%s' "${1:+measuring $1 ...}" >&2
    fi
}

progress data
choose_count
measure_data
for stage in ${of[training]}; do
    progress "$stage"
    measure_training "$stage"
    [[ " ${of[testing]} " == *" test-${stage#train-} "* ]] || continue
    progress "test-${stage#train-}"
    measure_testing "test-${stage#train-}"
done
progress ensemble
for merge in ${of[deciding]}; do measure_ensemble "decide $merge" decisions.mpk decide "$merge"; done
for merge in ${of[segmenting]}; do measure_ensemble "segment $merge" masks.csv segment "$merge"; done
if [ -n "${of[rule]}" ]; then
    measure_ensemble calibrate rule.mpk calibration
fi
measure_ensemble submissions submission.csv submission
progress ''

jq -n -r --slurpfile config "$checked" --slurpfile measured "$scratch/measured" --slurpfile images "$scratch/images" \
    --arg profile "$profile" --argjson jobs "$jobs" --argjson threads "$THREADS" --argjson processors "$processors" \
    --arg format "$format" --argjson load "$load" --argjson machine "$machine" --argjson room "$room" -L "$here/../method" -f "$here/plan.jq"
