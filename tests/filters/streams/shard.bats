# shard: a folder of shards with an index, whole or as it was, and its verification.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
}

ids() {
    inspect --json "$@" | jq -r 'select(has("id")).id'
}

# column NAME: of the index, a line a sample
column() {
    inspect --json dir/index.mpk | jq -r "select(has(\"id\")).$1"
}

@test "the shards hold the records, in order, and an index tells where" {
    make-samples -n 30 -x >in.mpk
    shard --size 4K dir in.mpk
    [ "$(find dir -name 'shard-*' | wc -l)" -gt 3 ]
    [ "$(ids in.mpk)" = "$(cat dir/shard-*.mpk | ids)" ]
    [ "$(ids in.mpk)" = "$(ids dir/index.mpk)" ]
    diff <(inspect --json in.mpk | tail -n +2) \
        <(cat dir/shard-*.mpk | inspect --json | tail -n +2)
    [ "$(column lesion | sort -n | uniq -c | xargs)" = "22 0 8 98" ]
    [ "$(column offset | sort -n | uniq | head -n 1)" -gt 0 ]
    shard --verify dir
}

@test "shards end with the record that reaches the size, and none is split" {
    make-samples -n 7 -h 100 -w 100 | shard --size 25000 dir
    [ "$(column shard | cut -c1-11 | uniq -c | xargs)" = "3 shard-00000 3 shard-00001 1 shard-00002" ]
    make-samples -n 7 -h 100 -w 100 | shard --size 1 one
    [ "$(find one -name 'shard-*.mpk' | wc -l)" = 7 ]
    for file in one/shard-*.mpk; do inspect --check "$file"; done
    shard --verify one
}

@test "equal samples give equal files" {
    make-samples -n 20 | shard --size 5K a
    make-samples -n 20 | shard --size 5K b
    diff -r a b
}

@test "the index tells each image's own size, and the hash of each record's bytes" {
    { make-samples -n 2 -p a -h 30 -w 20 && make-samples -n 1 -p b -h 7 -w 90; } | shard dir
    [ "$(inspect --json dir/index.mpk | jq -c 'select(has("id")).size' | xargs)" = "[30,20] [30,20] [7,90]" ]
    shard --verify dir
    make-samples -n 1 -h 30 -w 20 | augment -q --plain --side 16 | shard other # resized: its own size stays
    [ "$(inspect --json other/index.mpk | jq -c 'select(has("id")).size')" = "[30,20]" ]
    inspect --json dir/index.mpk | jq -r 'select(has("id")) | .offset, .length, .xxh3' |
        while read -r offset && read -r length && read -r hash; do
            [ "$(tail -c +$((offset + 1)) dir/shard-* | head -c "$length" | xxh3)" = "$hash" ]
        done
}

@test "an index of an older version is refused" {
    make-samples -n 1 -l 1 | shard dir
    cp dir/index.mpk good.mpk
    mapfile -t row < <(entry 1 .)
    make-index -o dir/index.mpk -- "${row[@]}"
    cmp <(inspect --json dir/index.mpk | tail -n 1) <(inspect --json good.mpk | tail -n 1)
    shard --verify dir
    make-index --size 32x24 -o dir/index.mpk -- "${row[@]}"
    fails 1 "'x0': is 24 x 32, the index has 32 x 24" shard --verify dir
    make-index --size none -o dir/index.mpk -- "${row[@]}"
    fails 1 "'x0': 'size' is not a list of height and width" augment --plain dir
    make-index -o dir/index.mpk -- "${row[@]:0:5}" -
    for command in "shard --verify" "augment --plain" "inspect --check"; do
        fails 1 "dir/index.mpk: record 1, byte 40: 'x0': an index without the records' hashes, as older versions wrote it: write the folder again with shard" $command dir
    done
}

@test "samples without labels have lesion -1" {
    make-samples -n 3 --every 0 | shard dir
    [ "$(column lesion | xargs)" = "-1 -1 -1" ]
    shard --verify dir
}

