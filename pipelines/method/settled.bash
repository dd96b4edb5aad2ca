# shellcheck shell=bash
# settled.bash: what the stages' scripts share: whether a product is there already, and is what was made. A fold's product
# OUT has OUT.key beside it: a digest of all it was made from and how, the product's own, and its log's. Times do not
# count, so that equal inputs made anew repeat nothing. WORK/digests/ has, for each product, its digest and what `stat`
# said then.

digest() { # digest WORD...: of the words
    local sum
    sum=$(printf '%s\n' "$@" | sha256sum) && echo "${sum%% *}"
}

digest_file() { # digest_file FILE
    local sum
    sum=$(sha256sum <"$1") && echo "${sum%% *}"
}

read_key() { # read_key OUT: sets $key: the lines of its key file: what it was made from, what it is, what its log is
    key=()
    [ ! -f "$1.key" ] || mapfile -t key <"$1.key"
}

key_of() { # key_of OUT LINE: prints one, counted from 1
    local key
    read_key "$1"
    printf '%s\n' "${key[$2 - 1]-}"
}

settled() { # settled OUT KEY: OUT was made from this very key and is as it was; touches it then, for make's sake
    local key
    [ -f "$1" ] && read_key "$1" && [ "${key[0]-}" = "$2" ] || return 1
    # Keys of earlier versions have no second line.
    [ -z "${key[1]-}" ] || [ "${key[1]}" = "$(digest_file "$1")" ] || return 1
    touch "$1"
}

discard() { # discard FOLDER: a fold's that was begun; the key goes first, so that nothing goes on from what is left
    rm -f "$1/key"
    rm -rf "$1"
}

# leave_if_settled OUT KEY: ends the script where OUT is settled. Where ASK is set KEY and OUT are printed.
leave_if_settled() {
    [ -z "${ASK-}" ] || printf '%s\n' "$2" "$1"
    if settled "$1" "$2"; then
        [ -n "${ASK-}" ] || discard "${1%.mpk*}.part"
        exit 0
    fi
}

leave_if_asked() { # ends the script where ASK is set: there is work to do
    [ -z "${ASK-}" ] || exit 1
}

settle() { # settle OUT KEY FILE [LINE]...: FILE, whole, becomes OUT; a log is there already. The key has the LINEs, too
    local made record log=${1%.mpk}.jsonl
    made=$(digest_file "$3")
    record_of "$1"
    rm -f "$1.key" "$record"
    sync "$3"
    mv -T "$3" "$1"
    {
        printf '%s\n' "$2" "$made" "${@:4}"
        [ ! -f "$log" ] || digest_file "$log"
    } >"$1.key.part"
    mv "$1.key.part" "$1.key"
}

split_kept() { # split_kept FOLDER LENGTH...: of checkpoints one behind another, on stdin, makes files in FOLDER; to $checkpoints
    local length
    checkpoints=()
    for length in "${@:2}"; do
        checkpoints+=("$1/kept-${#checkpoints[@]}.mpk")
        head -c "$length" >"${checkpoints[-1]}"
    done
}

