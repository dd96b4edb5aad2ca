#!/usr/bin/env bats
# Tensor streams between programs: damage, hostile claims, sizes, full disks, other readers.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# refused WORDS FILE: inspect --check, merge and rle-encode all refuse FILE and write nothing
refused() {
    fails 1 "$1" inspect --check "$2"
    fails 1 "$1" merge "$2" -o out
    fails 1 "$1" rle-encode "$2" -o out
    [ ! -e out ]
}

@test "cut at any byte: refused" {
    make-probabilities -h 2 -w 2 1 4 >good.mpk
    size=$(stat -c %s good.mpk)
    for ((i = 0; i < size; i++)); do
        head -c $i good.mpk >cut.mpk
        for program in "inspect --check" merge rle-encode; do
            if $program cut.mpk >out 2>message; then
                echo "$program took the first $i bytes"
                return 1
            fi
            grep -q -E 'cut.mpk: (header \(record 0\)|record [0-9]+), byte [0-9]+: ' message
            [ "$(wc -l <message)" = 1 ]
        done
    done
}

@test "any byte changed: refused" {
    make-probabilities -h 2 -w 2 4 >good.mpk
    size=$(stat -c %s good.mpk)
    for ((i = 0; i < size; i++)); do
        cp good.mpk bad.mpk
        old=$(od -An -tu1 -j $i -N 1 good.mpk)
        # shellcheck disable=SC2059
        printf "\\x$(printf %x $((old ^ (1 << i % 8))))" | dd of=bad.mpk bs=1 seek=$i conv=notrunc status=none
        for program in "inspect --check" merge rle-encode; do
            if $program bad.mpk >out 2>message; then
                echo "$program took a changed byte $i"
                return 1
            fi
            [ "$(wc -l <message)" = 1 ]
        done
    done
}

@test "small files that claim much are refused within 64 MiB" {
    header='\x83\xa6pleura\x01\xa4kind\xadprobabilities\xa7history\x90'
    claims=(
        '\xdf\xff\xff\xff\xff'
        "$header"'\xdf\xff\xff\xff\xff'
        "$header"'\x82\xa2id\xdb\xff\xff\xff\xff'
        "$header"'\x82\xa2id\xa1x\xa1t\xc6\xff\xff\xff\xff'
        "$header"'\x82\xa2id\xa1x\xa1t\xdd\xff\xff\xff\xff'
        "$header"'\x82\xa2id\xa1x\xabprobability\x85\xa2nd\xc3\xa4type\xa3<f2\xa4kind\xa0\xa5shape\x92\xff\x01\xa4data\xc4\x00'
        "$header"'\x82\xa2id\xa1x\xabprobability\x85\xa2nd\xc3\xa4type\xa3<f2\xa4kind\xa0\xa5shape\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x02\xa4data\xc4\x00'
        "$header"'\x82\xa2id\xa1x\xabprobability\x85\xa2nd\xc3\xa4type\xa3<f2\xa4kind\xa0\xa5shape\x92\xce\x80\x00\x00\x00\xce\x80\x00\x00\x00\xa4data\xc4\x00'
    )
    claims+=("$header"'\x82\xa2id\xa1x\xa1t'"$(printf '\\x91%.0s' $(seq 5000))")
    for claim in "${claims[@]}"; do
        printf "$claim" >small.mpk
        for program in "inspect --check" merge rle-encode; do
            run bash -c "[ -n '$ASAN_OPTIONS' ] && [[ \$(command -v merge) == *sanitize* ]] || ulimit -v 65536; $program small.mpk"
            [ "$status" = 1 ]
            [[ "$output" == *"small.mpk: "*", byte "* ]]
        done
    done
}

@test "two streams, one after the other, are a stream" {
    make-samples -n 3 >a.mpk
    make-samples -n 2 -p b >b.mpk
    cat a.mpk b.mpk | inspect --check
    [ "$(cat a.mpk b.mpk | inspect --json | jq -r 'select(has("id")) | .id' | wc -l)" = 5 ]
    cat a.mpk b.mpk >both.mpk
    head -c -1 both.mpk >cut.mpk
    fails 1 "cut.mpk: " inspect --check cut.mpk
    (cat a.mpk && echo) >tail.mpk
    fails 1 "tail.mpk: " inspect --check tail.mpk
}

@test "100,000 tiny records" {
    make-stream -n 100000 -b 1 >tiny.mpk
    inspect --check tiny.mpk
    [ "$(merge tiny.mpk | inspect --json | tail -n 1)" = '{"end": 100000}' ]
}

@test "one record of 900 MiB, and one above what may be" {
    [ "$(df --output=avail -B 1M . | tail -n 1)" -gt 2500 ] || skip "too little room here"
    make-stream -n 1 -b 900M | inspect --check
    make-stream -n 1 -b 2K >small.mpk
    fails 1 "record 1, byte " inspect --check --max-record 1K small.mpk
    inspect --check --max-record 4K small.mpk
}

