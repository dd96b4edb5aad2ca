#!/usr/bin/env bash
# settle.sh: reads what seg lists, `done ID` and `failed ID` (with tabs), moves the image's file out of SPOOL/work, and prints
# the number of an image whose results are all there. An ID begins with this number and a dot.
set -eu
while IFS=$'\t' read -r state id _; do
    number=${id%%.*}
    case $state in
    done)
        mv -f -- "$SPOOL/work/$number".* "$SPOOL/answered/"
        echo "$number"
        ;;
    failed)
        rm -f -- "$SPOOL/results/$number".*
        mv -f -- "$SPOOL/work/$number".* "$SPOOL/failed/"
        ;;
    esac
done
