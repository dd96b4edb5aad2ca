#!/usr/bin/env bats
# A fold's end, a map's and the report's, killed at every call by which they change what the disk holds (tests/preload):
# the next make completes, to the same bytes, and nothing of the killed one stays. Training and prediction are
# replaced by copies of small files.

load ../helpers
load copies

setup() {
    not_sanitized "kill-at.so cannot be loaded before AddressSanitizer"
    cd "$BATS_TEST_TMPDIR"
    [ -e "$WHOLE" ] || { whole_run && cp -a "$WORK" "$WHOLE"; }
}

command_of() { # command_of SCRIPT GOAL: ${command[@]} is what GOAL's recipe runs for fold 0
    local text
    text=$(WORK=/nowhere method -n "$2" | sed -n "/$1/,/:::/p" | tr -d '\\\n')
    text=${text#*pipelines/method/"$1"}
    text=${text%%:::*}
    text=${text//\/nowhere/$WORK}
    text=${text//'{1}'/0}
    eval "command=('$ROOT/pipelines/method/$1' ${text//'{2}'/"''"})"
}

killed() { # killed BEFORE AFTER COMMAND...: each_kill, quietly
    each_kill "$1" "$2" env PATH="$BIN:$PATH" WORK="$WORK" "${@:3}" 2>"$BATS_TEST_TMPDIR/says" || {
        cat "$BATS_TEST_TMPDIR/says"
        return 1
    }
}

same_fold() { # same_fold NAME: as before, with its key and record, and nothing else
    local digest
    cmp "$WHOLE/$1" "$WORK/$1" && cmp "$WHOLE/$1.key" "$WORK/$1.key" || return 1
    digest=$(sha256sum <"$WORK/$1" | cut -d ' ' -f 1)
    [ "$(sed -n 2p "$WORK/$1.key")" = "$digest" ] && grep -q "^$digest " "$WORK/digests/${1//\//,}" || return 1
    [ -z "$(find "$WORK" -name '*.part')" ]
}

begun_fold() { # fold 0 when the last iteration is done
    rm -rf "$WORK"/train-seg-bisenet/fold-0.*
    cp -a "$BATS_FILE_TMPDIR/begun" "$WORK/train-seg-bisenet/fold-0.part"
}

trained_fold() {
    method train-seg-bisenet && same_fold train-seg-bisenet/fold-0.mpk &&
        cmp "$WHOLE/train-seg-bisenet/fold-0.jsonl" "$WORK/train-seg-bisenet/fold-0.jsonl"
}

@test "a fold's end" {
    command_of train-fold.sh train-seg-bisenet
    rm "$WORK"/train-seg-bisenet/fold-0.*
    mkdir stopped
    { cat "$BIN/train-fold"; echo exit 1; } >stopped/train-fold
    chmod +x stopped/train-fold
    run env PATH="$PWD/stopped:$BIN:$PATH" "${command[@]}"
    [ "$status" = 1 ]
    mv "$WORK/train-seg-bisenet/fold-0.part" "$BATS_FILE_TMPDIR/begun"
    killed begun_fold trained_fold "${command[@]}"
    [ "$KILLS" -ge 15 ]
}

another_map() { # than the one that is wanted, with a key of its own
    echo other >"$WORK/test-seg-bisenet/fold-0.mpk.zst"
    { echo other && echo other | sha256sum | cut -d ' ' -f 1; } >"$WORK/test-seg-bisenet/fold-0.mpk.zst.key"
    rm -f "$WORK/digests/test-seg-bisenet,fold-0.mpk.zst"
    touch "$WORK/options/test-seg-bisenet"
}

predicted_fold() { method test-seg-bisenet && same_fold test-seg-bisenet/fold-0.mpk.zst; }

@test "a map's end" {
    command_of predict-fold.sh test-seg-bisenet
    killed another_map predicted_fold "${command[@]}"
    [ "$KILLS" -ge 7 ]
}

write_page() { # the report's recipe, with a page that is ready
    env PATH="$BIN:$PATH" WORK="$WORK" "${recipe[@]}"
}

older_report() {
    cp "$WHOLE/report.html" "$WORK/report.html"
    touch -d '1 year ago' "$WORK/report.html"
}

written_page() { # a report is there and counts only if it is the new one, whole; if not, it is made
    if ! method -q report; then
        write_page || return 1
    fi
    [ -e "$WORK/digests/report.html" ] || method report || return 1 # only its record was missing
    cmp page "$WORK/report.html" && [ -z "$(find "$WORK" -name '*.part')" ] &&
        grep -q "^$(sha256sum <page | cut -d ' ' -f 1) " "$WORK/digests/report.html"
}

@test "the report's end" {
    sed 's/<title>/&Another: /' "$WHOLE/report.html" >page
    no cmp -s "$WHOLE/report.html" page
    recipe=("$ROOT/pipelines/method/shell.sh" "$WORK/report.html" "$WORK/submission1.csv" -c
        "cat page >'$WORK/report.html.part'; mv '$WORK/report.html.part' '$WORK/report.html'")
    killed older_report written_page "${recipe[@]}"
    [ "$KILLS" -ge 5 ]
    older_report
    method report
    tail -n 1 "$WORK/report.html" | grep -q '</html>'
    no cmp -s page "$WORK/report.html"
}
