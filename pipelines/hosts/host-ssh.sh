#!/usr/bin/env bash
# host-ssh.sh [-l USER] NAME -- COMMAND...: GNU parallel's ssh, told by hosts.sh where: runs COMMAND, which does the fold of
# PARALLEL_SEQ, on a host. What comes back is received in a new folder, looked at, and settled, with the log. A host
# that sends something else, or that does not answer, gets no other fold.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "$(dirname "$0")/../method/settled.bash"
# shellcheck source=pipelines/hosts/shown.bash
. "$(dirname "$0")/shown.bash"
read -ra ssh <<<"$HOSTS_SSH"
host=$PARALLEL_SSHLOGIN stage=$(dirname "$HOSTS_RUN")
if [ -e "$HOSTS_RUN/lost-$host" ] || [ -e "$HOSTS_RUN/stop" ]; then exit 255; fi
eval "fold=($(cat "$HOSTS_RUN/fold-$PARALLEL_SEQ"))" # hosts.sh has quoted each
member=${fold[0]} key=${fold[1]} product=${fold[2]}
fold=("${fold[@]:3}")
while [ "$1" != -- ]; do
    ssh+=("$1")
    shift
done
shift

complain() {
    echo "hosts: $host: $(basename "$stage"), fold $member: $1" >&2
}

lose() { # lose WHY
    : >"$HOSTS_RUN/lost-$host"
    complain "$1; it gets no more folds"
    exit 255
}

back=$(mktemp -d "$HOSTS_RUN/back.XXXXXX")
connection=
trap 'rm -rf "$back"; [ -z "$connection" ] || kill "$connection" 2>/dev/null || true' EXIT
folds=$(awk -F / -v host="$host" '$2 == host { print $1 }' "$HOSTS_RUN/alive")
printf -v sign '%d.%02d' $((HOSTS_TIMEOUT / 4)) $((HOSTS_TIMEOUT % 4 * 25))
there="cd ${HOSTS_ROOT@Q} && export HOST_ROOT=\"\$PWD\" HOST_FOLDS=$folds HOST_SIGN=$sign &&
    PATH=\"\$PWD\"${HOSTS_PROGRAMS@Q}:\"\$PWD\"${HOSTS_SCRIPTS@Q}:\$PATH && mkdir -p .${PWD@Q} && cd .${PWD@Q} && $*"
parts=$("${0%/*}"/host-check.sh parts "${fold[@]}")
mapfile -t parts <<<"$parts"
exec {answer}< <(exec "${ssh[@]}" "$there" 2> >(exec >&2; said "$host"))
connection=$!

status=0
why=$("${0%/*}"/host-receive.sh "$back" "$key" "${parts[@]}" <&"$answer") || status=$?
exec {answer}<&-
if [ $status = 0 ] || [ $status = 3 ]; then # it should be over
    for ((i = 0; i < HOSTS_TIMEOUT * 20; i++)); do
        kill -0 "$connection" 2>/dev/null || break
        sleep 0.05
    done
fi
kill "$connection" 2>/dev/null || true
ended=0
wait "$connection" || ended=$?
connection=
case $status in
0) [ $ended = 0 ] || lose "the connection was lost" ;;
1) lose "$why; not taken" ;;
3)
    [ $ended != 255 ] || lose "the connection was lost"
    [ $ended != 0 ] || lose "it sent nothing"
    complain "failed there, with status $ended"
    exit $ended
    ;;
4)
    : >"$HOSTS_RUN/stop" # what another host sent would fare no better
    complain "what it made cannot be written: $why"
    exit 1
    ;;
*) exit $status ;;
esac
why=$("${0%/*}"/host-check.sh "$back" "${fold[@]}" 2>&1) || lose "$(shown "$(head -n 1 <<<"${why:-it cannot be looked at}")"); not taken"
if [ -e "$back/kept" ]; then # which the fold's script makes its model of
    RECEIVED=$back "${fold[@]}"
else
    rm -f "${product%.mpk}".kept{.key,}
    [ ! -e "$back/log" ] || mv -T "$back/log" "${product%.mpk}.jsonl"
    settle "$product" "$key" "$back/product"
    discard "${product%.mpk*}.part"
fi
