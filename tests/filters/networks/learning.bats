#!/usr/bin/env bats
# train-fold: how it learns. Each switch changes what it should, and a run that was cut goes on to the same bytes.

SIDE=32 # of the samples: how a run learns does not depend on it
load training

# learn DIR [OPTION]...: 7 iterations, of which each second updates; on one thread, since two wait for each other longer than they work
learn() {
    train-fold -q --network bisenet-resnet18_w16 --iterations 7 --batch 2 --accumulate 2 --rate 1e-3 \
        --threads 1 --val "${VAL:-val.mpk}" --eval-every 3 --log-every 1 "${@:2}" "$1" "${SAMPLES:-train.mpk}"
}

# made DIR [OPTION]...: the same, once for all tests that name this folder
made() {
    [ -d "$1" ] || learn "$@"
}

usual_run() {
    made usual
}

# cut_off DIR [OPTION]...: a run whose samples are cut off while a gradient is in flight
cut_off() {
    local samples=${SAMPLES:-train.mpk}
    head -c $(($(stat -c %s "$samples") * 11 / 60)) "$samples" >"$HERE/cut.mpk" # 10 of 60 samples, and some
    SAMPLES=$HERE/cut.mpk fails 1 "cut.mpk" learn "$1" --save-every 3 "${@:2}"
    [ "$(state "$1" .iteration)" = 3 ]
}

# goes_on DIR [OPTION]...: makes DIR in one go, and DIR.cut of a run that is cut off and resumed; once. Under the sanitizers DIR
# is the same as DIR.cut, which has been through all that a run in one go is.
goes_on() {
    [ ! -d "$1.cut" ] || return 0
    cut_off "$1.cut" "${@:2}"
    learn "$1.cut" --resume "${@:2}"
    ! sanitized || ln -s "${1##*/}.cut" "$1"
    made "$@"
    cmp "$1/last.mpk" "$1.cut/last.mpk"
    cmp "$1/best.mpk" "$1.cut/best.mpk"
}

# state DIR FILTER: of the newest checkpoint
state() {
    inspect --json "$1/last.mpk" | jq "select(.id == \"state\") | $2"
}

# numbers DIR: what the log says of the steps, without the machine's speed
numbers() {
    jq -c 'select(.loss) | del(.images_per_second, .time)' "$1/log.jsonl"
}

@test "each optimiser learns in its own way, and goes on bit for bit" {
    usual_run
    for optimizer in adam adamw sgd; do
        goes_on $optimizer --optimizer $optimizer
        # The first update comes after the second iteration.
        cmp <(numbers usual | head -n 2) <(numbers $optimizer | head -n 2)
        no cmp -s <(numbers usual) <(numbers $optimizer)
    done
    no cmp -s <(numbers adam) <(numbers adamw)
    fails 1 "other options" learn adam --resume --optimizer adamw
}

@test "what is usual changes nothing when it is said" {
    usual_run
    learn "$HERE/said" --optimizer radam --bce 1 --bce-balance 1 --lovasz 0.1 --focal 0 --dice 0 --clip 0 \
        --schedule cosine --cycles 1 --warm-up 5 --freeze 0
    cmp <(numbers usual) <(numbers "$HERE/said")
}

@test "an optimiser's settings reach it alone" {
    made sgd --optimizer sgd
    learn "$HERE/slow" --optimizer sgd --sgd-momentum 0.5
    no cmp -s <(numbers "$HERE/slow") <(numbers sgd)
    fails 2 "--sgd-momentum is of --optimizer sgd" learn "$HERE/none" --sgd-momentum 0.5
    [ ! -e "$HERE/none" ]
}

rates() { # rates DIR: of the updates
    numbers "$1" | jq -s -c '[.[] | select(.iteration % 2 == 0) | .rate]'
}

