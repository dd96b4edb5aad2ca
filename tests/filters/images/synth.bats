# synth: made-up X-rays in the challenge's layout.
load ../helpers

@test "equal options give equal bytes, whatever the number of threads" {
    cd "$BATS_TEST_TMPDIR"
    synth -q -t 1 --train 9 --test 3 --side 80 a
    synth -q -t 4 --train 9 --test 3 --side 80 b
    diff -r a b
    synth -q --train 9 --test 3 --side 80 --seed 2 c
    no diff -rq a/train c/train
}

@test "the folder is laid out as the challenge's" {
    cd "$BATS_TEST_TMPDIR"
    synth -q --train 50 --test 20 --side 64 x
    [ "$(ls x/train | wc -l)" = 50 ]
    [ "$(ls x/test | wc -l)" = 20 ]
    [ "$(head -n 1 x/train-rle.csv | tr -d '\r')" = "ImageId,EncodedPixels" ]
    [ "$(tail -n +2 x/train-rle.csv | cut -d, -f1 | sort -u | wc -l)" = 50 ]
    [ "$(tail -n +2 x/train-rle.csv | grep -v -- ',-1' | cut -d, -f1 | sort -u | wc -l)" = 11 ]
    [ "$(tail -n +2 x/sample_submission.csv | grep -c -- ',-1')" = 20 ]
    cut -d, -f1 x/test-truth.csv | uniq | cmp - <(cut -d, -f1 x/sample_submission.csv)
    rle-decode --size 64x64 x/train-rle.csv | rle-encode -o again.csv
    score --size 64x64 --json x/train-rle.csv again.csv | jq -e '.dice == 1'
    decode -q --labels x/train-rle.csv --ids x/train-rle.csv x/train | inspect --check
}

@test "some lesions have several annotations" {
    cd "$BATS_TEST_TMPDIR"
    synth -q --train 40 --test 0 --side 64 --lesions 1 x
    [ "$(tail -n +2 x/train-rle.csv | cut -d, -f1 | uniq -d | wc -l)" -ge 3 ]
}

@test "other tools read the DICOM files" {
    command -v dcmdump >/dev/null || command -v gdcmdump >/dev/null || skip "dcmdump and gdcmdump absent"
    cd "$BATS_TEST_TMPDIR"
    synth -q --train 1 --test 0 --side 64 x
    if command -v gdcmdump >/dev/null; then
        gdcmdump x/train/*.dcm | grep -q MONOCHROME2
    else
        dcmdump x/train/*.dcm | grep -q MONOCHROME2
    fi
}

@test "wrong options and places" {
    cd "$BATS_TEST_TMPDIR"
    fails 2 "an operand is missing" synth
    fails 2 "must be from 64" synth --side 10 x
    fails 2 "must be one of" synth --format gif x
    fails 1 "nowhere/x: No such file" synth --train 1 nowhere/x
    [ ! -e x ]
}
