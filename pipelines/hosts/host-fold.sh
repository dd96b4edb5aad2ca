#!/usr/bin/env bash
# host-fold.sh SCRIPT WORD...: on a host, where the folder HOST_ROOT stands for /: runs a fold's SCRIPT, then writes what
# it made to stdout, as host-receive.sh wants it; an empty line each HOST_SIGN seconds until then. HOST_FOLDS run here at
# a time.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "$(dirname "$0")/../method/settled.bash"
words=()
for word in "$@"; do
    [[ $word != /* ]] || word=$HOST_ROOT$word
    words+=("$word")
done
threads=$(($(nproc) / HOST_FOLDS))
export THREADS=${THREADS:-$((threads > 0 ? threads : 1))}

give_signs() { # as long as this script lives
    while sleep "$HOST_SIGN" >/dev/null 2>&1 && kill -0 $$; do echo; done
}

send() { # send PART FILE
    echo "$1 $(stat -c %s "$2") $(digest_file "$2")"
    cat "$2"
}

give_signs &
signs=$!
trap 'kill $signs 2>/dev/null || true' EXIT
# parallel numbers its slots across all hosts; GPUS are those of one.
for ((slot = 1; ; slot++)); do
    exec 9>"$HOST_ROOT/slot-$slot"
    ! flock -n 9 || break
done
export PARALLEL_JOBSLOT=$slot
mkdir -p "$(dirname "${words[3]}")"
"${words[@]}" >&2
mapfile -t made < <(ASK=1 "${words[@]}") # its key, and the file
kill $signs
wait $signs || true
echo "fold $(train-fold --version) ${made[0]}"
out=${made[1]%.mpk}
[[ ${made[1]} != *.mpk ]] || send log "$out.jsonl"
if [ -e "$out.kept" ]; then # which the model is made of
    send kept.key "$out.kept.key"
    send kept "$out.kept"
else
    send product "${made[1]}"
fi
echo end
