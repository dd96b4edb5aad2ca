#!/usr/bin/env bash
# host-check.sh parts SCRIPT WORD...: the files that the fold SCRIPT WORD... (train-fold.sh, predict-fold.sh) makes, as
# PART=LIMIT, and the most bytes that each can have.
# host-check.sh FOLDER SCRIPT WORD...: whether the files of this name in FOLDER can be what the fold makes: whole streams of
# the kind, made by the same programs with the same options from the same samples, and fit for what comes after. Why not is
# said on stdout or stderr. (Whether the numbers are right only doing it again would tell.)
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "$(dirname "$0")/../method/settled.bash"
task=$1 script=$(basename "$2")
product=$task/product log=$task/log
shift 2
gibibyte=$((1 << 30))

refuse() {
    echo "$1"
    exit 1
}

history_line() { # history_line PROGRAM: as its line of a history begins
    "$1" --version | sed -E 's/ \(.*\)//; s/$/ /'
}

# ---- a model, with its log; or the checkpoints that are kept, of which it is made here

model_parts() { # K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]
    local kept
    kept=$(most_kept "$7")
    echo "log=$(($(option iterations "$7") * 600 + 65536))"
    if [ "$kept" -gt 1 ]; then
        echo "kept.key=4096"
        echo "kept=$((kept * gibibyte))"
    else
        echo "product=$gibibyte"
    fi
}

option() { # option NAME OPTIONS
    grep -oP -- "--$1 \K\S+" <<<"$2"
}

most_kept() { # most_kept TRAIN: how many checkpoints
    option keep-best "$1" || echo 1
}

find_checkpoints() { # find_checkpoints TRAIN: to $checkpoints, a file each
    local kept lengths total=0 length bytes
    kept=$(most_kept "$1") checkpoints=("$task/product")
    [ "$kept" -gt 1 ] || return 0
    bytes=$(stat -c %s "$task/kept")
    lengths=$(key_of "$task/kept" 3)
    [[ $lengths =~ ^[1-9][0-9]{0,9}(\ [1-9][0-9]{0,9})*$ ]] || refuse "it sent checkpoints without their lengths"
    read -ra lengths <<<"$lengths"
    for length in "${lengths[@]}"; do total=$((total + length)); done
    [ "${#lengths[@]}" -le "$kept" ] || refuse "it sent ${#lengths[@]} checkpoints, where $kept are kept"
    [ $total = "$bytes" ] || refuse "its ${#lengths[@]} checkpoints are not $bytes bytes long"
    split_kept "$task" "${lengths[@]}" <"$task/kept"
}

