#!/usr/bin/env bash
# hostile_ssh.sh [OPTION]... NAME COMMAND...: stands in for ssh in hosts_hostile.bats. The host `good` is the folder $NET/good,
# where COMMAND is run; any other NAME answers a fold as the function of its name says. $NET/right is
# the fold's file, $NET/log its log (of a model), $NET/key-1 what it is made from.
set -u
while [[ $1 == -* ]]; do
    [[ $1 != -[ol] ]] || shift
    shift
done
host=$1
shift
if [ "$host" = good ]; then
    cd "$NET/good" || exit 255
    SHELL=/bin/bash exec bash -c "$*" # sshd sets SHELL, and GNU parallel's part there needs it
elif [[ $* != *GNU_Parallel* ]]; then
    case "$host $*" in # these are not ready
    chatty*) exec yes $'\e[31mno\a' ;;
    mute* | deaf*--server*) exec sleep 60 ;;
    liar*) echo 'train-fold (Pleura) 0.0.1' ;;
    *) cat "$NET/same" ;;
    esac
    exit
fi
key=$(cat "$NET/key-1" 2>/dev/null)

begin() {
    echo "fold $(train-fold --version) ${1-$key}"
    [ ! -e "$NET/log" ] || part "$NET/log" log
}

part() { # part FILE [NAME]
    echo "${2-product} $(stat -L -c %s "$1") $(sha256sum <"$1" | cut -c 1-64)"
    cat "$1"
}

whole() { # whole [FILE]: an answer
    begin
    part "${1-$NET/right}"
    echo end
}

half() { # half of one
    whole | head -c -100
}

garbage() { head -c 100000 /dev/urandom; }
nothing() { :; }
fails() { printf 'no memory \e]0;owned\a\n' >&2; exit 3; }
terminal() { printf '\e[2J\e]0;owned\a\xe2\x80\xae\n'; }
older() { # as earlier versions answered, with links that lead elsewhere
    local folder
    folder=$(mktemp -d "$NET/older.XXXXXX")
    ln -s "$NET/victim" "$folder/fold-1.mpk.zst"
    ln -s "$NET/victim" "$folder/fold-1.mpk.zst.key.part"
    ln -s "$NET" "$folder/up"
    mkfifo "$folder/fold-1.mpk.zst.key"
    tar -c -C "$folder" . 2>/dev/null
    rm -r "$folder"
}
ends() { half; }
cut_off() { half; exit 255; }
cut_behind() { whole; exit 255; }
silent() { exec sleep 60; }
stalls() { half; exec sleep 60; }
stays() { whole; exec sleep 60; }
signs() { exec yes ''; }
noughts() { exec cat /dev/zero; }
long_line() { exec tr '\0' x </dev/zero; }
loud() { yes 'a word' | head -n 100000 >&2; exit 3; }
endless() { begin; echo "product 900000000000000 $key"; exec cat /dev/zero; }
negative() { begin; echo "product -1 $key"; }
named() { begin; part "$NET/right" ../../../victim; echo end; }
surplus() { begin; part "$NET/right"; part "$NET/right" ../../../victim; echo end; }
trailing() { whole; echo more; }
version() { whole | sed '1s/(Pleura) [^ ]*/(Pleura) 0.0.1/'; }
other_fold() { begin "$(cat "$NET/key-0")"; part "$NET/right"; echo end; }
changed() { whole | sed -E 's/^(product [0-9]+ )[0-9a-f]{8}/\100000000/'; }
no_stream() { whole "$NET/random"; }
torn() { whole "$NET/torn"; }
samples() { whole "$NET/samples"; }
samples_raw() { whole "$WORK"/train/shard-*.mpk; }
other_images() { whole "$NET/other-images"; }
few() { whole "$NET/few.zst"; }
many() { whole "$NET/many.zst"; }
swapped() { whole "$NET/swapped.zst"; }
large() { whole "$NET/large.zst"; }
bomb() { whole "$NET/bomb"; }
model_of_fold_0() { whole "$MADE/fold-0.mpk"; }
other_stage() { whole "$MADE/x/fold-1.mpk"; }
log_of_texts() { # with its digest
    local log
    log=$(sed 's/"best":/"be\\u001b":"x","best":/' "$NET/log")
    echo "fold $(train-fold --version) $key"
    echo "log $((${#log} + 1)) $(sha256sum <<<"$log" | cut -c 1-64)"
    echo "$log"
    part "$NET/right"
    echo end
}

"$host"
