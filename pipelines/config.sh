#!/usr/bin/env bash
# config.sh CONFIG PROFILE WORK DATA [STAGE.KEY=VALUE]...: checks the configuration and writes, each only when it
# changes, WORK/config.json (as it stands), WORK/config.mk (make variables) and WORK/options/STAGE (what a stage depends
# on). X-rays are those of the folder DATA; where that is empty, made-up ones in a profile with `synth`; else `data`'s.
set -eu -o pipefail
here=$(dirname "$0") config=$1 profile=$2 work=$3 folder=$4
shift 4

settle() { # settle FILE: stdin becomes FILE, which is not touched where it is the same
    local new
    new=$(mktemp "$1.XXXXXX")
    cat >"$new"
    chmod 644 "$new"
    if cmp -s "$new" "$1"; then rm "$new"; else mv "$new" "$1"; fi
}

complain() {
    echo "config: $1" >&2
    exit 1
}

state_of() { # state_of PATH...: sizes and times of files and of all below a folder
    local path
    for path in "$@"; do
        [ ! -e "$path" ] || find -L "$path" -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    done | sha256sum
}

[ -r "$config" ] || complain "$config: cannot be read"
if ! checked=$(jq --arg profile "$profile" -f "$here/config.jq" "$config" --args "$@" 2>&1); then
    complain "$config: $(sed -E 's/^jq: error( \(at [^)]*\))?: //' <<<"$checked" | tail -n 1)"
fi
made_up=$(jq 'has("synth")' <<<"$checked")
if [ -n "$folder" ]; then
    made_up=false
    if [ ! -d "$folder/train" ] || [ ! -d "$folder/test" ] || [ ! -e "$folder/train-rle.csv" ]; then
        complain "$folder: needs train/, train-rle.csv and test/, and may have sample_submission.csv and test-truth.csv"
    fi
elif [ "$made_up" = true ]; then
    folder=$work/xrays
fi
if [ -n "$folder" ]; then
    ids=$folder/sample_submission.csv truth=$folder/test-truth.csv
    [ "$made_up" = true ] || [ -e "$ids" ] || ids=
    [ "$made_up" = true ] || [ -e "$truth" ] || truth=
    checked=$(jq --arg folder "$folder" --arg ids "$ids" --arg truth "$truth" --argjson made_up "$made_up" '
        .data += {train: "\($folder)/train", labels: "\($folder)/train-rle.csv", test: "\($folder)/test",
                  ids: $ids, truth: $truth}
        | if $made_up then .data.size = "\(.synth.side)x\(.synth.side)" else del(.synth) end' <<<"$checked")
fi

mkdir -p "$work/options"
jq --arg profile "$profile" '{profile: $profile} + .' <<<"$checked" | settle "$work/config.json"
jq -r -f "$here/options.jq" <<<"$checked" | settle "$work/config.mk"
for stage in $(jq -r 'keys[]' <<<"$checked"); do
    {
        jq -c ".[\"$stage\"]" <<<"$checked"
        if [ "$stage" = data ] && [ "$made_up" = false ]; then
            mapfile -t paths < <(jq -r '.data | .train, .labels, .test, .ids' <<<"$checked")
            state_of "${paths[@]}"
        fi
    } | settle "$work/options/$stage"
done
