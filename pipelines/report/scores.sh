#!/usr/bin/env bash
# scores.sh SCORE.json...: a table of what score found.
set -eu
[ $# -gt 0 ] || { echo "score: the truth is not known here (data.truth in config.json)" >&2; exit 1; }
{
    printf 'submission\tDice\t95 %%\tempty\tlesion\taccuracy\n'
    jq -r 'def r: . * 10000 | round / 10000;
        [(input_filename | split("/")[-1] | ltrimstr("score-") | rtrimstr(".json")), (.dice | r), "\(.dice_low | r)..\(.dice_high | r)",
         (.dice_empty | r), (.dice_lesion | r), (.accuracy // "" | if . == "" then . else r end)] | @tsv' "$@"
} | column -t -s $'\t'
