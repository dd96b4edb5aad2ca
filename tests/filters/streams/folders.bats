# Shard folders as sources: read by the index and nothing else, each record compared with its hash there.

load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    make-samples -n 7 -h 20 -w 24 -l 2 >in.mpk
    shard -q --size 1K shards in.mpk
    augment -q --side 32 --samples 4 --batch 2 shards >train.mpk
    augment -q --side 32 --plain shards >plain.mpk
    train-fold -q --network bisenet-resnet18_w16 --iterations 1 --batch 2 --accumulate 1 --rate 1e-6 model train.mpk
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    model=$BATS_FILE_TMPDIR/model/last.mpk
    in=$BATS_FILE_TMPDIR/in.mpk
    cp -r "$BATS_FILE_TMPDIR/shards" dir
}

predict() { predict-fold -q --threads 1 --model "$model" "$@"; }
augment_all() { augment -q --side 32 --plain "$@"; }

@test "predict-fold, augment, overlay, inspect and shard read a folder's samples in the index's order" {
    [ "$(find dir -name 'shard-*' | wc -l)" = 4 ]
    cmp <(predict dir) <(cat dir/shard-*.mpk | predict)
    cmp <(augment_all dir) <(cat dir/shard-*.mpk | augment_all)
    diff <(inspect dir | tail -n +2) <(cat dir/shard-*.mpk | inspect | tail -n +2)
    [ "$(inspect dir | head -n 1)" = "# dir: samples" ]
    inspect --check dir
    overlay -q dir -d one
    cat dir/shard-*.mpk | overlay -q -d other
    diff -r one other
    shard -q --size 1K again dir
    diff <(inspect --json dir | tail -n +2) <(inspect --json again | tail -n +2)
    shard --verify again
}

@test "folders and streams one after the other, of one kind" {
    make-samples -n 2 -p z -h 20 -w 24 >more.mpk
    diff <(predict dir more.mpk dir | inspect --json - | jq -r '.id // empty') \
        <(inspect --json "$in" more.mpk "$in" | jq -r '.id // empty')
    fails 1 "dir: is a directory" merge dir
    mkdir empty
    fails 1 "empty: not a shard folder: there is no index.mpk in it" predict empty
    make-samples -n 0 | shard nothing
    predict nothing -o nothing.mpk
    inspect --check nothing.mpk
    [ -z "$(inspect --json nothing.mpk | jq -r '.id // empty')" ]
}

@test "shards that the index does not name are not read" {
    predict dir >right.mpk
    make-samples -n 3 -p stranger -h 20 -w 24 | shard -q older
    cp older/shard-* dir/
    cp older/shard-* dir/shard-00001.mpk
    [ "$(find dir -name 'shard-*' | wc -l)" = 6 ]
    cmp <(predict dir) right.mpk
    [ "$(inspect --json dir | grep -c stranger)" = 0 ]
}

# refused WORDS: by every reader and by shard --verify, in one line, with nothing written.
refused() {
    local command
    for command in "predict-fold -q --threads 1 -m $model dir -o out" "augment -q --side 32 --plain dir -o out" \
        "overlay -q -d out dir" \
        "shard -q out dir" "inspect --check dir" "${@:2}"; do
        run timeout 200 $command
        if [ "$status" != 1 ] || [ "${#lines[@]}" != 1 ] || [[ $output != "${command%% *}: $1"* ]] || [ -e out ]; then
            echo "$command: status $status: $output"
            return 1
        fi
    done
}

