#!/usr/bin/env bats
# rle-decode and rle-encode: the challenge's CSV, its right and its wrong ones; score.

load helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# table ROW...: a CSV of run lengths in the file in.csv
table() {
    printf '%s\n' ImageId,EncodedPixels "$@" >in.csv
}

# canonical: in.csv through masks of 8 x 8 and back
canonical() {
    rle-decode --size 8x8 in.csv | rle-encode | tail -n +2
}

@test "rows come back, united where an id has several, in the order of the first" {
    table 'b,0 3 2 2' 'a,-1' 'c,2 3' 'b,3 2'
    [ "$(canonical)" = 'b,0 7
a,-1
c,2 3' ]
}

@test "touching, overlapping and empty runs become one list" {
    table 'a,0 3 0 3' 'b,5 4' 'b,7 4' 'c,1 0'
    [ "$(canonical)" = 'a,0 6
b,5 6
c,-1' ]
}

@test "line ends of other systems, a byte order mark, blanks, quotes, no last line end" {
    printf '\xef\xbb\xbfImageId, EncodedPixels\r\na, -1\r\n"b",0 3\r\n"c,""d"""," 4 2 "' >in.csv
    [ "$(canonical)" = 'a,-1
b,0 3
"c,""d""",4 2' ]
}

@test "columns by their names, whatever their order" {
    printf 'EncodedPixels,ImageId\n0 3,a\n' >in.csv
    [ "$(canonical)" = 'a,0 3' ]
}

@test "what is no list of runs is refused with its line" {
    wrong() { # wrong ROW WORDS
        table 'good,0 1' "$1"
        fails 1 "rle-decode: in.csv: line 3: $2" rle-decode --size 8x8 in.csv -o out.mpk
        [ ! -e out.mpk ]
    }
    wrong 'a,0 3 -1 2' 'a: run lengths: pair 2 is not two whole numbers'
    wrong 'a,5' 'a: run lengths: pair 1 lacks its second number'
    wrong 'a,0 65' 'a: run lengths: run 1 ends at pixel 65 of 64'
    wrong 'a,64 1' 'a: run lengths: run 1 ends at pixel 65 of 64'
    wrong 'a,1 1 4294967295 1' 'a: run lengths:'
    wrong 'a,99999999999999999999 1' 'a: run lengths: pair 1'
    wrong 'a,18446744073709551615 1' 'a: run lengths:'
    wrong 'a,x' 'a: run lengths: pair 1'
    wrong 'a,0x1 2' 'a: run lengths: pair 1'
    wrong 'a,1.5 2' 'a: run lengths: pair 1'
    wrong 'a,-1 2' 'a: run lengths: pair 1'
    wrong 'a,' 'a: no run lengths'
    wrong ',0 3' 'an empty id'
    wrong 'b' '1 value, and the header has 2'
    wrong 'b,1 2,3' '3 values, and the header has 2'
}

@test "what is no table is refused" {
    fails 1 "empty: the first line must name the columns" rle-decode /dev/null
    echo 'a,0 3' >in.csv
    fails 1 "line 1: no column 'ImageId'" rle-decode in.csv
    fails 1 "absent.csv: No such file or directory" rle-decode absent.csv
    fails 1 "s a directory" rle-decode .
    fails 2 "" rle-decode --size 8 in.csv
    fails 2 "" rle-decode --size 0x8 in.csv
    fails 2 "" rle-decode a b
}

@test "no rows, and file names with blanks and line ends" {
    table
    [ "$(rle-decode in.csv | inspect --json | tail -n 1)" = '{"end": 0}' ]
    name='a b
c.csv'
    table 'a,0 3'
    mv in.csv "$name"
    rle-decode --size 8x8 "$name" -o "$name.mpk"
    [ "$(rle-encode "$name.mpk" | tail -n 1)" = 'a,0 3' ]
}

@test "a full disk, and a reader that goes away" {
    table 'a,0 3'
    run bash -c "rle-decode in.csv >/dev/full"
    [ "$status" = 1 ]
    [[ "$output" == *"No space left on device"* ]]
    run bash -c "rle-decode in.csv | rle-encode >/dev/full"
    [ "$status" = 1 ]
    [[ "$output" == *"No space left on device"* ]]
    table $(seq -f 'i%g,-1' 200 | tr ' ' ,)
    run bash -c 'rle-decode in.csv | head -c 1000 >/dev/null; echo ${PIPESTATUS[0]}'
    [ "$output" = 141 ]
}

@test "all labels of the challenge come back as their union, and score 1" {
    not_sanitized "the same, over and over"
    shared labels/train-rle.csv
    labels=$SHARED/labels/train-rle.csv
    rle-decode "$labels" | rle-encode >once.csv
    [ "$(tail -n +2 once.csv | wc -l)" = "$(tail -n +2 "$labels" | cut -d, -f1 | sort -u | wc -l)" ]
    [ "$(score --json "$labels" once.csv | jq .dice)" = 1 ]
    head -n 2000 once.csv >part.csv
    rle-decode part.csv | rle-encode | cmp - part.csv
}

@test "score: the figures of a table worked out by hand" {
    printf 'ImageId,EncodedPixels\na,0 4\nb,-1\nc,-1\nd,8 2\ne,0 4\n' >truth.csv
    printf 'ImageId,EncodedPixels\ne,2 4\nd,-1\nc,3 3\nb,-1\na,0 4\n' >sub.csv
    score --json --size 8x8 truth.csv sub.csv >figures
    [ "$(jq -c '[.images, .empty, .lesion, .dice, .dice_empty, .dice_lesion]' figures)" = '[5,2,3,0.5,0.5,0.5]' ]
    score --size 8x8 --per-image per.csv truth.csv sub.csv -o text
    grep -q '^Dice  *0.500000$' text
    [ "$(tail -n +2 per.csv | sort | tr '\n' ' ')" = 'a,1,4,4,4 b,1,0,0,0 c,0,0,3,0 d,0,2,0,0 e,0.5,4,4,2 ' ]
    score --size 8x8 --json - sub.csv <truth.csv | cmp - figures
    [ "$(score --size 8x8 --json truth.csv truth.csv | jq -c '[.dice, .dice_low, .dice_high, .mean_iou]')" = '[1,1,1,1]' ]
}

@test "score: the submission must have one row for every image and no other" {
    printf 'ImageId,EncodedPixels\na,0 4\nb,-1\n' >truth.csv
    try() { # try WORDS ROW...
        words=$1
        shift
        printf '%s\n' ImageId,EncodedPixels "$@" >sub.csv
        fails 1 "$words" score --size 8x8 truth.csv sub.csv
    }
    try "sub.csv: 1 id of the truth missing (the first: 'b')" a,-1
    try "sub.csv: 1 id more than once (the first: 'a' in line 4)" a,-1 b,-1 a,-1
    try "sub.csv: 1 id that the truth lacks (the first: 'c' in line 4)" a,-1 b,-1 c,-1
    try "sub.csv: line 3: b: run lengths: run 1 ends at pixel 70 of 64" a,-1 'b,60 10'
    fails 1 "absent.csv: No such file or directory" score truth.csv absent.csv
    fails 2 "" score truth.csv
    fails 2 "" score - -
}
