#!/usr/bin/env bash
# shell.sh PRODUCT INPUT... -c RECIPE: the shell of the stages. What a recipe has made is recorded; where it fails, inputs
# that are not as they were made are named.
set -eu
here=${0%/*}
# shellcheck source=pipelines/method/settled.bash
. "$here/settled.bash"
# shellcheck source=pipelines/repair/damage.bash
. "$here/../repair/damage.bash"
product=$1 inputs=()
shift
while [ "$1" != -c ]; do
    inputs+=("$1")
    shift
done
status=0
forget_products "$product"
bash -eu -o pipefail "$@" || status=$?
if [ $status = 0 ]; then
    record_products "$product"
else
    {
        for input in "${inputs[@]}"; do
            [[ $input == "$WORK"/* ]] || continue
            [[ $input != */index.mpk ]] || echo "${input%/*}: looking whether all shards are as they were made" >&2
            damages "$input"
        done
        for begun in "${product%/*}"/fold-*.part/; do
            [ ! -d "$begun" ] || begun_damages "${begun%/}"
        done
    } | while IFS=$'\t' read -r file why; do
        echo "$file: $why: \`make repair\` removes what is damaged, and make goes on" >&2
    done
fi
exit $status
