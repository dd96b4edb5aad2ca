# shellcheck shell=bash
# damage.bash: whether products of WORK are what was made, byte by byte, and why not. Symbolic links are not followed.

link="a symbolic link, which is not followed"
keyless="has no key, which says what it was made from"
wrong_key="is not what make left there, but what it belongs to is"

linked() { # linked PATH: it, or a folder between WORK and it, is a symbolic link
    local path=$1
    while [[ $path == "$WORK"/* ]]; do
        [ ! -L "$path" ] || return 0
        path=${path%/*}
    done
    return 1
}

complaint() { # complaint FILE: what is wrong with it as a stream
    local why
    case $1 in
    *.zst) why=$({ zstd -dcq "$1" | inspect --check; } 2>&1) ;;
    *.mpk) why=$(inspect --check "$1" 2>&1) ;;
    esac || {
        why=${why%%$'\n'*} why=${why#*: }
        why=${why#"$1: "}
        echo "${why#stdin: }"
    }
}

damage() { # damage PRODUCT: why it is not what was made; nothing where it is
    # shellcheck disable=SC2034 # what read_record sets
    local now key made state
    if linked "$1"; then echo "$link"
    elif [ ! -e "$1" ]; then echo "is missing"
    elif [ ! -f "$1" ]; then echo "is not a regular file"
    elif is_fold "$1" && [ ! -f "$1.key" ]; then echo "$keyless"
    else
        now=$(digest_file "$1")
        read_key "$1"
        read_record "$1"
        if [ "${made:-$now}" != "$now" ]; then echo "is not what make left there"
        elif [ "${key[1]:-$now}" = "$now" ]; then complaint "$1"
        elif [ -n "$made" ]; then echo "$wrong_key"
        else echo "is not what make left there"
        fi
    fi
}

log_damage() { # log_damage MODEL: why the log beside it is not its own
    local log=${1%.mpk}.jsonl digest
    digest=$(key_of "$1" 3)
    if linked "$log"; then echo "$link"
    elif [ ! -f "$log" ]; then echo "is missing"
    elif [ -n "$digest" ]; then
        [ "$digest" = "$(digest_file "$log")" ] || echo "is not what make left there"
    elif ! jq -e . "$log" >/dev/null 2>&1; then echo "is not a log"
    fi
}

shard_damages() { # shard_damages FOLDER: a line a file: the path, a tab, why. Shards that its index does not name, of a
    # run that was killed, harm nobody.
    local file=$1/index.mpk why shard damaged found=
    why=$(damage "$file")
    if [ -z "$why" ]; then
        why=$(shard --verify "$1" 2>&1) && return
        [[ $why != *": the index does not name this shard" ]] || return 0
        while read -r shard; do
            [[ $shard != */* ]] || continue
            damaged=$(damage "$1/$shard")
            [ -z "$damaged" ] || found+=$1/$shard$'\t'$damaged$'\n'
        done < <(inspect --json "$file" | jq -r '.shard // empty' | sort -u)
        why=${why%%$'\n'*} why=${why#shard: }
        if [[ $why == "$1"/shard-* ]]; then # a whole one, but not that of the index
            file=${why%%: *} why=${why#*: }
        fi
    fi
    if [ -n "$found" ]; then printf %s "$found"; else printf '%s\t%s\n' "$file" "$why"; fi
}

# shellcheck disable=SC2154 # of settled.bash
xray_damages() { # of made-up X-rays: a line a file: the path, a tab, why
    local file why
    while read -r file; do
        file=$WORK/${file%: FAILED*} why="is not what make left there"
        [ -e "$file" ] || why="is missing"
        printf '%s\t%s\n' "$file" "$why"
    done < <(cd "$WORK" && sha256sum --check --quiet "${xray_digests#"$WORK"/}" 2>/dev/null)
}

begun_damages() { # begun_damages FOLDER, of a fold in training: a line a file: the path, a tab, why
    local file why
    for file in "$1"/{val,last,best}.mpk "$1"/best-*.mpk "$1/log.jsonl"; do
        why=
        if linked "$file"; then
            why=$link
        elif [ ! -e "$file" ]; then
            continue
        elif [ ! -f "$file" ]; then
            why="is not a regular file"
        elif [[ $file == *.mpk ]]; then
            why=$(complaint "$file")
        elif ! head -n "$(wc -l <"$file")" "$file" | jq -e . >/dev/null 2>&1; then # half a line may follow
            why="is not a log"
        fi
        [ -z "$why" ] || printf '%s\t%s\n' "$file" "$why"
    done
}

damages() { # damages PRODUCT: of it and of what belongs to it: a line a file
    local why
    why=$(damage "$1")
    if [ "$why" = "$wrong_key" ]; then
        printf '%s\t%s\n' "$1.key" "$why"
    elif [ -n "$why" ]; then
        printf '%s\t%s\n' "$1" "$why"
    elif [[ $1 == */index.mpk ]]; then
        shard_damages "${1%/*}"
    elif [[ $1 == */fold-*.mpk ]]; then
        why=$(log_damage "$1")
        [ -z "$why" ] || printf '%s\t%s\n' "${1%.mpk}.jsonl" "$why"
    elif [ "$1" = "$WORK/xrays/sample_submission.csv" ] && [ -f "$xray_digests" ]; then
        xray_damages
    fi
}
