#!/usr/bin/env bats
# Folds on other machines: two of them, each a network, a process tree and a home of its own with sshd, that see neither
# this clone nor the work folder.

load ../helpers
load same

NAMES=(alpha beta)

setup_file() {
    NET=$BATS_FILE_TMPDIR/net
    WORK=$BATS_FILE_TMPDIR/work
    WHOLE=$BATS_FILE_TMPDIR/whole
    export NET WORK WHOLE
    mkdir -p "$NET/bin" "$NET/empty"
    : >"$NET/nothing"
    why=$(cannot)
    if [ -n "$why" ]; then
        echo "$why" >"$NET/cannot"
        return
    fi
    ssh-keygen -q -t ed25519 -N '' -f "$NET/key"
    cat >"$NET/config" <<END
IdentityFile $NET/key
IdentitiesOnly yes
UserKnownHostsFile $NET/known
GlobalKnownHostsFile none
Host alpha
    HostName 10.213.1.2
Host beta
    HostName 10.213.2.2
Host nobody
    HostName 10.213.9.2
END
    # The real ssh and a note of every call; where there is a file `cut`, one fold's answer ends early
    cat >"$NET/bin/ssh" <<END
#!/bin/bash
echo "\$*" >>"$NET/calls"
if [[ "\$*" == *GNU_Parallel* ]] && rm "$NET/cut" 2>/dev/null; then
    "$(command -v ssh)" -F "$NET/config" "\$@" | head -c 700
    exit 255
fi
exec "$(command -v ssh)" -F "$NET/config" "\$@"
END
    chmod +x "$NET/bin/ssh"
    for name in "${NAMES[@]}"; do
        mkdir -p "$NET/$name/home"
        ssh-keygen -q -t ed25519 -N '' -f "$NET/$name/key"
        echo "10.213.$(number $name).2 $(cut -d ' ' -f 1,2 "$NET/$name/key.pub")" >>"$NET/known"
        cat >"$NET/$name/config" <<END
HostKey $NET/$name/key
KexAlgorithms curve25519-sha256
AuthorizedKeysFile $NET/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
END
    done
    # What a run on this machine makes, in $WORK, since the paths of X-rays count
    method -j1 THREADS=1 test-cls-bisenet >"$NET/log" 2>&1 || cat "$NET/log" >&2
    mv "$WORK" "$WHOLE"
    # The stages as make runs them on hosts
    data_only
    HOSTS=$BATS_FILE_TMPDIR/hosts.txt
    echo alpha >"$HOSTS"
    method -n HOSTS="$HOSTS" test-cls-bisenet | grep ^pipelines/hosts/hosts.sh >"$NET/stages"
}

data_only() { # $WORK, with data and no fold
    rm -rf "$WORK"
    mkdir "$WORK"
    find "$WHOLE" -mindepth 1 -maxdepth 1 ! -name 't*-cls-bisenet' -exec cp -a -t "$WORK" {} +
}

cannot() { # why there can be no hosts here; nothing where there can
    local program
    ! sanitized || { echo "sanitized: the programs are tested one by one"; return; }
    [ "$(id -u)" = 0 ] || { echo "needs root, for network namespaces"; return; }
    for program in ip sshd ssh rsync unshare; do
        command -v $program >/dev/null || { echo "$program absent"; return; }
    done
    if ! ip netns add "pleura-$$" 2>/dev/null; then
        echo "no network namespaces here"
        return
    fi
    ip netns del "pleura-$$"
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    [ ! -e "$NET/cannot" ] || skip "$(cat "$NET/cannot")"
    # Names and addresses of the networks are the machine's: another run of this file waits
    exec 8>"/tmp/pleura-hosts.lock"
    flock 8
    HERE=$BATS_TEST_TMPDIR
    HOSTS=$BATS_FILE_TMPDIR/hosts.txt
    data_only
    : >"$NET/calls"
    printf '%s\n' "${NAMES[@]}" >"$HOSTS"
    for name in "${NAMES[@]}"; do
        find "$NET/$name/home" -name 't*-cls-bisenet' -prune -exec rm -r {} +
        start $name
    done
}