@test "a full disk leaves nothing half-written" {
    run bash -c "make-samples -n 3 >/dev/full"
    [ "$status" = 1 ]
    [[ "$output" == *"No space left on device" ]]
    fails 1 "No space left on device" merge <(make-samples -n 3) -o /dev/full
    mkdir disk
    if ! unshare -m true 2>/dev/null; then
        skip "no mount namespaces here"
    fi
    make-stream -n 40 -b 64K >large.mpk
    run unshare -m bash -c 'mount -t tmpfs -o size=1m tmpfs disk && { merge large.mpk -o disk/out.mpk; echo "status $?"; ls -A disk; }'
    [[ "$output" == *"disk/out.mpk: No space left on device"*"status 1" ]]
}

@test "killed in mid-write: the old file stays, nothing new is left" {
    make-samples -n 2 >old.mpk
    cp old.mpk out.mpk
    make-samples -n 5 -h 200 -w 200 >in.mpk
    mkfifo pipe
    merge pipe -o out.mpk &
    pid=$!
    exec 7>pipe
    head -c 100000 in.mpk >&7
    sleep 0.2
    kill -9 $pid
    wait $pid || true
    exec 7>&-
    cmp out.mpk old.mpk
    [ "$(ls -A | sort | tr '\n' ' ')" = "in.mpk old.mpk out.mpk pipe " ]
}

@test "a reader that goes away ends the writer quietly" {
    run bash -c 'make-samples -n 1000 -h 64 -w 64 | merge | head -c 1000 >/dev/null; echo ${PIPESTATUS[1]}'
    [ "$output" = 141 ]
}

@test "inputs that are none" {
    fails 1 "absent.mpk: No such file or directory" inspect absent.mpk
    fails 1 ".: is a directory" merge .
    fails 1 ".: not a shard folder: there is no index.mpk in it" inspect .
    : >empty.mpk
    fails 1 "empty.mpk: header (record 0), byte 0: empty: not a tensor stream" inspect empty.mpk
    echo "ImageId,EncodedPixels" >table.csv
    refused "table.csv: header (record 0), byte 0: " table.csv
    fails 1 "is a directory or no name of a file" merge <(make-samples -n 1) -o .
    name='a b
c.mpk'
    make-samples -n 1 -o "$name"
    inspect --check "$name"
}

@test "binary data is not written to a terminal" {
    command -v script >/dev/null || skip "script(1) absent"
    run script -qec "make-samples -n 1" /dev/null
    [ "$status" = 2 ]
    [[ "$output" == *"stdout is a terminal"* ]]
}

@test "Python reads a stream with msgpack and msgpack_numpy alone" {
    for python in python3 /usr/bin/python3 none; do
        $python -c 'import msgpack, msgpack_numpy' 2>/dev/null && break
    done
    [ $python != none ] || skip "python3 with msgpack and msgpack_numpy absent"
    make-stream --everything >all.mpk
    $python - all.mpk >out <<'END'
import sys, msgpack, msgpack_numpy
messages = list(msgpack.Unpacker(open(sys.argv[1], "rb"), object_hook=msgpack_numpy.decode))
header, first, second, end = messages
print(header["pleura"], header["kind"], end["end"], second["id"].split()[1])
for name in "u1", "u2", "i4", "i8", "f2", "f8":
    print(name, first[name].dtype, first[name].shape, first[name].ravel().tolist())
print(first["none"].shape, first["list"], first["huge"], first["number"])
END
    cat out
    [ "$(cat out)" = "1 samples 2 2
u1 uint8 (2, 3) [0, 1, 2, 3, 4, 250]
u2 uint16 (2,) [1, 65535]
i4 int32 (2,) [-2147483647, 5]
i8 int64 () [-9007199254740993]
f2 float16 (2, 2) [0.5, -2.0, 0.0, 65504.0]
f8 float64 (1, 1, 3, 1) [1e+300, -1e-300, 0.1]
(0, 7) ['1 2', -3, [0.1, []]] 18446744073709551615 0.17" ]
}

@test "limits of the stack and of files are told in words by every program" {
    cd "$BATS_TEST_TMPDIR"
    for program in "$(dirname "$(command -v merge)")"/*; do
        [[ $program != *.so ]] || continue
        fails 1 "the stack is limited to 256 KiB" bash -c 'ulimit -s 256; exec "$0" --version' "$program"
    done
    make-samples -n 1 --height 200 --width 200 -o s.mpk
    fails 1 "m.mpk: File too large" bash -c 'ulimit -f 8; merge -q s.mpk -o m.mpk'
    fails 1 "File too large" bash -c 'ulimit -f 8; shard -q folder s.mpk'
    fails 1 "stdout: File too large" bash -c 'ulimit -f 8; merge -q s.mpk >m.mpk'
    [ ! -e folder ]
}
