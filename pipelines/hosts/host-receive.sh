#!/usr/bin/env bash
# host-receive.sh FOLDER KEY PART=LIMIT...: receives a host's answer (host-fold.sh) on stdin: the files PART..., in this
# order, of at most LIMIT bytes each, go to FOLDER. An answer has no names, links or folders that could lead elsewhere:
#   empty lines                  as long as the fold is at work
#   fold VERSION KEY             VERSION is train-fold's; KEY what the fold was made from
#   PART BYTES SHA256            and so many bytes, for each PART
#   end
# Why it is not taken is said on stdout. Exit 1: it is none, or of another fold; 3: it ended before `fold`; 4: it cannot be
# written here. HOSTS_TIMEOUT: seconds in which the next line, or the next 4 MiB, must come.
set -eu -o pipefail
export LC_ALL=C # bytes are counted
# shellcheck source=pipelines/hosts/shown.bash
. "$(dirname "$0")/shown.bash"
folder=$1 key=$2
shift 2
piece=$((4 << 20))

refuse() { # refuse WHY [STATUS]
    echo "$1"
    exit "${2-1}"
}

read_line() { # to $line; fails where the answer has ended
    local status=0
    IFS= read -r -t "$HOSTS_TIMEOUT" -n 400 line || status=$?
    [ $status -le 128 ] || refuse "nothing came for $HOSTS_TIMEOUT seconds"
    [ $status = 0 ]
}

wait_for_fold() { # to $line: what comes behind the empty lines, of which four in HOSTS_TIMEOUT are due
    local signs=0
    while read_line || refuse "the answer ended early" 3; do
        [ -z "$line" ] || return 0
        ((++signs <= SECONDS * 4 / HOSTS_TIMEOUT + 60)) || refuse "sends nothing but line ends"
    done
}

receive() { # receive FILE BYTES
    local had=0 want status
    : >"$1" || exit 4
    while ((had < $2)); do
        want=$(($2 - had < piece ? $2 - had : piece)) status=0
        timeout --foreground "$HOSTS_TIMEOUT" head -c "$want" >>"$1" 2>"$folder/error" || status=$?
        [ $status != 124 ] || refuse "nothing came for $HOSTS_TIMEOUT seconds, at byte $(stat -c %s "$1") of $2 of the ${1##*/}"
        [ $status = 0 ] || refuse "$(tail -n 1 "$folder/error")" 4
        had=$((had + want))
        [ "$(stat -c %s "$1")" = $had ] || refuse "the ${1##*/} ends at byte $(stat -c %s "$1") of $2"
    done
}

wait_for_fold
here=$(train-fold --version)
[[ $line =~ ^fold\ (.*)\ ([0-9a-f]{64})$ ]] || refuse "its answer is none: it begins with '$(shown "${line:0:60}")'"
[ "${BASH_REMATCH[1]}" = "$here" ] || refuse "it has ${BASH_REMATCH[1]}, here is $here"
[ "${BASH_REMATCH[2]}" = "$key" ] || refuse "it sent another fold, or one of other inputs or settings"
for part in "$@"; do
    read_line || refuse "the answer ends before the ${part%=*}"
    [[ $line =~ ^${part%=*}\ (0|[1-9][0-9]{0,14})\ ([0-9a-f]{64})$ ]] ||
        refuse "'$(shown "${line:0:60}")' stands in place of the ${part%=*}"
    bytes=${BASH_REMATCH[1]} digest=${BASH_REMATCH[2]}
    ((bytes <= ${part#*=})) || refuse "the ${part%=*} has $bytes bytes, where ${part#*=} are the most"
    receive "$folder/${part%=*}" "$bytes"
    [ "$(sha256sum <"$folder/${part%=*}")" = "$digest  -" ] || refuse "the ${part%=*} is not what its digest says"
done
line=
if ! read_line || [ "$line" != end ]; then refuse "the answer does not end behind the ${part%=*}"; fi
status=0
rest=$(timeout --foreground "$HOSTS_TIMEOUT" head -c 1 | wc -c) || status=$?
[ $status != 124 ] || refuse "the connection stayed open behind the end for $HOSTS_TIMEOUT seconds"
[ "$rest" = 0 ] || refuse "bytes follow behind the end"
