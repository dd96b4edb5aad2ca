#!/usr/bin/env bats
# README's shell examples, as printed and in their order, but for the length of training and the number of images to predict.

load ../helpers

@test "README's pipelines run as printed" {
    not_sanitized "the programs are tested one by one"
    cd "$BATS_TEST_TMPDIR"
    ln -s "$(dirname "$(command -v decode)")" bin
    sed -n '/^```sh$/,/^```$/{/^```/!p}' "$ROOT/README.md" >example.sh
    [ "$(grep -c . example.sh)" -ge 18 ]
    grep -q -e '--samples 360 ' example.sh && grep -q -e '--iterations 60 ' example.sh && grep -q -e '--test 10 ' example.sh
    sed -i 's/--samples 360 /--samples 24 /; s/--iterations 60 /--iterations 4 /; s/--test 10 /--test 4 /' example.sh
    bash -eu -o pipefail example.sh >says 2>&1 || { cat says; false; }
    file truth.png seen.png | grep -c 'PNG image data, 1024 x 1024' | grep -qx 2
    inspect --check val?.mpk fold?/best.mpk decisions.mpk
    dciodvfy objects/*-000040.capture.dcm 2>&1 | no grep -i error
    [ "$(wc -l <submission.csv)" = 5 ]
    tail -n +2 submission.csv | grep -v -q ',-1$'
    grep -E '^Dice' says | tail -n 1 | grep -q '1\.0000'
}
