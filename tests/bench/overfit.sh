#!/usr/bin/env bash
# overfit.sh BIN [SIDE]: both networks learn four made-up X-rays by heart; prints the Dice on themselves and the time.
# The four have the largest lesions of forty: bisenet's logits lie on a grid of SIDE / 8, and a rim thinner than a
# cell cannot be drawn on it by any weights.
set -eu
PATH=$1:$PATH
side=${2:-192}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
synth -q --train 40 --test 1 --lesions 1 xrays
decode -q xrays/train --labels xrays/train-rle.csv | shard -q all
echo ImageId >four.csv
inspect --json all/index.mpk | jq -s -r '[.[] | select(has("id"))] | sort_by(-.lesion) | .[:4] | .[].id' >>four.csv
decode -q xrays/train --labels xrays/train-rle.csv --ids four.csv | shard -q four
augment -q four --plain --side "$side" -o val.mpk
for run in "unet-resnet18 2e-3" "bisenet-resnet18 1e-3"; do
    read -r network rate <<<"$run"
    start=$(date +%s)
    augment -q four --plain --side "$side" --epochs 800 |
        train-fold -q --network "$network" --iterations 800 --batch 4 --accumulate 1 --rate "$rate" \
            --val val.mpk --eval-every 100 --log-every 100 "$network"
    echo "$network: Dice $(jq -s '[.[] | select(.dice) | .dice] | max' "$network/log.jsonl")" \
        "after $(($(date +%s) - start)) s"
done
