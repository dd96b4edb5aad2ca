#!/usr/bin/env bash
# arrive.sh FOLDER...: takes files out of the folders as soon as they are whole, into SPOOL/work under names of their own, and
# prints these: first what an earlier run was at; one by one, where one of these may have ended it. The first folder is
# storescp's, in which nobody writes yet.
set -u
export LC_ALL=C
readonly SETTLED=10 # seconds after which a file that nobody has told of is taken to be whole
last=0

# Moves a file and prints its new name: the time in microseconds, which no other has, and its own with what is safe anywhere.
take() { # take PATH
    local name=${1##*/} stamp=${EPOCHREALTIME/[.,]/}
    if [[ $name == .* || ! -f $1 || -L $1 ]]; then return; fi
    name=${name//[!A-Za-z0-9._-]/_}
    [ ${#name} -le 100 ] || name=${name: -100}
    [ "$stamp" -gt "$last" ] || stamp=$((last + 1))
    last=$stamp
    if mv -nT -- "$1" "$SPOOL/work/$stamp.$name"; then
        printf '%s\n' "$SPOOL/work/$stamp.$name"
    fi
}

# For what came while nobody watched, and for folders that other machines write, of which this one is told nothing.
look() { # look SECONDS FOLDER...: takes what has not changed for so long, the oldest first
    local found
    while IFS= read -r -d '' found; do
        take "${found#* }"
    done < <(find "${@:2}" -maxdepth 1 -type f ! -name '.*' ! -newermt "$1 seconds ago" -printf '%T@ %p\0' | sort -z -n)
}

# It ends with this script, even where that has ended before setpriv could ask for it.
# shellcheck disable=SC2016 # bash -c's own words
exec {events}< <(exec setpriv --pdeathsig KILL bash -c '[ "$PPID" != "$0" ] || exec "$@"' $$ \
    inotifywait -q -m -e close_write -e moved_to --format '%w%f%0' --no-newline "$@")
for path in "$SPOOL"/work/*; do
    if [ ! -f "$path" ]; then continue; fi
    if [ -e "$SPOOL/.crashed" ]; then printf '%s\n' "${path##*/}" >"$SPOOL/.alone"; fi
    printf '%s\n' "$path"
    while [ -e "$SPOOL/.crashed" ] && [ -e "$path" ]; do sleep 0.05; done
done
rm -f "$SPOOL"/.{alone,crashed,acquitted}
look 0 "$1"
next=0
for (( ; ; )); do
    if [ "$SECONDS" -ge "$next" ]; then
        look "$SETTLED" "$@"
        next=$((SECONDS + SETTLED))
    fi
    if IFS= read -r -d '' -t "$SETTLED" -u "$events" path; then
        take "$path"
    elif [ $? -le 128 ]; then
        exit 1 # inotifywait has ended, and said why
    fi
done
