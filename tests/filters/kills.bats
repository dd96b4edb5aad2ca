#!/usr/bin/env bats
# A fold's end, a map's and the report's, killed at every call by which they change what the disk holds (tests/preload):
# the next make completes, to the same bytes, and nothing of the killed one stays.

load helpers

setup_file() {
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    WORK=$BATS_FILE_TMPDIR/work
    SAVED=$BATS_FILE_TMPDIR/saved
    export ROOT WORK SAVED THREADS=1
}

setup() {
    not_sanitized "kill-at.so cannot be loaded before AddressSanitizer"
    cd "$ROOT"
    [ -e "$WORK" ] || whole_run
}

method() { # method ARGUMENT...: make with few iterations of the smallest network
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" WORK="$WORK" PROFILE=demo \
        THREADS=1 synth.{train=8,test=3,side=64,lesions=0.5,format=png} train-cls-bisenet.dilate=8 \
        train-{seg-unet,seg-bisenet,cls-bisenet}.{network=bisenet-resnet18,side=64,iterations=1,eval-every=1,batch=2} "$@"
}

whole_run() {
    method report >"$BATS_FILE_TMPDIR/says" 2>&1 || { cat "$BATS_FILE_TMPDIR/says"; return 1; }
    method -q report || method report >"$BATS_FILE_TMPDIR/says" 2>&1 # the truth is there only now
}

command_of() { # command_of SCRIPT GOAL: ${command[@]} is what GOAL's recipe runs for fold 0
    local text
    text=$(method -n "$2" -W "$WORK/$3" | sed -n "/$1/,/:::/p" | tr -d '\\\n')
    text=${text#*pipelines/"$1"}
    text=${text%%:::*}
    text=${text//'{1}'/0}
    eval "command=('$ROOT/pipelines/$1' ${text//'{2}'/"''"})"
}

killed() { # killed BEFORE AFTER COMMAND...: each_kill with the programs on PATH, quietly
    each_kill "$1" "$2" env PATH="$ROOT/bin:$PATH" WORK="$WORK" "${@:3}" 2>"$BATS_TEST_TMPDIR/says" || {
        cat "$BATS_TEST_TMPDIR/says"
        return 1
    }
}

same_fold() { # same_fold NAME...: as before, with its key and record, and nothing else
    local name
    for name in "$@"; do
        cmp "$SAVED/$name" "$WORK/$name" || return 1
        [ "$(sed -n 2p "$WORK/$name.key")" = "$(sha256sum <"$WORK/$name" | cut -d ' ' -f 1)" ] || return 1
        grep -q "^$(sed -n 2p "$WORK/$name.key") " "$WORK/digests/${name//\//,}" || return 1
    done
    [ -z "$(find "$WORK" -name '*.part')" ]
}

begun_fold() { # fold 0 as it is when the last iteration is done
    rm -rf "$WORK"/train-seg-bisenet/fold-0.*
    cp -al "$SAVED/begun" "$WORK/train-seg-bisenet/fold-0.part"
}

trained_fold() {
    method train-seg-bisenet && same_fold train-seg-bisenet/fold-{0,1}.mpk && cmp "$SAVED/fold-0.jsonl" "$WORK/train-seg-bisenet/fold-0.jsonl"
}

@test "a fold's end" {
    command_of train-fold.sh train-seg-bisenet train/index.mpk
    mkdir -p "$SAVED/train-seg-bisenet" "$BATS_TEST_TMPDIR/bin"
    cp -a "$WORK"/train-seg-bisenet/fold-[01].mpk "$SAVED/train-seg-bisenet"
    # Trained again, up to where the fold's end would begin
    rm "$WORK"/train-seg-bisenet/fold-0.*
    printf '#!/bin/sh\n"%s" "$@"\nexit 1\n' "$ROOT/bin/train-fold" >"$BATS_TEST_TMPDIR/bin/train-fold"
    chmod +x "$BATS_TEST_TMPDIR/bin/train-fold"
    run env PATH="$BATS_TEST_TMPDIR/bin:$ROOT/bin:$PATH" "${command[@]}"
    [ "$status" = 1 ]
    cp -a "$WORK/train-seg-bisenet/fold-0.part" "$SAVED/begun"
    cp "$SAVED/begun/log.jsonl" "$SAVED/fold-0.jsonl"
    killed begun_fold trained_fold "${command[@]}"
    [ "$KILLS" -ge 15 ]
}

no_map() { rm -f "$WORK"/test-seg-bisenet/fold-0.*; }

predicted_fold() { method test-seg-bisenet && same_fold test-seg-bisenet/fold-{0,1}.mpk.zst; }

@test "a map's end" {
    command_of predict-fold.sh test-seg-bisenet test/index.mpk
    mkdir -p "$SAVED/test-seg-bisenet"
    cp -a "$WORK"/test-seg-bisenet/fold-[01].mpk.zst "$SAVED/test-seg-bisenet"
    killed no_map predicted_fold "${command[@]}"
    [ "$KILLS" -ge 5 ]
}

another_report() { # than the recipe will make
    cp "$SAVED/report.html" "$WORK/report.html"
    touch "$WORK/submission1.csv"
}

made_report() {
    method report >"$BATS_TEST_TMPDIR/made" || return 1
    tail -n 1 "$WORK/report.html" | grep -q '</html>' || return 1
    grep -q "^$(sha256sum <"$WORK/report.html" | cut -d ' ' -f 1) " "$WORK/digests/report.html" || return 1
    cmp "$SAVED/submission1.csv" "$WORK/submission1.csv" && [ -z "$(find "$WORK" -name '*.part')" ]
}

@test "the report's end" {
    mkdir -p "$SAVED"
    cp "$WORK"/{report.html,submission1.csv} "$SAVED"
    { grep -v '</html>' "$SAVED/report.html"; echo '<!-- whole --></html>'; } >"$SAVED/page"
    killed another_report made_report "$ROOT/pipelines/shell.sh" "$WORK/report.html" "$WORK/submission1.csv" -c \
        "cp '$SAVED/page' '$WORK/report.html.part'; mv '$WORK/report.html.part' '$WORK/report.html'"
    [ "$KILLS" -ge 5 ]
}
