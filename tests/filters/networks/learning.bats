#!/usr/bin/env bats
# train-fold: how it learns. Each switch changes what it should, and a run that was cut goes on to the same bytes.

load training

# learn DIR [OPTION]...: 7 iterations, of which each second updates
learn() {
    train-fold -q --network bisenet-resnet18 --iterations 7 --batch 2 --accumulate 2 --rate 1e-3 \
        --threads 2 --val val.mpk --eval-every 3 --log-every 1 --save-every 3 "${@:2}" "$1" "${SAMPLES:-train.mpk}"
}

usual_run() { # made once
    [ -d usual ] || learn usual
}

# goes_on NAME [OPTION]...: makes NAME in one go, and again with its samples cut off after some iterations
goes_on() {
    learn "$HERE/$1" "${@:2}"
    head -c $(($(stat -c %s train.mpk) * 11 / 60)) train.mpk >"$HERE/cut.mpk" # 10 of 60 samples, and some
    SAMPLES=$HERE/cut.mpk fails 1 "cut.mpk" learn "$HERE/$1.cut" "${@:2}"
    [ "$(state "$HERE/$1.cut" .iteration)" = 3 ] # a gradient is in flight
    learn "$HERE/$1.cut" --resume "${@:2}"
    cmp "$HERE/$1/last.mpk" "$HERE/$1.cut/last.mpk"
    cmp "$HERE/$1/best.mpk" "$HERE/$1.cut/best.mpk"
}

# state DIR FILTER: of the newest checkpoint
state() {
    inspect --json "$1/last.mpk" | jq "select(.id == \"state\") | $2"
}

# numbers DIR: what the log says of the steps, without the machine's speed
numbers() {
    jq -c 'select(.loss) | del(.images_per_second)' "$1/log.jsonl"
}

@test "each optimiser learns in its own way, and goes on bit for bit" {
    usual_run
    for optimizer in adam adamw sgd; do
        goes_on $optimizer --optimizer $optimizer
        # The first update comes after the second iteration.
        cmp <(numbers usual | head -n 2) <(numbers "$HERE/$optimizer" | head -n 2)
        no cmp -s <(numbers usual) <(numbers "$HERE/$optimizer")
    done
    no cmp -s <(numbers "$HERE/adam") <(numbers "$HERE/adamw")
    learn "$HERE/radam" --optimizer radam
    cmp <(numbers usual) <(numbers "$HERE/radam")
    fails 1 "other options" learn "$HERE/adam" --resume --optimizer adamw
}

@test "an optimiser's settings reach it alone" {
    usual_run
    learn "$HERE/slow" --optimizer sgd --sgd-momentum 0.5
    learn "$HERE/sgd" --optimizer sgd
    no cmp -s <(numbers "$HERE/slow") <(numbers "$HERE/sgd")
    fails 2 "--sgd-momentum is of --optimizer sgd" learn "$HERE/none" --sgd-momentum 0.5
    [ ! -e "$HERE/none" ]
}
