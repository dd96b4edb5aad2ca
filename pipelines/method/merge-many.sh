#!/usr/bin/env bash
# merge-many.sh FILE...: the records that `merge --type f8` makes of all FILEs, probabilities of float16 packed by zstd, on stdout, though
# only AT_ONCE of them are open at a time. Means of a group of 2^n float16 numbers are exact in double, and so is the sum of
# groups weighed with 2^n and of the numbers that are left over: what is divided at the end is the sum of all. Groups lie in WORK
# meanwhile, as doubles.
set -eu -o pipefail
at_once=${AT_ONCE:-64}
[[ $at_once =~ ^(2|4|8|16|32|64|128)$ ]]
parts=$(mktemp -d "$WORK/merge-XXXXXX.part")
trap 'rm -rf "$parts"' EXIT

merge_group() { # merge_group OPTION... -- PACKED...: their mean as doubles; each is unpacked by a process of its own
    local options=() streams=() file
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    for file; do
        exec {descriptor}< <(zstd -dcq "$file")
        streams+=("/dev/fd/$descriptor")
    done
    merge -q --type f8 "${options[@]}" "${streams[@]}"
    for file in "${streams[@]}"; do
        descriptor=${file##*/}
        exec {descriptor}<&-
    done
}

groups=() weights=()
while [ $# -gt "$at_once" ]; do
    merge_group -- "${@:1:at_once}" | zstd -q -1 -o "$parts/${#groups[@]}"
    groups+=("$parts/${#groups[@]}")
    weights+=("$at_once")
    shift "$at_once"
done
for file; do weights+=(1); done
merge_group --weights "$(IFS=,; echo "${weights[*]}")" -- "${groups[@]}" "$@"
