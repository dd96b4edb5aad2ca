#!/usr/bin/env bash
# method.sh MAKE... GOAL...: runs the method's stages in the work folder WORK: takes its lock, settles the settings there,
# then runs MAKE, whose rules read them (SETTLED: where they are). Programs of the run hold the lock as long as any of them
# lives, so that a second run waits. `make -n` and `make -q` write nothing in WORK: their settings lie in a folder of their
# own. Settings: WORK, CONFIG, PROFILE, DATA, HOSTS, SLURM, JOBS, GPUS, and SETTINGS, STAGE.KEY=VALUE words quoted for the shell.
set -eu -o pipefail
here=${0%/*}
# shellcheck source=pipelines/method/settled.bash
. "$here/settled.bash"
# shellcheck source=pipelines/slurm/queue.bash
. "$here/../slurm/queue.bash"

die() {
    echo "$1" >&2
    exit 1
}

check_work
for program in jq zstd parallel column; do
    [ -x "$(command -v $program)" ] || die "$program is missing (Debian: jq, zstd, parallel, bsdextrautils)"
done
[[ $JOBS =~ ^[1-9][0-9]{0,3}$ ]] || die "JOBS=$(printf %q "$JOBS"): a whole number from 1 up is wanted"
[[ $GPUS =~ ^([0-9]+(,[0-9]+)*)?$ ]] || die "GPUS=$(printf %q "$GPUS"): numbers of devices with commas between are wanted"
mapfile -d '' -t words <"/proc/$PPID/cmdline"
for word in "${words[@]}"; do
    [[ ! $word =~ ^[A-Za-z][A-Za-z0-9_.-]*=[[:space:]] || $word =~ =[[:space:]]*$ ]] ||
        die "${word%%=*}: begins with a blank, which make would drop: ./ in front of a path keeps it"
done
settings=()
# shellcheck disable=SC2153 # of the environment
eval "settings=($SETTINGS)" # make has quoted each
[[ $HOSTS != *[[:cntrl:]]* ]] || die "HOSTS=$(printf %q "$HOSTS"): a path without control characters is wanted"
[[ $SLURM == *[![:blank:]]* ]] || SLURM=
[ -z "$SLURM" ] || "$here/../slurm/slurm.sh"
[ -z "$HOSTS" ] || "$here/../hosts/hosts.sh" "$HOSTS"

flags=${MAKEFLAGS%% *}
if [[ $flags != -* && $flags == *[nq]* ]]; then
    SETTLED=$(mktemp -d)
    trap 'rm -rf "$SETTLED"' EXIT
    [ ! -d "$WORK/options" ] || cp -a "$WORK"/{options,config.json,config.mk} "$SETTLED/"
    export DRY=1
else
    own_folder "$WORK"
    [ -n "$SLURM" ] || refuse_queued
    rm -rf "$WORK"/merge-*.part # merge-many.sh's, of a run that was killed
    straighten_times # before settings that changed get the time of now
    SETTLED=$WORK
fi
export SETTLED
"$here/config.sh" "$CONFIG" "$PROFILE" "$WORK" "$DATA" "${settings[@]}"
STALE=$(stale_products)
export STALE=${STALE//$'\n'/ }
"$@"