@test "terms of the loss: weights count, and a combination goes on bit for bit, at a constant rate" {
    usual_run
    # Logs do not name what does not count.
    [ "$(numbers usual | head -n 1 | jq -c keys)" = '["bce","global","iteration","loss","lovasz","rate"]' ]
    goes_on "$HERE/sum" --bce 3 --bce-balance 0 --lovasz 0 --dice 1 --focal 4 --focal-gamma 2 --schedule constant --warm-up 0
    [ "$(rates "$HERE/sum")" = "[0.001,0.001,0.001]" ]
    numbers "$HERE/sum" | jq -e '.bce > 0 and .dice > 0 and .focal > 0 and .lovasz == 0 and .global == 0'
    numbers "$HERE/sum" | jq -e '(.bce + .dice + .focal - .loss) | fabs < 1e-5'
    # The first iteration's terms are of the same weights: one term's numbers do not depend on another's.
    learn "$HERE/focal" --iterations 1 --bce 0 --lovasz 0 --focal 4
    learn "$HERE/sharp" --iterations 1 --bce 0 --lovasz 0 --focal 4 --focal-gamma 3
    [ "$(numbers "$HERE/focal" | jq .focal)" = "$(numbers "$HERE/sum" | head -n 1 | jq .focal)" ]
    jq -n -e "$(numbers "$HERE/sharp" | jq .focal) < $(numbers "$HERE/focal" | jq .focal)"
    learn "$HERE/weighed" --iterations 1 --bce 3 --bce-balance 0 --lovasz 0 --dice 1 --dice-empty 0.5 --focal 4
    jq -n -e --slurpfile one "$HERE/sum/log.jsonl" --slurpfile two "$HERE/weighed/log.jsonl" \
        '$one[0].bce == $two[0].bce and $one[0].focal == $two[0].focal and $one[0].dice > $two[0].dice + 0.1'
}

@test "a loss that cannot be meant is refused before any work" {
    fails 2 "no term of the loss has a weight above 0" learn "$HERE/none" --bce 0 --lovasz 0
    fails 2 "--focal-gamma is of the focal loss, whose weight --focal is 0" learn "$HERE/none" --focal-gamma 3
    fails 2 "--dice-empty is of the soft Dice, whose weight --dice is 0" learn "$HERE/none" --dice-empty 1
    fails 2 "--dice-smoothing is of the soft Dice, whose weight --dice is 0" learn "$HERE/none" --dice-smoothing 1
    fails 2 "--focal" learn "$HERE/none" --focal -1
    [ ! -e "$HERE/none" ]
}

@test "--clip: gradients above the norm are made shorter, and the log tells the norm" {
    usual_run
    goes_on "$HERE/clipped" --clip 0.01
    [ "$(numbers "$HERE/clipped" | jq -c 'select(.norm) | .iteration' | paste -sd' ')" = "2 4 6" ]
    numbers "$HERE/clipped" | jq -s -e 'map(.norm | select(.)) | min > 0.01'
    no cmp -s <(numbers usual) <(numbers "$HERE/clipped" | jq -c 'del(.norm)')
    # A norm that is never reached changes what the log says, and nothing else.
    learn "$HERE/free" --clip 1e9
    cmp <(numbers usual) <(numbers "$HERE/free" | jq -c 'del(.norm)')
}

# Runs that are evaluated after each iteration
evaluated=(--eval-every 1 --schedule plateau --warm-up 0 --plateau-factor 0.5 --plateau-patience 0)

