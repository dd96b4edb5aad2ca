#!/usr/bin/env bash
# train-fold.sh K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]: trains fold K of N on SHARDS into OUT.mpk, with its
# log OUT.jsonl; AUGMENT, VALIDATION and TRAIN are options, separated by blanks; INIT is a file of weights to begin with.
# Of several best checkpoints that are kept, OUT.mpk is the mean of their weights; with `--average maps` in TRAIN it has them one
# behind another, so that predict-fold averages their maps. They stay in OUT.kept, so that the other is made without training.
# What was begun goes on where it stopped; what is done is not repeated. `--ranks N` in TRAIN makes no other model. RECEIVED is a
# folder that has another machine's log and OUT.kept of this fold, as `log` and `kept`.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "${0%/*}/settled.bash"
fold=$1 shards=$2 out=$3 seed=$(($4 + ${1%/*}))
read -ra augment <<<"$5"
read -ra validation <<<"$6"
ranks=1 average=weights
[[ ! " $7 " =~ " --ranks "([0-9]+)" " ]] || ranks=${BASH_REMATCH[1]}
[[ ! " $7 " =~ " --average "([a-z]+)" " ]] || average=${BASH_REMATCH[1]}
train=${7/--ranks $ranks/}
read -ra train <<<"${train/--average $average/}"
init=${8-}
begun=$out.part
stage=${out%/*} stage=${stage##*/}

made_from() { # made_from WORDS: the digest of all that a fold is made from, with these options of train-fold
    digest "$fold" "$seed" "${augment[*]}" "${validation[*]}" "$1" "${files[@]}"
}

files=(${init:+"$(digest_file "$init")"} "$(digest_file "$shards/index.mpk")")
trained=$(made_from "${train[*]}") key=$trained
[ "$average" = weights ] || key=$(made_from "${train[*]} --average $average")

# OUT.kept has the checkpoints one behind another. Its key has a third line, their lengths, and a fourth, the log's digest.
keep() { # keep FILE LENGTHS LOG: FILE becomes OUT.kept
    settle "$out.kept" "$trained" "$1" "$2" "$(digest_file "$3")"
}

all_kept() { # all_kept: what this very training has left is there
    settled "$out.kept" "$trained" && [ -f "$out.jsonl" ] && [ "$(key_of "$out.kept" 4)" = "$(digest_file "$out.jsonl")" ]
}

make_model() { # make_model: of the checkpoints that are kept
    local lengths checkpoints
    if [ "$average" = maps ]; then # a second name of theirs, where the file system has second names
        # A killed run may have left that name, which mv does not take for another file.
        [ ! "$out.mpk" -ef "$out.kept" ] || rm "$out.mpk"
        ln -f "$out.kept" "$out.mpk.part" 2>/dev/null || cp "$out.kept" "$out.mpk.part"
        return
    fi
    mkdir -p "$begun"
    read -ra lengths < <(key_of "$out.kept" 3)
    split_kept "$begun" "${lengths[@]}" <"$out.kept"
    merge -q "${checkpoints[@]}" -o "$out.mpk.part"
}

finish() { # finish: OUT.mpk.part is the model
    settle "$out.mpk" "$key" "$out.mpk.part"
    discard "$begun"
    exit 0
}

if [ -n "${RECEIVED-}" ]; then
    keep "$RECEIVED/kept" "$(key_of "$RECEIVED/kept" 3)" "$RECEIVED/log"
    mv -T "$RECEIVED/log" "$out.jsonl"
fi
leave_if_settled "$out.mpk" "$key"
if all_kept; then # which takes no longer than to be asked
    make_model
    finish
fi
leave_if_asked
if [ "$(cat "$begun/key" 2>/dev/null)" != "$trained" ]; then
    discard "$begun"
    mkdir -p "$begun"
    echo "$trained" >"$begun/key"
fi
use_gpu "$ranks"

look() { # $at, $skip and $kept of the newest checkpoint: the iteration, samples that were taken, names of the best that are kept
    local state='0 0' # before there is one
    if [ -e "$begun/last.mpk" ]; then
        state=$(inspect --json "$begun/last.mpk" | jq -n -r -e \
            '[inputs | select(.id == "state") | [.iteration, .samples, (.kept // [] | "best-\(.[]).mpk")] | join(" ")] | last')
    fi
    read -ra kept <<<"$state"
    at=${kept[0]} skip=${kept[1]} kept=("${kept[@]:2}")
}

[[ " ${train[*]} " =~ \ --iterations\ ([^ ]+)\  ]]
iterations=${BASH_REMATCH[1]}
[ -e "$begun/val.mpk" ] ||
    augment -q "$shards" --fold "$fold" --split val --plain "${validation[@]}" -o "$begun/val.mpk"
look
if [ "$at" -lt "$iterations" ]; then
    # What tells all programs of a fold to end, as a queue does, must not cut the samples short before train-fold has saved.
    (trap '' INT TERM && exec augment -q "$shards" --fold "$fold" --split train "${augment[@]}" --seed "$seed" --skip "$skip") |
        train-fold --resume --skipped "$skip" "${train[@]}" --seed "$seed" --val "$begun/val.mpk" \
            --ranks "$ranks" ${THREADS:+--threads "$THREADS"} ${GPUS:+--device cuda} ${init:+--init "$init"} "$begun"
    look
fi
if [ "$at" -lt "$iterations" ]; then
    echo "$out: stopped after iteration $at of $iterations; make again to go on" >&2
    exit 1
fi
jq -r --arg name "$stage, fold $fold" 'select(.best == true) | "\($name): Dice \(.dice | tostring | .[:6]), of lesions " +
    "\(.dice_lesion | tostring | .[:6]), at iteration \(.iteration)"' "$begun/log.jsonl" | tail -n 1 >&2
# Copies: whatever ends this script before the last line, the next run finds all that it needs for these again.
if [ ${#kept[@]} -gt 0 ]; then
    cat "${kept[@]/#/"$begun/"}" >"$out.kept.part"
    keep "$out.kept.part" "$(stat -c %s "${kept[@]/#/"$begun/"}" | paste -s -d ' ')" "$begun/log.jsonl"
    make_model
else
    rm -f "$out.kept.key" "$out.kept"
    cp "$begun/best.mpk" "$out.mpk.part"
fi
cp "$begun/log.jsonl" "$out.jsonl.part"
mv -T "$out.jsonl.part" "$out.jsonl"
finish
