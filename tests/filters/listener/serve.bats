#!/usr/bin/env bats
# make serve: X-rays by DICOM and by folder, bad ones, kills of every part, a peer that is away, what is said of settings.
# The archive here is a storescp; what counts is the number of different objects (SOP Instance UIDs) that it has.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    for program in storescp storescu echoscu dcmodify inotifywait; do
        command -v $program >/dev/null || skip "$program absent (Debian: dcmtk, inotify-tools)"
    done
    synth -q --side 128 --train 8 --test 2 --quality 0 --lesions 0.5 xrays
    decode -q xrays/train --labels xrays/train-rle.csv | augment -q --side 64 --plain |
        train-fold -q --network bisenet-resnet18_w16 --iterations 1 --batch 2 --accumulate 1 model
    cp xrays/train/synth-1-000001.dcm empty.dcm
    dcmodify -q -nb -ea PixelData empty.dcm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    XRAYS=("$BATS_FILE_TMPDIR"/xrays/train/*.dcm)
    MODEL=$BATS_FILE_TMPDIR/model/last.mpk
    EMPTY=$BATS_FILE_TMPDIR/empty.dcm
    mkdir archive inbox
    read -r PORT PEER < <(/usr/bin/python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
}

teardown() {
    local process
    for process in $SERVE $ARCHIVE; do kill -KILL -- "-$process" || kill -KILL "$process"; done 2>/dev/null || true
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ $SECONDS -lt $end ] || {
            echo "in vain: ${*:2}"
            cat serve.log
            find spool archive -type f
            return 1
        }
        sleep 0.05
    done
}

answers() { # answers PORT
    echoscu -q localhost "$1" 2>/dev/null
}

start_archive() {
    setsid storescp -q -aet ARCHIVE -od archive +xa "$PEER" 3>&- &
    ARCHIVE=$!
    until_true 120 answers "$PEER"
}

stop_archive() {
    kill -KILL "$ARCHIVE"
    wait "$ARCHIVE" || true
}

# Every pixel is lesion with a threshold of 0, so that each image has one segmentation.
run_serve() { # run_serve NAME=VALUE...
    setsid env MODEL="$MODEL" SEG="--threshold 0" "$@" "$ROOT/pipelines/serve/serve.sh" >>serve.log 2>&1 3>&- &
    SERVE=$!
}

start_serve() { # start_serve [NAME=VALUE]...
    run_serve TO="ARCHIVE@localhost:$PEER" PORT="$PORT" "$@"
    until_true 120 answers "$PORT"
}

# part NAME: the process of a part of serve; storescp has a session of its own
part() {
    if [ "$1" = storescp ]; then set -- -f "storescp.*$PWD/spool"; else set -- -s "$SERVE" -f "$1"; fi
    pgrep "$@" | head -n 1
}

runs() { # runs NAME
    [ -n "$(part "$1")" ]
}

# signal_part SIGNAL NAME: until it can; a program that starts anew has no name for a moment
signal_part() {
    until_true 120 signal_once "$@"
}

signal_once() {
    kill "-$1" "$(part "$2")" 2>/dev/null
}

ended() {
    [ -z "$(part .)$(part storescp)" ]
}

send() { # send FILE...
    storescu -q -R localhost "$PORT" "$@"
}

has() { # has FOLDER COUNT
    [ "$(find "$1" -type f ! -name '.*' | wc -l)" = "$2" ]
}

uids() { # uids ELEMENT FILE...: wherever the element is
    dcmdump -q +P "$1" -s "${@:2}" | sed -n 's/.*\[\(.*\)\].*/\1/p' | sort
}

