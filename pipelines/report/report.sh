#!/usr/bin/env bash
# report.sh WORK >report.html: a run of the method as one page that needs no other file: scores, curves, the ranking of
# the areas, pictures; and of images that the models have not seen, and rules learned from these, what has been made.
# Nothing is written before all is there.
# shellcheck disable=SC2016 # what stands in single quotes is for jq
set -eu -o pipefail
[ $# = 1 ] || { echo "usage: report.sh WORK" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) work=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

complain() {
    echo "report: $1" >&2
    exit 1
}

need() { # need FILE...
    local file
    for file in "$@"; do
        [ -r "$file" ] || complain "$file: cannot be read"
    done
}

stages() { # stages FILTER: names, by the definitions of stages.jq
    jq -r -L "$here/../method" "include \"stages\"; $1" "$work/config.json"
}

figures() { # figures FILTER [OPTION]...: with the definitions of figures.jq
    local filter=$1
    shift
    jq -c -n -L "$here" "include \"figures\"; $filter" "$@"
}

# ---- training: each fold's log, and how long GNU parallel says that its job took
folds() {
    local stage count batch fold log
    while read -r stage count batch; do
        for ((fold = 0; fold < count; fold++)); do
            log=$work/$stage/fold-$fold.jsonl
            need "$log"
            figures 'fold_log($fold; $batch) + {stage: $stage}' --arg stage "$stage" --argjson fold "$fold" \
                --argjson batch "$batch" "$log" || complain "$log: is not a log of train-fold"
        done
    done < <(stages 'needed_training[] as $stage | "\($stage) \(.[$stage] | "\(.folds) \(.batch)")"')
}

times() {
    local stage
    for stage in $(stages '(needed_training + needed_testing + (needed_testing | map(validator)))[]'); do
        [ -e "$work/$stage/joblog" ] || continue # the times are not known
        figures '{stage: $stage, jobs: jobs}' --arg stage "$stage" -R "$work/$stage/joblog" ||
            complain "$work/$stage/joblog: is not a job log of GNU parallel"
    done
}

# ---- scores and cases
scores() {
    local name
    for name in "${submissions[@]}" empty; do
        jq -c --arg name "$name" '{name: $name} + .' "$work/score-$name.json"
    done
}

decisions() { # of each submission
    local i
    for i in "${!submissions[@]}"; do
        inspect --json "$work/${decided[i]}" >"$scratch/decisions"
        jq -s -c '{submission: $submission, merge: $config[0][$submission].decide, file: $file, images: map(select(has("id"))),
            rule: (.[0].history | map(select(startswith("rule: "))) | last)}' \
            --arg submission "${submissions[i]}" --arg file "${decided[i]}" --slurpfile config "$work/config.json" \
            "$scratch/decisions"
    done
}

# ---- images that the models have not seen
unseen() { # unseen FILTER: scores of the names that it gives, and the curves behind them
    local name curves
    for name in $(stages "$1 | .[]"); do
        curves=/dev/null
        [ -e "$work/score-$name.json" ] || continue
        [ ! -e "$work/curves-$name.json" ] || curves=$work/curves-$name.json
        jq -c --arg name "$name" --slurpfile curves "$curves" \
            'if .dice then {name: $name, scores: ., curves: $curves[0]} else error end' "$work/score-$name.json" 2>/dev/null ||
            complain "$work/score-$name.json: it, or its curves, is not score's"
    done
}

rules() {
    local name
    for name in $(stages 'rules[]'); do
        [ -e "$work/$name.json" ] || continue
        jq -c --arg name "$name" 'if .grid then {name: $name} + . else error end' "$work/$name.json" 2>/dev/null ||
            complain "$work/$name.json: is not calibrate's"
    done
}

sizes() { # sizes SET NAME: lesions of SET by their size, and their Dice by score's table of NAME
    figures 'cases | lesions($pixels[0])' --slurpfile pixels "$scratch/pixels-$1" -R "$work/score-$2.csv" ||
        complain "$work/score-$2.csv: is not score's of these images"
}

sizes_unseen() { # of the first submission as it would be, or of its masks without a decision
    local name
    for name in $(stages 'unseen_submissions[], (.[submissions[0]].segment as $merge | unseen($merge))'); do
        [ -e "$work/score-$name.csv" ] || continue
        sizes train "$name" | jq -c --arg name "$name" '{name: $name, lesions: .}'
        return
    done
}

# ---- pictures: the chosen cases' rows name the images for decode and hold the masks for overlay
pictures() {
    local labels=() chosen=$scratch/chosen.csv picture name test size
    mapfile -t test < <(jq -r '.data.test[]' "$work/config.json")
    size=$(jq -r .data.size "$work/config.json")
    if [ -d "$truth" ]; then
        labels=(--masks "$truth")
    elif [ -n "$truth" ]; then
        labels=(--labels "$truth" ${size:+--size "$size"})
    fi
    figures 'input as $groups | [$groups[].cases[] | {(.id): 1}] | add // {}' "$scratch/groups" >"$scratch/ids"
    figures 'rows_of($ids[0])' --slurpfile ids "$scratch/ids" -r -R "$work/${submissions[0]}.csv" >"$chosen"
    [ "$(wc -l <"$chosen")" -gt 1 ] || return 0
    decode -q "${test[@]}" --ids "$chosen" "${labels[@]}" |
        overlay -q --directory "$scratch/pictures" --side 300 --thickness 2 \
            --predictions <(rle-decode -q --sizes "$work/test/index.mpk" "$chosen")
    for picture in "$scratch"/pictures/*.png; do
        name=${picture##*/}
        base64 -w 0 "$picture" | jq -c -R --arg id "${name%.png}" '{($id): .}'
    done
}

