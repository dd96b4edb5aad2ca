#!/usr/bin/env bash
# host-check.sh parts SCRIPT WORD...: the files that the fold SCRIPT WORD... (train-fold.sh, predict-fold.sh) makes, as
# PART=LIMIT, and the most bytes that each can have.
# host-check.sh FOLDER SCRIPT WORD...: whether the files of this name in FOLDER can be what the fold makes: whole streams of
# the kind, made by the same programs with the same options from the same samples, and fit for what comes after. Why not is
# said on stdout or stderr. (Whether the numbers are right only doing it again would tell.)
set -eu -o pipefail
task=$1 script=$(basename "$2")
product=$task/product log=$task/log
shift 2
gibibyte=$((1 << 30))

refuse() {
    echo "$1"
    exit 1
}

as_recorded() { # as_recorded PROGRAM: as its line of a history begins
    "$1" --version | sed -E 's/ \(.*\)//; s/$/ /'
}

# ---- a model, with its log

model_parts() { # K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]
    echo "log=$(($(option iterations "$7") * 600 + 65536))"
    echo "product=$(($(networks "$7") * gibibyte))"
}

option() { # option NAME OPTIONS
    grep -oP -- "--$1 \K\S+" <<<"$2"
}

networks() { # networks TRAIN: how many a model may hold
    if [ "$(option average "$1")" = maps ]; then option keep-best "$1"; else echo 1; fi
}

history_of_samples() { # what train-fold has been given
    local augment
    read -ra augment <<<"$5"
    augment -q "$2" --fold "$1" --split train "${augment[@]}" --seed $(($4 + ${1%/*})) --skip 1000000000 |
        inspect --json | jq -c 'select(has("pleura")) | .history'
}

check_model() { # K/N SHARDS OUT SEED AUGMENT VALIDATION TRAIN [INIT]
    local history why
    history=$(history_of_samples "$@")
    why=$(inspect --json "$product" | jq -n -r --argjson history "$history" --arg network "$(option network "$7")" \
        --arg norm "$(option norm "$7")" -L "$(dirname "$0")/../method" --argjson side "$(option side "$5")" --argjson seed $(($4 + ${1%/*})) --arg given "$7" --arg version "$(as_recorded train-fold)" \
        --arg merge "$(as_recorded merge)" --argjson most "$(networks "$7")" '
        include "stages";
        def number: tonumber? // .;
        def alike($other): . == $other or (type == "number" and ($other | type) == "number"
            and (. - $other | fabs) <= 1e-5 * ($other | fabs));
        def options: [match("--([a-z-]+) ([^- ]\\S*)"; "g").captures | {(.[0].string): .[1].string}] | add;
        # A history leaves out what is as by default, and writes numbers in its own way.
        def other_way: options as $there | ($given | options)
            | any(to_entries[]; ($there[.key] // .value | number) as $other | .value | number | alike($other) | not);
        # The last line of a mean of several checkpoints is of merge.
        def trained: if ($given | contains("--keep-best ")) and (last // "" | . + " " | startswith($merge)) then .[:-1] else . end;
        def complaint($state): . as $header | ($header.history // [] | trained) as $trained
        | if $header.kind != "weights" then "it sent a stream of \($header.kind)"
          elif $trained[:-1] != $history then
            "it sent a model that was trained on other samples: \($trained[-2])"
          elif $state.network != ({$network, $norm} | full_network) then "it sent a model of \($state.network)"
          elif $trained[-1] != $state.options or $state.seed != $seed or $state.side != $side
              or ($state.options | startswith($version) | not) or ($state.options | other_way) then
            "it sent a model that was trained in another way: \($state.options)"
          else empty end;
        [inputs | select(has("pleura") or .id == "state")] | .[0] as $header | (.[1:] | if . == [] then [null] else . end) as $states
        | if ($states | length) > $most then "it sent a model of \($states | length) networks"
          else first($header | complaint($states[])) end')
    [ -z "$why" ] || refuse "$why"
    # The best of several networks is the first.
    jq -n --argjson best "$(inspect --json "$product" | jq -n 'first(inputs | select(.id == "state").iteration)')" '
        [inputs | if all(type != "string" and type != "array" and type != "object") then . else error("texts") end
            | select(.best == true)][-1].iteration == $best' "$log" 2>&1 | grep -qx true || refuse "its log does not fit its model"
    # An image of the validation, small: the weights fit, and are numbers.
    augment -q "$2" --plain --side 192 --samples 1 |
        predict-fold -q --side 192 --threads 1 --model "$product" >/dev/null
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
        jq -n -r --slurpfile images "$task/images" --argjson history "$history" --arg version "$(as_recorded predict-fold)" '
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
