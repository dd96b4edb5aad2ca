#!/usr/bin/env bash
# hosts.sh HOSTS: checks the file HOSTS, of one [FOLDS/][USER@]NAME a line, and that there are programs to reach them.
# hosts.sh HOSTS SENT... -- parallel OPTION... FOLDER/host-fold.sh SCRIPT WORD... ::: MEMBER... [::: WORD | :::+ WORD...]: then gives the
# folds that are not done (folds.bash) to the hosts that answer. Each has a folder that stands for /: programs, scripts and what
# is SENT lie below it at the same paths as here. Settings: WORK, JOBS (folds at a time on a host, where its line names no
# number), HOSTS_DIR (where the folder is; from the home there, unless it begins with /), HOSTS_TIMEOUT (seconds without a
# word after which a host is given up; 120).
set -eu -o pipefail
here=${0%/*}
# shellcheck source=pipelines/method/settled.bash
. "$here/../method/settled.bash"
# shellcheck source=pipelines/hosts/shown.bash
. "$here/shown.bash"
# shellcheck source=pipelines/hosts/folds.bash
. "$here/folds.bash"

complain() {
    echo "hosts: $1" >&2
}

die() {
    complain "$1"
    exit 1
}

lines_of() { # lines_of FILE: FOLDS/LOGIN a line
    sed -E 's/[[:space:]]*(#.*)?$//; s/^[[:space:]]+//; /^$/d; /^[0-9]+\//!s/^/'"${JOBS:-1}"'\//' "$1"
}

check() { # check FILE
    local line twice
    if [ ! -f "$1" ] || [ ! -r "$1" ]; then die "$1: cannot be read"; fi
    while read -r line; do
        [[ $line =~ ^[1-9][0-9]*/([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_][A-Za-z0-9_.-]*$ ]] ||
            die "$1: '${line#*/}' is not [FOLDS/][USER@]NAME; ports, keys and the like belong in ~/.ssh/config"
    done < <(lines_of "$1")
    [ -n "$(lines_of "$1")" ] || die "$1: names no host"
    twice=$(lines_of "$1" | cut -d / -f 2 | sort | uniq -d | head -n 1)
    [ -z "$twice" ] || die "$1: $twice is named twice"
    [[ $HOSTS_TIMEOUT =~ ^[1-9][0-9]{0,4}$ ]] || die "HOSTS_TIMEOUT=$(printf %q "$HOSTS_TIMEOUT"): seconds are wanted, from 1 up"
    for program in ssh rsync; do
        [ -x "$(command -v $program)" ] || die "$program is missing here (Debian: openssh-client, rsync)"
    done
}

# On the host, before anything is sent. What a lost connection left at work there must have ended before what comes now
# begins; a model that is sent is not the one that the host may have trained itself, so that its key no longer holds.
ready() { # ready ROOT SENT...
    local program process
    for program in rsync perl jq zstd flock; do
        if [ ! -x "$(command -v "$program")" ]; then
            echo "$program is missing there"
            return 1
        fi
    done
    mkdir -p "$1" && cd -P "$1" && set -- "$PWD" "${@:2}" && cd / || return 1
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd")/ in
        "$1"/*) kill -9 "${process##*/}" ;;
        esac
    done 2>/dev/null
    for program in "${@:2}"; do rm -f "$1$program.key"; done
}

ask() { # ask COMMAND...: what a host answers, of which 4096 bytes must do
    "$@" 2>&1 | head -c 4096 | tr -d '\000'
}

which_programs() { # which_programs FOLDER: what tells whether the programs are the same
    cd "$1" && ./train-fold --version && sha256sum augment inspect predict-fold train-fold
}

prepare() { # prepare FOLDS/LOGIN: sends what is needed there; the line goes to $run/alive when the host is ready
    local login=${1#*/} answer='' ssh=(timeout --foreground "$HOSTS_TIMEOUT" "${ssh[@]}") status=0
    { answer=$(ask "${ssh[@]}" "$login" bash -s <<<"$(declare -f ready); ready ${root@Q} ${sent[*]@Q}") &&
        answer=$(ask rsync -rptLRs --no-implied-dirs --delete --timeout "$HOSTS_TIMEOUT" -e "$HOSTS_SSH" -- "${sent[@]}" \
            "$login:$root/") &&
        answer=$(ask "${ssh[@]}" "$login" bash -s <<<"$(declare -f which_programs); which_programs ${root@Q}${programs@Q}"); } ||
        status=$?
    if [ $status = 124 ]; then
        answer="no answer for $HOSTS_TIMEOUT seconds"
    elif [ $status = 0 ] && [[ $answer != *"$same" ]]; then
        answer="its programs are not those of here: ${answer:-no answer}"
    elif [ $status = 0 ]; then
        echo "$1" >>"$run/alive"
        return
    fi
    complain "$login: $(shown "$(tail -n 1 <<<"${answer:-no answer}")"); passed over"
}

hosts=$1
shift
export HOSTS_TIMEOUT=${HOSTS_TIMEOUT:-120}
cd -P . # so that one path leads to the same place there
check "$hosts"
[ $# -gt 0 ] || exit 0

# A host whose kernel does not answer for 15 seconds, or half of HOSTS_TIMEOUT, is lost.
alive=$((HOSTS_TIMEOUT < 30 ? (HOSTS_TIMEOUT + 5) / 6 : 5))
export HOSTS_SSH="ssh -T -a -x -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=$alive -o ServerAliveCountMax=3"
read -ra ssh <<<"$HOSTS_SSH"
programs=$(dirname "$(command -v train-fold)")
scripts=$(cd "$here" && pwd)
sent=("$programs" "${scripts%/*}")
while [ "$1" != -- ]; do
    [ -r "$1" ] || die "$1: cannot be read"
    sent+=("$(realpath -s "$1")")
    shift
done
shift
parallel=()
while [[ $1 != */host-fold.sh ]]; do
    parallel+=("$1")
    shift
done
shift
fold=()
while [ "$1" != ::: ]; do
    fold+=("$1")
    shift
done

folds_to_do "${fold[@]}" "$@"
[ ${#members[@]} -gt 0 ] || exit 0

stage=$(dirname "${fold[3]}")
run=$stage/hosts
root=${HOSTS_DIR:-.cache/pleura}/$(basename "$WORK")-$(digest "$(hostname)" "$(realpath -s "$WORK")" | head -c 8)
rm -rf "$run"
mkdir -p "$run"
for ((i = 0; i < ${#folds[@]}; i++)); do echo "${folds[i]}" >"$run/fold-$((i + 1))"; done
same=$(which_programs "$programs")
while read -r line; do
    prepare "$line" &
done < <(lines_of "$hosts")
wait
[ -e "$run/alive" ] || die "$hosts: none of these hosts can be used"
complain "$(basename "$stage"): ${#members[@]} of $all folds to do, on $(cut -d / -f 2 "$run/alive" | sort | paste -s -d ' ')"

# A fold that fails on a host has a try on each of the others.
export HOSTS_RUN=$run HOSTS_ROOT=$root HOSTS_PROGRAMS=$programs HOSTS_SCRIPTS=$scripts
"${parallel[@]}" --jobs 100% --sshloginfile "$run/alive" --ssh "$here/host-ssh.sh" \
    --retries "$(wc -l <"$run/alive")" --env THREADS,GPUS host-fold.sh "${fold[@]}" ::: "${members[@]}" :::+ "${lasts[@]}" ||
    die "$(basename "$stage"): not all folds came back; make again to go on"
rm -r "$run"