@test "--schedule: the rate goes its way, and goes on bit for bit" {
    # Cycles of 2 and 5 iterations; steps are taken at the rates of iterations 0, 2 and 4.
    goes_on "$HERE/cycles" --warm-up 0 --cycles 2 --cycle-factor 2.5
    rates "$HERE/cycles" | jq -e '.[0] == 0.001 and .[1] == 0.001 and .[2] < 0.001 and .[2] > 0.0001'
    # Each evaluation without a new best score halves the rate.
    goes_on kept --keep-best 3 "${evaluated[@]}"
    jq -s -e 'map(select(.best == false) | .iteration) as $worse | [.[] | select(.loss and .iteration % 2 == 0)]
        | length == 3 and all(.iteration as $i | .rate == 1e-3 * pow(0.5; $worse | map(select(. < $i)) | length))' \
        kept/log.jsonl
    [ "$(state kept .reductions)" = "$(jq -s 'map(select(.best == false)) | length' kept/log.jsonl)" ]
    [ "$(state kept .reductions)" -gt 0 ]
}

@test "a schedule that cannot be meant is refused before any work" {
    fails 2 "--cycles and --cycle-factor are of --schedule cosine" learn "$HERE/none" --schedule constant --cycles 2
    fails 2 "--cycle-factor is of several --cycles" learn "$HERE/none" --cycle-factor 2
    fails 2 "are of --schedule plateau" learn "$HERE/none" --plateau-patience 3
    fails 2 "needs --val" train-fold -n bisenet-resnet18_w16 --schedule plateau "$HERE/none" train.mpk
    [ ! -e "$HERE/none" ]
}

# as_reckoned FILE [OPTION]...: what cost says of a checkpoint that goes on; names and shapes are little beside the numbers
as_reckoned() {
    jq -n -e "$(stat -c %s "$1") / $(cost --json --side 64 "${@:2}" bisenet-resnet18_w16 | jq .resumable) | . > 1 and . < 1.002"
}

@test "cost reckons what a checkpoint takes, with moments, gradients and a moving average" {
    usual_run
    for optimizer in adam sgd; do
        made $optimizer --optimizer $optimizer
        as_reckoned $optimizer/last.mpk --optimizer $optimizer
    done
    made averaged --ema 0.5
    as_reckoned averaged/last.mpk --optimizer radam --ema
    as_reckoned usual/last.mpk --optimizer radam
    jq -n -e "$(stat -c %s usual/best.mpk) / $(cost --json --optimizer sgd bisenet-resnet18_w16 | jq .checkpoint) | . > 1 and . < 1.006"
    fails 2 "--ema is of --optimizer" cost --json --ema
    fails 2 "--optimizer is of --json" cost --optimizer sgd
}

values() { # values FILE [REGEX]: the digests of a checkpoint's parameters
    inspect --json "$1" | jq -c "select(.id and (.id | test(\"^(?!optimizer/|state).*${2:-}\")))"
}

@test "--ema: the average is evaluated and kept as the best; the run itself is as without it" {
    usual_run
    goes_on averaged --ema 0.5
    cmp <(numbers usual) <(numbers averaged)
    cmp <(values usual/last.mpk) <(values averaged/last.mpk)
    inspect averaged/last.mpk | grep -q ' average '
    no grep -q ' average ' <(inspect usual/last.mpk)
    # Norms' running statistics are the run's.
    learn "$HERE/once" --ema 0.5 --iterations 4 --eval-every 4
    learn "$HERE/plain" --iterations 4 --eval-every 4
    cmp <(values "$HERE/plain/best.mpk" running) <(values "$HERE/once/best.mpk" running)
    no cmp -s <(values "$HERE/plain/best.mpk" weight) <(values "$HERE/once/best.mpk" weight)
    predict-fold -q -m "$HERE/once/best.mpk" val.mpk | inspect --check
    fails 2 "needs --val" train-fold -n bisenet-resnet18_w16 --ema 0.9 "$HERE/none" train.mpk
    [ ! -e "$HERE/none" ]
}

