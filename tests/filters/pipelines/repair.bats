#!/usr/bin/env bats
# make repair: damaged products are found and removed, and only these; and what a damaged one says where it is read.

load ../helpers
load copies

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    rm -rf "$WORK"
    cd "$HERE"
}

copy_of_whole() { # $WORK: a run that was not disturbed, with its times
    [ -e "$WHOLE" ] || { whole_run && mv "$WORK" "$WHOLE"; }
    cp -a "$WHOLE" "$WORK"
    method -q report
}

flip() { # flip FILE...: a bit in the middle of each; size and time stay
    /usr/bin/python3 - "$@" <<'END'
import os, sys
for path in sys.argv[1:]:
    was = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(was.st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
END
}

rot() { # rot PRODUCT: flip it, with nothing to be seen by `stat`, as a disk does it
    local record=$WORK/digests/${1//\//,}
    flip "$WORK/$1"
    echo "$(cut -d ' ' -f 1 "$record") $(stat -c '%s %i %.9Y %.9Z' "$WORK/$1")" >"$record"
}

files() { # what `stat` says of all files in WORK
    find "$WORK" ! -type d -printf '%P %i %s %T@ %C@\n' | LC_ALL=C sort
}

same_products() { # but for times in logs and reports
    local file
    for file in "$WHOLE"/{submission,merge-,score-,test-left,train-left,survey}* "$WHOLE"/{train,test}*/{index,shard}*.mpk \
        "$WHOLE"/{train,test}-*/fold-*.{mpk,zst}; do
        [ ! -e "$file" ] || cmp "$file" "$WORK/${file#"$WHOLE"/}"
    done
}

@test "what is damaged is named and removed, nothing else is touched, and make makes just that again" {
    copy_of_whole
    cd "$WORK"
    files >"$HERE/before"
    method repair >"$HERE/says"
    [ "$(wc -l <"$HERE/says")" = 1 ]
    grep -qxE "repair: $WORK: [0-9]+ files are sound, 0 are damaged and removed, 0 more are to be made, 0 are left alone" "$HERE/says"
    files | diff "$HERE/before" -
    # Flipped, cut short, swapped, gone; and a shard of another run in the place of one
    flip train/shard-00000-* test/index.mpk train-cls-bisenet/fold-0.mpk test-seg-bisenet/fold-1.mpk.zst submission2.csv \
        merge-cls2.mpk test-left-out.csv score-empty.csv
    rot merge-seg.csv
    truncate -s -1 submission1.csv test-cls-bisenet/fold-0.mpk.zst
    mv test-seg-unet/fold-0.mpk.zst x && mv test-seg-unet/fold-1.mpk.zst test-seg-unet/fold-0.mpk.zst
    mv x test-seg-unet/fold-1.mpk.zst
    rm report.html test-cls-bisenet/fold-1.mpk.zst
    echo mine >train-seg-unet/notes
    echo mine >mine.csv
    echo mine >train/shard.txt
    mkdir -p train-seg-unet/fold-1.part
    cp train-seg-unet/fold-0.mpk train-seg-unet/fold-1.part/last.mpk
    cp train-seg-unet/fold-0.jsonl train-seg-unet/fold-1.part/log.jsonl
    head -c 500 train-seg-unet/fold-0.mpk >train-seg-unet/fold-1.part/val.mpk
    files | cut -d ' ' -f 1,2 >"$HERE/before"
    method repair >"$HERE/says" || { cat "$HERE/says"; false; }
    cat >"$HERE/wanted" <<END
merge-cls2.mpk removed
merge-seg.csv removed
mine.csv left alone
report.html is missing: make makes it
score-empty.csv removed
submission1.csv removed
submission2.csv removed
test-cls-bisenet/fold-0.mpk.zst removed
test-cls-bisenet/fold-1.mpk.zst is missing: make makes it
test-left-out.csv removed
test-seg-bisenet/fold-1.mpk.zst removed
test-seg-unet/fold-0.mpk.zst removed
test-seg-unet/fold-1.mpk.zst removed
test/index.mpk removed
train-cls-bisenet/fold-0.mpk removed
train-seg-unet/fold-1.part/val.mpk removed
train-seg-unet/notes left alone
train/index.mpk removed
train/shard-00000 removed
train/shard.txt left alone
END
    sed -E "s#^repair: $WORK/([^:]*): (.* )?(removed|left alone|is missing: make makes it)\$#\1 \3#; s#(shard-00000)-\S+#\1#; \$d" \
        "$HERE/says" | LC_ALL=C sort | diff "$HERE/wanted" -
    tail -n 1 "$HERE/says" | grep -q ' sound, 15 are damaged and removed, 2 more are to be made, 0 are left alone'
    grep -q "^repair: $WORK/train/shard-.*: damaged: the hash (xxh3) does not match the bytes; removed" "$HERE/says"
    # Gone are these, their keys and records
    files | cut -d ' ' -f 1,2 | comm -23 "$HERE/before" - | cut -d ' ' -f 1 |
        sed -E '/^digests|\.key$/d; s/(shard-00000)-.*/\1/' >"$HERE/gone"
    sed -n 's/ removed//p' "$HERE/wanted" | diff - "$HERE/gone"
    files | cut -d ' ' -f 1,2 | comm -13 "$HERE/before" - | diff /dev/null -
    [ "$(cat mine.csv train-seg-unet/notes train/shard.txt | sort -u)" = mine ]
    # What was sound is not made again
    before=$(stat -c '%n %i' train-seg-*/fold-*.mpk train-cls-bisenet/fold-1.mpk test-seg-bisenet/fold-0.mpk.zst)
    method report >"$HERE/says" 2>&1 || { cat "$HERE/says"; false; }
    [ "$(stat -c '%n %i' train-seg-*/fold-*.mpk train-cls-bisenet/fold-1.mpk test-seg-bisenet/fold-0.mpk.zst)" = "$before" ]
    rm mine.csv train-seg-unet/notes train/shard.txt
    same_products
    method repair | grep -q ' sound, 0 are damaged and removed, 0 more are to be made, 0 are left alone'
}

@test "logs, X-rays, models without their key, and folds in training" {
    copy_of_whole
    cd "$WORK"
    xrays=(xrays/train/*.png)
    flip train-cls-bisenet/fold-1.jsonl "${xrays[2]}"
    rm "${xrays[3]}" train-seg-unet/fold-0.mpk.key
    mkdir train-seg-bisenet/fold-0.part
    cp train-seg-bisenet/fold-0.mpk train-seg-bisenet/fold-0.part/best.mpk
    echo '{"iteration":' >train-seg-bisenet/fold-0.part/log.jsonl
    echo garbage >test-seg-unet/joblog
    sed -i '2s/./0/g' test-cls-bisenet/fold-0.mpk.zst.key
    method repair >"$HERE/says" || { cat "$HERE/says"; false; }
    cat >"$HERE/wanted" <<END
repair: $WORK/test-cls-bisenet/fold-0.mpk.zst.key: is not what make left there, but what it belongs to is (the fold is made again); removed
repair: $WORK/train-cls-bisenet/fold-1.jsonl: is not what make left there (the fold is trained again); removed
repair: $WORK/train-seg-unet/fold-0.mpk: has no key, which says what it was made from: make makes it again
repair: $WORK/xrays/sample_submission.csv: names files that are damaged; removed
repair: $WORK/${xrays[2]}: is not what make left there; removed
repair: $WORK/${xrays[3]}: is missing: make makes it
repair: $WORK/train-seg-bisenet/fold-0.part/log.jsonl: is not a log (the fold begins anew); removed
repair: $WORK/test-seg-unet/joblog: is not a job log of GNU parallel; removed
END
    head -n -1 "$HERE/says" | diff "$HERE/wanted" -
    [ ! -e train-seg-bisenet/fold-0.part ]
    # A report needs no job logs
    rm report.html
    method report >"$HERE/says" 2>&1 || { cat "$HERE/says"; false; }
    diff -r "$WHOLE/xrays" xrays
    [ -s train-cls-bisenet/fold-1.jsonl ]
    [ -s train-seg-unet/fold-0.mpk.key ]
    same_products
}

@test "links out of WORK are not followed; a folder that make has not made is refused; a run is waited for" {
    copy_of_whole
    cd "$WORK"
    mkdir "$HERE/away"
    mv train-seg-unet submission1.csv "$HERE/away"
    ln -s "$HERE/away/train-seg-unet" .
    ln -s "$HERE/away/submission1.csv" .
    flip "$HERE"/away/train-seg-unet/fold-0.mpk "$HERE/away/submission1.csv"
    mkdir train-cls-bisenet/fold-0.part
    ln -s "$HERE/away/submission1.csv" train-cls-bisenet/fold-0.part/last.mpk
    echo "$(printf %064d 0) 1 2 3 4" >"digests/..,..,$(basename "$BATS_RUN_TMPDIR")" # no such product
    rm merge-cls1.mpk train-seg-bisenet/joblog
    mkdir merge-cls1.mpk
    mkfifo train-seg-bisenet/joblog train-cls-bisenet/fold-0.part/val.mpk
    find "$HERE/away" -printf '%P %i %s %T@ %C@\n' | sort >"$HERE/before"
    run -2 method repair
    find "$HERE/away" -printf '%P %i %s %T@ %C@\n' | sort | diff "$HERE/before" -
    grep -qF "repair: $WORK/submission1.csv: a symbolic link, which is not followed: left alone" <<<"$output"
    grep -qF "repair: $WORK/train-seg-unet/fold-0.mpk: a symbolic link, which is not followed: left alone" <<<"$output"
    grep -qF "repair: $WORK/merge-cls1.mpk: is not a regular file: left alone" <<<"$output"
    [ -p train-seg-bisenet/joblog ] && [ -p train-cls-bisenet/fold-0.part/val.mpk ]
    [ -d merge-cls1.mpk ] && [ -L submission1.csv ] && [ -L train-cls-bisenet/fold-0.part/last.mpk ]
    mv digests "$HERE/away"
    ln -s "$HERE/away/digests" .
    fails 2 "repair: $WORK/digests: a symbolic link, which is not followed" method repair
    cd "$HERE"
    rm -rf "$WORK"
    mkdir -p "$WORK/train"
    echo mine >"$WORK/train/index.mpk"
    fails 2 "repair: WORK=$WORK: is no folder that make has made" method repair
    [ "$(cat "$WORK/train/index.mpk")" = mine ]
    WORK=$HERE/none
    fails 2 "repair: WORK=$HERE/none: is no folder that make has made" method repair
    [ ! -e none ]
    WORK='a b' fails 2 "a path of letters, digits and" method repair
    # Under the lock
    mkdir own
    WORK=$HERE/own
    touch own/.pleura own/survey.json
    exec 8>>own/.pleura
    flock 8
    method repair >says 2>&1 3>&- 8>&- &
    other=$!
    eventually grep -q 'another run are still at work here; waiting' says
    no grep -q sound says
    exec 8>&-
    wait $other
    grep -q "^repair: $WORK: 1 files are sound" says
}

# Products that went bad unseen end the stages that read them; their names are said, and what to do.
@test "a damaged product is named where a pipeline of several folds reads it" {
    copy_of_whole
    cd "$WORK"
    rot test-cls-bisenet/fold-1.mpk.zst # read by merge
    rot test-seg-bisenet/fold-0.mpk.zst # by none here
    rot train-seg-unet/fold-1.mpk # by predict-fold
    flip train/shard-* # by augment
    # A checkpoint that training would go on from
    begun=train-seg-bisenet/fold-1.part
    mkdir $begun
    cp train-seg-bisenet/fold-0.mpk $begun/best.mpk
    cp train-seg-bisenet/fold-0.jsonl $begun/log.jsonl
    head -n 1 train-seg-bisenet/fold-1.mpk.key >$begun/key
    head -c 500 train-seg-unet/fold-0.mpk >$begun/last.mpk
    rm merge-cls1.mpk merge-seg.csv test-seg-unet/fold-1.mpk.zst train-seg-bisenet/fold-1.mpk
    run --separate-stderr -2 method -k merge-cls1 test-seg-unet train-seg-bisenet
    [ ! -e train-seg-bisenet/fold-1.mpk ]
    bad=(test-cls-bisenet/fold-1.mpk.zst train-seg-unet/fold-1.mpk train/shard-* $begun/last.mpk)
    for file in "${bad[@]}"; do
        grep -q "^$WORK/$file: .*: \`make repair\` removes what is damaged, and make goes on" <<<"$stderr" || { echo "$stderr"; false; }
    done
    [[ $stderr != *"/test-seg-bisenet/"* ]]
    method repair >"$HERE/says"
    for file in "${bad[@]}" test-seg-bisenet/fold-0.mpk.zst; do
        grep -q "^repair: $WORK/$file: .*; removed" "$HERE/says" || { cat "$HERE/says"; false; }
    done
    method submissions train-seg-bisenet 2>"$HERE/says" || { cat "$HERE/says"; false; }
    same_products
}

@test "labels and weights in whose place others of the same size and time are put" {
    [ -e "$BIN" ] || copying_programs
    synth -q --format png --side 64 --train 8 --test 3 --lesions 0.5 mine
    decode -q mine/train --labels mine/train-rle.csv | augment -q --side 64 --plain |
        train-fold -q --network bisenet-resnet18_w16 --batch 2 --accumulate 1 --iterations 1 model
    mv model/last.mpk weights.mpk
    method=(method DATA="$HERE/mine" train-seg-{unet,bisenet}.init= train-cls-bisenet.init="$HERE/weights.mpk")
    "${method[@]}" "$WORK/init.checked" data
    "${method[@]}" -q data "$WORK/init.checked"
    cp -p mine/train-rle.csv labels.csv
    cp -p weights.mpk kept.mpk
    flip mine/train-rle.csv weights.mpk
    [ "$(stat -c '%s %Y' mine/train-rle.csv weights.mpk)" = "$(stat -c '%s %Y' labels.csv kept.mpk)" ]
    no "${method[@]}" -q data
    no "${method[@]}" -q "$WORK/init.checked"
    # What they hold counts, no time
    cp labels.csv mine/train-rle.csv
    mv kept.mpk weights.mpk
    "${method[@]}" -q data "$WORK/init.checked"
}
