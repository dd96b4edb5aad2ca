# Shared by the pipe tests.
bats_require_minimum_version 1.5.0

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd) # of the tree
export ROOT

# fails STATUS WORDS COMMAND...: ends with STATUS and one message with WORDS in it.
fails() {
    local wanted=$1 words=$2
    shift 2
    run --separate-stderr "$@"
    if [ "$status" != "$wanted" ] || [[ $stderr != *"$words"* ]]; then
        echo "status $status, wanted $wanted; stderr: $stderr"
        return 1
    fi
}

# shared PART: $SHARED is the folder of real files; skips where it is absent.
shared() {
    SHARED=$ROOT/../shared/data
    [ -e "$SHARED/$1" ] || skip "../shared/data absent"
}

# no COMMAND...: COMMAND must not succeed (bats does not see the failure of `! COMMAND`).
no() {
    if "$@"; then
        echo "succeeded: $*"
        return 1
    fi
}

# eventually COMMAND...: waits until COMMAND succeeds; longer than any machine takes, however much else it does
eventually() {
    local end=$((SECONDS + 120))
    until "$@"; do
        [ $SECONDS -lt $end ] || {
            echo "in vain: $*"
            return 1
        }
        sleep 0.05
    done
}

# xxh3: of stdin, as sixteen hexadecimal digits.
xxh3() {
    /usr/bin/python3 -c 'import sys, xxhash; print(xxhash.xxh3_64_hexdigest(sys.stdin.buffer.read()))'
}

# sanitized: whether the programs run under the sanitizers.
sanitized() {
    grep -q __asan_init "$(command -v pleura)"
}

# not_sanitized WHY: skips under the sanitizers.
not_sanitized() {
    ! sanitized || skip "sanitized: $1"
}

# small_training CASES SAMPLES [SIDE]: made-up X-rays as shards, train.mpk of SAMPLES drawn from CASES, and val.mpk.
small_training() {
    synth -q --format png --side 128 --train "$1" --test 2 --lesions 0.5 xrays
    decode -q xrays/train --labels xrays/train-rle.csv | shard -q shards
    augment -q shards --side "${3-64}" --samples "$2" >train.mpk
    augment -q shards --side "${3-64}" --plain >val.mpk
}

# each_kill BEFORE AFTER COMMAND...: BEFORE, COMMAND, AFTER again and again; COMMAND and what it started end by SIGKILL
# right before the first call that changes what a disk holds, then before the second, until all calls have been
# (tests/preload/kill-at.c says which). AFTER must succeed each time. $KILLS is how many there were.
each_kill() {
    local before=$1 after=$2 log=$BATS_TEST_TMPDIR/calls.log status=137
    shift 2
    not_sanitized "kill-at.so cannot be loaded before AddressSanitizer"
    for ((KILLS = 0; status == 137; KILLS++)); do
        rm -f "$log"
        "$before"
        status=0
        env LD_PRELOAD="$(dirname "$(command -v make-index)")/kill-at.so" PLEURA_KILL_LOG="$log" \
            PLEURA_KILL_AT=$((KILLS + 1)) PLEURA_KILL_GROUP=1 setsid "$@" || status=$?
        "$after" || {
            echo "killed at call $((KILLS + 1)) of $*: $(tail -n 1 "$log")"
            return 1
        }
    done
    KILLS=$((KILLS - 1))
    [ "$status" = 0 ] && [ "$KILLS" = "$(wc -l <"$log")" ] || {
        echo "status $status after $KILLS kills of $*"
        return 1
    }
}

# python_with ARGUMENT...: Python, for which docs/stream.md's Python code is the module tensor_stream
python_with() {
    sed -n '/^```python$/,/^```$/{/^```/!p}' "$ROOT/docs/stream.md" >tensor_stream.py
    grep -q '^def write' tensor_stream.py
    for python in /usr/bin/python3 python3 none; do
        $python -c 'import msgpack, msgpack_numpy, numpy, xxhash' 2>/dev/null && break
    done
    [ $python != none ] || skip "python3 with msgpack, msgpack_numpy and xxhash absent"
    $python "$@"
}

# without_metadata FROM TO: a safetensors file whose header has tensors alone, as others write them.
without_metadata() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
del header["__metadata__"]
text = json.dumps(header).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + data[8 + length:])
PYTHON
}
