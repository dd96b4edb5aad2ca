#!/usr/bin/env bash
# predict-fold.sh MODEL SHARDS OUT OPTIONS [PART [SHARDS]...]: the MODEL's probabilities for all of SHARDS into OUT.mpk.zst;
# or for a PART of SHARDS, which is options of augment, separated by blanks.
set -eu -o pipefail
# shellcheck source=pipelines/method/settled.bash
. "${0%/*}/settled.bash"
model=$1 shards=$2 out=$3
read -ra options <<<"$4"
read -ra part <<<"${5-}"
shift $(($# > 4 ? 5 : 4))
key=$(digest "${options[*]}" ${part:+"${part[*]}"} "$@" "$(digest_now "$model")" "$(digest_file "$shards/index.mpk")")
leave_if_settled "$out.mpk.zst" "$key"
leave_if_asked
use_gpu 1

predict() { # predict [SHARDS]...
    predict-fold --model "$model" "${options[@]}" ${THREADS:+--threads "$THREADS"} ${GPUS:+--device cuda} "$@"
}

{
    if [ ${#part[@]} -gt 0 ]; then
        augment -q "$shards" "${part[@]}" | predict
    else
        predict "$@" "$shards"
    fi
} | zstd -q -f -o "$out.part"
settle "$out.mpk.zst" "$key" "$out.part"
