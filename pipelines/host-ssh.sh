#!/usr/bin/env bash
# host-ssh.sh [-l USER] NAME -- COMMAND...: GNU parallel's ssh, told by hosts.sh where: runs COMMAND on a host. Products come
# back as an archive on its stdout and are settled here once all of it is there, with the log. A host that does not
# answer gets no other fold.
set -eu -o pipefail
# shellcheck source=pipelines/settled.bash
. "$(dirname "$0")/settled.bash"
read -ra ssh <<<"$HOSTS_SSH"
host=$PARALLEL_SSHLOGIN stage=$(dirname "$HOSTS_RUN")
if [ -e "$HOSTS_RUN/lost-$host" ] || [ -e "$HOSTS_RUN/stop" ]; then exit 255; fi
while [ "$1" != -- ]; do
    ssh+=("$1")
    shift
done
shift

folds=$(awk -F / -v host="$host" '$2 == host { print $1 }' "$HOSTS_RUN/alive")
back=$(mktemp -d "$HOSTS_RUN/back.XXXXXX")
trap 'rm -rf "$back"' EXIT
there="cd ${HOSTS_ROOT@Q} && export HOST_ROOT=\"\$PWD\" HOST_FOLDS=$folds && PATH=\"\$PWD\"${HOSTS_PROGRAMS@Q}:\$PATH &&
    cd .${PWD@Q} && $*"
"${ssh[@]}" "$there" | tar -x -C "$back" 2>"$back/error" && status=("${PIPESTATUS[@]}") || status=("${PIPESTATUS[@]}")
if [ "${status[0]}" = 255 ]; then
    : >"$HOSTS_RUN/lost-$host"
    echo "hosts: $host: the connection was lost; it gets no more folds" >&2
fi
[ "${status[0]}" = 0 ] || exit "${status[0]}"
if [ "${status[1]}" != 0 ]; then
    : >"$HOSTS_RUN/stop" # another host's archive would fare no better
    echo "hosts: $stage: what $host made cannot be written: $(tail -n 1 "$back/error")" >&2
    exit 1
fi
rm "$back/error"
for file in "$back"/*; do
    [[ $file == *.key ]] || [ -e "$file.key" ] || mv "$file" "$stage/"
done
for key in "$back"/*.key; do
    product=${key%.key} name=$(basename "${key%.key}")
    if [ "$(key_of "$product" 2)" != "$(digest_file "$product")" ]; then
        echo "hosts: $host: $name is not what its key says; it is not taken" >&2
        exit 1
    fi
    settle "$stage/$name" "$(key_of "$product" 1)" "$product"
    rm -rf "$stage/${name%%.*}.part"
done