@test "--decay shrinks the weights of convolutions alone; --dropout draws in training alone" {
    usual_run
    learn "$HERE/none" --decay 0 --iterations 2 # one update
    learn "$HERE/much" --decay 1 --iterations 2
    cmp <(values "$HERE/none/last.mpk" 'bias$') <(values "$HERE/much/last.mpk" 'bias$')
    cmp <(values "$HERE/none/last.mpk" 'bn1.weight$') <(values "$HERE/much/last.mpk" 'bn1.weight$')
    values "$HERE/much/last.mpk" 'conv.*weight$' >"$HERE/convolutions"
    [ "$(wc -l <"$HERE/convolutions")" -ge 15 ]
    [ -z "$(comm -12 <(sort "$HERE/convolutions") <(values "$HERE/none/last.mpk" | sort))" ]
    learn "$HERE/dry" --dropout 0 --rate 0 --iterations 3
    learn "$HERE/wet" --dropout 0.5 --rate 0 --iterations 3
    no cmp -s <(numbers "$HERE/dry") <(numbers "$HERE/wet")
    [ "$(state "$HERE/dry" '[.dice, .dice_lesion, .accuracy]' | tr -d ' \n')" = \
        "$(state "$HERE/wet" '[.dice, .dice_lesion, .accuracy]' | tr -d ' \n')" ]
    cmp <(values "$HERE/dry/last.mpk") <(values "$HERE/wet/last.mpk")
}

# samples_of SIDE: $SAMPLES and $VAL, in the place of the smaller ones
samples_of() {
    SAMPLES=$HERE/train.mpk VAL=$HERE/val.mpk
    augment -q shards --side "$1" --samples 60 >"$SAMPLES"
    augment -q shards --side "$1" --plain >"$VAL"
}

@test "--freeze: the encoder's weights stay at first, and learn behind that" {
    samples_of 64 # of a single pixel at 1/32 some weights have no gradient
    learn "$HERE/first" --iterations 1 # no update yet
    learn "$HERE/frozen" --iterations 4 --freeze 4
    encoder='backbone.*(weight|bias)$'
    cmp <(values "$HERE/first/last.mpk" "$encoder") <(values "$HERE/frozen/last.mpk" "$encoder")
    no cmp -s <(values "$HERE/first/last.mpk" backbone.*running) <(values "$HERE/frozen/last.mpk" backbone.*running)
    # All other parameters have learned.
    inspect --json "$HERE/first/last.mpk" | jq -r 'select(.value and (.id | test("backbone") | not)) | .id' | sort >"$HERE/others"
    changed() { comm -23 <(values "$1" | sort) <(values "$2" | sort) | jq -r .id | sort; }
    comm -23 "$HERE/others" <(changed "$HERE/first/last.mpk" "$HERE/frozen/last.mpk") >"$HERE/same"
    [ "$(wc -l <"$HERE/others")" -gt 100 ]
    echo "as they were: $(cat "$HERE/same")"
    [ ! -s "$HERE/same" ]
    goes_on "$HERE/thawed" --freeze 4
    no cmp -s <(values "$HERE/first/last.mpk" "$encoder") <(values "$HERE/thawed/last.mpk" "$encoder")
    fails 2 "--freeze 3 is not a multiple of --accumulate 2" learn "$HERE/odd" --freeze 3
    [ ! -e "$HERE/odd" ]
}