teardown() {
    [ -n "${HERE-}" ] || return 0 # nothing was started
    for name in "${NAMES[@]}"; do stop $name; done
    ip route del unreachable 10.213.9.2 2>/dev/null || true
}

number() { # number NAME: a host's part of its address
    for i in "${!NAMES[@]}"; do [ "${NAMES[i]}" != "$1" ] || echo $((i + 1)); done
}

start() { # start NAME: a machine begins to answer
    local net=pleura-$1 number
    number=$(number "$1")
    stop "$1"
    ip netns add "$net"
    ip link add "pleura$number" type veth peer name eth0 netns "$net"
    ip address add "10.213.$number.1/30" dev "pleura$number"
    ip link set "pleura$number" up
    ip -n "$net" address add "10.213.$number.2/30" dev eth0
    ip -n "$net" link set eth0 up
    ip -n "$net" link set lo up
    ip netns exec "$net" unshare --mount --pid --fork --kill-child=KILL --mount-proc bash -c '
        mount --bind "$1/home" "$(getent passwd 0 | cut -d : -f 6)"
        mount --bind "$2" "$3"
        mount --bind "$2" "$4"
        mount -t tmpfs tmpfs /run
        mkdir /run/sshd
        exec "$(command -v sshd)" -D -e -f "$1/config"' host "$NET/$1" "$NET/empty" "$ROOT" "$WORK" \
        >"$NET/$1/log" 2>&1 3>&- 8>&- &
    echo $! >"$NET/$1/pid"
    disown
    eventually grep -q listening "$NET/$1/log" || {
        cat "$NET/$1/log"
        return 1
    }
}

reachable() { # reachable NAME: waits until its network, just up again, lets connections through
    eventually timeout 1 bash -c "</dev/tcp/10.213.$(number "$1").2/22" 2>/dev/null
}

stop() { # stop NAME: all its processes, then the network
    if [ -e "$NET/$1/pid" ]; then
        kill -9 "$(cat "$NET/$1/pid")" 2>/dev/null || true
        rm "$NET/$1/pid"
    fi
    ip netns del "pleura-$1" 2>/dev/null || true
    ip link del "pleura$(number "$1")" 2>/dev/null || true
}

method() { # method ARGUMENT...: make with few iterations
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES PATH="$NET/bin:$PATH" make -s --no-print-directory -C "$ROOT" CUDA=0 \
        WORK="$WORK" PROFILE=demo synth.train=16 synth.test=5 synth.side=256 synth.lesions=0.5 synth.format=png \
        train-cls-bisenet.{network=bisenet-resnet18_w16,folds=2,iterations=40,eval-every=40,batch=2,side=64,dilate=8} "$@"
}

stage() { # stage train|test: its folds, without make, on hosts that are not waited for long
    local line
    line=$(grep " $WORK/$1 " "$NET/stages")
    mkdir -p "$WORK/$1-cls-bisenet"
    (cd "$ROOT" && PATH="$NET/bin:$PATH" WORK=$WORK HOSTS_TIMEOUT=12 THREADS=1 LC_ALL=C.UTF-8 bash -c "$line")
}

# processes NAME PROGRAM: the host's, in this machine's numbers; by their files, since sshd changes how it is called.
processes() {
    local process
    for process in $(ip netns pids "pleura-$1"); do
        [[ $(readlink "/proc/$process/exe") != */"$2" ]] || echo "$process"
    done
}

there() { # there NAME PATTERN: what the host has of the stages
    find "$NET/$1/home/.cache/pleura" -path "*-cls-bisenet/$2" 2>/dev/null
}

half_way() { # half_way NAME: waits until a fold trains there, then holds the whole machine in that moment
    has_log() { [ -n "$(there "$1" 'fold-*.part/log.jsonl')" ]; }
    eventually has_log "$1"
    ip netns pids "pleura-$1" | xargs kill -STOP
}