@test "several streams, and streams one after the other" {
    make-samples -n 5 -p a >a.mpk
    make-samples -n 5 -p b >b.mpk
    shard dir a.mpk - <b.mpk
    cat a.mpk b.mpk | shard other
    [ "$(ids dir/index.mpk | wc -l)" = 10 ]
    diff <(column offset) <(inspect --json other/index.mpk | jq -r 'select(has("id")).offset')
}

@test "no samples: an empty folder that verifies" {
    make-samples -n 0 | shard dir
    [ "$(ls -A dir)" = index.mpk ]
    shard --verify dir
}

@test "a newer generation replaces an older one, and foreign files stay" {
    make-samples -n 20 | shard --size 3K dir
    touch dir/notes.txt dir/shard-list dir/shard-00001.mpk dir/index.mpk.bak
    make-samples -n 4 -s 1 | shard dir
    [ "$(ls -A dir | grep -v '^shard-00000-' | sort | xargs)" = "index.mpk index.mpk.bak notes.txt shard-00001.mpk shard-list" ]
    [ "$(find dir -name 'shard-00000-*.mpk' | wc -l)" = 1 ]
    shard --verify dir
}

@test "a folder can be sharded anew from itself" {
    make-samples -n 20 | shard --size 3K dir
    before=$(ids dir/index.mpk)
    cat dir/shard-*.mpk | shard --size 9K dir
    [ "$(ids dir/index.mpk)" = "$before" ]
    shard --verify dir
}

@test "an id that comes twice is refused, and nothing is left" {
    make-samples -n 5 >in.mpk
    run shard dir in.mpk in.mpk
    [ "$status" = 1 ]
    [[ "$output" == "shard: the id 'x0' comes twice"* ]]
    [ ! -e dir ]
}

@test "after an error the folder is as it was" {
    make-samples -n 20 | shard --size 3K dir
    cp -r dir before
    make-samples -n 20 -s 1 >other.mpk
    head -c 12000 other.mpk >cut.mpk
    run shard --size 1 dir cut.mpk
    [ "$status" = 1 ]
    [[ "$output" == "shard: cut.mpk: record "*", byte "* ]]
    diff -r dir before
    run bash -c 'ulimit -f 12; trap "" XFSZ; shard dir other.mpk'
    [ "$status" = 1 ]
    [[ "$output" == *"File too large"* ]]
    diff -r dir before
}

@test "after kill -9 the folder is as it was, and the next run cleans up" {
    make-samples -n 20 | shard --size 3K dir
    cp -r dir before
    make-samples -n 20 -s 1 >other.mpk
    mkfifo pipe
    shard --size 1 dir pipe &
    victim=$!
    exec 9>pipe
    head -c 12000 other.mpk >&9
    eventually [ -e dir/.shard-00005.new ]
    run shard dir other.mpk
    [ "$status" = 1 ]
    [[ "$output" == *"another shard is at work there"* ]]
    kill -9 "$victim"
    wait "$victim" || true
    exec 9>&-
    [ -e dir/.shard-00005.new ]
    shard --verify dir
    diff <(cd before && ls) <(cd dir && ls)
    touch dir/index.mpk.123.part
    shard --size 3K dir other.mpk
    [ -z "$(find dir -name '.*new' -o -name '*.part')" ]
    shard --verify dir
}

# What a reader of the folder gets: nothing where it has no index yet.
samples_of() {
    [ ! -e "$1/index.mpk" ] || augment -q --plain --no-shuffle --side 32 "$1" | inspect --json | tail -n +2
}

older_folder() {
    rm -rf dir
    if [ -d older ]; then cp -r older dir; fi
}

# The samples of before or the new ones, no mixture; and the next run completes.
one_or_the_other() {
    samples_of dir >seen || return 1
    cmp -s seen older.txt || cmp -s seen newer.txt || return 1
    shard -q --size 2K dir newer.mpk && diff -r dir newer && shard --verify dir
}

