#!/usr/bin/env bash
# shell.sh PRODUCT INPUT... -c RECIPE: the shell of the stages. What a recipe has made is recorded; where it fails, inputs
# that are not as they were made are named.
set -eu
# shellcheck source=pipelines/settled.bash
. "$(dirname "$0")/settled.bash"
product=$1 inputs=()
shift
while [ "$1" != -c ]; do
    inputs+=("$1")
    shift
done
status=0
bash -eu -o pipefail "$@" || status=$?
if [ $status = 0 ]; then
    record_products "$product"
else
    for input in "${inputs[@]}"; do
        as_recorded "$input" whole || echo "$input: is not what make left there: delete it, and make again" >&2
    done
fi
exit $status
