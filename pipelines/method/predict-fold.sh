#!/usr/bin/env bash
# predict-fold.sh MODEL SHARDS OUT OPTIONS [OPTION|SHARDS]...: the MODEL's probabilities for all of SHARDS into OUT.mpk.zst.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "$(dirname "$0")/settled.bash"
model=$1 shards=$2 out=$3
read -ra options <<<"$4"
shift 4
key=$(digest "${options[*]}" "$@" "$(digest_file "$model")" "$(digest_file "$shards/index.mpk")")
leave_if_settled "$out.mpk.zst" "$key"
use_gpu
predict-fold --model "$model" "${options[@]}" ${THREADS:+--threads "$THREADS"} ${GPUS:+--device cuda} "$@" "$shards" |
    zstd -q -f -o "$out.part"
settle "$out.mpk.zst" "$key" "$out.part"