lost_beta() { # it is given no more folds, whoever notices first: ssh, or who reads the answer
    grep -E '^hosts: beta: train-cls-bisenet, fold [01]: (the connection was lost|nothing came for 12 seconds; not taken); it gets no more folds' \
        "$HERE/stderr"
}

@test "folds on two hosts: the same bytes as here; a second make sends nothing" {
    method THREADS=1 HOSTS="$HOSTS" test-cls-bisenet
    same train-cls-bisenet test-cls-bisenet
    for name in "${NAMES[@]}"; do
        [ -n "$(there $name 'fold-*.jsonl')" ] && [ -n "$(there $name 'fold-*.zst')" ]
    done
    : >"$NET/calls"
    before=$(stat -c '%i %s' "$WORK"/t*-cls-bisenet/fold-*)
    method THREADS=1 HOSTS="$HOSTS" test-cls-bisenet
    # Nor where make sees something newer that changes nothing
    touch "$WORK/options/train-cls-bisenet"
    method THREADS=1 HOSTS="$HOSTS" test-cls-bisenet
    [ ! -s "$NET/calls" ]
    [ "$(stat -c '%i %s' "$WORK"/t*-cls-bisenet/fold-*)" = "$before" ]
    # A fold that is missing is sent, no other
    rm "$WORK"/train-cls-bisenet/fold-1.mpk
    stage train 2>"$HERE/stderr" || { cat "$HERE/stderr"; false; }
    grep -q 'train-cls-bisenet: 1 of 2 folds to do, on alpha beta' "$HERE/stderr"
    same train-cls-bisenet
}

@test "a host is cut off half-way: its folds go to the other; what it left at work is ended when it is back" {
    stage train 2>"$HERE/stderr" &
    run_pid=$!
    half_way beta
    ip -n pleura-beta link set eth0 down
    # All go on but the training, which would be done too early.
    ip netns pids pleura-beta | grep -vxF "$(processes beta train-fold)" | xargs kill -CONT
    start=$SECONDS
    wait $run_pid
    cat "$HERE/stderr"
    [ $((SECONDS - start)) -lt 100 ] # TCP's own time is a quarter of an hour
    lost_beta
    [ "$(tail -n +2 "$WORK/train-cls-bisenet/joblog" | awk '$7 == 0 { print $2 }' | sort -u)" = alpha ]
    ip -n pleura-beta link set eth0 up
    reachable beta
    [ -n "$(processes beta train-fold)" ]
    stage test
    same train-cls-bisenet test-cls-bisenet
    [ -z "$(processes beta train-fold)" ]
}

@test "a host is switched off half-way; what it had begun goes on there another time" {
    stage train 2>"$HERE/stderr" &
    run_pid=$!
    half_way beta
    stop beta
    wait $run_pid
    lost_beta
    rm -r "$WORK/train-cls-bisenet"
    start beta
    echo beta >"$HOSTS"
    stage train
    same train-cls-bisenet
}

@test "half an answer is never taken for done" {
    cp -a "$WHOLE/train-cls-bisenet" "$WORK"
    echo alpha >"$HOSTS"
    touch "$NET/cut"
    fails 1 "test-cls-bisenet: not all folds came back" stage test
    [[ $stderr == *"hosts: alpha: test-cls-bisenet, fold 0: the product ends at byte "* ]]
    no compgen -G "$WORK/test-cls-bisenet/fold-*"
    made=$(stat -c '%i %Y' "$(there alpha fold-0.mpk.zst.key)")
    # It is done there and needs only be fetched
    stage test
    same test-cls-bisenet
    [ "$(stat -c '%i %Y' "$(there alpha fold-0.mpk.zst.key)")" = "$made" ]
}