kept() { # kept DIR: the kept checkpoints' iterations
    local file
    for file in "$1"/best-*.mpk; do file=${file##*/best-} && echo "${file%.mpk}"; done | sort -n | paste -s -d ' '
}

best_of() { # best_of DIR K: by the log
    jq -s -r "map(select(.dice)) | sort_by([-.dice, .iteration])[:$2] | map(.iteration) | sort | map(tostring) | join(\" \")" \
        "$1/log.jsonl"
}

@test "--keep-best: the K best by the log, bit for bit behind a stop, whose mean merge makes" {
    goes_on kept --keep-best 3 "${evaluated[@]}"
    [ "$(kept kept)" = "$(best_of kept 3)" ]
    [ "$(kept kept.cut)" = "$(kept kept)" ]
    for file in kept/best-*.mpk; do cmp "$file" "kept.cut/${file##*/}"; done
    [ kept/best.mpk -ef "kept/best-$(best_of kept 1).mpk" ] # written once
    merge kept/best-*.mpk -o "$HERE/mean.mpk"
    predict-fold -q -m "$HERE/mean.mpk" val.mpk | inspect --check
    mkdir "$HERE/wrong"
    for wrong in 'kept.reverse()' 'kept[2] = kept[1]'; do # the second: one iteration twice
        python_with - kept/last.mpk "$HERE/wrong/last.mpk" <<END
import sys
from tensor_stream import read, write
records = list(read(sys.argv[1]))
kept = next(record for record in records if record["id"] == "state")["kept"]
$wrong
write(sys.argv[2], "weights", records)
END
        fails 1 "'kept' and 'kept_scores' are no list by rank" \
            learn "$HERE/wrong" --resume --keep-best 3 "${evaluated[@]}"
    done
    # Nothing else changes, and without it there is best.mpk alone.
    learn "$HERE/one" "${evaluated[@]}"
    cmp <(numbers "$HERE/one") <(numbers kept)
    cmp <(values "$HERE/one/last.mpk") <(values kept/last.mpk)
    [ "$(ls "$HERE/one" | paste -s -d ' ')" = "best.mpk last.mpk log.jsonl" ]
    fails 2 "--keep-best 2 is by score, and needs --val" train-fold -n bisenet-resnet18_w16 --keep-best 2 "$HERE/none" train.mpk
    [ ! -e "$HERE/none" ]
}

@test "--keep-best: wherever a run is killed there are no more than K, and it goes on to the same ones" {
    not_sanitized "kill-at.so cannot be loaded before AddressSanitizer"
    keeping() { learn "$1" --keep-best 2 --seed 1 --eval-every 1 --accumulate 1 --rate 1e-2 --warm-up 0 --iterations 4 --save-every 3 "${@:2}"; }
    export PLEURA_KILL_LOG=$HERE/calls
    kill_at() { # kill_at N DIR [OPTION]...
        rm -f "$HERE/calls"
        LD_PRELOAD=$(dirname "$(command -v make-index)")/kill-at.so PLEURA_KILL_AT=$1 keeping "${@:2}"
    }
    kill_at 0 "$HERE/whole"
    # Where the first comes, where one goes for another, and that one comes
    mapfile -t calls < <(awk '/best-/ { if (++n == 1 || /unlink/ || gone) print NR; gone = /unlink/ }' "$HERE/calls" | head -n 3
        awk '/rename .*best\.mpk/ { print NR; exit }' "$HERE/calls") # where best.mpk becomes another name of it
    [ "${#calls[@]}" -ge 2 ] # all four where scores go up and down as they do here
    for call in "${calls[@]}"; do
        run kill_at "$call" "$HERE/killed"
        [ "$status" = 137 ]
        [ "$(kept "$HERE/killed" | wc -w)" -le 2 ]
        keeping "$HERE/killed" --resume
        [ "$(kept "$HERE/killed")" = "$(kept "$HERE/whole")" ]
        for file in "$HERE"/whole/*.mpk; do cmp "$file" "$HERE/killed/${file##*/}"; done
        rm -r "$HERE/killed"
    done
    # What another run has left there is not counted in.
    mkdir "$HERE/left"
    cp "$HERE/whole/best.mpk" "$HERE/left/best-77.mpk"
    cp "$HERE/whole/best.mpk" "$HERE/left/best-of-all.mpk"
    keeping "$HERE/left"
    [ ! -e "$HERE/left/best-77.mpk" ]
    [ -e "$HERE/left/best-of-all.mpk" ]
}

