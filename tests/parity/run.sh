#!/usr/bin/env bash
# run.sh PARITY: the recorded figures of tests/golden (and of ../shared/fixtures where they are) as TAP lines.
set -u
parity=$1
here=$(cd "$(dirname "$0")" && pwd)
number=0 bad=0
ldd "$parity" | grep -q libasan && sanitized=yes || sanitized=no
for fixture in "$here"/../golden/*.json; do
    if [ "$sanitized" = yes ] && [[ $fixture == *-trace.json ]]; then
        number=$((number + 1)) # the same code as one step, sixteen times
        echo "ok $number - ${fixture##*/} # SKIP sanitized"
        continue
    fi
    lines=$("$parity" "$fixture") || bad=1
    while IFS= read -r line; do
        number=$((number + 1))
        case $line in
        *'"ok":true'*) echo "ok $number - $line" ;;
        *) echo "not ok $number - $line" ;;
        esac
    done <<<"$lines"
done
exit $bad
