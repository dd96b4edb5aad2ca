#!/usr/bin/env bats
# Recipes against each other on made-up X-rays: what is trained, what is kept, and the paired intervals.

load ../helpers
load checked

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# recipes: two of them, one stage, the smallest network and images that there are
recipes() {
    jq -n '{
        xrays: {synth: ["--side", "128", "--format", "png"], train: 8, test: 4, lesions: 0.5, "test-lesions": 0.25},
        small: {
            "train-seg-unet": null, "test-seg-unet": null, "train-cls-bisenet": null, "test-cls-bisenet": null, "merge-cls": null,
            "train-seg-bisenet": {init: "", network: "bisenet-resnet18_w16", folds: 2, side: 64, iterations: 1, batch: 2, "whole-batches": false, accumulate: 1,
                "eval-every": 1},
            "merge-seg": {stages: ["test-seg-bisenet"]}, submission2: null,
            submission1: {decide: "merge-seg", segment: "merge-seg", ratio: 0.9}
        },
        parts: [{name: "plain", settings: {}}, {name: "middle", settings: {"test-seg-bisenet": {flip: true}}},
            {name: "none", of: ["middle"], settings: {submission1: {ratio: 0}}}]
    }' >recipes.json
}

experiment() { # experiment WORK SEEDS EACH
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES "$ROOT/pipelines/experiment/experiment.sh" "$@" "$PWD/recipes.json"
}

@test "two recipes, two seeds: scores are kept, and what has one is not run again" {
    not_sanitized "the programs that the stages run are tested one by one"
    recipes
    experiment work 2 '' >table 2>says || { cat says; false; }
    [ "$(cat says)" = "$(printf 'experiment: %s, seed %s\n' plain 1 none 1 plain 2 none 2)" ]
    [ "$(cd work && find . -type f | LC_ALL=C sort | tr '\n' ' ')" = "./scores/none-1.json ./scores/none-2.json ./scores/plain-1.json ./scores/plain-2.json " ]
    # A ratio of 0 calls all images empty: three of the four to predict are.
    grep -qE '^none +2 +0\.7500 +0\.0000 +1\.0000 ' table
    [ "$(jq -r '.config."train-seg-bisenet".seed' work/scores/plain-*.json | tr '\n' ' ')" = "1 2 " ]
    experiment work 2 '' >again 2>says
    cmp table again
    [ ! -s says ]
    # The score of other settings does not count, nor that of other X-rays
    jq '.config.submission1.ratio = 0.1' work/scores/none-2.json >other && mv other work/scores/none-2.json
    experiment work 2 '' >again 2>says
    cmp table again
    [ "$(cat says)" = "experiment: none, seed 2" ]
    jq '.xrays.test = 5' work/scores/plain-1.json >other && mv other work/scores/plain-1.json
    experiment work 2 '' >again 2>says
    cmp table again
    [ "$(cat says)" = "experiment: plain, seed 1" ]
}

@test "recipes that see other numbers of images are refused, and seeds without an interval" {
    recipes
    fails 2 "an interval needs two seeds" experiment work 1 ''
    fails 2 "SEEDS=x: not a number" experiment work x ''
    jq '.parts[1].settings = {"train-seg-bisenet": {iterations: 3}}' recipes.json >changed
    fails 5 "recipes see other numbers of training images: plain 4, middle 12, none 12" \
        "$ROOT/pipelines/experiment/experiment.sh" work 2 '' changed
    jq '.parts[1].of = ["none"]' recipes.json >changed
    fails 5 "middle: made of none, which is no part before it" "$ROOT/pipelines/experiment/experiment.sh" work 2 '' changed
    [ ! -e work/xrays-1 ]
}

@test "a part is laid over the small method, and over the parts that it is made of" {
    recipes
    jq '.parts += [{name: "more", of: ["middle", "none"], settings: {"test-seg-bisenet": {batch: 2}}}]' recipes.json >more.json
    jq -c --argjson each true --slurpfile config "$ROOT/config.json" -f "$ROOT/pipelines/experiment/configurations.jq" more.json >all
    diff <(jq -c '[.name, .config."test-seg-bisenet".flip, .config."test-seg-bisenet".batch, .config.submission1.ratio]' all) - <<'END'
["plain",false,4,0.9]
["middle",true,4,0.9]
["none",true,4,0]
["more",true,2,0]
END
}

@test "the project's own recipes pass make's check" {
    jq -c --argjson each true --slurpfile config "$ROOT/config.json" -f "$ROOT/pipelines/experiment/configurations.jq" \
        "$ROOT/pipelines/experiment/recipes.json" >all
    [ "$(jq -r .name all | sed -n '1p;$p' | tr '\n' ' ')" = "method best " ]
    # The settings of each, and then whether a network takes its side
    jq -r -L "$ROOT/pipelines/method" --argjson options "$(options)" \
        'include "config"; .config | checked($options; "experiment"; ""; []) | questions' all >questions
    [ "$(grep -c '^data' questions)" = "$(wc -l <all)" ]
    grep '^side' questions | sort -u | while read -r _ setting network side; do
        cost --side "$side" "$network" || { echo "$setting"; false; }
    done
    # All of it, of the last
    tail -n 1 all | jq .config >config.json
    "$ROOT/pipelines/method/config.sh" config.json experiment settled '' >/dev/null
}

@test "differences are paired by seed, with Student's intervals" {
    # Differences 0.1, 0.2, 0.4, 0.9, 0.3: mean 0.38, deviation 0.3114, t of 4 degrees of freedom 2.7764
    for seed in 1 2 3 4 5; do
        jq -nc --argjson seed $seed '{name: "b", $seed, score: {dice: 0.05, dice_lesion: 0.25, dice_empty: 1}}'
    done >scores
    for seed in 5 3 4 1 2; do
        jq -nc --argjson seed $seed '{name: "a", $seed, score: {dice: (0.05 + [0.1, 0.2, 0.4, 0.9, 0.3][$seed - 1]), dice_lesion: 0.5, dice_empty: 0}}'
    done >>scores
    jq --slurp --raw-output -f "$ROOT/pipelines/experiment/compare.jq" scores >table
    diff table - <<END
recipe	seeds	Dice	of lesions	of empty	Dice to the first	of lesions to the first
b	5	0.0500	0.2500	1.0000		
a	5	0.4300	0.5000	0.0000	0.3800 (-0.0067 to 0.7667)	0.2500 (0.2500 to 0.2500)
END
    head -n 9 scores >fewer
    fails 5 "recipes with other seeds than the first" jq --slurp --raw-output -f "$ROOT/pipelines/experiment/compare.jq" fewer
}
