#!/usr/bin/env bash
# experiment.sh WORK SEEDS EACH [RECIPES]: trains each recipe of RECIPES (recipes.json) with seeds 1 to SEEDS on made-up X-rays, scores
# it on others, and prints the means and paired differences (compare.jq); the first and the last recipe alone where EACH is
# empty. What a run leaves in WORK is its score; a run that has one with the same configuration is not repeated.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd) work=$1 seeds=$2 each=$3
recipes=${4:-$here/recipes.json}

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
cd "$here/../.."
PATH=$PWD/bin:$PATH

# Of the make that runs this, nothing is passed on.
stages() { # stages ARGUMENT...
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory PROFILE=experiment "$@"
}

make_xrays() { # make_xrays SEED: those of all recipes of a seed
    [ ! -d "$work/xrays-$1" ] || return 0
    rm -rf "$work/xrays-$1.part"
    synth -q --seed "$1" "${xrays[@]}" "$work/xrays-$1.part"
    mv "$work/xrays-$1.part" "$work/xrays-$1"
}

run_recipe() { # run_recipe NAME SEED CONFIGURATION
    local folder=$work/$1-$2 score=$work/scores/$1-$2.json
    if [ -f "$score" ] && [ "$(jq -c .config "$score")" = "$(jq -c . <<<"$3")" ]; then
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
    jq -c --argjson config "$3" '{config: $config, score: .}' "$folder/score-submission1.json" >"$score.part"
    mv "$score.part" "$score"
    rm -r "$folder" "$folder.config" "$folder.says"
}

wanted=$(jq -c --argjson each "$([ -n "$each" ] && echo true || echo false)" --slurpfile config config.json \
    -f pipelines/experiment/configurations.jq "$recipes")
mapfile -t xrays < <(jq -r '.xrays[]' "$recipes")
for ((seed = 1; seed <= seeds; seed++)); do
    while read -r recipe; do
        name=$(jq -r .name <<<"$recipe")
        run_recipe "$name" "$seed" "$(jq -c --argjson seed "$seed" \
            '.config | with_entries(if .key | startswith("train-") then .value.seed = $seed else . end)' <<<"$recipe")"
    done <<<"$wanted"
    rm -rf "$work/xrays-$seed"
done
while read -r name; do
    for ((seed = 1; seed <= seeds; seed++)); do
        jq -c --arg name "$name" --argjson seed "$seed" '{name: $name, seed: $seed, score: .score}' "$work/scores/$name-$seed.json"
    done
done < <(jq -r .name <<<"$wanted") | jq --slurp --raw-output -f pipelines/experiment/compare.jq | column -t -s $'\t'