# flipped FILE BYTE: one bit of it, which one depends on the place
flipped() {
    local byte
    byte=$(tail -c +$(($2 + 1)) "$1" | head -c 1 | od -An -tu1)
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x $((byte ^ (1 << $2 % 8))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a flipped bit of any record is refused by name, with file, record and byte" {
    inspect --json dir/index.mpk | jq -r 'select(has("id")) | "\(.shard) \(.offset) \(.length) \(.id)"' >places
    [ "$(wc -l <places)" = 7 ]
    number=0 before= n=0
    while read -r shard offset length id; do
        [ "$shard" = "$before" ] || number=0
        number=$((number + 1)) before=$shard
        at=$((offset + n * (length - 1) / 6)) n=$((n + 1)) # from the first byte of one to the last of another
        flipped "dir/$shard" $at
        refused "dir/$shard: record $number, byte $offset: damaged: the hash (xxh3) does not match the bytes of '$id'"
        fails 1 "dir/$shard: " shard --verify dir
        flipped "dir/$shard" $at
    done <places
    shard --verify dir
    inspect --check dir
}

@test "a flipped bit anywhere in a shard is refused by shard --verify, and no reader takes other samples" {
    augment_all dir >right.mpk
    for file in dir/shard-*; do
        size=$(stat -c %s "$file")
        for at in $(seq 0 61 $((size - 1))); do
            flipped "$file" "$at"
            fails 1 "$file: " shard --verify dir
            if augment_all dir >seen.mpk 2>said; then
                cmp seen.mpk right.mpk # in the header or in the end mark
            else
                grep -q "^augment: $file: record .*, byte .*: damaged: the hash (xxh3)" said
            fi
            flipped "$file" "$at"
        done
    done
}

@test "a flipped bit anywhere in the index is refused by every reader" {
    size=$(stat -c %s dir/index.mpk)
    for at in $(seq 0 19 $((size - 1))); do
        flipped dir/index.mpk "$at"
        fails 1 "shard: dir/index.mpk: " shard --verify dir
        fails 1 "augment: dir/index.mpk: " augment_all dir
        flipped dir/index.mpk "$at"
    done
    for at in 1 40 150 300 $((size - 3)); do
        flipped dir/index.mpk "$at"
        refused "dir/index.mpk: " "shard --verify dir"
        flipped dir/index.mpk "$at"
    done
    head -c $((size - 21)) dir/index.mpk >short && cp short dir/index.mpk # without its last record's end and end mark
    refused "dir/index.mpk: record 7, byte " "shard --verify dir"
}

@test "nothing that the index names is opened before its hash is right" {
    shard=$(basename "$(ls dir/shard-00001-*)")
    at=$(grep -abo "$shard" dir/index.mpk | head -n 1 | cut -d: -f1)
    flipped dir/index.mpk $((at + 13)) # a digit of the name, which stays a name
    run augment_all dir
    [ "$status" = 1 ]
    [[ "$output" == *"dir/index.mpk: end mark in place of record 8, byte "*": damaged: the hash (xxh3) does not match the bytes" ]]
}

@test "swapped, shortened, replaced and absent shards" {
    a=$(ls dir/shard-00000-*) b=$(ls dir/shard-00001-*)
    mv "$a" c && mv "$b" "$a" && mv c "$b"
    refused "$a: record 1, byte "
    rm -r dir && cp -r "$BATS_FILE_TMPDIR/shards" dir
    cp "$b" whole
    head -c $(($(stat -c %s whole) - 40)) whole >"$b"
    refused "$b: has $(stat -c %s "$b") bytes, and 'x" "shard --verify dir"
    for replace in "mkfifo $b" "ln -s /dev/zero $b" "ln -s $PWD/whole $b" "mkdir $b"; do
        rm "$b" && $replace
        refused "$b: " "shard --verify dir"
        [[ "$output" == *"not a regular file" ]]
        rm -rf "$b" && cp whole "$b"
    done
    shard --verify dir
    rm "$b"
    refused "$b: No such file or directory" "shard --verify dir"
    cp whole "$b"
    mv dir/index.mpk index
    refused "dir: not a shard folder: there is no index.mpk in it"
    for replace in "mkfifo dir/index.mpk" "ln -s /dev/zero dir/index.mpk" "ln -s $PWD/index dir/index.mpk"; do
        $replace
        refused "dir/index.mpk: " "shard --verify dir"
        [[ "$output" == *"not a regular file" ]]
        rm dir/index.mpk
    done
}

@test "an entry with the place and the hash of another record" {
    mapfile -t row < <(inspect --json dir/index.mpk | jq -r 'select(.id == "x7919") | .id, .shard, .offset, .length, .lesion, .xxh3')
    row[0]=x0
    make-index --size 20x24 "${row[@]}" -o dir/index.mpk
    refused "dir/${row[1]}: record 1, byte ${row[2]}: not the record of 'x0'" "augment -q --plain dir -o out"
}

@test "a folder of more samples needs no more memory" {
    not_sanitized "memory is the sanitizers'"
    make-samples -n 20 -h 500 -w 500 | shard -q --size 10M few
    make-samples -n 400 -h 500 -w 500 | shard -q --size 10M many
    for name in few many; do
        /usr/bin/time -f %M -o $name.kib inspect --check $name
    done
    [ "$(cat many.kib)" -lt $(($(cat few.kib) + 2048)) ]
}

@test "an index of 100,000 entries in as many shards takes no longer than its bytes" {
    not_sanitized "time is the sanitizers'"
    PYTHONPATH=$ROOT/tests/attack PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - >dir/index.mpk <<'PYTHON'
import sys
from streams import Map, Stream
Stream("index", [Map([["id", f"x{n}"], ["shard", f"shard-{n:06}-0123456789abcdef.mpk"], ["offset", 59], ["length", 100],
                      ["lesion", 0], ["size", [20, 24]], ["xxh3", "0123456789abcdef"]])
                 for n in range(100000)]).write(sys.stdout.buffer)
PYTHON
    [ "$(stat -c %s dir/index.mpk)" -gt 10000000 ]
    run /usr/bin/time -q -f %U -o seconds augment -q --plain dir
    [ "$output" = "augment: dir/shard-000000-0123456789abcdef.mpk: No such file or directory" ]
    [ "$(cut -d. -f1 seconds)" -lt 5 ]
}

@test "predict-fold.sh takes what the index names, and fails where a byte of it is not what it was" {
    script=$ROOT/pipelines/method/predict-fold.sh
    predict dir >right.mpk
    make-samples -n 3 -p stranger -h 20 -w 24 | shard -q older
    cp older/shard-* dir/
    mkdir work
    env -u GPUS THREADS=1 "$script" "$model" dir work/fold-0 -q
    cmp <(zstd -dcq work/fold-0.mpk.zst) right.mpk
    at=$(inspect --json dir/index.mpk | jq -r 'select(.id == "x31676").offset + 30')
    flipped "dir/$(inspect --json dir/index.mpk | jq -r 'select(.id == "x31676").shard')" "$at"
    fails 1 "damaged: the hash (xxh3) does not match the bytes of 'x31676'" \
        env -u GPUS THREADS=1 "$script" "$model" dir work/fold-1 -q
    [ "$(cd work && echo *.zst)" = fold-0.mpk.zst ]
    at=$(grep -abo x31676 dir/index.mpk | cut -d: -f1)
    flipped dir/index.mpk "$at"
    fails 1 "dir/index.mpk: " env -u GPUS THREADS=1 "$script" "$model" dir work/fold-1 -q
    [ "$(cd work && echo *.zst)" = fold-0.mpk.zst ]
}