use_gpu() { # use_gpu N: of GPUS=0,1,2: the N of this job's slot
    local devices last=$((${PARALLEL_JOBSLOT:-1} * $1))
    [ -n "${GPUS-}" ] || return 0
    IFS=, read -ra devices <<<"$GPUS"
    if [ "$1" != 1 ] && [ ${#devices[@]} -lt $last ]; then
        echo "GPUS=$GPUS: fewer than $last, what ${PARALLEL_JOBSLOT:-1} at a time take with $1 ranks each" >&2
        exit 1
    fi
    CUDA_VISIBLE_DEVICES=$(cut -d , -f "$((last - $1 + 1))-$last" <<<"$GPUS")
    export CUDA_VISIBLE_DEVICES
}

# ---- the work folder
xray_digests=${WORK-}/digests/xrays.files # of made-up X-rays, as sha256sum writes them

check_work() { # make reads a rule's paths itself and knows no quoting
    [[ $WORK =~ ^[[:alnum:]/._+@,-]+$ && $WORK != -* && $WORK == *[!/.]* ]] || {
        echo "WORK=$(printf %q "$WORK"): a path of letters, digits and / . _ + @ , - is wanted: make reads all else in its own way" >&2
        exit 1
    }
}

is_own() { # is_own WORK: make has made it: it holds this file, or what earlier versions left
    [ -e "$1/.pleura" ] || { [ -d "$1/options" ] && [ -f "$1/config.json" ]; }
}

own_folder() { # own_folder WORK: makes it, and locks it as long as a run lasts
    local mark=$1/.pleura
    if ! is_own "$1" && [ -n "$(ls -A "$1" 2>/dev/null)" ]; then
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

stages_of() { # stages_of PREFIX: those that WORK has, or had, settings of
    local file
    for file in "$WORK/options/$1"*; do
        [[ ! ${file##*/} =~ ^[A-Za-z0-9_-]+$ ]] || echo "${file##*/}"
    done
}

fold_stages() { # of which WORK has, or may have, folds
    stages_of train-
    stages_of test- | sed 'p; s/^test-/validate-/'
}

outputs() { # below WORK, all that recipes make, there or not, but for folds and marks
    local set merge segment submission stage submissions merges
    submissions=$(stages_of submission) merges=$(stages_of merge-)
    printf '%s\n' xrays/sample_submission.csv survey.json {train,test}/index.mpk {train,test}-left-out.csv report.html \
        {,score-}empty.csv score-empty.json validation-truth.csv
    for set in '' validation-; do
        for submission in $submissions; do
            printf '%s\n' {,score-}"$set$submission".csv "score-$set$submission.json"
            for merge in $merges; do echo "$set$merge${submission#submission}.mpk"; done
        done
        for merge in $merges; do echo "$set$merge.csv"; done
    done
    for merge in $merges; do
        for segment in $merges; do printf '%s\n' "rule-${merge#merge-}+${segment#merge-}".{mpk,json}; done
        for submission in $submissions; do echo "$merge${submission#submission}.csv"; done
    done
    for stage in $(stages_of test- | sed 's/^test-/validate-/') $(stages_of merge- | sed 's/^/validation-/'); do
        printf '%s\n' {,score-}"$stage".csv {score,curves}-"$stage.json"
    done
}

products() { # of WORK: all that recipes have made, but for marks
    local file stage
    for file in $(outputs); do
        [ ! -f "$WORK/$file" ] || echo "$WORK/$file"
    done
    for stage in $(fold_stages); do
        for file in "$WORK/$stage"/fold-*; do
            [[ ! ${file##*/} =~ ^fold-[0-9]+\.mpk(\.zst)?$ || ! -f $file ]] || echo "$file"
        done
    done
}

is_fold() { # is_fold PRODUCT
    [[ ${1##*/} == fold-* ]]
}

record_of() { # record_of PRODUCT: sets $record, the file that has its record
    local name=${1#"${WORK-}"/}
    record=${WORK-}/digests/${name//\//,}
}

read_record() { # read_record PRODUCT: sets $made, its digest, and $state, what `stat` said then; both empty where there is no record
    local record
    record_of "$1"
    made='' state=''
    [ ! -f "$record" ] || read -r made state <"$record" || true
    [[ $made =~ ^[0-9a-f]{64}$ && -n $state ]] || made='' state=''
}

state_now() { # state_now FILE
    stat -c '%s %i %.9Y %.9Z' "$1"
}

digest_now() { # digest_now FILE: a product's digest; its bytes are read where `stat` differs from its record
    local made state
    read_record "$1"
    if [ -n "$state" ] && [ "$state" = "$(state_now "$1")" ]; then echo "$made"; else digest_file "$1"; fi
}

record() { # record PRODUCT DIGEST
    local record
    record_of "$1"
    [ -d "$WORK/digests" ] || mkdir -p "$WORK/digests"
    if [ "$1" = "$WORK/xrays/sample_submission.csv" ] && [ ! -e "$xray_digests" ]; then
        (cd "$WORK" && find xrays -type f -print0 | sort -z | xargs -0 sha256sum) >"$xray_digests.part"
        mv "$xray_digests.part" "$xray_digests"
    fi
    echo "$2 $(state_now "$1")" >"$record.part"
    mv "$record.part" "$record"
}

made_with() { # made_with PRODUCT: it and what its recipe makes besides, but for folds
    local name
    echo "$1"
    case ${1#"$WORK"/} in
    train/index.mpk | test/index.mpk) echo "${1%/*}-left-out.csv" ;;
    *-left-out.csv) echo "${1%-left-out.csv}/index.mpk" ;;
    score-* | curves-*)
        name=${1##*/} name=${name#*-} name=${name%.*}
        printf '%s\n' "$WORK"/{score,curves}-"$name".json "$WORK/score-$name.csv" | grep -vxF "$1"
        ;;
    rule-*.mpk) echo "${1%.mpk}.json" ;;
    rule-*.json) echo "${1%.json}.mpk" ;;
    esac
}

forget_products() { # forget_products PRODUCT: before it is made, so that no record is of older bytes; folds do it themselves
    local file record
    is_fold "$1" || made_with "$1" | while read -r file; do
        record_of "$file"
        [ ! -e "$record" ] || rm "$record"
    done
    [[ $1 != */sample_submission.csv ]] || rm -f "$xray_digests"
}

record_products() { # record_products PRODUCT: it and what was made with it
    local file key
    case ${1#"$WORK"/} in
    */fold-*)
        for file in "${1%/*}"/fold-*.mpk "${1%/*}"/fold-*.mpk.zst; do
            [ ! -f "$file" ] || { read_key "$file" && [ -z "${key[1]-}" ]; } || record "$file" "${key[1]}"
        done
        return
        ;;
    *.checked) return ;;
    esac
    made_with "$1" | while read -r file; do
        [ ! -f "$file" ] || record "$file" "$(digest_file "$file")"
    done
}

as_recorded() { # as_recorded PRODUCT NOW: it is what was made; its bytes are read where `stat`, which says NOW, differs.
    # What a kill left without a record gets one; a fold's key must be there.
    local made state
    ! is_fold "$1" || [ -f "$1.key" ] || return 1
    read_record "$1"
    [ "$state" != "$2" ] || return 0
    ! is_fold "$1" || made=${made:-$(key_of "$1" 2)}
    [ -z "$made" ] || [ "$made" = "$(digest_file "$1")" ] || return 1
    [ -n "${DRY-}" ] || record "$1" "${made:-$(digest_file "$1")}"
}

stale_products() { # those that are not as make left them, said and printed; and folds whose beginnings a kill has left
    local size inode written changed file
    while read -r size inode written changed file; do
        if ! as_recorded "$file" "$size $inode $written $changed"; then
            echo "$file: is not what make left there; it is looked at anew" >&2
            echo "$file"
        elif is_fold "$file" && [ -d "${file%.mpk*}.part" ]; then
            echo "$file"
        fi
    done < <(products | xargs -r -d '\n' stat -c '%s %i %.9Y %.9Z %n')
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
