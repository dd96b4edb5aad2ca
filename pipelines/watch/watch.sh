#!/usr/bin/env bash
# watch.sh: prints how far the folds in the work folder WORK are, again every two seconds; once where ONCE is set, or stdout is
# no terminal. It reads what the stages write (settings, logs, job logs), asks Slurm's queue where stages were given to it, and
# takes no lock, so it disturbs nothing.
# shellcheck disable=SC2016 # what stands in single quotes is for jq
set -eu -o pipefail
here=${0%/*}
# shellcheck source=pipelines/method/settled.bash
. "$here/../method/settled.bash"
# shellcheck source=pipelines/slurm/queue.bash
. "$here/../slurm/queue.bash"
check_work

stages() { # stages FILTER: by the definitions of stages.jq
    jq -r -L "$here/../method" "include \"stages\"; $1" "$WORK/config.json"
}

# What our processes have open below WORK: the lock file as long as a run lives, and a fold's folder while it is trained.
open_files() {
    local root
    root=$(realpath "$WORK")
    { find /proc/[0-9]*/fd -maxdepth 1 -type l -printf '%l\n' 2>/dev/null || true; } | # others' are closed to us
        ROOT=$root/ awk 'index($0, ENVIRON["ROOT"]) == 1 { print substr($0, length(ENVIRON["ROOT"]) + 1) }' | sort -u
}

is_open() { # is_open FILE, below WORK
    grep -qxF -- "$1" <<<"$opened"
}

ask_queue() { # ask_queue STAGE: to $queue, what the queue has of it, where it was given to a queue; `silent` where it does not answer
    queue='' over=''
    [ ! -d "$WORK/$1/slurm" ] || queue=$(queued "$1") || {
        echo "$1: the queue does not answer" >&2
        queue=silent
    }
}

# What tells of a stage's folds is read once for all of them. To $states: where the queue has them; $statuses: with which GNU parallel says
# that their jobs failed last; $given: those that hosts.sh, which is at work, has to give, and that have not come back.
look() { # look STAGE
    local fold words
    states=() statuses=() given=()
    ask_queue "$1"
    while read -r fold words; do states[$fold]=$words; done < <(awk -F '|' 'NF == 5 && !seen[$2]++ {
        print $2, $3 == "RUNNING" ? "training on " $5 : $3 == "PENDING" ? "in the queue: " $4 : tolower($3) }' <<<"$queue")
    while read -r fold words; do statuses[$fold]=$words; done < <(awk -F '\t' 'NR > 1 && match($9, /train-fold\.sh [0-9]+\//) {
        print substr($9, RSTART + 14, RLENGTH - 15), $8 == 0 && $7 != 0 ? $7 : "" }' "$WORK/$1/joblog" 2>/dev/null)
    [ -z "$active" ] || while read -r fold; do given[$fold]=1; done < <(awk 'FNR == 1 { print $1 }' "$WORK/$1/hosts"/fold-* 2>/dev/null)
}

# What make has said of a fold, or, where none has lived to say it, what Slurm says.
failed_in_queue() { # failed_in_queue STAGE FOLD: to $failure, how a fold failed that was given to a queue, which has it no more
    local run=$WORK/$1/slurm
    failure=$(cat "$run/failed-$2" 2>/dev/null || true)
    [ -z "$failure" ] || return 0
    if [ "$queue" = silent ] || [ ! -e "$run/fold-$2" ] || [ ! -e "$run/job" ] || [ "$(cat "$run/ended-$2" 2>/dev/null)" = 0 ]; then return 1; fi
    over=${over:-asked:$'\n'$(how_ended "$(<"$run/job")")}
    failure=$(failure "$run" "$2" "$(awk -v fold="$2" '$1 == fold { print $2 }' <<<"$over")")
}

last_lines() { # last_lines LOG: the last whole line of steps, a tab, and the last one with a best score
    { cat "$1" 2>/dev/null || true; } |
        awk '/"loss":.*}$/ { step = $0 } /"best":true.*}$/ { best = $0 } END { print step "\t" best }'
}

fold() { # fold STAGE FOLD ITERATIONS BATCH: a line for watch.jq
    local at=$WORK/$1/fold-$2 log=$WORK/$1/fold-$2.part/log.jsonl state=${states[$2]-} failure
    if [ -n "$state" ]; then
        :
    elif is_open "$1/fold-$2.part"; then
        state=training
    elif [ -f "$at.mpk" ] && [ ! -d "$at.part" ]; then
        state='done' log=$at.jsonl
    elif [ -n "${given[$2]-}" ]; then
        state="on hosts"
    elif failed_in_queue "$1" "$2"; then
        state="$failure, see $WORK/$1/slurm/fold-$2.log"
    elif [ -n "${statuses[$2]-}" ]; then
        state="failed, status ${statuses[$2]}"
    elif [ -d "$at.part" ]; then
        state=${active:+waiting}
        state=${state:-stopped}
    else
        state="not begun"
    fi
    printf '%s\t' "$@" "$state"
    last_lines "$log"
}

predicted() { # predicted STAGE FOLDS
    local made=("$WORK/$1"/fold-*.mpk.zst) queue
    [ -e "${made[0]}" ] || made=()
    ask_queue "$1"
    printf '%s: %d of %d folds have predicted%s\n' "$1" "${#made[@]}" "$2" \
        "$([ -z "${queue#silent}" ] || cut -d '|' -f 3 <<<"$queue" | sort | uniq -c | awk '{ printf "%s %d %s", NR == 1 ? "; in the queue:" : ",", $1, tolower($2) }')"
}

show() {
    local opened active='' stage words queue over
    local -A states statuses given
    if [ ! -f "$WORK/config.json" ]; then
        echo "$WORK: nothing has begun"
        return
    fi
    opened=$(open_files)
    ! is_open .pleura || active=yes
    if [ -n "$active" ]; then echo "$WORK: make is at work"; else echo "$WORK: nobody is at work"; fi
    stages 'needed_training as $needed | training[] as $stage
        | "\($stage) \(.[$stage] | "\(.folds) \(.iterations) \(.batch)") \(if $needed | index($stage) then "needed" else "" end)"' |
        while read -r stage folds words; do
            [[ $words == *needed ]] || [ -d "$WORK/$stage" ] || continue
            read -ra words <<<"$words"
            look "$stage"
            for ((k = 0; k < folds; k++)); do fold "$stage" "$k" "${words[@]:0:2}"; done
        done | jq -n -R -r -f "$here/watch.jq" | column -t -s $'\t'
    stages 'needed_testing[] as $stage | "\($stage) \(.[$stage | trainer].folds)"' |
        while read -r stage folds; do predicted "$stage" "$folds"; done
}

if [ -n "${ONCE-}" ] || [ ! -t 1 ]; then
    show
    exit
fi
trap 'exit 0' INT TERM
while true; do
    text=$(show) || true # what comes and goes meanwhile is there, or not, next time
    printf '\e[H\e[J%s\n' "$text"
    sleep 2
done