# all_answered FILE...: the archive has one segmentation of each, and nothing is left to do.
all_answered() {
    until_true 120 has archive $#
    until_true 120 has spool/answered 0
    uids 0008,0018 "$@" >wanted
    uids 0008,1155 archive/* | uniq >got
    diff wanted got
    for folder in incoming work results answered; do has spool/$folder 0; done
}

@test "serve: X-rays by DICOM and by folder are answered, and a bad file costs itself" {
    start_archive
    start_serve WATCH=inbox KEEP=no
    send "${XRAYS[@]:0:2}" &
    send "${XRAYS[2]}" "$EMPTY" "${XRAYS[3]}"
    wait $!
    cp "${XRAYS[4]}" $'inbox/with blank,\n"comma".dcm'
    ln -s "${XRAYS[6]}" inbox/link.dcm
    head -c 3000 "${XRAYS[1]}" >inbox/cut.dcm
    cp "${XRAYS[5]}" inbox/.hidden && mv inbox/.hidden inbox/x.dcm
    all_answered "${XRAYS[@]:0:6}"
    until_true 120 has spool/failed 2
    grep -q 'decode: .*cut.dcm: left out: ' serve.log
    [ "$(grep -c 'answered after' serve.log)" = 6 ]
    [ "$(ls inbox)" = link.dcm ] # whose file belongs to somebody else
    [ "$(stat -c %a spool)" = 700 ]
    # What was made here is not answered.
    decode -q "${XRAYS[0]}" | predict-fold -q -m "$MODEL" | seg -q --capture --source "${XRAYS[0]}" made
    send made/*.capture.dcm
    until_true 120 has spool/failed 3
    grep -q 'is itself an object made by seg' serve.log
    # The same image again is answered again, by the object that is there.
    send "${XRAYS[0]}"
    until_true 120 eval '[ "$(grep -c "answered after" serve.log)" = 7 ]'
    all_answered "${XRAYS[@]:0:6}"
    kill -TERM "$SERVE"
    wait "$SERVE"
    until_true 120 ended
}

@test "serve: any part is killed, and every image is answered once" {
    local count=0
    start_archive
    for part in arrive.sh 'decode --follow' predict-fold 'seg -q' settle.sh send.sh storescp serve.sh; do
        start_serve
        until_true 120 runs predict-fold && until_true 120 runs "$part"
        until_true 120 has spool/work 0
        signal_part STOP predict-fold # so that there is work
        send "${XRAYS[count]}"
        signal_part KILL "$part"
        kill -CONT "$(part predict-fold)" 2>/dev/null || true
        wait "$SERVE" && return 1
        until_true 120 ended
        count=$((count + 1))
    done
    start_serve
    all_answered "${XRAYS[@]}"
    grep -q 'predict-fold has ended' serve.log
}

@test "serve: a file that ends the programs twice is put aside, and the service goes on" {
    mkdir bin
    cat >bin/decode <<END
#!/bin/bash
set -o pipefail
while read -r name; do
    [[ \$name != *.bad.dcm ]] || exit 1
    echo "\$name"
done | "$(command -v decode)" "\$@"
END
    chmod +x bin/decode
    run_serve PATH="$PWD/bin:$PATH" TO=archive WATCH=inbox KEEP=no
    until_true 120 grep -q '^serve: .*inbox to archive' serve.log
    cp "${XRAYS[0]}" inbox/bad.dcm
    until_true 120 ended
    no grep -q 'put aside' serve.log
    no grep -q 'tried alone' serve.log
    has spool/work 1
    cp "${XRAYS[1]}" inbox/one.dcm # waits
    run_serve PATH="$PWD/bin:$PATH" TO=archive WATCH=inbox KEEP=no
    until_true 120 grep -q '^serve: bad.dcm: ends the programs; it is put aside, as .*/failed/[0-9]*.bad.dcm$' serve.log
    until_true 120 ended
    [[ $(ls spool/failed) == *.bad.dcm ]]
    run_serve PATH="$PWD/bin:$PATH" TO=archive WATCH=inbox KEEP=no
    all_answered "${XRAYS[1]}"
    until_true 120 [ ! -e spool/.crashed ]
    [ ! -e spool/.alone ]
}

