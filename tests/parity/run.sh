#!/usr/bin/env bash
# run.sh PARITY [DEVICE [PRECISION]]: the recorded figures of tests/golden as TAP lines; of another device than the
# CPU, and in bf16, those of single steps of the networks.
set -u
parity=$1 device=${2:-cpu} precision=${3:-f32}
here=$(cd "$(dirname "$0")" && pwd)
number=0 bad=0
fixtures=("$here"/../golden/*.json)
[ "$device $precision" = "cpu f32" ] || fixtures=("$here"/../golden/*net-*-{eval,train}.json)
ldd "$parity" | grep -q libasan && sanitized=yes || sanitized=no
chosen=()
for fixture in "${fixtures[@]}"; do
    if [ "$sanitized" = yes ] && [[ $fixture == *-trace.json || "$device $precision" != "cpu f32" ]]; then
        number=$((number + 1)) # the same code as one step, sixteen times; slow
        echo "ok $number - ${fixture##*/} # SKIP sanitized"
    else
        chosen+=("$fixture")
    fi
done
[ ${#chosen[@]} != 0 ] || exit 0
# One process for all, which keeps its memory: that of a new one the system must clear first.
lines=$("$parity" --device "$device" --precision "$precision" "${chosen[@]}") || bad=1
[ "$(grep -c . <<<"$lines")" -ge ${#chosen[@]} ] || lines+=$'\n'"fewer lines than the ${#chosen[@]} fixtures have"
while IFS= read -r line; do
    number=$((number + 1))
    case $line in
    *'"ok":true'*) echo "ok $number - $line" ;;
    *) echo "not ok $number - $line" ;;
    esac
done <<<"$lines"
exit $bad
