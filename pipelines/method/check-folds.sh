#!/usr/bin/env bash
# check-folds.sh STAGE SHARDS FOLDS AUGMENT VALIDATION: draws one sample of each fold's parts, as training will do with
# these options: a part without images, or without lesions, is told before any fold is trained.
set -eu -o pipefail
stage=$1 shards=$2 folds=$3
read -ra augment <<<"$4"
read -ra validation <<<"$5"

draw() { # draw FOLD SPLIT OPTION...
    local why
    why=$(augment -q "$shards" --fold "$1/$folds" --split "$2" "${@:3}" --side 32 --samples 1 2>&1 >/dev/null) || {
        [[ $why == *": no samples"* ]] || {
            echo "$why" >&2
            exit 1
        }
        echo "$stage: fold $1 of $folds: of the images to ${part[$2]}, ${why##*: }: take another number of folds" \
            "($stage.folds=N), or label more images" >&2
        exit 1
    }
}

declare -A part=([train]="train on" [val]="validate with")
for ((fold = 0; fold < folds; fold++)); do
    draw "$fold" train "${augment[@]}"
    draw "$fold" val --plain "${validation[@]}"
done