@test "killed at any call that changes the disk: the old samples or the new ones, and the next run completes" {
    make-samples -n 8 -s 1 >newer.mpk # the same ids and places, other pixels
    shard -q --size 2K newer newer.mpk
    samples_of newer >newer.txt
    samples_of older >older.txt
    each_kill older_folder one_or_the_other shard -q --size 2K dir newer.mpk
    [ "$KILLS" -ge 12 ]
    make-samples -n 8 | shard -q --size 1K older
    samples_of older >older.txt
    no cmp -s older.txt newer.txt
    each_kill older_folder one_or_the_other shard -q --size 2K dir newer.mpk
    [ "$KILLS" -ge 16 ] # the older shards go, too
}

@test "samples that are none are refused" {
    make-samples -h 2 -w 2 >small.mpk # its run lengths leave the image
    run shard dir small.mpk
    [ "$status" = 1 ]
    [[ "$output" == "shard: small.mpk: record 1, byte "*": x0: run lengths: "* ]]
    make-index >index.mpk
    run shard dir index.mpk
    [ "$status" = 1 ]
    [ ! -e dir ]
}

@test "wrong usage and places that are no folder" {
    run shard
    [ "$status" = 2 ]
    run shard --verify a b
    [ "$status" = 2 ]
    touch file
    run shard file </dev/null
    [ "$status" = 1 ]
    make-samples >in.mpk
    run shard file in.mpk
    [ "$status" = 1 ]
    [[ "$output" == "shard: file: Not a directory" ]]
    run shard no/such/dir in.mpk
    [ "$status" = 1 ]
    [[ "$output" == "shard: no/such/dir: No such file or directory" ]]
    run shard --verify file
    [ "$status" = 1 ]
    mkdir empty
    run shard --verify empty
    [ "$status" = 1 ]
    [[ "$output" == *"not a shard folder"* ]]
}

# ---- verification

damaged() { # damaged WORDS: verify fails and says so in one line
    run shard --verify dir
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
    [[ "$output" == "shard: dir/"*"$1"* ]] || { echo "$output"; false; }
}