@test "hosts that do not answer or lack something are passed over, with the reason" {
    cp -a "$WHOLE/train-cls-bisenet" "$WORK"
    nsenter -t "$(processes beta sshd | head -n 1)" -m mount --bind "$NET/nothing" "$(command -v zstd)"
    ip route add unreachable 10.213.9.2
    printf '# the lab\n\n  2/alpha  # two at a time\nnobody\nroot@beta\n' >"$HERE/my hosts.txt"
    method THREADS=1 HOSTS="$HERE/my hosts.txt" HOSTS_DIR="my folds" test-cls-bisenet 2>"$HERE/stderr" || { cat "$HERE/stderr"; false; }
    cat "$HERE/stderr"
    same test-cls-bisenet
    [ -d "$NET/alpha/home/my folds" ]
    grep -q '^hosts: nobody: .*No route to host.*; passed over' "$HERE/stderr"
    grep -q '^hosts: root@beta: zstd is missing there; passed over' "$HERE/stderr"
    rm -r "$WORK"/test-cls-bisenet
    printf 'nowhere.invalid\nbeta\n' >"$HOSTS"
    fails 2 "hosts: $HOSTS: none of these hosts can be used" method HOSTS="$HOSTS" test-cls-bisenet
    [[ $stderr == *"hosts: nowhere.invalid: "*"; passed over"* ]]
    [ ! -e "$WORK/test-cls-bisenet/joblog" ]
}

@test "what is wrong with the file, or missing here, is said before any work" {
    rm -r "$WORK"
    wrong() { # wrong WORDS LINE...
        printf '%s\n' "${@:2}" >"$HOSTS"
        fails 2 "hosts: $HOSTS: $1" method HOSTS="$HOSTS" train-cls-bisenet
    }
    wrong "names no host" "" "# alpha"
    wrong "'alpha:22' is not [FOLDS/][USER@]NAME" alpha:22
    wrong "'ssh -p 22 alpha' is not" "ssh -p 22 alpha"
    wrong "'-oProxyCommand=date' is not" -oProxyCommand=date
    wrong "':' is not" :
    wrong "alpha is named twice" alpha 2/alpha
    fails 2 "hosts: $HERE/none: cannot be read" method HOSTS="$HERE/none" train-cls-bisenet
    fails 2 "hosts: $HERE: cannot be read" method HOSTS="$HERE" train-cls-bisenet
    echo alpha >"$HOSTS"
    fails 2 "hosts: HOSTS_TIMEOUT=\\\$\\(date\\): seconds" method HOSTS="$HOSTS" HOSTS_TIMEOUT='$(date)' train-cls-bisenet
    fails 1 "rsync is missing here" unshare --mount bash -c 'mount --bind "$1" "$(command -v rsync)"
        cd "$2"; exec pipelines/hosts/hosts.sh "$3"' - "$NET/nothing" "$ROOT" "$HOSTS"
    fails 2 "my\\ work: a path of letters" method HOSTS="$HOSTS" WORK="$HERE/my work" train-cls-bisenet
    [ ! -e "$WORK/xrays" ]
    [ ! -s "$NET/calls" ]
}

@test "make -n shows the folds' line with hosts.sh in front" {
    rm -r "$WORK/test-cls-bisenet" 2>/dev/null || true
    method -n HOSTS="$HOSTS" test-cls-bisenet >"$HERE/table"
    grep -q "^pipelines/hosts/hosts.sh '$HOSTS' $WORK/train .*-- parallel .* pipelines/hosts/host-fold.sh pipelines/method/train-fold.sh {1}/2" \
        "$HERE/table"
    # Weights to begin with are sent; a stage that config.json adds goes there as others do
    jq '."train-x" = ."train-cls-bisenet" | ."test-x" = ."test-cls-bisenet" | ."merge-cls".stages += ["test-x"]' \
        "$ROOT/config.json" >"$HERE/config.json"
    method -n CONFIG="$HERE/config.json" HOSTS="$HOSTS" init="$NET/nothing" train-cls-bisenet train-x >"$HERE/table"
    grep -q "^pipelines/hosts/hosts.sh .* -- parallel .*/train-x/joblog .* pipelines/hosts/host-fold.sh pipelines/method/train-fold.sh {1}/5 " "$HERE/table"
    grep -q "^pipelines/hosts/hosts.sh '$HOSTS' $WORK/train '$NET/nothing' -- parallel .* {2} ::: 0 1 ::: '$NET/nothing'" "$HERE/table"
    [ ! -s "$NET/calls" ]
}
