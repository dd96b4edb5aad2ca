# shellcheck shell=bash
# settled.bash: what the stages' scripts share: whether a product is there already, and is what was made. A fold's product
# OUT has OUT.key beside it: a digest of all it was made from and how, then the product's own. Times do not count, so that
# equal inputs made anew repeat nothing. WORK/digests/ has, for each product, its digest and what `stat` said then.

digest() { # digest WORD...: of the words
    printf '%s\n' "$@" | sha256sum | cut -d ' ' -f 1
}

digest_file() { # digest_file FILE
    sha256sum <"$1" | cut -d ' ' -f 1
}

key_of() { # key_of OUT LINE: of its key file: 1 what it was made from, 2 what it is
    sed -n "$2p" "$1.key" 2>/dev/null || true
}

settled() { # settled OUT KEY: OUT was made from this very key and is as it was; touches it then, for make's sake
    local made
    [ -f "$1" ] && [ "$(key_of "$1" 1)" = "$2" ] || return 1
    made=$(key_of "$1" 2) # keys of earlier versions have no second line
    [ -z "$made" ] || [ "$made" = "$(digest_file "$1")" ] || return 1
    touch "$1"
}

discard() { # discard FOLDER: a fold's that was begun; the key goes first, so that nothing goes on from what is left
    rm -f "$1/key"
    rm -rf "$1"
}

# leave_if_settled OUT KEY: ends the script where OUT is settled. Where ASK is set it ends in any case, 1 if there is work to
# do, and KEY and OUT are printed.
leave_if_settled() {
    [ -z "${ASK-}" ] || printf '%s\n' "$2" "$1"
    if settled "$1" "$2"; then
        [ -n "${ASK-}" ] || discard "${1%.mpk*}.part"
        exit 0
    fi
    [ -z "${ASK-}" ] || exit 1
}

settle() { # settle OUT KEY FILE: FILE, whole, becomes OUT
    local made
    made=$(digest_file "$3")
    rm -f "$1.key"
    sync "$3"
    mv -T "$3" "$1"
    printf '%s\n' "$2" "$made" >"$1.key.part"
    mv "$1.key.part" "$1.key"
}

use_gpu() { # of GPUS=0,1,2: the one of this job's slot
    if [ -n "${GPUS-}" ]; then
        CUDA_VISIBLE_DEVICES=$(cut -d , -f "${PARALLEL_JOBSLOT:-1}" <<<"$GPUS")
        export CUDA_VISIBLE_DEVICES
    fi
}

# ---- the work folder

# A folder that make has made holds this file, or what earlier versions left; it is locked as long as a run lasts.
own_folder() { # own_folder WORK
    local mark=$1/.pleura
    if [ ! -e "$mark" ] && [ -n "$(ls -A "$1" 2>/dev/null)" ] && ! { [ -d "$1/options" ] && [ -f "$1/config.json" ]; }; then
        echo "WORK=$1: is there, with files in it that make has not made; another folder, please" >&2
        exit 1
    fi
    mkdir -p "$1" && : >>"$mark" || exit 1
    exec 9>>"$mark"
    if ! flock -n 9; then
        echo "$1: programs of another run are still at work here; waiting for them" >&2
        flock 9
    fi
}

products() { # of WORK: all that recipes make, but for marks
    local file
    for file in "$WORK"/{xrays/sample_submission.csv,survey.json,train/index.mpk,test/index.mpk,merge-*.mpk,*.csv,score-*.json} \
        "$WORK"/{train,test}-*/fold-*.mpk "$WORK"/test-*/fold-*.mpk.zst "$WORK/report.html"; do
        [ ! -f "$file" ] || echo "$file"
    done
}

record_of() { # record_of PRODUCT: the file that has its record
    local name=${1#"$WORK"/}
    echo "$WORK/digests/${name//\//,}"
}

state_now() { # state_now FILE
    stat -c '%s %i %.9Y %.9Z' "$1"
}

record() { # record PRODUCT DIGEST
    local file
    file=$(record_of "$1")
    mkdir -p "$WORK/digests"
    echo "$2 $(state_now "$1")" >"$file.part"
    mv "$file.part" "$file"
}

record_products() { # record_products PRODUCT: it, or all folds that were made with it
    local fold
    case ${1##*/} in
    fold-*)
        for fold in "${1%/*}"/fold-*.mpk "${1%/*}"/fold-*.mpk.zst; do
            [ ! -f "$fold" ] || [ -z "$(key_of "$fold" 2)" ] || record "$fold" "$(key_of "$fold" 2)"
        done
        ;;
    *.checked) ;;
    *) [ ! -f "$1" ] || record "$1" "$(digest_file "$1")" ;;
    esac
}

as_recorded() { # as_recorded PRODUCT [whole]: it is what was made; its bytes are read where `stat` differs, or `whole`
    local file made state now
    file=$(record_of "$1")
    [ -f "$file" ] && [ -f "$1" ] || return 0
    read -r made state <"$file"
    now=$(state_now "$1")
    [ "$state" != "$now" ] || [ -n "${2-}" ] || return 0
    [ "$made" = "$(digest_file "$1")" ] || return 1
    [ "$state" = "$now" ] || [ -n "${DRY-}" ] || record "$1" "$made"
}

stale_products() { # those that are not as make left them, said and printed
    local file
    while read -r file; do
        as_recorded "$file" || {
            echo "$file: is not what make left there; it is looked at anew" >&2
            echo "$file"
        }
    done < <(products)
}

# make compares times. Where the clock went back, files of WORK get times that have passed, in the order they had.
straighten_times() {
    local now time last='' file n=0
    now=$(date +%s.%N)
    [ -n "$(find "$WORK" -maxdepth 2 -type f -newermt "@$now" -print -quit)" ] || return 0
    while IFS=' ' read -r -d '' time file; do
        [ "$time" = "$last" ] || n=$((n + 1))
        last=$time
        touch -d "@$((${now%.*} - 1000000 + n))" "$file"
    done < <(find "$WORK" -maxdepth 2 -type f -printf '%T@ %p\0' | sort -z -n)
}
