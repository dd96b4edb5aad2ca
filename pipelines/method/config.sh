#!/usr/bin/env bash
# config.sh CONFIG PROFILE WORK DATA [init=FILE] [STAGE.KEY=VALUE]...: checks the configuration and writes, each only when
# it changes, config.json (as it stands), config.mk (make variables) and options/STAGE (what a stage depends on), in WORK,
# or in $SETTLED where that is set. X-rays are those of the folder DATA; where that is empty, made-up ones in a profile
# with `synth`; else those that `data` names. What is missing before work can begin is in `notes`, for make to stop or a
# plan to tell.
# shellcheck disable=SC2016 # what stands in single quotes is for jq
set -eu -o pipefail
here=$(dirname "$0") config=$1 profile=$2 work=$3 folder=$4
settled=${SETTLED:-$work}
shift 4

settle() { # settle FILE TEXT: it becomes FILE, which is not touched where it is the same
    [ ! -f "$1" ] || [ "$(<"$1")" != "$2" ] || return 0
    printf '%s\n' "$2" >"$1.part"
    mv "$1.part" "$1"
}

complain() {
    echo "config: $1" >&2
    exit 1
}

get() { # get JQ
    jq -r -L "$here" "include \"stages\"; $1" <<<"$checked"
}

change() { # change JQ [OPTION]...: of the configuration
    checked=$(jq "$@" <<<"$checked")
}

# Times alone do not tell: cp -p keeps them. What a file went through (%C) no program sets.
state_of() { # state_of PATH...: of a file what it holds; of all files below a folder numbers, sizes and times
    local path
    for path in "$@"; do
        if [ -f "$path" ]; then
            sha256sum <"$path"
        elif [ -e "$path" ]; then
            find -L "$path" -type f -printf '%p %i %s %T@ %C@\0' | LC_ALL=C sort -z
        fi
    done | sha256sum
}

miss() { # miss WHAT
    change '.notes.missing += [$what]' --arg what "$1"
}

# What is in a folder; a path that the configuration names is taken instead.
find_data() {
    local found
    if ! found=$("$here/layout.sh" "$(get .data.folder)" 2>&1); then
        [ -z "$folder" ] || { echo "$found" >&2; exit 1; }
        miss "$found. DATA=FOLDER names another"
        found=$(jq -n --arg folder "$(get .data.folder)" '{train: ["\($folder)/train"], labels: "\($folder)/train-rle.csv",
            test: ["\($folder)/test"]}')
    fi
    change --argjson found "$found" '.data as $named | .notes.data = ($found.said // "")
        | .data += ($found | del(.said) | if $named.labels + $named.masks != "" then del(.labels, .masks) else . end
            | with_entries(select($named[.key] | length == 0)))'
}

make_up_data() {
    change --arg folder "$work/xrays" '.data += {train: ["\($folder)/train"], labels: "\($folder)/train-rle.csv", masks: "",
        test: ["\($folder)/test"], ids: "\($folder)/sample_submission.csv", truth: "\($folder)/test-truth.csv"}'
}

find_weights() {
    local wanted taken
    while read -r wanted; do
        if ! taken=$("$here/init.sh" "$wanted"); then
            miss "$taken"
        elif [ "$taken" != "$wanted" ]; then
            change '.notes.init = "\($wanted) is absent, \($taken) is taken"
                | map_values(if type == "object" and .init == $wanted then .init = $taken else . end)' \
                --arg wanted "$wanted" --arg taken "$taken"
        fi
    done < <(get '[.[].init? // empty | select(. != "")] | unique[]')
}

dependencies() { # of each stage a line: its name, its settings, the paths that it reads; between them a separator (US)
    jq -r --argjson made_up "$made_up" 'del(.notes) | to_entries[] | .value as $own
        | if .key == "data" then [.key, ($own | del(.truth) | tojson)]
              + if $made_up then [] else [$own | .train, .labels, .masks, .test, .ids] | flatten | unique end,
              ["score", "", $own.truth]
          else [.key, ($own | tojson), $own.init? // ""] end
        | map(. // "") | join("\u001f")' <<<"$checked"
}

depends() { # depends SETTINGS PATH...: all that decides what comes out of a stage
    [ -z "$1" ] || echo "$1"
    [ -z "${*:2}" ] || state_of "${@:2}"
}

texts=("$config" "$profile" "$work" "$folder" "$@")
mapfile -t seen < <(jq -n -r '$ARGS.positional[]' --args -- "${texts[@]}") # jq replaces what is no UTF-8
for i in "${!texts[@]}"; do
    [[ ${texts[i]} != *[[:cntrl:]]* && ${texts[i]} = "${seen[i]-}" ]] || complain "$(jq -n -c --arg text "${texts[i]}" \
        '$text'): control characters and texts that are no UTF-8 cannot be passed on"
done
[ -r "$config" ] || complain "$config: cannot be read"
command -v train-fold >/dev/null || complain "the programs are not built yet: make builds them" # make -n does not
# jq takes the last of both; what is no JSON it says later
twice=$({ jq -c --stream 'select(length == 2) | .[0]' "$config" 2>/dev/null || true; } | sort | uniq -d | head -n 1)
[ -z "$twice" ] || complain "$config: $(jq -r 'map(tostring) | join(".")' <<<"$twice") is there twice"
options="{$(for program in augment classify decode predict-fold synth train-fold; do
    printf '%s"%s":%s' "${comma-}" "$program" "$("$program" --options)"
    comma=,
done)}"
if ! checked=$(jq -L "$here" --argjson options "$options" --arg profile "$profile" --arg folder "$folder" \
    -f "$here/config.jq" "$config" --args "$@" 2>&1); then
    complain "$config: $(sed -E 's/^jq: error( \(at [^)]*\))?: //' <<<"$checked" | tail -n 1)"
fi
while IFS=$'\t' read -r stage network side; do # which sides a network takes it knows itself
    said=$(cost --json --side "$side" "$network" 2>&1 >/dev/null) || complain "$config: $stage: ${said#cost: }"
done < <(get 'training[] as $stage | [$stage + ".side", (.[$stage] | .network, .side)] | @tsv' &&
    get 'testing[] as $stage | select(.[$stage].scales) | sides($stage)[] as $side |
        [$stage + ".scales", .[$stage | trainer].network, $side] | @tsv')
{ read -r made_up && read -r named && read -r unused; } < <(get 'has("synth"), (.data.train != []),
    ((training - needed_training) + (merges - needed_merges) | join(", "))')
[ -z "$unused" ] || echo "config: $unused: no submission is made of this" >&2
if [ "$made_up" = true ]; then
    make_up_data
elif [ "$named" = false ]; then
    find_data
fi
find_weights

mkdir -p "$settled/options"
text=$(jq --arg profile "$profile" '{profile: $profile} + .' <<<"$checked") # an assignment, so that a failure ends this script
settle "$settled/config.json" "$text"
text=$(jq -r -L "$here" -f "$here/options.jq" <<<"$checked")
settle "$settled/config.mk" "$text"
while IFS=$'\x1f' read -r -a words; do
    text=$(depends "${words[@]:1}")
    settle "$settled/options/${words[0]}" "$text"
done < <(dependencies)