history_of_samples() { # what train-fold has been given
    local augment
    read -ra augment <<<"$5"
    augment -q "$2" --fold "$1" --split train "${augment[@]}" --seed $(($4 + ${1%/*})) --skip 1000000000 |
        inspect --json | jq -c 'select(has("pleura")) | .history'
}

complaint() { # complaint MODEL HISTORY K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]: of a model, on samples of this history
    inspect --json "$1" | jq -n -r --argjson history "$2" --arg network "$(option network "$9")" --arg norm "$(option norm "$9")" \
        -L "$(dirname "$0")/../method" --argjson side "$(option side "$7")" --argjson seed $(($6 + ${3%/*})) --arg given "$9" \
        --arg version "$(history_line train-fold)" '
        include "stages";
        def number: tonumber? // .;
        def alike($other): . == $other or (type == "number" and ($other | type) == "number"
            and (. - $other | fabs) <= 1e-5 * ($other | fabs));
        def options: [match("--([a-z-]+) ([^- ]\\S*)"; "g").captures | {(.[0].string): .[1].string}] | add;
        # A history leaves out what is as by default, and writes numbers in its own way.
        def other_way: options as $there | ($given | options)
            | any(to_entries[]; ($there[.key] // .value | number) as $other | .value | number | alike($other) | not);
        [inputs | select(has("pleura") or .id == "state")] | .[0] as $header | .[1] as $state | ($header.history // []) as $trained
        | if $header.kind != "weights" then "it sent a stream of \($header.kind)"
          elif length > 2 then "it sent a model of more than one network"
          elif $trained[:-1] != $history then
            "it sent a model that was trained on other samples: \($trained[-2])"
          elif $state.network != ({$network, $norm} | full_network) then "it sent a model of \($state.network)"
          elif $trained[-1] != $state.options or $state.seed != $seed or $state.side != $side
              or ($state.options | startswith($version) | not) or ($state.options | other_way) then
            "it sent a model that was trained in another way: \($state.options)"
          else empty end'
}

check_model() { # K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]
    local history why checkpoint checkpoints
    find_checkpoints "$7"
    history=$(history_of_samples "$@")
    for checkpoint in "${checkpoints[@]}"; do
        why=$(complaint "$checkpoint" "$history" "$@")
        [ -z "$why" ] || refuse "$why"
        # An image of the validation, small: the weights fit, and are numbers.
        augment -q "$2" --plain --side 192 --samples 1 |
            predict-fold -q --side 192 --threads 1 --model "$checkpoint" >/dev/null
    done
    # The best of several is the first.
    jq -n --argjson best "$(inspect --json "${checkpoints[0]}" | jq -n 'first(inputs | select(.id == "state").iteration)')" '
        [inputs | if all(type != "string" and type != "array" and type != "object") then . else error("texts") end
            | select(.best == true)][-1].iteration == $best' "$log" 2>&1 | grep -qx true || refuse "its log does not fit its model"
}

# ---- probabilities

samples() { # samples SHARDS [PART]: what is predicted: a header, then of each at least id and size, as JSON
    local part
    read -ra part <<<"${2-}"
    if [ ${#part[@]} -gt 0 ]; then augment -q "$1" "${part[@]}"; else cat "$1/index.mpk"; fi | inspect --json
}

images() { # of samples on stdin
    jq -c 'select(has("id")) | {id, size}'
}

most_bytes() { # of the probabilities of images on stdin
    jq -n '[inputs | .size[0] * .size[1] * 4 + 4096] | add + 65536'
}

maps_parts() { # MODEL SHARDS OUT OPTIONS [PART]
    echo "product=$(samples "$2" "${5-}" | images | most_bytes)"
}

check_maps() { # MODEL SHARDS OUT OPTIONS [PART]
    local history most why
    samples "$2" "${5-}" >"$task/samples"
    images <"$task/samples" >"$task/images"
    most=$(most_bytes <"$task/images")
    history=$(jq -c 'select(has("pleura")) | .history' "$task/samples")
    why=$(zstd -dcq --memory=128MiB "$product" | head -c $((most + 1)) | inspect --json |
        jq -n -r --slurpfile images "$task/images" --argjson history "$history" --arg version "$(history_line predict-fold)" '
            reduce inputs as $line ({count: 0};
                if .why then .
                elif $line | has("pleura") then
                    if $line.kind != "probabilities" then .why = "it sent a stream of \($line.kind)"
                    elif $line.history[:-1] != $history or ($line.history[-1] | startswith($version) | not) then
                        .why = "it sent probabilities for other images: \($line.history)"
                    else . end
                elif $line | has("id") | not then .
                elif .count >= ($images | length) then .why = "it sent more than \($images | length) images"
                else $images[.count] as $image | $line.probability as $map | .count += 1
                    | if $line.id != $image.id then .why = "record \(.count) is of \($line.id) in place of \($image.id)"
                      elif ($map | type) != "object" or $map.shape != $image.size then
                        .why = "record \(.count) has no probabilities of \($image.size)"
                      elif ($map.min | . == null or . < 0) or ($map.max | . == null or . > 1) then
                        .why = "record \(.count) has probabilities that are none"
                      else . end
                end)
            | .why // if .count < ($images | length) then "it sent \(.count) of \($images | length) images" else empty end')
    [ -z "$why" ] || refuse "$why"
}

case $script in
train-fold.sh) kind=model ;;
predict-fold.sh) kind=maps ;;
esac
if [ "$task" = parts ]; then "${kind}_parts" "$@"; else "check_$kind" "$@"; fi
