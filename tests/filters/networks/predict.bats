#!/usr/bin/env bats
# predict-fold: sizes, batches, mirrored images, precisions, instruction sets, methods of convolution, refusals.

load training

@test "predict-fold: each image at its own size, whatever the batch" {
    whole_run
    predict-fold -q -m whole/best.mpk val.mpk >p.mpk
    [ "$(inspect --json p.mpk | jq -c 'select(has("id")) | .probability.shape' | sort -u)" = "[128,128]" ]
    [ "$(inspect --json p.mpk | jq -r 'select(has("id")) | .id')" = "$(inspect --json val.mpk | jq -r 'select(has("id")) | .id')" ]
    predict-fold -q -m whole/best.mpk --batch 1 val.mpk | cmp - p.mpk
    predict-fold -q -m whole/best.mpk --batch 5 val.mpk | cmp - p.mpk
    predict-fold -q -m whole/best.mpk --batch 5 --threads 8 val.mpk | cmp - p.mpk # the network takes two at once
    # An image as decoded is resized as augment does it.
    decode -q xrays/train | predict-fold -q -m whole/best.mpk >direct.mpk
    range() { inspect --json "$1" | jq -c 'select(has("id")) | [.id, .probability.min, .probability.max]' | sort; }
    cmp <(range p.mpk) <(range direct.mpk)
    rle-encode -q p.mpk | score --size 128x128 xrays/train-rle.csv - >/dev/null
}