# ---- what it ran on
packages() { # of the libraries that the programs are linked with themselves, and of what runs them
    local programs needed files=() owners=()
    { command -v dpkg-query && command -v readelf; } >/dev/null || return 0
    mapfile -t programs < <(command -v decode train-fold merge)
    needed=$(readelf -d "${programs[@]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1 =>/p')
    # dpkg knows a file of /lib as one of /usr/lib, or the other way round.
    mapfile -t files < <(ldd "${programs[@]}" | grep -F "$needed" |
        sed -n -E 's|.*=> (/usr)?(/[^ ]*) .*|\2\n/usr\2|p' | sort -u)
    mapfile -t owners < <(dpkg-query -S "${files[@]}" 2>/dev/null | cut -d : -f 1 | sort -u)
    dpkg-query -W -f '${Package} ${Version}\n' "${owners[@]}" make parallel jq zstd 2>/dev/null | sort -u || true
}

machine() {
    jq -n --arg processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --arg cores "$(nproc)" \
        --arg memory "$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)" \
        --arg system "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r)" \
        --arg version "$(decode --version | sed 's/.* //')" --arg packages "$(packages)" \
        --arg date "$(date -u '+%Y-%m-%d %H:%M UTC')" \
        '$ARGS.named + {packages: ($packages | split("\n") | map(split(" ") | select(length == 2)))}'
}

need "$work/config.json" "$work/survey.json"
jq -e '.data.test' "$work/config.json" >/dev/null 2>&1 || complain "$work/config.json: is not a checked configuration"
mapfile -t submissions < <(stages 'submissions[]') # the first is shown in pictures
mapfile -t decided < <(stages 'submissions[] as $name | decisions($name) + ".mpk"')
need "$work/${submissions[0]}.csv" "$work"/{train,test}/index.mpk "${decided[@]/#/$work/}"
jq -e '.train.images' "$work/survey.json" >/dev/null 2>&1 || complain "$work/survey.json: is not survey's"
truth=$(jq -r '.data.truth // ""' "$work/config.json")
if [ -n "$truth" ]; then
    need "$truth" "$work/score-${submissions[0]}.csv"
    for name in "${submissions[@]}" empty; do need "$work/score-$name.json"; done
fi
folds >"$scratch/folds"
times >"$scratch/times"
for set in train test; do
    inspect --json "$work/$set/index.mpk" >"$scratch/index"
    figures count_samples "$scratch/index" >"$scratch/$set"
    figures pixels "$scratch/index" >"$scratch/pixels-$set"
done
unseen 'unseen_submissions' >"$scratch/unseen"
unseen 'unseen_probabilities' >"$scratch/probabilities"
rules >"$scratch/rules"
sizes_unseen >"$scratch/sizes-unseen"
decisions >"$scratch/decided"
figures '[inputs] | rankings' "$scratch/decided" >"$scratch/rankings"
if [ -n "$truth" ]; then
    scores >"$scratch/scores"
    figures cases -R "$work/score-${submissions[0]}.csv" >"$scratch/cases" ||
        complain "$work/score-${submissions[0]}.csv: is not score's"
    sizes test "${submissions[0]}" >"$scratch/sizes"
    figures 'input | groups_by_truth' "$scratch/cases" >"$scratch/groups"
else
    : | tee "$scratch/scores" >"$scratch/sizes"
    echo '[]' >"$scratch/cases"
    figures 'input[0].areas | groups_by_area' "$scratch/rankings" >"$scratch/groups"
fi
pictures >"$scratch/pictures.json"
[ "$(wc -l <"$scratch/pictures.json")" = "$(jq length "$scratch/ids")" ] ||
    complain "$work/${submissions[0]}.csv: is of other images than the scores and decisions"
machine >"$scratch/machine"

jq -n -r -L "$here" -L "$here/../method" --rawfile css "$here/report.css" --slurpfile config "$work/config.json" \
    --slurpfile folds "$scratch/folds" --slurpfile times "$scratch/times" --slurpfile scores "$scratch/scores" \
    --slurpfile train "$scratch/train" --slurpfile test "$scratch/test" --slurpfile rankings "$scratch/rankings" \
    --slurpfile pixels "$scratch/pixels-test" --slurpfile survey "$work/survey.json" \
    --slurpfile unseen "$scratch/unseen" --slurpfile probabilities "$scratch/probabilities" \
    --slurpfile rules "$scratch/rules" --slurpfile sizes "$scratch/sizes" --slurpfile sizes_unseen "$scratch/sizes-unseen" \
    --slurpfile cases "$scratch/cases" --slurpfile groups "$scratch/groups" \
    --slurpfile pictures "$scratch/pictures.json" --slurpfile machine "$scratch/machine" \
    -f "$here/report.jq" >"$scratch/report.html"
cat "$scratch/report.html"
