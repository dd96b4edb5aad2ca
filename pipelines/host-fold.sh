#!/usr/bin/env bash
# host-fold.sh SCRIPT WORD...: on a host, where the folder HOST_ROOT stands for /: runs a fold's SCRIPT, then writes what
# it made to stdout, an archive. HOST_FOLDS run here at a time.
set -eu -o pipefail
words=()
for word in "$@"; do
    [[ $word != /* ]] || word=$HOST_ROOT$word
    words+=("$word")
done
out=${words[3]}
threads=$(($(nproc) / HOST_FOLDS))
export THREADS=${THREADS:-$((threads > 0 ? threads : 1))}
# parallel numbers its slots across all hosts; GPUS are those of one.
for ((slot = 1; ; slot++)); do
    exec 9>"$HOST_ROOT/slot-$slot"
    ! flock -n 9 || break
done
export PARALLEL_JOBSLOT=$slot
mkdir -p "$(dirname "$out")"
"${words[@]}" >&2
cd "$(dirname "$out")"
tar -c --format=posix --exclude='*.part' -- "$(basename "$out")".*
