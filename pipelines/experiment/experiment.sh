#!/usr/bin/env bash
# experiment.sh WORK SEEDS EACH [RECIPES]: trains each recipe of RECIPES (recipes.json) with seeds 1 to SEEDS on made-up X-rays, scores
# it on others, and prints the means and paired differences (compare.jq); the first and the last recipe alone where EACH is
# empty. What a run leaves in WORK is its score; a run that has one with the same configuration and X-rays is not repeated. The
# recipes of a seed run one after another in one work folder, where make repeats only what the settings of the next one change.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd) work=$1 seeds=$2 each=$3
recipes=$(realpath -- "${4:-$here/recipes.json}")

[[ $seeds =~ ^[1-9][0-9]{0,2}$ ]] || {
    echo "experiment: SEEDS=$seeds: not a number from 1 to 999" >&2
    exit 2
}
[ "$seeds" -gt 1 ] || {
    echo "experiment: SEEDS=1: an interval needs two seeds" >&2
    exit 2
}
mkdir -p "$work/scores"
work=$(cd "$work" && pwd)

# Of the make that runs this, nothing is passed on. Two folds side by side use two cores better than two threads a fold.
stages() { # stages ARGUMENT...
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES JOBS="${JOBS:-2}" \
        make -s --no-print-directory -f "$here/../pipelines.mk" PROFILE=experiment "$@"
}

# Training and test images are drawn apart, since their shares of lesions may differ.
make_xrays() { # make_xrays SEED: those of all recipes of a seed
    local folder=$work/xrays-$1
    [ "$(cat "$folder.drawn" 2>/dev/null)" != "$xrays" ] || return 0
    rm -rf "$folder"{,.test,.drawn} "$work/seed-$1"
    synth -q --seed "$1" "${synth[@]}" --train "$training" --lesions "$lesions" --test 0 "$folder"
    synth -q --seed $((1000 + $1)) "${synth[@]}" --train 0 --test "$testing" --lesions "$test_lesions" "$folder.test"
    cp -r "$folder.test"/{test,sample_submission.csv,test-truth.csv} "$folder/"
    rm -r "$folder.test"
    printf '%s\n' "$xrays" >"$folder.drawn"
}

run_recipe() { # run_recipe NAME SEED CONFIGURATION
    local folder=$work/seed-$2 score=$work/scores/$1-$2.json what="{\"config\":$3,\"xrays\":$xrays}"
    if [ -f "$score" ] && [ "$(jq -c '{config, xrays}' "$score")" = "$what" ]; then
        return
    fi
    echo "experiment: $1, seed $2" >&2
    make_xrays "$2"
    printf '%s\n' "$3" >"$folder.config"
    stages WORK="$folder" CONFIG="$folder.config" DATA="$work/xrays-$2" submission1 score >"$folder.says" 2>&1 || {
        tail -n 5 "$folder.says" >&2
        echo "experiment: $1, seed $2: failed; $folder.says tells more" >&2
        exit 1
    }
    jq -c --argjson what "$what" '$what + {score: .}' "$folder/score-submission1.json" >"$score.part"
    mv "$score.part" "$score"
}

wanted=$(jq -c --argjson each "$([ -n "$each" ] && echo true || echo false)" --slurpfile config "$here/../../config.json" \
    -f "$here/configurations.jq" "$recipes")
xrays=$(jq -c .xrays "$recipes")
mapfile -t synth < <(jq -r '.synth[]' <<<"$xrays")
read -r training testing lesions test_lesions < <(jq -r '"\(.train) \(.test) \(.lesions) \(."test-lesions")"' <<<"$xrays")
mapfile -t names < <(jq -r .name <<<"$wanted")
for ((seed = 1; seed <= seeds; seed++)); do
    mapfile -t configurations < <(jq -c --argjson seed "$seed" \
        '.config | with_entries(if .key | startswith("train-") then .value.seed = $seed else . end)' <<<"$wanted")
    for i in "${!names[@]}"; do run_recipe "${names[i]}" "$seed" "${configurations[i]}"; done
    rm -rf "$work"/{xrays-$seed{,.drawn},seed-$seed{,.config,.says}}
done
scores=()
for name in "${names[@]}"; do
    for ((seed = 1; seed <= seeds; seed++)); do scores+=("$work/scores/$name-$seed.json"); done
done
jq -c '(input_filename | split("/")[-1] | capture("^(?<name>.*)-(?<seed>[0-9]+)\\.json$")) + {score}' "${scores[@]}" |
    jq --slurp --raw-output -f "$here/compare.jq" | column -t -s $'\t'
