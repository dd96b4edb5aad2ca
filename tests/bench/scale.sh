#!/usr/bin/env bash
# scale.sh BIN FOLDER FOLDS WAY...: what FOLDS folds of a stage cost beside their training, by the WAY that they go: `here`,
# `slurm` (a cluster of two nodes on this machine), both with a training program that copies a small file; and `hosts` (an sshd here),
# with one iteration of the real one, since what a host sends is looked at. FOLDER is made, and stays; docs/scale.md has the figures.
set -eu -o pipefail
real=$(realpath "$1") folder=$2 folds=$3
shift 3
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
mkdir "$folder"
folder=$(realpath "$folder")
WORK=$folder/work BIN=$folder/bin CLUSTER=$folder/cluster SLURM_CONF=$folder/cluster/slurm.conf
export PATH=$real:$PATH:/usr/sbin WORK BIN CLUSTER SLURM_CONF
TIMEFORMAT='%R %U %S'
mkdir "$BIN" "$BIN.small"
# shellcheck source=tests/filters/hosts/cluster.bash
. "$ROOT/tests/filters/hosts/cluster.bash"

stub_program() { # $BIN/train-fold: copies a small checkpoint and a log, for any fold
    rm "$BIN/train-fold"
    cat >"$BIN/train-fold" <<END
#!/bin/sh
case "\$1" in
--options | --version) exec "$real/train-fold" "\$1" ;;
esac
for folder; do :; done
cat >/dev/null
cp "$BIN.small"/* "\$folder"
END
    chmod +x "$BIN/train-fold"
    echo '{"iteration":1,"dice":0.5,"dice_lesion":0.5,"best":true}' >"$BIN.small/log.jsonl"
    PYTHONPATH=$ROOT/tests/attack PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c 'import sys
from streams import Map, Stream
for name in "last", "best":
    with open(f"{sys.argv[1]}/{name}.mpk", "wb") as file:
        Stream("weights", [Map([["id", "state"], ["iteration", 1], ["samples", 2]])]).write(file)' "$BIN.small"
}

method() { # method ARGUMENT...: make
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 BIN="$BIN" WORK="$WORK" \
        CONFIG="$folder/config.json" PROFILE=scale THREADS=1 "$@"
}

timed() { # timed NAME COMMAND...: a line: seconds, and those of processors, in all and a fold
    local seconds
    seconds=$({ time "${@:2}" >"$folder/$1.log" 2>&1; } 2>&1) || { cat "$folder/$1.log"; exit 1; }
    awk -v name="$1" -v folds="$folds" '{ printf "%-16s %8.1f s, %6.0f ms a fold; here %6.1f s of processors\n", name, $1, 1000 * $1 / folds, $2 + $3 }' \
        <<<"$seconds"
}

spent() { # spent PID: seconds of processors of a process's children that have ended
    local words
    read -ra words <"/proc/$1/stat"
    echo $(((words[15] + words[16]) / $(getconf CLK_TCK)))
}

files_in() { # files_in FOLDER: their number, and bytes on the disk
    echo "$(find "$1" -type f | wc -l) files, $(du -sh "$1" | cut -f 1)"
}

growth() { # growth JOBLOG: seconds of the first and of the last tenth of the folds, each
    sort -n "$1" | awk -F '\t' '$1 > 0 { seconds[++n] = $4 }
        END { tenth = int((n + 9) / 10)
            for (i = 1; i <= tenth; i++) { first += seconds[i]; last += seconds[n + 1 - i] }
            printf "the first tenth took %.2f s a fold, the last %.2f\n", first / tenth, last / tenth }'
}

forget_folds() {
    rm -rf "$WORK"/train-x "$WORK"/digests/train-x,*
}

start_sshd() {
    ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host-key"
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$folder/host-key.pub")" >"$folder/known"
    printf '%s\n' "Host loop" "HostName 127.0.0.1" "Port $port" "IdentityFile $folder/key" "IdentitiesOnly yes" \
        "UserKnownHostsFile $folder/known" >"$folder/ssh_config"
    printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $folder/host-key" "AuthorizedKeysFile $folder/key.pub" \
        "PidFile $folder/sshd.pid" "StrictModes no" "UsePAM no" "PermitRootLogin yes" "MaxStartups 100" >"$folder/sshd_config"
    mkdir -p /run/sshd
    "$(command -v sshd)" -f "$folder/sshd_config" -E "$folder/sshd.log"
    printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$folder/ssh_config" >"$BIN/ssh"
    chmod +x "$BIN/ssh"
    echo 2/loop >"$folder/hosts.txt"
}

jq --argjson folds "$folds" '{data} + {
    synth: (.profiles.demo.synth + {train: (2 * $folds), test: 2, side: 64, format: "png", lesions: 1}),
    "train-x": (."train-seg-bisenet" + {network: "bisenet-resnet18_w16", init: "", folds: $folds, side: 64, batch: 2,
        "whole-batches": false, accumulate: 1, iterations: 1, "eval-every": 1}),
    "test-x": ."test-seg-bisenet", "merge-m": {stages: ["test-x"], threshold: 0.3},
    submission1: {decide: "merge-m", segment: "merge-m", ratio: 0.5}, profiles: {scale: {}}}' "$ROOT/config.json" >"$folder/config.json"
ln -s "$real"/* "$BIN/"
method data >"$folder/data.log" 2>&1
timed check method "$WORK/train-x.checked"
[[ " $* " != *" hosts "* ]] || {
    start_sshd
    PATH=$BIN:$PATH timed hosts method HOSTS="$folder/hosts.txt" HOSTS_DIR="$folder/there" train-x
    echo "$(spent "$(cat "$folder/sshd.pid")") s of processors there; $(grep -c 'Accepted publickey' "$folder/sshd.log") connections"
    echo "here, the stage: $(files_in "$WORK/train-x"); there: $(files_in "$folder/there")"
    growth "$WORK/train-x/joblog"
    timed hosts-status method status
    kill "$(cat "$folder/sshd.pid")"
    forget_folds
}
stub_program
[[ " $* " != *" here "* ]] || {
    timed here method JOBS=2 train-x
    timed nothing-to-do method JOBS=2 train-x
    echo "the stage: $(files_in "$WORK/train-x")"
    growth "$WORK/train-x/joblog"
    timed status method status
    forget_folds
}
[[ " $* " != *" slurm "* ]] || {
    CPUS=8 start_cluster
    trap stop_cluster EXIT
    timed slurm method SLURM=-- train-x
}