@test "a stage that keeps several checkpoints: a fold's model is the mean of their weights, or all of them, the best first" {
    not_sanitized "what is new is the stage's script"
    options=(--network bisenet-resnet18_w16 --iterations 3 --batch 2 --accumulate 1 --keep-best 2 --eval-every 1)
    stage() { THREADS=2 "$ROOT/pipelines/method/train-fold.sh" 0/2 shards "$HERE/$1" 0 "--side 64 --samples 6" "--side 64" "$2"; }
    stage fold-0 "${options[*]}"
    augment -q shards --fold 0/2 --split val --plain --side 64 >"$HERE/val.mpk"
    augment -q shards --fold 0/2 --split train --side 64 --samples 6 |
        train-fold -q "${options[@]}" --threads 2 --val "$HERE/val.mpk" "$HERE/run"
    mapfile -t kept < <(state "$HERE/run" '.kept[]')
    [ "${#kept[@]}" = 2 ]
    merge "$HERE/run/best-${kept[0]}.mpk" "$HERE/run/best-${kept[1]}.mpk" -o "$HERE/mean.mpk"
    cmp <(values "$HERE/mean.mpk") <(values "$HERE/fold-0.mpk")
    inspect --json "$HERE/fold-0.mpk" | jq -s -e 'map(select(.id == "state"))[0] | .iteration == .kept[0]'
    inode=$(stat -c %i "$HERE/fold-0.mpk")
    stage fold-0 "${options[*]/#--keep-best/--average weights --keep-best}" # as without
    [ "$(stat -c %i "$HERE/fold-0.mpk")" = "$inode" ]
    stage all-0 "${options[*]/#--keep-best/--average maps --keep-best}"
    cmp <(values "$HERE/all-0.mpk") <(values <(cat "$HERE/run/best-${kept[0]}.mpk" "$HERE/run/best-${kept[1]}.mpk"))
    no cmp -s <(sed 1q "$HERE/all-0.mpk.key") <(sed 1q "$HERE/fold-0.mpk.key")
    # The other way to average is made of the checkpoints that are there, without training, to the same bytes.
    for name in fold all; do cp "$HERE/$name-0.mpk" "$HERE/$name.mpk"; done
    mkdir "$HERE/bin"
    printf '#!/bin/sh\nexit 9\n' >"$HERE/bin/train-fold"
    chmod +x "$HERE/bin/train-fold"
    again() { PATH="$HERE/bin:$PATH" stage "$1" "${options[*]/#--keep-best/--average $2 --keep-best}"; }
    for how in maps weights maps; do
        again fold-0 $how
        cmp "$HERE/fold-0.mpk" "$HERE/$([ $how = maps ] && echo all || echo fold).mpk"
        [ ! -e "$HERE/fold-0.part" ]
        [ "$(sed -n 3p "$HERE/fold-0.mpk.key")" = "$(sha256sum <"$HERE/fold-0.jsonl" | cut -d ' ' -f 1)" ]
    done
    rm "$HERE/fold-0.mpk.key" # killed before its key was there
    again fold-0 maps
    cmp "$HERE/fold-0.mpk" "$HERE/all.mpk"
    again all-0 weights
    cmp "$HERE/all-0.mpk" "$HERE/fold.mpk"
    # Not of checkpoints that are damaged, or of another training, or without their log
    cp "$HERE/fold-0.kept" "$HERE/kept"
    printf x >>"$HERE/fold-0.kept"
    ! again fold-0 weights
    cp "$HERE/kept" "$HERE/fold-0.kept"
    mv "$HERE/fold-0.jsonl" "$HERE/log"
    ! again fold-0 weights
    mv "$HERE/log" "$HERE/fold-0.jsonl"
    ! PATH="$HERE/bin:$PATH" stage fold-0 "${options[*]} --rate 1e-3"
    again fold-0 weights
    cmp "$HERE/fold-0.mpk" "$HERE/fold.mpk"
    # A model of one checkpoint leaves no others behind.
    all=${options[*]}
    stage fold-0 "${all/--keep-best 2/}"
    [ ! -e "$HERE/fold-0.kept" ] && [ ! -e "$HERE/fold-0.kept.key" ]
}

