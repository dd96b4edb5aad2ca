#!/usr/bin/env bats
# train-fold: runs that stop and go on, bad samples, weights to start from, memory.

load training

@test "a run leaves checkpoints, and a log of JSON lines" {
    whole_run
    [ "$(ls whole)" = "best.mpk
last.mpk
log.jsonl" ]
    inspect --check whole/last.mpk whole/best.mpk
    [ "$(jq -s '[.[] | select(.loss)] | length' whole/log.jsonl)" = 14 ]
    [ "$(jq -s -c '[.[] | select(.dice) | .iteration]' whole/log.jsonl)" = "[4,8,12,14]" ]
    # Each line has the time of day, and is one of an event file: see events.bats.
    jq -s -e 'map(.time) | . == sort and all(. > now - 3600 and . <= now)' whole/log.jsonl
    events -q whole/log.jsonl | grep -c dice_lesion
    state=$(inspect --json whole/last.mpk | jq -c 'select(.id == "state")')
    [[ $state == *bisenet-resnet18_w16* ]]
    # What best.mpk keeps is the greatest Dice of the log.
    best=$(inspect --json whole/best.mpk | jq 'select(.id == "state") | .best | if type == "object" then .value else . end')
    log=$(jq -s '[.[] | select(.dice) | .dice] | max' whole/log.jsonl)
    jq -n "($best - $log) | fabs < 1e-6" | grep -q true
}

@test "same seed, same bytes; another seed, others" {
    not_sanitized "these are the first run's steps again"
    whole_run
    train "$HERE/again"
    cmp whole/last.mpk "$HERE/again/last.mpk"
    cmp whole/best.mpk "$HERE/again/best.mpk"
    train --seed 1 "$HERE/other"
    no cmp -s whole/last.mpk "$HERE/other/last.mpk"
}

@test "--recompute: the same bytes" {
    whole_run
    train --recompute "$HERE/recomputed"
    cmp whole/last.mpk "$HERE/recomputed/last.mpk"
}

@test "killed with -9 again and again, a resumed run ends in the same bytes" {
    not_sanitized "what is killed reports nothing, and going on is sanitized behind SIGTERM and SIGINT"
    whole_run
    for i in 1 2 3 4 5 6; do
        EXEC=yes train --resume --save-every 1 "$HERE/killed" &
        sleep "0.$((1 + 3 * i % 4))"
        kill -9 $! 2>/dev/null || true
        wait $! || true
        if [ -e "$HERE/killed/last.mpk" ]; then
            inspect --check "$HERE/killed/last.mpk"
        fi
    done
    train --resume "$HERE/killed"
    cmp whole/last.mpk "$HERE/killed/last.mpk"
    cmp whole/best.mpk "$HERE/killed/best.mpk"
    [ "$(jq -s -c '[.[] | select(.loss) | .iteration]' "$HERE/killed/log.jsonl")" = \
        "[1,2,3,4,5,6,7,8,9,10,11,12,13,14]" ]
    [ "$(ls "$HERE/killed")" = "$(ls whole)" ]
}

@test "SIGTERM and SIGINT: the step is finished and saved, and the run goes on from there" {
    whole_run
    for signal in TERM INT; do
        mkfifo "$HERE/pipe.$signal"
        train-fold --network bisenet-resnet18_w16 --iterations 14 --batch 2 --accumulate 3 --rate 1e-3 \
            --threads 2 --val val.mpk --eval-every 4 --save-every 100 --log-every 1 \
            "$HERE/$signal" "$HERE/pipe.$signal" 2>"$HERE/says" &
        pid=$!
        # All but the last bytes, so that the run is still there when the signal comes.
        exec 7>"$HERE/pipe.$signal"
        head -c 300000 train.mpk >&7
        kill -s "$signal" $pid
        tail -c +300001 train.mpk >&7 2>/dev/null || true
        exec 7>&-
        wait $pid
        grep -q -- --resume "$HERE/says"
        inspect --check "$HERE/$signal/last.mpk"
        train --resume "$HERE/$signal"
        cmp whole/last.mpk "$HERE/$signal/last.mpk"
    done
}

@test "threads that wait soon sleep, and memory that is freed goes back, where nobody says otherwise" {
    mkfifo "$HERE/pipe"
    env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT -u GLIBC_TUNABLES train-fold -q --network bisenet-resnet18_w16 "$HERE/run" "$HERE/pipe" 3>&- &
    exec 7>"$HERE/pipe" # which it opens when it has started anew
    tr '\0' '\n' <"/proc/$!/environ" >"$HERE/environment"
    exec 7>&-
    no wait $!
    grep -qx OMP_WAIT_POLICY=passive "$HERE/environment"
    grep -qx GOMP_SPINCOUNT=2000 "$HERE/environment"
    grep -q ^GLIBC_TUNABLES=glibc.malloc.mmap_threshold "$HERE/environment"
}

@test "--skipped takes a stream that leaves out what has been used" {
    whole_run
    train-fold -q --network bisenet-resnet18_w16 --iterations 20 --batch 2 --accumulate 3 --rate 1e-3 \
        --threads 2 --log-every 1 --save-every 8 "$HERE/long" train.mpk
    mkdir "$HERE/half"
    train-fold -q --network bisenet-resnet18_w16 --iterations 20 --batch 2 --accumulate 3 --rate 1e-3 \
        --threads 2 --log-every 1 --save-every 7 "$HERE/half" <(head -c 500000 train.mpk) || true
    augment -q shards --side 64 --samples 60 --skip 14 |
        train-fold -q --network bisenet-resnet18_w16 --iterations 20 --batch 2 --accumulate 3 \
            --rate 1e-3 --threads 2 --log-every 1 --resume --skipped 14 "$HERE/half"
    cmp "$HERE/long/last.mpk" "$HERE/half/last.mpk"
}

@test "a run is not mixed up with another" {
    whole_run
    cp -r whole "$HERE/mine"
    fails 1 "is there already" train "$HERE/mine"
    fails 1 "other options" train --resume --rate 1e-4 "$HERE/mine"
    mv "$HERE/mine/best.mpk" "$HERE/mine/last.mpk"
    fails 1 "weights only" train --resume "$HERE/mine"
    head -c 100000 whole/last.mpk >"$HERE/mine/last.mpk"
    fails 1 "last.mpk" train --resume "$HERE/mine"
}

@test "what cannot be learned from is refused, with the reason" {
    small="train-fold -q --network bisenet-resnet18_w16 --iterations 2"
    augment -q shards --side 64 --samples 4 >few.mpk
    fails 1 "a batch of 1" $small --batch 1 "$HERE/a" train.mpk
    fails 1 "samples end after" train-fold -q -n bisenet-resnet18_w16 --iterations 99 --batch 2 "$HERE/b" few.mpk
    fails 1 "multiples of 32" train-fold -q -n unet-resnet18 --iterations 2 --batch 2 "$HERE/c" train.mpk
    decode -q xrays/train | augment -q --plain --side 64 >unlabelled.mpk
    fails 1 "neither 'mask' nor 'rle'" $small --batch 2 "$HERE/d" unlabelled.mpk
    cat few.mpk <(augment -q shards --plain --side 96) >mixed.mpk
    fails 1 "96 x 96" train-fold -q -n bisenet-resnet18_w16 --iterations 40 --batch 2 "$HERE/e" mixed.mpk
    fails 1 "no device" $small --batch 2 --device abacus "$HERE/f" train.mpk
    fails 1 "No such file" $small --batch 2 --init absent.pth "$HERE/g" train.mpk
    fails 2 "" train-fold --network lenet "$HERE/h" train.mpk
}

# with_weight NUMBER FILE: the weights of whole_run as .safetensors, one of them NUMBER.
with_weight() {
    weights -q whole/best.mpk -o "$2"
    /usr/bin/python3 - "$@" <<'PYTHON'
import json, struct, sys
data = bytearray(open(sys.argv[2], "rb").read())
length = struct.unpack("<Q", data[:8])[0]
at = json.loads(data[8:8 + length])["cls.0.cbr_unit.1.weight"]["data_offsets"][0] + 8 + length
data[at:at + 4] = struct.pack("<f", float(sys.argv[1]))
open(sys.argv[2], "wb").write(data)
PYTHON
}

@test "a loss that is not finite stops the run and leaves the last good checkpoint" {
    whole_run
    with_weight 3e38 "$HERE/large.safetensors"
    fails 1 "the loss is not finite" train --init "$HERE/large.safetensors" "$HERE/large"
    [ ! -e "$HERE/large/last.mpk" ]
}

@test "weights that are not finite are refused by name, and so is an answer that is no number" {
    whole_run
    for number in nan inf; do
        with_weight $number "$HERE/bad.safetensors"
        fails 1 "cls.0.cbr_unit.1.weight holds a number that is not finite" train --init "$HERE/bad.safetensors" "$HERE/nan"
        fails 1 "cls.0.cbr_unit.1.weight holds a number that is not finite" predict-fold -q -m "$HERE/bad.safetensors" val.mpk
    done
    [ ! -e "$HERE/nan/last.mpk" ]
    with_weight 3e38 "$HERE/large.safetensors"
    fails 1 "the network's answer is not a number" predict-fold -q -m "$HERE/large.safetensors" val.mpk -o "$HERE/p.mpk"
    [ ! -e "$HERE/p.mpk" ]
}

@test "two runs do not share a folder; a killed one leaves nothing to clean" {
    mkfifo "$HERE/samples"
    train-fold -q --network bisenet-resnet18_w16 --iterations 14 --batch 2 "$HERE/mine" "$HERE/samples" 3>&- &
    exec 7>"$HERE/samples"
    head -c 100000 train.mpk >&7
    eventually [ -e "$HERE/mine/log.jsonl" ]
    fails 1 "$HERE/mine: another train-fold is at work there" train --resume "$HERE/mine"
    kill -9 $!
    wait $! || true
    exec 7>&-
    train --iterations 2 "$HERE/mine"
    [ "$(ls -A "$HERE/mine" | tr '\n' ' ')" = "best.mpk last.mpk log.jsonl " ]
}

@test "what is no regular file in the folder of a run does not hold it up" {
    for name in last.mpk best.mpk log.jsonl; do
        mkdir -p "$HERE/$name"
        mkfifo "$HERE/$name/$name"
        fails 1 "$name: not a regular file" timeout 200 train-fold --network bisenet-resnet18_w16 --iterations 2 \
            --batch 2 --resume "$HERE/$name" train.mpk
    done
}

@test "samples behind which the stream turns out to be damaged are not learned from" {
    # The last byte but one of the end mark's hash, behind the last sample that is used
    augment -q shards --side 64 --samples 8 >"$HERE/eight.mpk"
    { head -c -2 "$HERE/eight.mpk" && printf '\0' && tail -c 1 "$HERE/eight.mpk"; } >"$HERE/flipped.mpk"
    fails 1 "damaged" train-fold -q --network bisenet-resnet18_w16 --iterations 4 --batch 2 "$HERE/run" "$HERE/flipped.mpk"
    [ ! -e "$HERE/run/last.mpk" ] || [ "$(inspect --json "$HERE/run/last.mpk" | jq 'select(.id == "state") | .iteration')" -lt 4 ]
    train-fold -q --network bisenet-resnet18_w16 --iterations 2 --batch 2 "$HERE/surplus" train.mpk
}

@test "a file to validate with is read over before the first iteration" {
    head -c -1 val.mpk >"$HERE/cut.mpk"
    augment -q shards --side 32 --plain >"$HERE/small.mpk"
    small="train-fold -q --network bisenet-resnet18_w16 --batch 2 --iterations 2"
    fails 1 "cut.mpk" $small --val "$HERE/cut.mpk" "$HERE/a" train.mpk
    fails 1 "images of 32 x 32, and the network takes 64 x 64" $small --val "$HERE/small.mpk" "$HERE/b" train.mpk
    fails 1 "absent.mpk: No such file" $small --val absent.mpk "$HERE/c" train.mpk
    [ "$(ls -A "$HERE/a" "$HERE/b" "$HERE/c" | grep -c mpk)" = 0 ]
    $small --val <(cat val.mpk) "$HERE/pipe" train.mpk
    [ -e "$HERE/pipe/best.mpk" ]
}

@test "a mask is about as large as its image" {
    /usr/bin/python3 - <<'PYTHON' >"$HERE/large.mpk"
import msgpack, sys, xxhash
def tensor(shape, data):
    return {b"nd": True, b"type": "|u1", b"kind": b"", b"shape": shape, b"data": data}
stream = msgpack.packb({"pleura": 1, "kind": "samples", "history": []})
for i in range(2):
    stream += msgpack.packb({"id": str(i), "image": tensor([64, 64], bytes(4096)), "size": [16384, 16384], "rle": ["0 1"]})
sys.stdout.buffer.write(stream + msgpack.packb({"end": 2, "xxh3": xxhash.xxh3_64_intdigest(stream)}))
PYTHON
    fails 1 "above 4 times its sides" train-fold -q --network bisenet-resnet18_w16 --iterations 1 --batch 2 "$HERE/x" "$HERE/large.mpk"
    whole_run
    fails 1 "--max-pixels" predict-fold -q -m whole/best.mpk "$HERE/large.mpk"
    fails 1 "--max-pixels" overlay -q "$HERE/large.mpk" -d "$HERE/pictures"
    [ ! -e "$HERE/pictures" ]
}

@test "--init starts from weights: a run's, or a backbone's" {
    whole_run
    learned() {
        inspect --json "$1" | jq -c 'select(.id and (.id | test("^(?!optimizer/).*(weight|bias)$")))'
    }
    # One iteration of three that make an update leaves the run's weights as they were.
    train --init whole/last.mpk --iterations 1 "$HERE/on"
    [ "$(learned whole/last.mpk | wc -l)" -gt 90 ]
    cmp <(learned whole/last.mpk) <(learned "$HERE/on/last.mpk")
    train --iterations 1 "$HERE/drawn"
    no cmp -s <(learned whole/last.mpk) <(learned "$HERE/drawn/last.mpk")
    weights -q whole/best.mpk -o "$HERE/all.safetensors"
    /usr/bin/python3 - "$HERE" <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1] + "/all.safetensors", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
out, body = {}, b""
for name, entry in header.items():
    if name.startswith("context_path.backbone."):
        part = data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]
        out[name[len("context_path.backbone."):]] = {"dtype": "F32", "shape": entry["shape"],
                                                     "data_offsets": [len(body), len(body) + len(part)]}
        body += part
out["fc.weight"] = {"dtype": "F32", "shape": [2], "data_offsets": [len(body), len(body) + 8]}
text = json.dumps(out).encode()
open(sys.argv[1] + "/backbone.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + body + bytes(8))
PYTHON
    train --init "$HERE/backbone.safetensors" "$HERE/backbone"
    no cmp -s "$HERE/backbone/last.mpk" whole/last.mpk
}

@test "training at 768 holds no matrix of positions by positions" {
    not_sanitized "they need memory of their own"
    augment -q shards --side 768 --samples 2 >large.mpk
    # One image's matrix would be 9216 x 9216 x 4 bytes, 324 MiB; all of the step needs 475 MiB.
    command time -f %M -o "$HERE/memory" train-fold -q --network bisenet-resnet18_w16 --iterations 1 \
        --batch 2 --accumulate 1 "$HERE/large" large.mpk
    [ "$(cat "$HERE/memory")" -lt $((650 * 1024)) ]
}
