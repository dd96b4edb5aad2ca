#!/usr/bin/env bats
# Hosts that answer with something else than the fold that was asked for. Each is a name that a stand-in for ssh knows
# (hostile_ssh.sh). A fold is given to several of them in turn: each is refused in one line, and nothing is written; then
# the host `good`, which does the fold as any host does, gives the right bytes.

load ../helpers

TRAIN="--network bisenet-resnet18_w16 --iterations 1 --batch 2 --accumulate 1 --eval-every 1 --margin 2"

setup_file() {
    NET=$BATS_FILE_TMPDIR/net
    WORK=$BATS_FILE_TMPDIR/work
    MADE=$BATS_FILE_TMPDIR/made
    export NET WORK MADE THREADS=1
    ! sanitized || return 0
    mkdir -p "$NET/bin" "$NET/good" "$WORK" "$MADE/x"
    cd "$NET"
    ln -s "$BATS_TEST_DIRNAME/hostile_ssh.sh" bin/ssh
    cat >bin/rsync <<END
#!/bin/bash
[[ " \$* " != *" --server "* && ! \${!#} =~ ^(good|deaf): ]] || exec $(command -v rsync) "\$@"
END
    chmod +x bin/rsync
    (cd "$(dirname "$(command -v train-fold)")" && ./train-fold --version &&
        sha256sum augment inspect predict-fold train-fold) >same
    synth -q --format png --side 64 --train 8 --test 2 --lesions 0.5 xrays
    decode -q xrays/train --labels xrays/train-rle.csv | shard -q "$WORK/train"
    decode -q xrays/test | shard -q "$WORK/test"
    # What a run on this machine makes: of another fold, and with other options, too
    cd "$ROOT"
    model 0 "$MADE/fold-0"
    model 1 "$MADE/fold-1"
    model 1 "$MADE/x/fold-1" "${TRAIN% *} 3"
    maps 0 "$MADE/fold-0"
    maps 1 "$MADE/fold-1"
    # What a host may send in place of it
    head -c 1000 /dev/urandom >"$NET/random"
    zstd -dcq "$MADE/fold-0.mpk.zst" | head -c 10000 | zstd -q >"$NET/torn"
    cat "$WORK"/test/shard-*.mpk | zstd -q >"$NET/samples"
    predict-fold -q --model "$MADE/fold-0.mpk" "$WORK/train" | zstd -q >"$NET/other-images"
    decode -q "$NET"/xrays/test/*8.png | shard -q "$NET/few"
    decode -q "$NET"/xrays/test/*9.png "$NET"/xrays/test/*8.png | shard -q "$NET/swapped"
    synth -q --format png --side 96 --train 8 --test 2 --lesions 0.5 "$NET/large-xrays"
    decode -q "$NET/large-xrays/test" | shard -q "$NET/large"
    for odd in few swapped large; do predict-fold -q --model "$MADE/fold-0.mpk" "$NET/$odd" | zstd -q >"$NET/$odd.zst"; done
    zstd -dcq "$MADE/fold-0.mpk.zst" "$NET/few.zst" | zstd -q >"$NET/many.zst"
    head -c 300M /dev/zero | zstd -q >"$NET/bomb"
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    cd "$ROOT"
    rm -rf "$WORK/train-x" "$WORK/test-x"
    echo untouched >"$NET/victim"
}

# The two stages: a fold's script and its words.
model() { # model FOLD OUT [OPTIONS]
    mkdir -p "${2%/*}"
    pipelines/method/train-fold.sh "$1/2" "$WORK/train" "$2" 0 "--side 64 --samples 4" "--side 64" "${3-$TRAIN}" '' 2>/dev/null
}

maps() { # maps FOLD OUT: the fold is told apart by an option that changes nothing
    pipelines/method/predict-fold.sh "$MADE/fold-0.mpk" "$WORK/test" "$2" "--batch 1 --max-pixels 10000$1"
}

by_hosts() { # by_hosts model|maps "NAME..." SECONDS FOLD...: hosts.sh gives the folds to the hosts; stderr in $HERE/said
    local words=(pipelines/method/predict-fold.sh "$MADE/fold-0.mpk" "$WORK/test" "$WORK/test-x/fold-{1}"
        "--batch 1 --max-pixels 10000{1}")
    [ "$1" = maps ] || words=(pipelines/method/train-fold.sh "{1}/2" "$WORK/train" "$WORK/train-x/fold-{1}" 0
        "--side 64 --samples 4" "--side 64" "$TRAIN" "{2}")
    tr ' ' '\n' <<<"$2" >"$HERE/hosts.txt"
    PATH="$NET/bin:$PATH" HOSTS_TIMEOUT=$3 timeout 300 pipelines/hosts/hosts.sh "$HERE/hosts.txt" "$WORK"/{train,test} \
        "$MADE/fold-0.mpk" -- parallel --will-cite -q --ungroup pipelines/hosts/host-fold.sh "${words[@]}" ::: "${@:4}" ::: '' \
        >"$HERE/said" 2>&1
}

files() { # all that is there, but for the folder in which hosts.sh keeps its own
    (cd "$BATS_FILE_TMPDIR" && find . -path './work/*-x/hosts' -prune -o ! -type d -printf '%p %y %i %s %T@\n' | LC_ALL=C sort)
}

# refused model|maps SECONDS [KIND WORDS]...: fold 1 is given to a host of each KIND, who is refused with WORDS in a line.
refused() {
    local stage=$1 seconds=$2 kinds=() words=() i made=$MADE/fold-1 out=train-x/fold-1
    while [ $# -gt 2 ]; do
        kinds+=("$3") words+=("$4")
        set -- "$1" "$2" "${@:5}"
    done
    ASK=1 $stage 0 "$HERE/none" | head -n 1 >"$NET/key-0" || true
    ASK=1 $stage 1 "$HERE/none" | head -n 1 >"$NET/key-1" || true
    rm -f "$NET"/{right,log}
    [ $stage = maps ] || ln -s "$made.jsonl" "$NET/log"
    ln -s "$made.mpk$([ $stage = model ] || echo .zst)" "$NET/right"
    files >"$HERE/before"
    no by_hosts $stage "${kinds[*]}" "$seconds" 1
    cat -v "$HERE/said"
    for ((i = 0; i < ${#kinds[@]}; i++)); do
        [ "$(grep -c "^hosts: ${kinds[i]}: .*-x, fold 1: " "$HERE/said")" = 1 ]
        grep -qF -- "-x, fold 1: ${words[i]}" <(grep "^hosts: ${kinds[i]}: " "$HERE/said")
    done
    grep -q -- '-x: not all folds came back; make again to go on' "$HERE/said"
    no grep -qP '[^ -~\n]' "$HERE/said"
    no compgen -G "$WORK/*-x/hosts/back.*"
    files | diff "$HERE/before" -
    # Then it goes elsewhere
    by_hosts $stage good 30 1
    if [ $stage = model ]; then
        cmp "$WORK/train-x/fold-1.mpk" "$MADE/fold-1.mpk"
        [ "$(cd "$WORK/train-x" && echo *)" = "fold-1.jsonl fold-1.mpk fold-1.mpk.key" ]
    else
        cmp "$WORK/test-x/fold-1.mpk.zst" "$MADE/fold-1.mpk.zst"
        [ "$(cd "$WORK/test-x" && echo *)" = "fold-1.mpk.zst fold-1.mpk.zst.key" ]
    fi
}

@test "what is no answer, links and named pipes in an archive among it" {
    refused maps 30 \
        garbage "its answer is none: it begins with '" \
        nothing "it sent nothing; it gets no more folds" \
        terminal "its answer is none: it begins with '\x1b[2J\x1b]0;owned\x07\xe2\x80\xae'" \
        older "its answer is none: it begins with './" \
        long_line "its answer is none: it begins with 'xxxxxxxxxxxxxx" \
        signs "sends nothing but line ends"
}

@test "half an answer, or one too long" {
    refused maps 30 \
        ends "the product ends at byte" \
        cut_off "the product ends at byte" \
        cut_behind "the connection was lost" \
        endless "the product has 900000000000000 bytes, where" \
        negative "'product -1 " \
        named "'../../../victim " \
        surplus "the answer does not end behind the product" \
        trailing "bytes follow behind the end"
}

@test "nothing for as long as HOSTS_TIMEOUT says" {
    refused maps 5 \
        silent "nothing came for 5 seconds; not taken" \
        stalls "nothing came for 5 seconds, at byte" \
        stays "the connection stayed open behind the end for 5 seconds" \
        noughts "nothing came for 5 seconds; not taken"
}

@test "another version, another fold, another stream" {
    refused maps 30 \
        version "it has train-fold (Pleura) 0.0.1, here is train-fold (Pleura) " \
        other_fold "it sent another fold, or one of other inputs or settings" \
        changed "the product is not what its digest says" \
        no_stream "zstd: " \
        torn "inspect: stdin: record" \
        bomb "inspect: stdin: header (record 0), byte 0: not a tensor stream" \
        samples "it sent a stream of samples" \
        other_images "it sent probabilities for other images: " \
        few "it sent 1 of 2 images" \
        many "it sent more than 2 images" \
        swapped "record 1 is of synth-1-000009 in place of synth-1-000008" \
        large "record 1 has no probabilities of [64,64]"
}

@test "models: of another fold, of another stage, damaged, with a log that is none" {
    refused model 30 \
        ends "the product ends at byte" \
        other_fold "it sent another fold" \
        model_of_fold_0 "it sent a model that was trained on other samples: augment " \
        other_stage "it sent a model that was trained in another way: train-fold " \
        samples_raw "it sent a stream of samples" \
        log_of_texts "its log does not fit its model"
}

@test "several checkpoints that are kept come back as a run here leaves them; another average is made of them here" {
    local several="${TRAIN/--iterations 1/--iterations 2} --keep-best 2" average file sent
    for average in '' ' --average maps'; do
        model 1 "$MADE/several$average/fold-1" "$several$average"
    done
    TRAIN=$several by_hosts model good 30 1
    for file in fold-1.mpk fold-1.kept; do cmp "$WORK/train-x/$file" "$MADE/several/$file"; done
    [ "$(ls "$WORK/train-x")" = "$(ls "$MADE/several")" ]
    TRAIN="$several --average maps" by_hosts model garbage 30 1
    [ ! -s "$HERE/said" ] # no host was asked
    for file in fold-1.mpk fold-1.kept; do cmp "$WORK/train-x/$file" "$MADE/several --average maps/$file"; done

    sent=$HERE/sent
    again() {
        mkdir -p "$sent"
        cp "$MADE/several/fold-1.kept" "$sent/kept"
        cp "$MADE/several/fold-1.kept.key" "$sent/kept.key"
        cp "$MADE/several/fold-1.jsonl" "$sent/log"
    }
    refuses() { # refuses WHY
        fails 1 "" pipelines/hosts/host-check.sh "$sent" pipelines/method/train-fold.sh 1/2 "$WORK/train" "$WORK/train-x/fold-1" 0 \
            "--side 64 --samples 4" "--side 64" "$several"
        [ "$output" = "$1" ]
    }
    again
    sed -i '3s/.*/12 -1/' "$sent/kept.key"
    refuses "it sent checkpoints without their lengths"
    again
    printf x >>"$sent/kept"
    refuses "its 2 checkpoints are not $(stat -c %s "$sent/kept") bytes long"
    cat "$MADE/several/fold-1.kept" >>"$sent/kept"
    sed -i "3s/.*/& &/" "$sent/kept.key"
    refuses "it sent 4 checkpoints, where 2 are kept"
    again
    sed -i "3s/.*/$(stat -c %s "$sent/kept")/" "$sent/kept.key"
    refuses "it sent a model of more than one network"
}

@test "a fold that fails, in many words: it goes to another host at once" {
    by_hosts maps "fails good" 30 0 1
    cat -v "$HERE/said"
    grep -qF 'fails: no memory \x1b]0;owned\x07' "$HERE/said"
    grep -q '^hosts: fails: test-x, fold [01]: failed there, with status 3$' "$HERE/said"
    for fold in 0 1; do cmp "$WORK/test-x/fold-$fold.mpk.zst" "$MADE/fold-$fold.mpk.zst"; done
    rm -r "$WORK/test-x"
    by_hosts maps "loud garbage good" 30 0 1
    cat -v "$HERE/said"
    tries=$(grep -c '^loud: says more than is passed on' "$HERE/said") # the other fold may have come there, too
    [ "$(grep -c '^loud: ' "$HERE/said")" = $((101 * tries)) ]
    for fold in 0 1; do cmp "$WORK/test-x/fold-$fold.mpk.zst" "$MADE/fold-$fold.mpk.zst"; done
}

@test "hosts that never become ready: endless words, silence, other programs" {
    no by_hosts maps "chatty mute deaf liar" 5 1
    cat -v "$HERE/said"
    grep -q '^hosts: chatty: .*; passed over$' "$HERE/said"
    grep -qx 'hosts: mute: no answer for 5 seconds; passed over' "$HERE/said"
    grep -q '^hosts: deaf: rsync error: timeout' "$HERE/said"
    grep -qF 'hosts: liar: its programs are not those of here: train-fold (Pleura) 0.0.1; passed over' "$HERE/said"
    grep -q 'none of these hosts can be used' "$HERE/said"
    no grep -qP '[^ -~\n]' "$HERE/said"
    [ "$(ls "$WORK/test-x")" = hosts ]
}

@test "HOSTS_TIMEOUT is a number of seconds" {
    echo good >"$HERE/hosts.txt"
    for odd in 0 -1 1.5 x '1;touch x' 100000; do
        fails 1 "hosts: HOSTS_TIMEOUT=" env HOSTS_TIMEOUT="$odd" pipelines/hosts/hosts.sh "$HERE/hosts.txt"
    done
}
