#!/usr/bin/env bash
# slurm.sh: checks SLURM, options of sbatch with blanks between, and that there is a queue.
# slurm.sh parallel OPTION... SCRIPT WORD... ::: MEMBER... [::: WORD | :::+ WORD...]: gives the folds that are not done
# (folds.bash) to Slurm's queue, a stage one array job, and waits until it is over. What an earlier make has left in the
# queue is waited for, where it does the same. Settings: SLURM, WORK, JOBS_GIVEN (so that JOBS says how many folds at a
# time), SLURM_PAUSE (the most seconds between two questions to the queue; 15). In STAGE/slurm lie, of the last job,
# its number (job), what each fold is (fold-K), its log (fold-K.log), how it ended (ended-K), and how make has said that it failed (failed-K).
set -eu -o pipefail
here=${0%/*}
# shellcheck source=pipelines/method/settled.bash
. "$here/../method/settled.bash"
# shellcheck source=pipelines/hosts/shown.bash
. "$here/../hosts/shown.bash"
# shellcheck source=pipelines/hosts/folds.bash
. "$here/../hosts/folds.bash"
# shellcheck source=pipelines/slurm/queue.bash
. "$here/queue.bash"

complain() {
    echo "slurm: $1" >&2
}

die() {
    complain "$1"
    exit 1
}

split_options() { # to $options: SLURM's words, in which quotes keep blanks; nothing is expanded
    local word said
    [[ $SLURM != *[[:cntrl:]]* ]] || die "SLURM=$(printf %q "$SLURM"): options of sbatch without control characters are wanted"
    said=$(xargs printf '%s\n' <<<"$SLURM" 2>&1) || die "SLURM=$(printf %q "$SLURM"): a quote is not closed"
    mapfile -t options <<<"$said"
    [ "$SLURM" != -- ] || options=() # the default partition
    for word in "${options[@]}"; do
        case $word in
        --clu* | -M*) die "SLURM: $word: another cluster is chosen by SLURM_CLUSTERS in the environment" ;;
        --wr* | -W* | --wait | --te* | --arr* | -a* | --ou* | -o* | --er* | -e* | --in* | -i* | -D* | --ch* | -J* | --job* | --pars* | --he* | -h* | --us* | -V* | --vers*)
            die "SLURM: $word: make says this itself"
            ;;
        -?*) ;;
        *) die "SLURM: '$word' is no option: one word each is wanted, --partition=x, not --partition x" ;;
        esac
    done
}

check() {
    local program said
    [ -z "$HOSTS" ] || die "SLURM and HOSTS are both given: either a queue gives folds to machines, or make does"
    [ -z "$GPUS" ] || die "SLURM and GPUS are both given: the queue chooses devices (--gres=gpu:1)"
    split_options
    [[ ${SLURM_PAUSE:-15} =~ ^[1-9][0-9]{0,3}$ ]] || die "SLURM_PAUSE=$(printf %q "$SLURM_PAUSE"): seconds are wanted, from 1 up"
    for program in sbatch squeue scancel scontrol; do
        [ -x "$(command -v $program)" ] || die "$program is missing here (Debian: slurm-client)"
    done
    said=$(timeout 60 squeue --noheader --name=none 2>&1) || die "the queue does not answer: $(shown "$(head -n 1 <<<"$said")")"
}

write_batch() { # what a node runs
    echo "#!/usr/bin/env bash"
    echo "cd ${PWD@Q} || exit"
    echo "export PATH=${PATH@Q} WORK=${WORK@Q} LC_ALL=C.UTF-8 ${THREADS:+THREADS=${THREADS@Q}}"
    echo "exec ${here@Q}/slurm-fold.sh ${run@Q}"
}

submit() { # $members, to $job
    local answer i
    mkdir -p "$run"
    find "$run" -type f ! -name '*.log' -delete
    for ((i = 0; i < ${#members[@]}; i++)); do echo "${folds[i]}" >"$run/fold-${members[i]}"; done
    write_batch >"$run/batch"
    # What stands in front SLURM may say otherwise
    answer=$(sbatch --requeue --signal=B:TERM@120 "${options[@]}" --nodes=1 --ntasks=1 --chdir="$PWD" --job-name="$(queue_name "$stage")" \
        --array="$(IFS=,; echo "${members[*]}")${JOBS_GIVEN:+%$JOBS}" --parsable --open-mode=append \
        --output="$run/fold-%a.log" --error="$run/fold-%a.log" "$run/batch" 2>&1) || {
        rm -r "$run"
        die "$stage: $(shown "$(tail -n 1 <<<"$answer")")"
    }
    job=$(tail -n 1 <<<"$answer")
    job=${job%%;*}
    [[ $job =~ ^[0-9]+$ ]] || die "$stage: sbatch answers '$(shown "$answer")'"
    echo "$job" >"$run/job"
    complain "$stage: ${#members[@]} of $all folds to do, as job $job"
}

tell() { # tell LINES: how folds that are not in the queue's LINES have ended, each once
    local file member status line over failing=()
    [ -z "$cancelled" ] || return 0
    over=$(cut -d '|' -f 2 <<<"$1")
    for file in "$run"/ended-*; do
        member=${file##*-}
        if [ -n "${told[$member]-}" ] || [ ! -f "$file" ] || grep -qx "$member" <<<"$over"; then continue; fi
        read -r status <"$file" || continue
        told[$member]=1
        line=$(tail -n 1 "$run/fold-$member.log" 2>/dev/null || true)
        if [ "$status" != 0 ]; then
            failing+=("$member")
        elif [[ $line == "$stage, fold "* ]]; then
            shown "$line" >&2
        fi
    done
    [ ${#failing[@]} = 0 ] || ask_how_ended
    for member in "${failing[@]}"; do failed "$member"; done
}

ask_how_ended() { # to $ended_as: what Slurm says of the job's folds
    local fold state
    ended_as=()
    while read -r fold state; do ended_as[$fold]=$state; done < <(how_ended "$job")
}

failed() { # failed MEMBER: says so, and how, once
    local log=$run/fold-$1.log
    failure "$run" "$1" "${ended_as[$1]-}" >"$run/failed-$1"
    if [ -s "$log" ]; then
        log+=" ends: $(shown "$(tail -n 1 "$log")")"
    elif [ -e "$log" ]; then
        log+=" is empty"
    else
        log+=" is not there: is this folder the same on the nodes?"
    fi
    complain "$stage, fold $1: $(<"$run/failed-$1"); its log $log"
}

wait_for_end() { # of all that the queue has of the stage
    local said pause=1 silent='' held='' reasons
    trap 'complain "$stage: job $job stays in the queue: make again waits for it, \`scancel $job\` ends it"; exit 130' INT TERM HUP
    while :; do
        if ! said=$(queued "$stage"); then
            [ -n "$silent" ] || complain "$stage: the queue does not answer; waiting: $(shown "$(head -n 1 <<<"$said")")"
            silent=1
        else
            silent=
            tell "$said"
            [ -n "$said" ] || break
            reasons=$(awk -F '|' '$3 == "PENDING" && $4 !~ /^(None|Priority|Resources|BeginTime|JobArrayTaskLimit)$/ { print $4 }' <<<"$said" |
                sort -u | paste -s -d ' ')
            [ -z "$reasons" ] || [ "$reasons" = "$held" ] || complain "$stage: job ${said%%|*} waits: $(shown "$reasons")"
            held=$reasons
        fi
        sleep $pause &
        wait $!
        pause=$((pause < SLURM_PAUSE ? pause + 1 : SLURM_PAUSE))
    done
    trap - INT TERM HUP
}

same_as_queued() { # same_as_queued LINES: what each fold in the queue makes is what is wanted, or is there
    local member lines key product i
    local -A wanted=()
    for ((i = 0; i < ${#members[@]}; i++)); do wanted[${members[i]}]=${folds[i]}; done
    mapfile -t lines < <(cut -d '|' -f 2 <<<"$1")
    for member in "${lines[@]}"; do
        [ -f "$run/fold-$member" ] || return 1
        read -r _ key product _ <"$run/fold-$member"
        [ "$(<"$run/fold-$member")" = "${wanted[$member]-}" ] ||
            { [ -z "${wanted[$member]-}" ] && [ "$(key_of "$product" 1)" = "$key" ]; } || return 1
    done
}

take_up() { # waits for what an earlier make has left in the queue; fails where there is nothing
    local said
    said=$(queued "$stage") || die "the queue does not answer: $(shown "$(head -n 1 <<<"$said")")"
    [ -n "$said" ] || return 1
    job=${said%%|*}
    if same_as_queued "$said"; then
        complain "$stage: job $job is in the queue already; waiting for it"
    else
        complain "$stage: job $job in the queue is of other settings or inputs; it is cancelled"
        cancelled=1
        scancel --name="$(queue_name "$stage")"
        rm -f "$run/job"
    fi
    wait_for_end
    told=() cancelled=
}

complain_of_missing() { # of the job's folds that are not done, of which nothing has been said
    local member
    ask_how_ended
    for member in "${members[@]}"; do
        if [ -e "$run/failed-$member" ] || [ ! -e "$run/fold-$member" ] || [ "$(cat "$run/ended-$member" 2>/dev/null)" = 0 ]; then continue; fi
        failed "$member"
    done
}

still_coming() { # whether a fold that ended well is not here yet: a network's file system may show it later than the queue
    local member
    ask_how_ended
    for member in "${members[@]}"; do
        case $(cat "$run/ended-$member" 2>/dev/null || echo "${ended_as[$member]-}") in
        0 | COMPLETED) return 0 ;;
        esac
    done
    return 1
}

write_joblog() { # as GNU parallel writes it; a node wrote each fold's own
    printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n'
    cat "$run"/joblog-* 2>/dev/null || true
}

[ $# -gt 0 ] || { check; exit 0; }
SLURM_PAUSE=${SLURM_PAUSE:-15}
cd -P . # so that one path leads to the same place on the nodes
while [[ $1 != */method/*-fold.sh ]]; do shift; done
run=$(dirname "$4")/slurm
stage=$(basename "$(dirname "$4")")
split_options
cancelled=
declare -A told=() ended_as=()
folds_to_do "$@"
if take_up; then folds_to_do "$@"; fi
if [ ${#members[@]} -gt 0 ]; then
    if [ -f "$run/job" ]; then # of an earlier make, which may not have lived to say how its folds failed
        job=$(<"$run/job")
        complain_of_missing
    fi
    submit
    wait_for_end
    folds_to_do "$@"
    for ((i = 0; i < 60; i++)); do
        still_coming || break
        sleep 1
        folds_to_do "$@"
    done
fi
[ -d "$run" ] || exit 0
write_joblog >"$(dirname "$run")/joblog"
if [ ${#members[@]} -gt 0 ]; then
    complain_of_missing
    die "$stage: ${#members[@]} of $all folds are not done; make again to go on"
fi
rm -r "$run"