@test "a record goes through all filters as soon as it is whole, and comes out as in full batches" {
    whole_run
    local row paths=(xrays/train/*.png)
    paths=("${paths[@]:0:7}")
    decode -q "${paths[@]}" | predict-fold -q -m whole/best.mpk --batch 3 | merge | rle-encode >"$HERE/whole.csv"
    # shellcheck disable=SC2034 # COPROC is bash's
    coproc {
        decode --follow | predict-fold -q -m whole/best.mpk --batch 3 | merge | tee >(classify --area 0 | inspect --json >"$HERE/decisions") |
            rle-encode
    }
    for path in header "${paths[@]}"; do
        [ "$path" = header ] || printf '%s\n' "$path" >&"${COPROC[1]}"
        read -r -t 200 -u "${COPROC[0]}" row || { echo "no answer to $path"; return 1; }
        printf '%s\n' "$row" >>"$HERE/one-by-one.csv"
    done
    cmp "$HERE/whole.csv" "$HERE/one-by-one.csv"
    decided() { [ "$(wc -l <"$HERE/decisions")" = 8 ]; }
    eventually decided # the last image's decision comes, too, while the pipe is open
    eval "exec ${COPROC[1]}>&-"
}

# overwrite FILE OFFSET: another byte there.
overwrite() {
    printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "predict-fold: of a checkpoint the weights alone are read, and checked" {
    whole_run
    predict-fold -q -m whole/last.mpk -o "$HERE/p.mpk" val.mpk
    cp whole/last.mpk "$HERE/last.mpk"
    overwrite "$HERE/last.mpk" $(($(stat -c %s whole/last.mpk) - 100000)) # of the moments
    fails 1 "does not match" inspect --check "$HERE/last.mpk"
    predict-fold -q -m "$HERE/last.mpk" val.mpk | tail -c 100000 | cmp - <(tail -c 100000 "$HERE/p.mpk")
    cp whole/last.mpk "$HERE/last.mpk"
    overwrite "$HERE/last.mpk" 100000
    fails 1 "does not match" predict-fold -q -m "$HERE/last.mpk" val.mpk
    # The moments before the state, in one stream, as they were once written.
    /usr/bin/python3 - whole/last.mpk "$HERE/old.mpk" <<'END'
import msgpack, sys, xxhash
header, *records = msgpack.Unpacker(open(sys.argv[1], "rb"), max_buffer_size=2**31)
records = [r for r in records if "id" in r]
records.sort(key=lambda r: r["id"] == "state")
body = b"".join(map(msgpack.packb, [header, *records]))
end = {"end": len(records), "xxh3": xxhash.xxh3_64_intdigest(body)}
open(sys.argv[2], "wb").write(body + msgpack.packb(end))
END
    inspect --check "$HERE/old.mpk"
    predict-fold -q -m "$HERE/old.mpk" val.mpk | tail -c 100000 | cmp - <(tail -c 100000 "$HERE/p.mpk")
}

@test "predict-fold: a mirrored image gives the mirrored answer with --flip" {
    whole_run
    mkdir -p "$HERE/mirror"
    /usr/bin/python3 - "$HERE/mirror" <<'PYTHON'
import glob, os, sys
from PIL import Image, ImageOps
for path in glob.glob("xrays/train/*.png"):
    ImageOps.mirror(Image.open(path)).save(os.path.join(sys.argv[1], os.path.basename(path)))
PYTHON
    range() { inspect --json "$1" | jq -c 'select(has("id")) | [.id, (.probability.mean * 1e5 | round)]' | sort; }
    decode -q xrays/train | predict-fold -q --flip --type f4 -m whole/best.mpk >one.mpk
    decode -q "$HERE/mirror" | predict-fold -q --flip --type f4 -m whole/best.mpk >two.mpk
    cmp <(range one.mpk) <(range two.mpk)
}

mirrored() { # $flips: with and without; under the sanitizers with, which does all that is done without
    flips=("" --flip)
    ! sanitized || flips=(--flip)
}

@test "predict-fold: --scales is the mean of the sizes, as merge makes it by hand" {
    whole_run # side 64
    mirrored
    for flip in "${flips[@]}"; do
        for side in 96 32 64; do
            predict-fold -q $flip --type f4 --side $side -m whole/best.mpk val.mpk -o "$HERE/$side.mpk"
        done
        for type in f4 f2; do
            predict-fold -q $flip --type $type --scales 1.5,0.5,1 --batch 5 -m whole/best.mpk val.mpk -o "$HERE/scales.mpk"
            merge --type $type "$HERE"/{96,32,64}.mpk | inspect --json | jq -c 'select(has("id"))' >"$HERE/by-hand"
            inspect --json "$HERE/scales.mpk" | jq -c 'select(has("id"))' | diff - "$HERE/by-hand"
        done
    done
    predict-fold -q --type f4 --scales 1 -m whole/best.mpk val.mpk | inspect --json | jq -c 'select(has("id"))' >"$HERE/one"
    predict-fold -q --type f4 -m whole/best.mpk val.mpk | inspect --json | jq -c 'select(has("id"))' | diff - "$HERE/one"
    for scales in x 1,,2 0 -1 1,1.1 0.1 1,2,3,4,5,6,7,8,9 inf; do
        fails 2 "--scales '$scales'" predict-fold -q -m whole/best.mpk --scales "$scales" val.mpk
    done
}

two_runs() { # a second model; and both, one behind another
    whole_run
    [ -e both.mpk ] || { train other --seed 7 && cat other/best.mpk whole/best.mpk >both.mpk; }
}

@test "predict-fold: of several models in a file the mean, as merge makes it by hand" {
    two_runs
    records() { inspect --json "$1" | jq -c 'select(has("id"))'; }
    mirrored
    for flip in "${flips[@]}"; do
        for name in other whole; do
            predict-fold -q $flip --type f4 -m $name/best.mpk val.mpk -o "$HERE/$name.mpk"
        done
        for type in f4 f2; do
            predict-fold -q $flip --type $type --batch 5 -m both.mpk val.mpk -o "$HERE/both.mpk"
            merge --type $type "$HERE"/{other,whole}.mpk -o "$HERE/mean.mpk"
            diff <(records "$HERE/both.mpk") <(records "$HERE/mean.mpk")
        done
    done
    # All sizes of the one, then of the other
    for name in other whole; do
        for side in 32 96; do
            predict-fold -q --type f4 --side $side -m $name/best.mpk val.mpk -o "$HERE/$name-$side.mpk"
        done
    done
    predict-fold -q --scales 0.5,1.5 -m both.mpk val.mpk -o "$HERE/scales.mpk"
    merge --type f2 "$HERE"/{other,whole}-{32,96}.mpk -o "$HERE/mean.mpk"
    diff <(records "$HERE/scales.mpk") <(records "$HERE/mean.mpk")
    # One by one as in batches; the last may be a run's checkpoint
    weights -q whole/last.mpk -o "$HERE/last.mpk"
    cat other/best.mpk "$HERE/last.mpk" >"$HERE/both.mpk"
    cat other/best.mpk whole/last.mpk >"$HERE/with-moments.mpk"
    predict-fold -q --batch 5 -m "$HERE/both.mpk" val.mpk -o "$HERE/p.mpk"
    for name in both with-moments; do predict-fold -q --batch 1 -m "$HERE/$name.mpk" val.mpk | cmp - "$HERE/p.mpk"; done
    not_sanitized "memory is not the sanitizer's"
    /usr/bin/time -f %M -o "$HERE/memory" predict-fold -q --batch 4 -m whole/best.mpk val.mpk -o "$HERE/p.mpk"
    /usr/bin/time -f %M -o "$HERE/memory-both" predict-fold -q --batch 4 -m both.mpk val.mpk -o "$HERE/p.mpk"
    # Weights as they are read, and as convolutions want them, but no other activations
    [ "$(cat "$HERE/memory-both")" -lt $(($(cat "$HERE/memory") + 40000)) ]
}

@test "several models in a file: what takes one says so, and one can be taken out" {
    two_runs
    fails 1 "both.mpk: record 228, byte 8469" weights -q both.mpk -o "$HERE/one.onnx"
    [[ $stderr == *"another network begins here, and a file of one is wanted"* ]]
    fails 1 "a file of one is wanted" train-fold -q -n bisenet-resnet18_w16 --iterations 1 --init both.mpk "$HERE/none" val.mpk
    fails 1 "a file of one is wanted" weights --init-for bisenet-resnet18_w16 both.mpk
    for files in both.mpk "whole/best.mpk both.mpk"; do
        # shellcheck disable=SC2086
        fails 1 "both.mpk: record 228, byte 8469" merge $files -o "$HERE/one.mpk"
        [[ $stderr == *"another network begins here, and files of one are merged"* ]]
    done
    [ ! -e "$HERE/one.onnx" ] && [ ! -e "$HERE/one.mpk" ]
    values() { inspect --json "$1" | jq -c 'select(.value)'; }
    weights -q --nth 2 both.mpk -o "$HERE/second.mpk"
    diff <(values "$HERE/second.mpk") <(values whole/best.mpk)
    weights -q --nth 1 both.mpk -o "$HERE/first.safetensors"
    weights -q "$HERE/first.safetensors" | values - | diff - <(values other/best.mpk)
    weights -q --nth 1 both.mpk -o "$HERE/first.onnx"
    [ "$(stat -c %s "$HERE/first.onnx")" -gt 1000000 ]
    weights --init-for bisenet-resnet18_w16 --nth 2 both.mpk
    fails 1 "both.mpk: --nth 3: the file holds 2" weights -q --nth 3 both.mpk -o "$HERE/third.mpk"
    # What would be left out silently, or mixed
    cat whole/last.mpk other/best.mpk >"$HERE/behind.mpk"
    fails 1 "another network stands behind what an optimiser remembers" predict-fold -q -m "$HERE/behind.mpk" val.mpk
    train-fold -q --network smp-unet-resnet18_w16 --lambda-cls 0 --iterations 1 --batch 2 --accumulate 1 "$HERE/smp" train.mpk
    weights -q "$HERE/smp/last.mpk" -o "$HERE/smp.mpk"
    cat whole/best.mpk "$HERE/smp.mpk" >"$HERE/mixed.mpk"
    fails 1 "holds bisenet-resnet18_w16 and smp-unet-resnet18_w16" predict-fold -q -m "$HERE/mixed.mpk" val.mpk
    weights -q --side 96 whole/best.mpk -o "$HERE/large.mpk"
    cat whole/best.mpk "$HERE/large.mpk" >"$HERE/sides.mpk"
    fails 1 "trained at sides of 64 and 96" predict-fold -q -m "$HERE/sides.mpk" val.mpk
    maps() { predict-fold -q "$@" val.mpk | inspect --json | jq -c 'select(.id)'; }
    diff <(maps --side 64 -m "$HERE/sides.mpk") <(maps -m whole/best.mpk)
    fails 1 "network 2: " predict-fold -q -n bisenet-resnet18_w16 --side 64 -m "$HERE/mixed.mpk" val.mpk
    head -c -1000 both.mpk >"$HERE/torn.mpk"
    fails 1 "torn.mpk: record 45" predict-fold -q -m "$HERE/torn.mpk" val.mpk
    python_with - <<'END'
from tensor_stream import write
import numpy
write("tiny.mpk", "weights", [{"id": "a", "value": numpy.zeros(1, "f4")}, {"id": "state", "side": 64}])
END
    for ((i = 0; i <= 100; i++)); do cat tiny.mpk; done >"$HERE/many.mpk"
    fails 1 "another network begins here, and 100 are the most" predict-fold -q -m "$HERE/many.mpk" val.mpk
}

@test "predict-fold: bf16 stays near f32" {
    whole_run
    predict-fold -q --type f4 -m whole/best.mpk val.mpk >f32.mpk
    predict-fold -q --type f4 --precision bf16 -m whole/best.mpk val.mpk >bf16.mpk
    run cmp -s f32.mpk bf16.mpk
    [ "$status" = 1 ]
    means() { inspect --json "$1" | jq 'select(has("id")) | .probability.mean'; }
    paste <(means f32.mpk) <(means bf16.mpk) | awk '{d = $1 - $2; if (d * d > 4e-4) exit 1}'
}

@test "predict-fold: fewer instructions give the same picture" {
    whole_run
    predict-fold -q --type f4 -m whole/best.mpk val.mpk >all.mpk
    means() { inspect --json "$1" | jq 'select(has("id")) | .probability.mean'; }
    levels=(base avx2 avx512 bf16)
    [ "$(uname -m)" != aarch64 ] || levels=(base neon bf16)
    for level in "${levels[@]}"; do
        PLEURA_CPU=$level predict-fold -q --type f4 -m whole/best.mpk val.mpk >fewer.mpk
        paste <(means all.mpk) <(means fewer.mpk) | awk '{d = $1 - $2; if (d * d > 1e-10) exit 1}'
    done
    PLEURA_CPU=avx3 fails 1 "PLEURA_CPU=avx3" predict-fold -q -m whole/best.mpk val.mpk
}

@test "--profile names the method of each layer, and PLEURA_WITHOUT forbids methods" {
    whole_run
    predict-fold -q --profile --batch 1 -m whole/best.mpk -o "$HERE/p.mpk" val.mpk 2>"$HERE/profile"
    layers=$(sed -n '/^layer/,$p' "$HERE/profile" | awk 'NR > 1 { print $1, $2, $3 }')
    [ "$(grep -c . <<<"$layers")" = "$(sort -u <<<"$layers" | grep -c .)" ]
    grep -q '^context_path.backbone.conv1 forward ' <<<"$layers"
    methods='onednn-amx|winograd-int16|winograd|direct|onednn-bf16|onednn-f32|plain'
    [ -z "$(grep -vE "^[^ ]+ forward ($methods)\$" <<<"$layers")" ]
    grep -qE "^convolution +forward +($methods) " "$HERE/profile"
    PLEURA_WITHOUT=winograd,direct predict-fold -q --profile -m whole/best.mpk -o "$HERE/p.mpk" val.mpk 2>"$HERE/profile"
    [ -z "$(grep -E ' (winograd|direct) ' "$HERE/profile")" ]
    PLEURA_WITHOUT=winograd,fft fails 1 "no convolution method 'fft'" predict-fold -q -m whole/best.mpk val.mpk
    PLEURA_WITHOUT=$(tr '|' , <<<"$methods") fails 1 "leaves no method" predict-fold -q -m whole/best.mpk val.mpk
}

@test "oneDNN is loaded by the first layer that it computes; a library that is missing, or of another version, is said" {
    not_sanitized "there it is linked"
    whole_run
    local library without
    no grep dnnl <(ldd "$(command -v predict-fold)")
    library=$(grep -aohE 'libdnnl[.]so[.][0-9]+' "$(command -v predict-fold)")
    mkdir "$HERE/lib"
    cc -shared -x c /dev/null -o "$HERE/lib/$library" # in oneDNN's place
    predict() { LD_LIBRARY_PATH=$HERE/lib PLEURA_WITHOUT=$1 predict-fold -q -m whole/best.mpk val.mpk -o "$HERE/out"; }
    predict onednn-amx,onednn-bf16,onednn-f32
    ! grep -qwE 'avx2|asimd' /proc/cpuinfo || predict ""
    fails 1 "oneDNN: $library is of another version: it has no dnnl_" predict winograd,direct
    echo >"$HERE/lib/$library"
    fails 1 "oneDNN: $HERE/lib/$library: " predict winograd,direct
}

@test "the plain convolutions alone give the same figures" {
    whole_run
    rest=onednn-amx,winograd-int16,winograd,direct,onednn-bf16,onednn-f32
    predict-fold -q --type f4 -m whole/best.mpk val.mpk >all.mpk
    PLEURA_WITHOUT=$rest predict-fold -q --type f4 -m whole/best.mpk val.mpk >plain.mpk
    means() { inspect --json "$1" | jq 'select(has("id")) | .probability.mean'; }
    paste <(means all.mpk) <(means plain.mpk) | awk '{d = $1 - $2; if (d * d > 1e-10) exit 1}'
    for without in "" $rest; do
        PLEURA_WITHOUT=$without train-fold -q --network bisenet-resnet18_w16 --iterations 2 --batch 2 --accumulate 2 \
            --threads 2 --log-every 1 "$HERE/run${without:0:1}" train.mpk
    done
    losses() { jq -s '.[] | select(.loss) | .loss' "$1/log.jsonl"; }
    [ "$(losses "$HERE/run" | grep -c .)" = 2 ]
    paste <(losses "$HERE/run") <(losses "$HERE/runo") | awk '{d = $1 - $2; if (d * d > 1e-8 * $1 * $1) exit 1}'
}

@test "predict-fold: what it cannot do is said" {
    whole_run
    fails 2 "--model" predict-fold val.mpk
    fails 1 "no weights" predict-fold -q -m xrays/train-rle.csv val.mpk
    fails 1 "do not fit" predict-fold -q -n unet-resnet18 --side 192 -m whole/best.mpk val.mpk
    weights -q whole/best.mpk -o w.safetensors
    without_metadata w.safetensors nameless.safetensors
    fails 1 "--network" predict-fold -q -m nameless.safetensors val.mpk
    predict-fold -q -n bisenet-resnet18_w16 --side 64 -m nameless.safetensors val.mpk >n.mpk
    predict-fold -q -m whole/best.mpk val.mpk >p.mpk
    range() { inspect --json "$1" | jq -c 'select(has("id")) | .probability'; }
    cmp <(range n.mpk) <(range p.mpk)
    fails 1 "probabilities" predict-fold -q -m whole/best.mpk p.mpk
}

@test "activations are never reordered, and weights once" {
    whole_run
    reorders() { # of oneDNN's layers
        DNNL_VERBOSE=1 ONEDNN_VERBOSE=1 predict-fold -q --batch 4 -m whole/best.mpk -o "$HERE/out.mpk" "$@" \
            >"$HERE/verbose"
        grep -c 'exec,cpu,reorder' "$HERE/verbose" || true
    }
    once=$(reorders val.mpk)
    [ "$(reorders val.mpk val.mpk val.mpk)" = "$once" ]
    export PLEURA_WITHOUT=runs-bf16
    once=$(reorders --precision bf16 val.mpk)
    ! grep -q avx512_bf16 /proc/cpuinfo || [ "$once" -gt 10 ] # elsewhere few layers are oneDNN's
    [ "$(reorders --precision bf16 val.mpk val.mpk val.mpk)" = "$once" ]
}
