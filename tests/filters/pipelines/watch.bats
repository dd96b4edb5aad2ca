#!/usr/bin/env bats
# make watch: what it says of folds that have not begun, train, failed, stopped, are done or are elsewhere.

load ../helpers
load copies

setup() {
    not_sanitized "no program of ours is run"
    cd "$BATS_TEST_TMPDIR" || return 1
    rm -rf "$WORK"
}

teardown() {
    [ -z "${run-}" ] || kill -9 -- "-$run" 2>/dev/null || true
}

says_of() { # says_of STAGE FOLD WORDS: what its row says, with single blanks
    local found
    found=$(watch | tr -s ' ' | sed -n "s/^$1 $2 //p" | sed 's/ $//')
    [ "$found" = "$3" ] || { echo "$1 $2: $found, wanted $3"; return 1; }
}

in_background() { # in_background ARGUMENT...: method, in a group of its own, $run
    setsid bash -c "$(declare -f method); method \"\$@\"" - "$@" >says 2>&1 3>&- &
    run=$!
}

watch() { # what it prints, once
    make -s -C "$ROOT" WORK="$WORK" PROFILE=demo ONCE=1 watch
}

# With a train-fold that says on a pipe that its log is there, and waits on another for what is to become of it.
waiting_programs() {
    copying_programs
    mv "$BIN/train-fold" "$BIN.copy"
    mkfifo "$BIN.at" "$BIN.go"
    cat >"$BIN/train-fold" <<END
#!/bin/bash
[ "\$1" != --options ] || exec "$BIN.copy" --options
for folder; do :; done
exec 8<"\$folder"
head -n 1 "$BIN.small/0/log.jsonl" >"\$folder/log.jsonl"
printf '{"iteration":1,"di' >>"\$folder/log.jsonl"
echo \$\$ >"$BIN.pid"
echo "\$folder" >"$BIN.at"
read -r what <"$BIN.go"
[ "\$what" = go ] || exit 3
exec "$BIN.copy" "\$@"
END
    chmod +x "$BIN/train-fold"
}

next_fold() { # waits until the next one trains
    timeout 200 cat "$BIN.at"
}

@test "a run from its beginning to its end, a fold that fails and a run that is killed" {
    waiting_programs
    [ "$(watch)" = "$WORK: nothing has begun" ]
    in_background train-seg-bisenet
    next_fold
    watch | grep -cxF "$WORK: make is at work"
    says_of train-seg-bisenet 0 "training 1 of 1 5.9 - 0 s"
    says_of train-seg-bisenet 1 "not begun - - - -"
    says_of train-cls-bisenet 1 "not begun - - - -"
    echo fail >"$BIN.go"
    ! wait $run
    idle() { watch | grep -cxF "$WORK: nobody is at work"; }
    eventually idle
    says_of train-seg-bisenet 0 "failed, status 3 1 of 1 5.9 - -"
    # Again: the first is done, the second killed, then done.
    in_background train-seg-bisenet
    next_fold
    says_of train-seg-bisenet 0 "training 1 of 1 5.9 - 0 s"
    echo go >"$BIN.go"
    next_fold
    says_of train-seg-bisenet 0 "done 1 of 1 5.9 0.5 -"
    says_of train-seg-bisenet 1 "training 1 of 1 5.9 - 0 s"
    kill -9 -- "-$run" "$(cat "$BIN.pid")" # GNU parallel's jobs have groups of their own
    ! wait $run
    eventually says_of train-seg-bisenet 1 "stopped 1 of 1 5.9 - -" # what is left of the run ends by itself
    in_background train-seg-bisenet
    next_fold
    echo go >"$BIN.go"
    wait $run
    watch >end
    [ "$(grep -c '^train-seg-bisenet .* done .* 0.5' end)" = 2 ]
    [ "$(grep -c ' done ' end)" = 2 ]
    grep -qx "test-seg-bisenet: 0 of 2 folds have predicted" end
    method test-seg-bisenet >says 2>&1
    watch | grep -cx "test-seg-bisenet: 2 of 2 folds have predicted"
    # It has written nothing, and needs no more than what it reads.
    find "$WORK" -printf '%p %s %T@\n' | sort >before
    watch >again
    cmp before <(find "$WORK" -printf '%p %s %T@\n' | sort)
    # Folds that are on hosts: no log here, until they are back.
    rm -r "$WORK"/train-seg-bisenet/fold-1.*
    mkdir "$WORK/train-seg-bisenet/hosts"
    echo "1 key product" >"$WORK/train-seg-bisenet/hosts/fold-1"
    says_of train-seg-bisenet 1 "not begun - - - -"
    exec 6<"$WORK/.pleura"
    says_of train-seg-bisenet 1 "on hosts - - - -"
    exec 6<&-
    says_of train-seg-bisenet 0 "done 1 of 1 5.9 0.5 -"
}

@test "on a terminal it is refreshed" {
    export WORK ROOT
    mkfifo keys
    # What bash puts into the background ignores SIGINT.
    timeout 200 env --default-signal=INT script -qec 'make -s -C "$ROOT" WORK="$WORK" PROFILE=demo watch' /dev/null <keys >shown 3>&- &
    exec 7>keys
    twice() { [ "$(grep -c "$WORK: nothing has begun" shown)" -ge 2 ]; }
    eventually twice
    printf '\003' >&7 # Ctrl-C
    wait $! || true
    exec 7>&-
    fails 2 "a path of letters" make -s -C "$ROOT" WORK='a b' ONCE=1 watch
}

@test "the table: time that is left, and logs that are none" {
    table() { # table STATE STEP BEST
        printf 's\t0\t1000\t6\t%s\t%s\t%s\n' "$@" | jq -n -R -r -f "$ROOT/pipelines/watch/watch.jq" | tail -n 1 | cut -f 3-
    }
    step() { # step ITERATION
        echo "{\"iteration\":$1,\"loss\":0.123456,\"images_per_second\":3}"
    }
    [ "$(table training "$(step 990)" '{"dice":0.87654}')" = $'training\t990 of 1000\t0.1235\t0.8765\t20 s' ]
    [ "$(table training "$(step 500)" '')" = $'training\t500 of 1000\t0.1235\t-\t17 min' ]
    [ "$(table training "$(step 10 | sed 's/:3}/:0.5}/')" '')" = $'training\t10 of 1000\t0.1235\t-\t3.3 h' ]
    [ "$(table stopped "$(step 500)" '')" = $'stopped\t500 of 1000\t0.1235\t-\t-' ]
    for odd in '[1]' 'x' '{"iteration":"\u001b[2J","loss":"\u001b[2J"}' '{"loss":null}' '{"iteration":1' '7'; do
        [ "$(table training "$odd" "$odd")" = $'training\t-\t-\t-\t-' ]
    done
}