@test "any damaged byte of a shard or of the index is found" {
    make-samples -n 3 -h 6 -w 8 | shard --size 200 dir
    for file in dir/*; do
        size=$(stat -c %s "$file")
        cp "$file" whole
        for at in $(seq 0 11 $((size - 1))); do
            printf '\xc1' | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
            cmp -s "$file" whole && continue
            run shard --verify dir
            [ "$status" = 1 ] || { echo "$file: byte $at"; false; }
            cp whole "$file"
        done
        head -c $((size - 1)) whole >"$file"
        run shard --verify dir
        [ "$status" = 1 ]
        cat whole whole >"$file"
        run shard --verify dir
        [ "$status" = 1 ]
        cp whole "$file"
    done
    shard --verify dir
}

@test "a missing shard, a surplus one, one under another name" {
    make-samples -n 10 | shard --size 3K dir
    file=$(ls dir/shard-00001-*)
    mv "$file" away
    damaged "$(basename "$file"): No such file"
    cp away "$file"
    cp away dir/shard-00077-0123456789abcdef.mpk
    damaged "shard-00077-0123456789abcdef.mpk: the index does not name this shard"
    rm dir/shard-00077-*
    shard --verify dir
    make-samples -n 10 -s 1 | shard --size 3K dir2 # other pixels, the same places
    cat dir2/shard-00001-* >"$file"
    damaged "damaged: the index has another hash (xxh3) of its bytes"
    cp away "$file"
    cp dir/index.mpk good.mpk
    mv "$file" dir/shard-00001-0123456789abcdef.mpk
    rows=()
    for n in $(seq 10); do
        mapfile -t row < <(entry "$n" '.shard |= sub("^shard-00001-.*"; "shard-00001-0123456789abcdef.mpk")')
        rows+=("${row[@]}")
    done
    make-index -o dir/index.mpk -- "${rows[@]}"
    damaged "its hash is not the one in its name"
}

# entry N [COLUMN=VALUE]: the Nth entry's columns, one of them changed
entry() {
    inspect --json good.mpk | jq -r "select(has(\"id\")) | $2 | .id, .shard, .offset, .length, .lesion, .xxh3" |
        sed -n "$((6 * $1 - 5)),$((6 * $1))p"
}

hostile() { # hostile JQ WORDS: entry 2 of 3, changed
    mapfile -t row1 < <(entry 1 .)
    mapfile -t row2 < <(entry 2 "$1")
    mapfile -t row3 < <(entry 3 .)
    make-index -o dir/index.mpk -- "${row1[@]}" "${row2[@]}" "${row3[@]}"
    damaged "$2"
}

@test "an index that lies is refused" {
    make-samples -n 3 -l 1 | shard dir
    cp dir/index.mpk good.mpk
    cp dir/shard-00000-* shard-00000-0123456789abcdef.mpk
    hostile '.id = "y"' "is 'x7919', the index has 'y' there"
    hostile '.id = "x0"' "the id 'x0' is there twice"
    hostile '.offset += 1' "the index has it at byte"
    hostile '.length -= 1' "the index has it at byte"
    hostile '.lesion += 1' "98 lesion pixels, the index has 99"
    hostile '.lesion = -1' "98 lesion pixels, the index has -1"
    hostile '.lesion = -2' "a negative number"
    hostile '.offset = -5' "a negative number"
    hostile '.length = 0' "a negative number"
    hostile '.offset = 100000' "beyond the end"
    hostile '.offset = 9223372036854775000' "beyond the end"
    hostile '.length = 9223372036854775000' "beyond the end"
    hostile '.xxh3 = "0123456789abcdef"' "record 2, byte 977: 'x7919': damaged: the index has another hash (xxh3) of its bytes"
    hostile '.xxh3 |= ascii_upcase' "'xxh3' is not a text of 16 hexadecimal digits"
    hostile '.xxh3 += "0"' "'xxh3' is not a text of 16 hexadecimal digits"
    hostile '.xxh3 = ""' "'xxh3' is not a text of 16 hexadecimal digits"
    hostile '.offset = "-"' "no whole number 'offset'"
    hostile '.shard = "-"' "no text 'shard'"
    hostile '.shard = "../shard-00000-0123456789abcdef.mpk"' "is not the name of a shard"
    hostile '.shard = "sub/shard-00000-0123456789abcdef.mpk"' "is not the name of a shard"
    hostile '.shard = "/etc/passwd"' "is not the name of a shard"
    hostile '.shard = ".."' "is not the name of a shard"
    hostile '.shard = "shard-00000-0123456789abcdef.mpk"' "No such file"
    hostile '.shard = "shard-0000-0123456789abcdef.mpk"' "is not the name of a shard"
    hostile '.shard = "shard-00000-0123456789ABCDEF.mpk"' "is not the name of a shard"
    hostile '.shard = "shard-00000-0123456789abcdef.mpkx"' "is not the name of a shard"
    make-index -o dir/index.mpk
    damaged "the index does not name this shard"
    mapfile -t row1 < <(entry 1 .)
    make-index "${row1[@]}" -o dir/index.mpk
    damaged "'x7919' is not in the index"
    make-samples -o dir/index.mpk
    damaged "holds samples, not an index"
}

@test "a shard that is a pipe does not hang" {
    make-samples -n 3 | shard dir
    file=$(ls dir/shard-*)
    rm "$file"
    mkfifo "$file"
    run timeout 100 shard --verify dir
    [ "$status" = 1 ]
    [[ "$output" == *"not a regular file" ]]
}

@test "20,000 tiny records" {
    make-samples -n 20000 -h 8 -w 8 >in.mpk
    shard --size 1M dir in.mpk
    shard --verify dir
    [ "$(ids dir/index.mpk | wc -l)" = 20000 ]
}
