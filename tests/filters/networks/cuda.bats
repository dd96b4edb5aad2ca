#!/usr/bin/env bats
# train-fold and predict-fold with --device cuda, on the stand-in that runs CUDA's kernels on the host.

load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    small_training 8 20
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    HERE=$BATS_TEST_TMPDIR
}

# train DEVICE DIR [OPTION]...: a short run with accumulation and an optimiser that adapts
train() {
    local device=$1
    shift
    train-fold -q --network bisenet-resnet18_w16 --iterations 4 --batch 2 --accumulate 2 --rate 1e-6 --threads 2 \
        --val val.mpk --eval-every 2 --save-every 100 --log-every 1 --seed 3 --device "$device" "$@" train.mpk
}

# near MOST A B: tensors of two streams, in L2
near() {
    local python
    for python in /usr/bin/python3 python3 none; do
        $python -c 'import msgpack, msgpack_numpy, numpy' 2>/dev/null && break
    done
    [ $python != none ] || skip "python3 with msgpack, msgpack_numpy and numpy absent"
    $python - "$@" <<'PYTHON'
import sys
import msgpack, msgpack_numpy, numpy

def numbers(path):
    with open(path, 'rb') as stream:
        records = msgpack.Unpacker(stream, object_hook=msgpack_numpy.decode, max_buffer_size=0)
        found = [value.astype('f8').ravel() for record in records for value in record.values()
                 if isinstance(value, numpy.ndarray)]
    return numpy.concatenate(found)

a, b = numbers(sys.argv[2]), numbers(sys.argv[3])
apart = numpy.linalg.norm(a - b) / numpy.linalg.norm(b)
print('apart', apart, 'of', a.size)
sys.exit(not (a.size > 1000 and apart <= float(sys.argv[1])))
PYTHON
}

@test "training ends where the CPU's does, twice in the same bytes, and goes on after a stop" {
    not_sanitized "slow"
    train cpu "$HERE/cpu"
    train cuda "$HERE/cuda"
    train cuda:0 "$HERE/again"
    cmp "$HERE/cuda/last.mpk" "$HERE/again/last.mpk"
    cmp "$HERE/cuda/best.mpk" "$HERE/again/best.mpk"
    loss() { jq -s "[.[] | select(.loss)][$2].loss" "$1/log.jsonl"; }
    jq -n "($(loss "$HERE/cuda" 0) / $(loss "$HERE/cpu" 0) - 1) | fabs < 1e-3" | grep -q true
    # Over a map of 2 x 2 pixels normalisation makes small errors large.
    jq -n "($(loss "$HERE/cuda" 3) / $(loss "$HERE/cpu" 3) - 1) | fabs < 0.1" | grep -q true
    head -c 60000 train.mpk >short.mpk # ends within a sample: the run dies, its checkpoint stays
    fails 1 "" train-fold -q --network bisenet-resnet18_w16 --iterations 4 --batch 2 --accumulate 2 --rate 1e-6 \
        --val val.mpk --eval-every 2 --save-every 1 --log-every 1 --seed 3 --device cuda "$HERE/cut" short.mpk
    inspect --check "$HERE/cut/last.mpk"
    train cuda "$HERE/cut" --resume
    cmp "$HERE/cuda/last.mpk" "$HERE/cut/last.mpk"
}

@test "predictions are the CPU's" {
    not_sanitized "slow"
    train cpu "$HERE/model" --iterations 2
    decode -q xrays/test | augment -q --plain --side 96 >test.mpk
    for precision in f32 bf16; do
        predict-fold -q --model "$HERE/model/last.mpk" --device cuda --precision $precision --flip test.mpk >$precision.mpk
    done
    predict-fold -q --model "$HERE/model/last.mpk" --device cpu --flip test.mpk >cpu.mpk
    near 1e-4 f32.mpk cpu.mpk
    near 3e-2 bf16.mpk cpu.mpk
    # Of two models in a file
    train cpu "$HERE/other" --iterations 1 --eval-every 1 --seed 5
    cat "$HERE"/{model,other}/best.mpk >"$HERE/both.mpk"
    for device in cuda cpu; do predict-fold -q --model "$HERE/both.mpk" --device $device --flip test.mpk >$device.mpk; done
    near 1e-4 cuda.mpk cpu.mpk
    no near 1e-4 cuda.mpk f32.mpk
}

@test "what is missing is said in one line" {
    lines() { [ "$(wc -l <<<"$stderr")" = 1 ]; }
    FAKE_CUDA_DEVICES=0 fails 1 "no CUDA-capable device" train cuda "$HERE/a"
    lines
    PLEURA_CUDA=$HERE/none.so fails 1 "none.so is not there" train cuda "$HERE/a"
    lines
    PLEURA_CUDA=$(command -v jq) fails 1 "--device cuda: " train cuda "$HERE/a"
    lines
    # Of the same version and with another table of operations: the digest of headers and tables is another.
    build=$(grep -aoE '0\.[0-9]+\.[0-9]+ [0-9a-f]{16}' "$PLEURA_CUDA" | head -n 1)
    [ "$build" = "$(grep -aoE '0\.[0-9]+\.[0-9]+ [0-9a-f]{16}' "$(command -v train-fold)" | head -n 1)" ]
    sed "s/$build/${build%?}-/" "$PLEURA_CUDA" >"$HERE/stale.so"
    PLEURA_CUDA=$HERE/stale.so fails 1 "stale.so is not of this program's build: \`make\` builds it" train cuda "$HERE/a"
    lines
    fails 1 "takes a number from 0 on" train cuda:x "$HERE/a"
    [ ! -e "$HERE/a/last.mpk" ]
}

@test "where memory ends a smaller batch is proposed" {
    FAKE_CUDA_MEMORY=90000000 fails 1 "a batch of" train cuda "$HERE/a" --batch 12
    fits=$(grep -oE 'about [0-9]+ fits' <<<"$stderr" | grep -oE '[0-9]+')
    [ "$fits" -gt 5 ] && [ "$fits" -lt 12 ]
    FAKE_CUDA_MEMORY=55000000 fails 1 "a smaller batch needs less" train cuda "$HERE/a"
}
