#!/usr/bin/env bats
# train-fold --ranks: one fold by several processes, to the bytes of one; on this machine, over TCP, stopped and resumed.

SIDE=32 # of the samples: what ranks make does not depend on it
load training

# options of each run: an update every 4 batches, the last one of 2 is open at the end; evaluated in between
usual=(-q --network bisenet-resnet18_w16 --iterations 10 --batch 2 --accumulate 4 --rate 1e-3
    --val val.mpk --eval-every 3 --save-every 1 --log-every 1)

ranks() { # ranks N DIR [OPTION]...: with a thread each
    train-fold "${usual[@]}" --ranks "$1" --threads "$1" "${@:3}" "$2" train.mpk
}

one_rank() { # made once; what the others must give
    [ -d one ] || train-fold "${usual[@]}" --threads 1 one train.mpk
}

numbers() { # numbers DIR: of the log, without what is the machine's
    jq -c 'del(.images_per_second, .memory_mib, .time)' "$1/log.jsonl"
}

same() { # same DIR
    one_rank
    cmp one/last.mpk "$1/last.mpk"
    cmp one/best.mpk "$1/best.mpk"
    cmp <(numbers one) <(numbers "$1")
    [ "$(ls "$1")" = "$(ls one)" ]
}

# begin N DIR BATCHES: a run with N ranks in the background, $pid and $others, which waits for more than so many batches
begin() {
    first=$(($(stat -c %s train.mpk) * (2 * $3 + 1) / 61)) # of 60 samples
    rm -f "$HERE/samples"
    mkfifo "$HERE/samples"
    train-fold "${usual[@]}" --ranks "$1" --threads "$1" --resume "$2" "$HERE/samples" 2>"$HERE/says" 3>&- &
    pid=$!
    exec 7>"$HERE/samples"
    head -c "$first" train.mpk >&7
    others=()
    until [ -e "$2/last.mpk" ] && [ ${#others[@]} = $(($1 - 1)) ]; do
        kill -0 $pid
        sleep 0.1
        mapfile -t others < <(pgrep -P $pid)
    done
}

# finish: the rest of the samples; $status of the run, and what it says in $HERE/says
finish() {
    tail -c +$((first + 1)) train.mpk >&7 2>/dev/null || true
    exec 7>&-
    status=0
    wait $pid || status=$?
}

teardown() {
    for host in alpha beta; do ip netns del pleura-ranks-$host-$$ 2>/dev/null || true; done
}

@test "2, 3 and 4 ranks: the bytes of one, whatever a step leaves open" {
    some=(2 3 4)
    ! sanitized || some=(3) # of which one makes two batches, the others one
    for n in "${some[@]}"; do
        ranks $n "$HERE/$n"
        same "$HERE/$n"
    done
}

@test "samples and validation come by pipes, and accumulated norms are clipped and averaged alike" {
    more=(--clip 0.05 --ema 0.9 --freeze 4 --optimizer adamw --eval-every 10)
    train-fold "${usual[@]}" --threads 1 "${more[@]}" "$HERE/one" train.mpk
    train-fold "${usual[@]}" --ranks 2 --threads 2 "${more[@]}" --val <(cat val.mpk) "$HERE/two" <(cat train.mpk)
    cmp "$HERE/one/last.mpk" "$HERE/two/last.mpk"
    cmp "$HERE/one/best.mpk" "$HERE/two/best.mpk"
    cmp <(numbers "$HERE/one") <(numbers "$HERE/two")
}

@test "killed with -9, any of them, and stopped by signals: it goes on with other ranks to the same bytes" {
    begin 3 "$HERE/run" 9
    kill -9 "${others[1]}"
    finish
    [ "$status" = 1 ]
    grep -x 'train-fold: rank 2 was killed by signal 9; the last checkpoint is kept, and the same command with --resume goes on from it' "$HERE/says"
    inspect --check "$HERE/run/last.mpk"
    # Without rank 0 the others end as well.
    begin 4 "$HERE/run" 9
    kill -9 $pid
    finish
    [ "$status" = 137 ]
    gone() { [[ ! $(ps -o stat= "$1") =~ ^[^Z] ]]; }
    for process in "${others[@]}"; do eventually gone "$process"; done
    train-fold "${usual[@]}" --threads 1 --resume "$HERE/run" train.mpk
    same "$HERE/run"
    # Whichever is asked, all stop: the second one tells it with what it makes next.
    begin 2 "$HERE/asked" 5
    kill -TERM "${others[0]}"
    finish
    [ "$status" = 0 ]
    [ "$(inspect --json "$HERE/asked/last.mpk" | jq 'select(.id == "state") | .iteration')" -le 6 ]
    begin 4 "$HERE/asked" 9
    kill -INT $pid
    finish
    [ "$status" = 0 ]
    ranks 3 "$HERE/asked" --resume
    same "$HERE/asked"
}

@test "what cannot be meant is refused before any work" {
    fails 2 "--ranks 5: more than the 4 batches" ranks 5 "$HERE/none"
    fails 2 "--rank is of ranks that something else starts" ranks 2 "$HERE/none" --rank 1
    fails 2 "neither mpirun nor srun" ranks 2 "$HERE/none" --meet localhost:1
    fails 2 "HOST:PORT is wanted" ranks 2 "$HERE/none" --meet localhost --rank 0
    fails 2 "the last of 2 is 1" ranks 2 "$HERE/none" --meet localhost:1 --rank 2
    fails 1 "--meet 192.0.2.1:1: " ranks 2 "$HERE/none" --meet 192.0.2.1:1 --rank 0 # no address of this machine
    fails 2 "--ranks 2: mpirun has started 3" env OMPI_COMM_WORLD_SIZE=3 OMPI_COMM_WORLD_RANK=1 \
        train-fold --ranks 2 --meet localhost:1 "$HERE/none" train.mpk
    fails 2 "mpirun has started 3 of these" env OMPI_COMM_WORLD_SIZE=3 train-fold "$HERE/none" train.mpk
    [ ! -e "$HERE/none" ]
    # What only shows in the work is said once.
    fails 1 "there is no device 'abacus'" ranks 3 "$HERE/none" --device abacus
    [ "$(wc -l <<<"$stderr")" = 1 ]
}

port() { # one that nobody listens to
    /usr/bin/python3 -c 'import socket
one = socket.socket()
one.bind(("127.0.0.1", 0))
print(one.getsockname()[1])'
}

@test "ranks that something else starts meet over TCP, whoever comes first; what greets otherwise is let go" {
    at=127.0.0.1:$(port)
    for rank in 2 1; do
        train-fold "${usual[@]}" --threads 1 --ranks 3 --rank $rank --meet "$at" "$HERE/absent" absent.mpk 3>&- &
        others[rank]=$!
    done
    OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=3 timeout 300 train-fold "${usual[@]}" --threads 1 --meet "$at" "$HERE/met" train.mpk
    wait "${others[1]}" "${others[2]}"
    same "$HERE/met"
    [ ! -e "$HERE/absent" ]
    # Another network is another run. Rank 1 has been taken for none as long as what came first was no rank.
    train-fold "${usual[@]}" --ranks 2 --rank 0 --meet "$at" "$HERE/other" train.mpk 2>"$HERE/says" 3>&- &
    others[0]=$!
    until { head -c 100 /dev/zero >"/dev/tcp/${at/://}"; } 2>/dev/null; do sleep 0.1; done
    fails 1 "rank 1: rank 0 has ended before the work was done" \
        train-fold "${usual[@]}" --norm gn --ranks 2 --rank 1 --meet "$at" "$HERE/absent" absent.mpk
    status=0
    wait "${others[0]}" || status=$?
    [ "$status" = 1 ]
    grep -q "rank 1 has other options or another kind of processor" "$HERE/says"
    # Kernels go by the processor, and bytes by the kernels.
    PLEURA_CPU=base train-fold "${usual[@]}" --ranks 2 --rank 1 --meet "$at" "$HERE/absent" absent.mpk 2>/dev/null 3>&- &
    fails 1 "rank 1 has other options or another kind of processor" \
        train-fold "${usual[@]}" --ranks 2 --rank 0 --meet "$at" "$HERE/other" train.mpk
    no wait $!
    [ ! -e "$HERE/other" ]
}

on() { # on HOST COMMAND...: on a host, in a network of its own
    ip netns exec "pleura-ranks-$1-$$" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$@"
}

two_hosts() { # alpha at 10.214.0.0, beta at 10.214.0.1, and a link
    [ "$(id -u)" = 0 ] && ip netns add pleura-ranks-alpha-$$ 2>/dev/null || skip "no network namespaces here"
    ip netns add pleura-ranks-beta-$$
    ip -n pleura-ranks-alpha-$$ link add eth0 type veth peer name eth0 netns pleura-ranks-beta-$$
    for host in alpha beta; do
        ip -n pleura-ranks-$host-$$ link set lo up
        ip -n pleura-ranks-$host-$$ link set eth0 up
    done
    ip -n pleura-ranks-alpha-$$ address add 10.214.0.0/31 dev eth0
    ip -n pleura-ranks-beta-$$ address add 10.214.0.1/31 dev eth0
}

@test "on two hosts, by hand and by mpirun, which hands stdin on" {
    not_sanitized "the same over loopback is"
    two_hosts
    run=("$(command -v train-fold)" "${usual[@]}" --threads 1 --meet 10.214.0.0:4711)
    on beta "${run[@]}" --ranks 2 --rank 1 "$HERE/absent" 3>&- </dev/null &
    status=0
    on alpha timeout 300 "${run[@]}" --ranks 2 --rank 0 "$HERE/hand" train.mpk || status=$?
    wait $! || status=$?
    [ "$status" = 0 ]
    same "$HERE/hand"
    [ ! -e "$HERE/absent" ]
    command -v mpirun >/dev/null || skip "by hand only: mpirun absent (Debian: openmpi-bin)"
    # What takes the place of ssh
    printf '#!/bin/bash\nshift\nexec ip netns exec pleura-ranks-beta-%d unshare --uts sh -c "hostname beta; $*"\n' $$ >"$HERE/rsh"
    chmod +x "$HERE/rsh"
    on alpha timeout 300 mpirun --allow-run-as-root --mca plm_rsh_agent "$HERE/rsh" --mca btl self,tcp --host alpha:1,beta:1 \
        --bind-to none -x OMP_WAIT_POLICY "${run[@]}" "$HERE/mpi" <train.mpk 3>&-
    same "$HERE/mpi"
}

@test "a machine that is gone without a word is noticed on both sides, in a tenth of the time" {
    not_sanitized "soon.so cannot be loaded before AddressSanitizer"
    two_hosts
    mkfifo "$HERE/samples"
    run=(env LD_PRELOAD="$(dirname "$(command -v make-index)")/soon.so" timeout 300 train-fold "${usual[@]}" --threads 1 --ranks 2 --meet 10.214.0.0:4711)
    on beta "${run[@]}" --rank 1 "$HERE/absent" 2>"$HERE/beta" 3>&- </dev/null &
    others=$!
    on alpha "${run[@]}" --rank 0 "$HERE/run" "$HERE/samples" 2>"$HERE/alpha" 3>&- &
    pid=$!
    exec 7>"$HERE/samples"
    head -c $(($(stat -c %s train.mpk) * 19 / 61)) train.mpk >&7 # 9 batches of 60 samples
    until [ -e "$HERE/run/last.mpk" ]; do sleep 0.1; done
    ip -n pleura-ranks-beta-$$ link set eth0 down
    began=$SECONDS
    # Rank 1 waits for a batch, rank 0 for an answer to what it sends now.
    tail -c +$(($(stat -c %s train.mpk) * 19 / 61 + 1)) train.mpk >&7
    exec 7>&-
    for process in $pid $others; do
        status=0
        wait $process || status=$?
        [ "$status" = 1 ] || { cat "$HERE/alpha" "$HERE/beta"; false; }
    done
    [ $((SECONDS - began)) -lt 80 ]
    # What the system calls it depends on what was on the way.
    cat "$HERE/alpha" "$HERE/beta"
    grep -Ex 'train-fold: rank 1 has failed: [A-Z][a-z ]+; the last checkpoint is kept, and the same command with --resume goes on from it' "$HERE/alpha"
    grep -Ex 'train-fold: rank 1: rank 0 has ended before the work was done(: [A-Z][a-z ]+)?' "$HERE/beta"
    inspect --check "$HERE/run/last.mpk"
}

# on_gpus: the stand-ins for three GPUs and for NCCL, and samples of 32 x 32. gpus N DIR [OPTION]...: a run there
on_gpus() {
    not_sanitized "kernels are in cuda.bats, and what moves bytes is above"
    export FAKE_CUDA_DEVICES=3 PLEURA_NCCL=${PLEURA_CUDA%/*}/fake-nccl.so
    [ -e small.mpk ] || augment -q shards --side 32 --samples 10 >small.mpk
    few=(--network smp-unet-resnet18_w16 --iterations 5 --batch 2 --accumulate 3 --rate 1e-3 --save-every 1 --log-every 1)
    [ -d gpu ] || train-fold "${few[@]}" --device cuda gpu small.mpk
}

gpus() {
    train-fold "${few[@]}" --device cuda --ranks "$@" small.mpk
}

says="train-fold: numbers go from device to device"

same_on_gpus() { # same_on_gpus DIR
    cmp gpu/last.mpk "$1/last.mpk"
    cmp <(numbers gpu) <(numbers "$1")
}

@test "on the stand-ins for CUDA and NCCL: the bytes of one rank there, by NCCL and without" {
    on_gpus
    for n in 2 3; do
        gpus $n "$HERE/$n" 2>"$HERE/says"
        [ "$(cat "$HERE/says")" = "$says, by NCCL 2.28.3" ]
        same_on_gpus "$HERE/$n"
    done
    train-fold "${few[@]}" --device cuda:0 --ranks 2 "$HERE/shared" small.mpk 2>"$HERE/says"
    [ "$(cat "$HERE/says")" = "$says by way of the host's memory: ranks 0 and 1 have the same device" ]
    same_on_gpus "$HERE/shared"
    # Where one rank has no NCCL, or it does not begin there, none of them uses it.
    few+=(--iterations 2)
    PLEURA_NCCL='' gpus 2 "$HERE/forbidden" 2>"$HERE/says"
    [ "$(cat "$HERE/says")" = "$says by way of the host's memory: PLEURA_NCCL forbids NCCL" ]
    FAKE_NCCL_REFUSES=1 gpus 3 "$HERE/refused" 2>"$HERE/says"
    [ "$(cat "$HERE/says")" = "$says by way of the host's memory: rank 1: NCCL: unhandled system error" ]
    cmp "$HERE/forbidden/last.mpk" "$HERE/refused/last.mpk"
    PLEURA_NCCL=$HERE/none.so gpus 2 "$HERE/absent" --iterations 1 2>"$HERE/says"
    grep -qF "$says by way of the host's memory: NCCL: $HERE/none.so: " "$HERE/says"
    PLEURA_NCCL=$PLEURA_CUDA gpus 2 "$HERE/other" -q --iterations 1 2>"$HERE/says"
    [ ! -s "$HERE/says" ]
    # Without a number each rank takes a GPU of its own.
    FAKE_CUDA_DEVICES=1 fails 1 "there is no GPU number 1" gpus 2 "$HERE/none"
}

@test "a rank that is killed in the middle of what NCCL does ends the others, and other ranks go on to the same bytes" {
    on_gpus
    lines() { [ "$(wc -l <<<"$stderr")" = 1 ]; }
    kept='the last checkpoint is kept, and the same command with --resume goes on from it'
    # In its second gradients: rank 0 waits for the rest of them. The same where NCCL notices it before the socket does.
    FAKE_NCCL_DIES=1:4 fails 1 "rank 1 was killed by signal 9; $kept" timeout 300 \
        train-fold "${few[@]}" -q --device cuda --ranks 3 "$HERE/run" small.mpk
    lines
    FAKE_NCCL_NOTICES=1 FAKE_NCCL_DIES=2:2 fails 1 "rank 2 was killed by signal 9; $kept" timeout 300 \
        train-fold "${few[@]}" -q --device cuda --ranks 3 "$HERE/noticed" small.mpk
    lines
    [ "$(inspect --json "$HERE/run/last.mpk" | jq 'select(.id == "state") | .iteration')" = 4 ]
    gpus 2 "$HERE/run" --resume
    same_on_gpus "$HERE/run"
    # Rank 0, in the middle of its parameters; what it has not started itself ends as well.
    at=127.0.0.1:$(port)
    train-fold "${few[@]}" --device cuda:1 --ranks 2 --rank 1 --meet "$at" "$HERE/absent" absent.mpk 2>"$HERE/says" 3>&- &
    status=0
    FAKE_NCCL_DIES=0:1 timeout 300 train-fold "${few[@]}" -q --device cuda:0 --ranks 2 --rank 0 --meet "$at" "$HERE/met" small.mpk ||
        status=$?
    [ "$status" = 137 ]
    status=0
    wait $! || status=$?
    [ "$status" = 1 ]
    grep -qx "train-fold: rank 1: rank 0 has ended before the work was done" "$HERE/says"
}

@test "a stage's fold with ranks is the fold without: the same key, the same model, resumed by either" {
    not_sanitized "what is new here is the stage's script"
    train="--network bisenet-resnet18_w16 --iterations 4 --batch 2 --accumulate 2 --rate 0.001 --eval-every 4"
    fold() { # fold OUT TRAIN
        WORK=$HERE THREADS=2 "$ROOT/pipelines/method/train-fold.sh" 0/2 shards "$HERE/$1" 0 "--side 64 --samples 8" "--side 64" "$2"
    }
    mkdir "$HERE/digests"
    fold one "$train"
    fold two "$train --ranks 2"
    cmp "$HERE/one.mpk" "$HERE/two.mpk"
    cmp <(head -n 2 "$HERE/one.mpk.key") <(head -n 2 "$HERE/two.mpk.key")
    before=$(stat -c %i "$HERE/one.mpk")
    fold one "$train --ranks 2"
    [ "$(stat -c %i "$HERE/one.mpk")" = "$before" ]
    # GPUs are counted before anything is begun.
    GPUS=3,5 PARALLEL_JOBSLOT=2 fails 1 "GPUS=3,5: fewer than 4" fold three "$train --ranks 2"
}