@test "serve: an image that programs have not ended at is not put aside, whatever else ends them" {
    mkdir bin
    cat >bin/predict-fold <<END
#!/bin/bash
[ ! -e "$PWD/hold" ] || { rm "$PWD/hold" && kill -STOP \$\$; }
[ ! -e "$PWD/broken" ] || exit 1
exec "$(command -v predict-fold)" "\$@"
END
    chmod +x bin/predict-fold
    local settings=(PATH="$PWD/bin:$PATH" TO=archive WATCH=inbox KEEP=no)
    stopped_at() { # the programs end while the one image is at work: predict-fold, held before it reads
        touch hold
        run_serve "${settings[@]}"
        until_true 120 [ ! -e hold ]
        [ ! -e "$1" ] || cp "$1" inbox/one.dcm
        until_true 120 has spool/work 1
        [ -e "$1" ] || until_true 120 [ -s spool/.alone ]
        signal_part KILL predict-fold
        wait "$SERVE" && return 1
        until_true 120 ended
    }
    stopped_at "${XRAYS[0]}"
    [ -e spool/.crashed ]
    stopped_at again
    grep -q '^serve: one.dcm: the programs have ended twice while it was at work; it is tried alone$' serve.log
    grep -q '^serve: one.dcm: does not end them: it stays in .*/spool/work$' serve.log
    has spool/work 1 && has spool/failed 0 && [ ! -e spool/.trial ]
    # What fails without any image is not the image's doing: here weights that are damaged behind the start
    touch broken
    run_serve "${settings[@]}"
    until_true 120 grep -q '^serve: one.dcm: they fail without it, too: it stays in' serve.log
    until_true 120 ended
    has spool/work 1 && has spool/failed 0
    rm broken
    run_serve "${settings[@]}"
    all_answered "${XRAYS[0]}"
    until_true 120 [ ! -e spool/.crashed ]
    [ ! -e spool/.acquitted ]
}

@test "serve: a peer that is away gets the results when it is back; TLS is the programs' own" {
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout 'a key.pem' -out cert.pem 2>/dev/null
    run_serve TO="ARCHIVE@localhost:$PEER" PORT="$PORT" AET=LISTENER KEEP=yes STORESCP="+tls 'a key.pem' cert.pem +cf cert.pem"
    until_true 120 storescu -q -aec LISTENER +tls 'a key.pem' cert.pem +cf cert.pem localhost "$PORT" "${XRAYS[0]}"
    until_true 120 has spool/results 1
    no send "${XRAYS[1]}"
    until_true 120 grep -q 'results of 1 images were not accepted; again in 2 s' serve.log
    start_archive
    all_answered "${XRAYS[0]}"
    has spool/done 1
}

@test "serve: several networks, from folder to folder; settings that make no sense" {
    run_serve MODEL="$MODEL '$MODEL'" TO=archive WATCH=inbox SEG="--threshold 1 --capture"
    until_true 120 grep -q '^serve: .*inbox to archive' serve.log
    cp "${XRAYS[0]}" inbox/one.dcm
    all_answered "${XRAYS[0]}"
    [[ $(ls archive) == *.one.capture.dcm ]] # nothing is above 1
    until_true 120 has spool/done 1
    kill -TERM "$SERVE"
    wait "$SERVE"
    # Several in one file
    until_true 120 ended
    weights -q "$MODEL" -o one.mpk
    cat one.mpk one.mpk >both.mpk
    run_serve MODEL=both.mpk TO=archive WATCH=inbox SEG="--threshold 0 --report"
    cp "${XRAYS[1]}" inbox/two.dcm
    until_true 120 has archive 3
    until_true 120 has spool/done 2
    dcmdump archive/*.two.seg.dcm | grep -q "LO \[xxh3 $(xxh3 <both.mpk)\] .*AlgorithmVersion"
    for setting in PORT=0 PORT=x PORT=70000 PORT= WATCH=absent MODEL= MODEL=absent TO= TO=absent TO=A@b:c AET=a+b KEEP=maybe; do
        status=0
        timeout 100 env SPOOL=other PORT=1 MODEL="$MODEL" TO=archive "$setting" "$ROOT/pipelines/serve/serve.sh" 2>says >/dev/null || status=$?
        [ "$status" = 2 ] || { echo "$setting: status $status"; return 1; }
        grep -q "^serve: ${setting%%=*}" says || { echo "$setting: $(cat says)"; return 1; }
    done
    [ ! -e other ]
}
