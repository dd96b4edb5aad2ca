#!/usr/bin/env bash
# serve.sh: answers X-rays until it is stopped: storescp (PORT) or others (WATCH) put files into folders, filters that stay
# up make objects of them, storescu sends these on (docs/serve.md has the settings, and what is where in SPOOL). Each part is
# a process of its own between named pipes; where one ends, all do. A file's state is the folder that it is in.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${PORT=}" "${MODEL=}" "${TO=}" "${WATCH=}" "${SPOOL:=spool}" "${AET:=PLEURA}" "${KEEP:=}"
: "${STORESCP=}" "${STORESCU=}" "${PREDICT=}" "${SEG=--capture}"

die() {
    echo "serve: $1" >&2
    exit "${2:-1}"
}

# ---- settings

models=() predict=() seg=() storescp=()

check() {
    local program model
    [ -n "$PORT$WATCH" ] || die "PORT=N or WATCH=FOLDER: where do X-rays come from?" 2
    [ -z "$PORT" ] || [[ $PORT =~ ^[1-9][0-9]{0,4}$ && $PORT -le 65535 ]] || die "PORT=$PORT: not from 1 to 65535" 2
    [ -z "$WATCH" ] || [ -d "$WATCH" ] || die "WATCH=$WATCH: no folder" 2
    [ ${#models[@]} -gt 0 ] || die "MODEL=FILE: which weights?" 2
    for model in "${models[@]}"; do [ -r "$model" ] || die "MODEL: $model: cannot be read" 2; done
    [ -n "$TO" ] || die "TO=AET@HOST:PORT or TO=FOLDER: who gets the results?" 2
    [[ $TO =~ ^[^@/]{1,16}@[A-Za-z0-9._:-]+:[0-9]{1,5}$ ]] || [ -d "$TO" ] || die "TO=$TO: neither AET@HOST:PORT nor a folder" 2
    [[ $AET =~ ^[A-Za-z0-9\ ._-]{1,16}$ ]] || die "AET=$AET: not 1 to 16 letters or digits" 2
    [[ ${KEEP:=$([ -n "$WATCH" ] && echo yes || echo no)} =~ ^(yes|no)$ ]] || die "KEEP=$KEEP: yes or no" 2
    for program in storescp storescu inotifywait setpriv flock; do
        [ -x "$(command -v $program)" ] || die "$program is missing (Debian: dcmtk, inotify-tools, util-linux)"
    done
}

words() { # words NAME TEXT: makes NAME an array of the words of TEXT; blanks within quotes are part of one
    mapfile -d '' -t "$1" < <(xargs -r printf '%s\0' <<<"$2")
}

# A new SPOOL is its user's alone, since it holds patients' data. One run at a time is in it: what a killed one leaves, a sender's
# connection that storescp serves on, has ended before this one begins.
enter_spool() {
    (umask 077 && mkdir -p "$SPOOL") || die "SPOOL=$SPOOL: no folder"
    SPOOL=$(cd "$SPOOL" && pwd)
    [[ $SPOOL != *$'\n'* ]] || die "SPOOL: a line end in its name"
    exec 9>"$SPOOL/.lock" || die "$SPOOL: cannot be written"
    flock -n 9 || {
        echo "serve: waiting for what works in $SPOOL" >&2
        flock -w 90 9 || die "another serve works in $SPOOL"
    }
    mkdir -p "$SPOOL"/{incoming,work,results,answered,failed,done,.pipes} || die "$SPOOL: cannot be written"
    [ -z "$WATCH" ] || [ "$(stat -c %d "$WATCH")" = "$(stat -c %d "$SPOOL/work")" ] ||
        die "WATCH and SPOOL are not on one file system: files could not go from one to the other at once"
}

# ---- parts

readonly LONGEST_TRIAL=300 # seconds that the programs may take for one image
readonly MOST_TRIALS=3     # so often an image that passes them may be at work when programs end
readonly ROOM=64M          # more than an image's objects take

declare -A parts=()

# part NAME IN OUT COMMAND...: starts it, reading IN and writing OUT (-: as here). It dies with this script, even while it waits for
# a pipe's other end, and where the script has ended before setpriv could ask for it.
# shellcheck disable=SC2016 # bash -c's own words
part() {
    setpriv --pdeathsig KILL -- bash -c '[ "$PPID" = "$0" ] || exit 1
        [ "$1" = - ] || exec <"$1"
        [ "$2" = - ] || exec >"$2"
        exec "${@:3}"' $$ "${@:2}" &
    parts[$!]=$1
}

pipe() { # pipe NAME: a new named pipe
    rm -f "$SPOOL/.pipes/$1"
    mkfifo "$SPOOL/.pipes/$1" || die "$SPOOL: no named pipes there"
}

stop() {
    local process
    trap '' INT TERM HUP
    for process in "${!parts[@]}"; do # storescp with those that it has started
        kill -KILL -- "-$process" 2>/dev/null || kill -KILL "$process"
    done 2>/dev/null
    wait 2>/dev/null # bash would tell of each
}

# Which parts have ended: one that fails takes others along, and who was first cannot be seen.
tell() { # tell PROCESS STATUS: of one that has been waited for
    local process
    ended "$1" "$2"
    for process in "${!parts[@]}"; do
        if [ "$process" != "$1" ] && ! grep -qs '^State:.[^Z]' "/proc/$process/status"; then
            wait "$process" 2>/dev/null
            ended "$process" $?
        fi
    done
}

reading=0 # parts that read images and have failed
others=0  # that have failed, not for want of a reader

ended() { # ended PROCESS STATUS
    echo "serve: ${parts[$1]} has ended (status $2)" >&2
    case ${parts[$1]}/$2 in
    */0 | */141) ;;
    decode/* | predict-fold/* | merge/* | seg/*) reading=$((reading + 1)) ;;
    *) others=$((others + 1)) ;;
    esac
}

# try_programs: on the files whose names are on stdin, with objects in .trial; fails where a program does, or does not end.
try_programs() {
    local model status=0 names limit=(timeout --foreground "$LONGEST_TRIAL")
    mapfile -t names
    mkdir -p "$SPOOL/.trial" && head -c "$ROOM" /dev/zero >"$SPOOL/.trial/room" && rm "$SPOOL/.trial/room" || status=1
    for model in "${models[@]}"; do
        [ $status = 0 ] || break
        (
            set -o pipefail
            for name in "${names[@]}"; do printf '%s\n' "$name"; done |
                "${limit[@]}" decode -q --follow --on-error skip |
                "${limit[@]}" predict-fold -q -m "$model" --batch 1 "${predict[@]}" |
                "${limit[@]}" seg -q --on-error skip --source "$SPOOL/work" -w "$model" "${seg[@]}" "$SPOOL/.trial"
        ) || status=1
    done
    rm -rf "$SPOOL/.trial"
    return $status
}

# Whether the image NAME of `work` is what ends the programs: they fail when they are tried on it, and on no image they do not.
# What ends them again and again while it is at work is taken for it as well, so that the service goes on at last.
is_guilty() { # is_guilty NAME
    local name=${1#*.}
    echo "serve: $name: the programs have ended twice while it was at work; it is tried alone" >&2
    if printf '%s\n' "$SPOOL/work/$1" | try_programs; then
        echo "$1" >>"$SPOOL/.acquitted"
        if [ "$(grep -cxF -- "$1" "$SPOOL/.acquitted")" -gt "$MOST_TRIALS" ]; then return 0; fi
        echo "serve: $name: does not end them: it stays in $SPOOL/work" >&2
    elif try_programs </dev/null; then
        return 0
    else
        echo "serve: $name: they fail without it, too: it stays in $SPOOL/work" >&2
    fi
    return 1
}

# Where an image may have ended the programs, the next run takes what is in `work` one by one (arrive.sh); at the one that was
# taken alone they have ended twice.
blame() {
    local alone=''
    if [ $reading = 0 ] || [ $others != 0 ]; then return; fi
    : >"$SPOOL/.crashed"
    { read -r alone <"$SPOOL/.alone"; } 2>/dev/null
    if [ -z "$alone" ] || [ ! -f "$SPOOL/work/$alone" ]; then return; fi
    trap - INT TERM HUP # a trial may take its time
    if is_guilty "$alone"; then
        rm -f -- "$SPOOL/results/${alone%%.*}".*
        mv -f -- "$SPOOL/work/$alone" "$SPOOL/failed/" &&
            echo "serve: ${alone#*.}: ends the programs; it is put aside, as $SPOOL/failed/$alone" >&2
    fi
}

# One network, or several and their mean.
start_networks() { # start_networks FROM TO
    local k into=() from=()
    if [ ${#models[@]} = 1 ]; then
        part predict-fold "$1" "$2" predict-fold -q -m "${models[0]}" --batch 1 "${predict[@]}"
        return
    fi
    for k in "${!models[@]}"; do
        pipe "samples.$k"
        pipe "probabilities.$k"
        into+=("$pipes/samples.$k")
        from+=("$pipes/probabilities.$k")
        part predict-fold "$pipes/samples.$k" "$pipes/probabilities.$k" predict-fold -q -m "${models[k]}" --batch 1 "${predict[@]}"
    done
    part tee "$1" /dev/null tee "${into[@]}"
    part merge /dev/null "$2" merge -q "${from[@]}"
}

start() {
    local name weights=() inboxes=("$SPOOL/incoming")
    for name in names samples probabilities left listed answered; do pipe $name; done
    for name in "${models[@]}"; do weights+=(--weights "$name"); done
    [ -z "$WATCH" ] || inboxes+=("$WATCH")
    part arrive /dev/null "$pipes/names" "$here/arrive.sh" "${inboxes[@]}"
    part decode "$pipes/names" "$pipes/samples" decode --follow --on-error skip --left-out "$pipes/left"
    start_networks "$pipes/samples" "$pipes/probabilities"
    part seg "$pipes/probabilities" "$pipes/listed" seg -q --list --on-error skip --source "$SPOOL/work" "${weights[@]}" \
        "${seg[@]}" "$SPOOL/results"
    # A row of a file that decode has left out, behind the header, is a failure like seg's own.
    part left "$pipes/left" "$pipes/listed" sed -u -n -E '1!s/^([^,]*),.*/failed\t\1/p'
    part settle "$pipes/listed" "$pipes/answered" "$here/settle.sh"
    part send "$pipes/answered" - "$here/send.sh"
    [ -z "$PORT" ] || part storescp /dev/null - setsid storescp --fork -aet "$AET" +xa +uf -fe .dcm -ta 30 -td 60 -dhl \
        -od "$SPOOL/incoming" "${storescp[@]}" "$PORT"
}

words models "$MODEL"
words predict "$PREDICT"
words seg "$SEG"
words storescp "$STORESCP"
check
enter_spool
pipes=$SPOOL/.pipes
# DCMTK sends small pieces at once then, and each answer comes 40 ms earlier.
export SPOOL TO AET KEEP STORESCU TCP_NODELAY="${TCP_NODELAY-1}"
trap 'stop; exit 0' INT TERM HUP
start
echo "serve: ${PORT:+port $PORT as $AET }${PORT:+${WATCH:+and }}${WATCH:+$WATCH }to $TO; spool $SPOOL"
wait -n -p first "${!parts[@]}" 2>/dev/null
status=$?
sleep 0.2
tell "$first" "$status"
stop
blame
die "what has come is in $SPOOL, and make serve goes on with it"
