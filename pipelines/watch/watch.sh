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

status_of() { # status_of STAGE FOLD: with which a fold's job ended last, if GNU parallel says that it failed by itself
    awk -F '\t' -v fold="$2" 'NR > 1 && $9 ~ ("train-fold\\.sh " fold "/") { status = $8 == 0 && $7 != 0 ? $7 : "" } END { print status }' \
        "$WORK/$1/joblog" 2>/dev/null || true
}

on_hosts() { # on_hosts STAGE FOLD: hosts.sh, which is at work, has it to give, and it has not come back
    local file
    [ -n "$active" ] || return 1
    for file in "$WORK/$1/hosts"/fold-*; do
        [ ! -f "$file" ] || [ "$(head -c 20 "$file" | cut -d ' ' -f 1)" != "$2" ] || return 0
    done
    return 1
}

ask_queue() { # ask_queue STAGE: to $queue, what the queue has of it, where it was given to a queue
    queue=''
    [ ! -d "$WORK/$1/slurm" ] || queue=$(queued "$1") || {
        echo "$1: the queue does not answer" >&2
        queue=''
    }
}

in_queue() { # in_queue FOLD: its state there
    awk -F '|' -v fold="$1" '$2 == fold { print $3 == "RUNNING" ? "training on " $5 : $3 == "PENDING" ? "in the queue: " $4 : tolower($3) }' \
        <<<"$queue" | head -n 1
}

failed_in_queue() { # failed_in_queue STAGE FOLD
    [ -z "$queue" ] || [ -z "$(in_queue "$2")" ] || return 1
    [ "$(cat "$WORK/$1/slurm/ended-$2" 2>/dev/null || echo 0)" != 0 ]
}

last_lines() { # last_lines LOG: the last whole line of steps, a tab, and the last one with a best score
    { cat "$1" 2>/dev/null || true; } |
        awk '/"loss":.*}$/ { step = $0 } /"best":true.*}$/ { best = $0 } END { print step "\t" best }'
}

fold() { # fold STAGE FOLD ITERATIONS BATCH: a line for watch.jq
    local at=$WORK/$1/fold-$2 log=$WORK/$1/fold-$2.part/log.jsonl state status
    status=$(status_of "$1" "$2")
    state=$(in_queue "$2")
    if [ -n "$state" ]; then
        :
    elif is_open "$1/fold-$2.part"; then
        state=training
    elif [ -f "$at.mpk" ] && [ ! -d "$at.part" ]; then
        state='done' log=$at.jsonl
    elif on_hosts "$1" "$2"; then
        state="on hosts"
    elif failed_in_queue "$1" "$2"; then
        state="failed, see $WORK/$1/slurm/fold-$2.log"
    elif [ -n "$status" ]; then
        state="failed, status $status"
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
        "$([ -z "$queue" ] || cut -d '|' -f 3 <<<"$queue" | sort | uniq -c | awk '{ printf "%s %d %s", NR == 1 ? "; in the queue:" : ",", $1, tolower($2) }')"
}

show() {
    local opened active='' stage words queue
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
            ask_queue "$stage"
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
