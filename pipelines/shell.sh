#!/usr/bin/env bash
# shell.sh -c RECIPE: the shell of the stages. It keeps two runs out of one work folder: a run that was killed may leave
# programs behind, and the next waits until they are done.
set -eu
exec 9>"$WORK/lock"
if ! flock -n 9; then
    echo "$WORK: programs of another run are still at work here; waiting for them" >&2
    flock 9
fi
exec bash -eu -o pipefail "$@"
