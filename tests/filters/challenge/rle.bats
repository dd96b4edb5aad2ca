#!/usr/bin/env bats
# rle-decode and rle-encode: the challenge's CSV, its right and its wrong ones; score.

load ../helpers

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

# ---- images of many sizes

# many: images and masks of many sizes in i/ and m/: id, height, width; a box in rows 3 to 6 of columns 2 and 3
many() {
    local id height width
    mkdir -p i m
    while read -r id height width; do
        make-gray --height "$height" --width "$width" --back 9 --format dicom -o "i/$id.dcm"
        make-gray --height "$height" --width "$width" --top 3 --left 2 --rows 4 --columns 2 -o "m/$id.png"
    done <<<"a 16 12
b 12 16
c 40 40"
    decode -q --masks m i | shard -q shards
}

@test "--sizes: masks at each image's own size, from an index, samples or other masks" {
    many
    decode -q --masks m i >samples.mpk
    inspect --json samples.mpk | jq -r 'select(.rle) | [.id, .rle[0]] | join(",")' >rows
    table $(tr ' ' _ <rows)
    tr _ ' ' <in.csv >some.csv
    [ "$(sed -n 2p some.csv)" = "a,35 4 12 4" ]
    rle-decode --sizes shards/index.mpk some.csv -o masks.mpk
    [ "$(inspect --json masks.mpk | jq -c 'select(.id).mask.shape' | xargs)" = "[16,12] [12,16] [40,40]" ]
    rle-encode masks.mpk | cmp - some.csv
    for sizes in samples.mpk masks.mpk; do
        rle-decode --sizes $sizes some.csv | inspect --json | tail -n 4 | cmp - <(inspect --json masks.mpk | tail -n 4)
    done
    rle-decode --sizes - some.csv <samples.mpk | inspect --json | tail -n 4 | cmp - <(inspect --json masks.mpk | tail -n 4)
    fails 1 "some.csv: line 4: c: run lengths: run " rle-decode --size 8x8 some.csv -o out.mpk
    echo d,-1 >>some.csv
    fails 1 "shards/index.mpk: no size of 'd' in it" rle-decode --sizes shards/index.mpk some.csv -o out.mpk
    fails 2 "one or the other" rle-decode --size 8x8 --sizes samples.mpk some.csv
    fails 2 "the run lengths come from there" rle-decode --sizes - -
    make-samples -n 1 -p a -h 3 -w 4 -o other.mpk
    make-samples -n 1 -p a -h 4 -w 4 >>other.mpk
    fails 1 "'a0' is 4 x 4 here, and 3 x 4 before" rle-decode --sizes other.mpk some.csv -o out.mpk
    make-probabilities 8 | classify --area 1 -o decisions.mpk
    fails 1 "nothing in it tells the image's size" rle-decode --sizes decisions.mpk some.csv -o out.mpk
    [ ! -e out.mpk ]
}

@test "score: images of many sizes, and masks in the place of a table" {
    many
    # a: 4 pixels too few; b: right; c: 8 other pixels
    printf 'ImageId,EncodedPixels\nc,0 8\na.dcm,35 4\nb,27 4 8 4\n' >sub.csv
    { echo ImageId,EncodedPixels && decode -q --masks m i | inspect --json | jq -r 'select(.rle) | .id + "," + .rle[0]'; } >truth.csv
    score --json --sizes shards/index.mpk truth.csv sub.csv >figures
    # Dice 8/12, 1, 0; of the 1984 pixels 8 + 8 + 8 are lesion, 4 + 8 + 8 are taken for it, 4 + 8 + 0 are both
    jq -e '(.dice - 5 / 9 | fabs < 1e-12) and (.mean_iou - (1952 / 1972 + 12 / 32) / 2 | fabs < 1e-12)' figures
    score --json m sub.csv | cmp - figures
    score --json -t 5 --sizes shards/index.mpk m - <sub.csv | cmp - figures
    score --per-image per.csv m sub.csv -o text
    [ "$(sort per.csv)" = 'ImageId,Dice,Truth,Prediction,Both
a,0.66666666666666663,8,4,4
b,1,8,8,8
c,0,8,8,0' ]
    fails 1 "truth.csv: line 4: c: run lengths: " score --size 8x8 truth.csv sub.csv
    fails 2 "masks have sizes of their own" score --size 8x8 m sub.csv
    make-gray --height 9 --width 9 -o m/a.png
    fails 1 "m/a.png: 'a' is 9 x 9 here, and 16 x 12 before" score --sizes shards/index.mpk m sub.csv
    make-gray --height 16 --width 12 --corner 4 --rows 2 --columns 2 --top 5 -o m/a.png
    fails 1 "m/a.png: not a mask: grey levels 4 and 255" score m sub.csv
    rm m/*
    echo hello >m/x
    fails 1 "m: not one image among its 1 files" score m sub.csv
    # a truth of 8 x 6 beside images of 16 x 12: rows 4 to 7 of columns 2 and 3
    printf 'ImageId,EncodedPixels\na,10 2\n' >truth.csv
    printf 'ImageId,EncodedPixels\na,36 4 12 4\n' >sub.csv
    [ "$(score --json --size 8x6 --sizes shards/index.mpk truth.csv sub.csv | jq .dice)" = 1 ]
}

@test "a table of another program is refused for what it is" {
    printf ',ImageId,EncodedPixels\n0,a,2 3\n' >in.csv
    fails 1 "in.csv: line 1: column 1, '', holds row numbers as pandas writes them" rle-decode in.csv
    printf '"ImageId"," EncodedPixels"\n"a.dcm"," 0 3"\n' >in.csv
    [ "$(canonical)" = 'a,0 3' ]
    table 'a,3 2 9 2 60 5'
    fails 1 "look like absolute starts" rle-decode --size 8x8 in.csv
}
