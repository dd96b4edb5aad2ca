#!/usr/bin/env bash
# calibrate-folds.sh STAGES FOLDS WORD...: calibrate WORD... STREAM..., where the streams are of the FOLDS, in this order: the mean of the
# STAGES' probabilities in WORK. A fold's maps are unpacked when its stream is opened, so that programs of one fold at a time are
# at work, whatever the number of folds.
set -eu -o pipefail
read -ra stages <<<"$1"
read -ra folds <<<"$2"
shift 2
pipes=$(mktemp -d)
trap 'rm -rf "$pipes"' EXIT
for fold in "${folds[@]}"; do mkfifo "$pipes/fold-$fold"; done

feed_fold() { # feed_fold FOLD: on stdout
    local stage streams=() descriptor
    for stage in "${stages[@]}"; do
        exec {descriptor}< <(zstd -dcq "$WORK/$stage/fold-$1.mpk.zst")
        streams+=("/dev/fd/$descriptor")
    done
    merge -q --type f8 "${streams[@]}"
}

feed() { # what is opened when calibrate opens it, and ends with it
    local fold
    for fold in "${folds[@]}"; do (feed_fold "$fold") >"$pipes/fold-$fold"; done
}

feed &
feeder=$!
status=0
calibrate "$@" "${folds[@]/#/"$pipes/fold-"}" || status=$?
kill $feeder 2>/dev/null || true # which may wait for a stream to be opened that never will be
wait $feeder 2>/dev/null || true
exit $status