@test "a share of lesions that slides: a run killed with -9 goes on bit for bit, without the samples that it has used" {
    not_sanitized "what is killed reports nothing"
    sliding() { augment -q shards --side $SIDE --balance 0.9 --balance-end 0.3 --samples 14 --skip "$1"; }
    sliding 0 >"$HERE/samples.mpk"
    SAMPLES=$HERE/samples.mpk learn "$HERE/whole"
    mkfifo "$HERE/pipe"
    SAMPLES=$HERE/pipe learn "$HERE/killed" --save-every 3 &
    exec 7>"$HERE/pipe"
    head -c $(($(stat -c %s "$HERE/samples.mpk") * 10 / 14)) "$HERE/samples.mpk" >&7
    eventually [ -e "$HERE/killed/last.mpk" ]
    pkill -9 -P $! 2>/dev/null || kill -9 $!
    wait $! || true
    exec 7>&-
    [ "$(state "$HERE/killed" .samples)" = 6 ]
    sliding 6 >"$HERE/rest.mpk"
    SAMPLES=$HERE/rest.mpk learn "$HERE/killed" --resume --skipped 6
    cmp "$HERE/whole/last.mpk" "$HERE/killed/last.mpk"
    cmp "$HERE/whole/best.mpk" "$HERE/killed/best.mpk"
}

@test "fine-tuning: --init from a checkpoint of another size, its encoder frozen at first, goes on bit for bit" {
    usual_run # at a side of 32
    samples_of 64
    tune() { learn "$1" --init usual/best.mpk --freeze 2 "${@:2}"; }
    tune "$HERE/tuned"
    [ "$(state "$HERE/tuned" .side)" = 64 ]
    tune "$HERE/tuned.stopped" --iterations 2 # one update, of all but the encoder
    encoder='backbone.*(weight|bias)$'
    cmp <(values usual/best.mpk "$encoder") <(values "$HERE/tuned.stopped/last.mpk" "$encoder")
    no cmp -s <(values usual/best.mpk 'cls.*weight$') <(values "$HERE/tuned.stopped/last.mpk" 'cls.*weight$')
    no cmp -s <(values usual/best.mpk "$encoder") <(values "$HERE/tuned/last.mpk" "$encoder")
    cut_off "$HERE/cut" --init usual/best.mpk --freeze 2
    tune "$HERE/cut" --resume
    cmp "$HERE/tuned/last.mpk" "$HERE/cut/last.mpk"
    # Weights of another network are refused before any work.
    fails 1 "do not fit" learn "$HERE/none" --network smp-unet-resnet18_w16 --lambda-cls 0 --init usual/best.mpk
}

@test "on two threads, too, all switches together go on bit for bit" {
    for optimizer in adamw sgd; do
        goes_on "$HERE/$optimizer" --threads 2 --optimizer $optimizer --clip 0.1 --ema 0.5 --dropout 0.5 --freeze 2 --dice 1 --focal 4 \
            --keep-best 2 "${evaluated[@]}"
    done
}

@test "all of it at once on the stand-in for CUDA: near the CPU's, the same bytes each time, and bit for bit behind a stop" {
    not_sanitized "slow"
    samples_of 64
    all=(--optimizer adamw --bce 3 --bce-balance 0 --dice 1 --focal 4 --clip 1 --ema 0.9 --freeze 2 --rate 1e-6
        --iterations 5 --schedule plateau --plateau-patience 0)
    learn "$HERE/cpu" "${all[@]}" --device cpu
    goes_on "$HERE/cuda" "${all[@]}" --device cuda
    for number in loss focal dice norm; do
        value() { numbers "$1" | jq -s "map(.$number | select(.)) | first"; }
        jq -n -e "($(value "$HERE/cuda") / $(value "$HERE/cpu") - 1) | fabs < 1e-3"
    done
}
