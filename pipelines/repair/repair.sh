#!/usr/bin/env bash
# repair.sh: looks at all products of the work folder WORK, byte by byte, and removes those that are damaged, each with its
# key and its record, so that the next make makes just these again. A line a file says why. What is sound is not touched,
# nor what make has not made; symbolic links are not followed.
set -eu -o pipefail
shopt -s nullglob
here=$(dirname "$0")
# shellcheck source=pipelines/method/settled.bash
. "$here/../method/settled.bash"
# shellcheck source=pipelines/slurm/queue.bash
. "$here/../slurm/queue.bash"
# shellcheck source=pipelines/repair/damage.bash
. "$here/damage.bash"
sound=0 removed=0 missing=0 left=0

say() { # say FILE WORDS
    echo "repair: $(printf %q "$1"): $2"
}

leave() { # leave FILE WHY
    say "$1" "$2: left alone"
    left=$((left + 1))
}

remove() { # remove FILE WHY FILE...: it, and before it what says that it is there
    if linked "$1" || { [ -e "$1" ] && [ ! -f "$1" ]; } || [[ ${1#"$WORK"} == */../* ]]; then
        leave "$1" "$2"
        return
    fi
    if [ -e "$1" ]; then
        say "$1" "$2; removed"
        removed=$((removed + 1))
    else
        say "$1" "$2: make makes it"
        missing=$((missing + 1))
    fi
    rm -f "${@:3}" "$1"
}

check() { # check PRODUCT
    local why record
    why=$(damage "$1")
    if [ -z "$why" ]; then
        sound=$((sound + 1))
    elif [ "$why" = "$keyless" ]; then
        say "$1" "$why: make makes it again"
        missing=$((missing + 1))
    elif [ "$why" = "$wrong_key" ]; then
        remove "$1.key" "$why (the fold is made again)"
    else
        record_of "$1"
        remove "$1" "$why" "$1.key" "$record"
    fi
}

check_log() { # check_log MODEL: the log beside it, which only training makes
    local why log=${1%.mpk}.jsonl
    why=$(log_damage "$1")
    if [ -n "$why" ]; then remove "$log" "$why (the fold is trained again)" "$1.key"; else sound=$((sound + 1)); fi
}

with_its_list() { # with_its_list LIST LINE...: removes what the LINEs (a path, a tab, why) say. The LIST of such files goes
    # first, so that none is used meanwhile and all are made again.
    local list=$1 line record
    shift
    record_of "$list"
    [[ $* == "$list"$'\t'* ]] || remove "$list" "names files that are damaged" "$record"
    for line in "$@"; do remove "${line%%$'\t'*}" "${line#*$'\t'}" "$record"; done
}

check_shards() { # check_shards INDEX
    local lines
    mapfile -t lines < <(shard_damages "${1%/*}")
    if [ ${#lines[@]} -gt 0 ]; then
        with_its_list "$1" "${lines[@]}"
    else
        sound=$((sound + 1 + $(inspect --json "$1" | jq -r '.shard // empty' | sort -u | wc -l)))
    fi
}

check_xrays() { # check_xrays IDS, a list made last, after all made-up X-rays
    local lines
    if [ ! -f "$1" ] || [ ! -f "$xray_digests" ] || linked "$1"; then
        check "$1"
    elif [ -n "$(find "${1%/*}" ! -type f ! -type d -print -quit)" ]; then
        leave "${1%/*}" "has symbolic links or the like in it, which are not followed"
    else
        mapfile -t lines < <(xray_damages)
        if [ ${#lines[@]} -gt 0 ]; then
            with_its_list "$1" "${lines[@]}"
        else
            sound=$((sound + $(wc -l <"$xray_digests")))
        fi
    fi
}

check_begun() { # check_begun FOLDER, of a fold in training: it goes on from its checkpoints and its log together
    local lines line file
    if linked "$1"; then
        leave "$1" "$link"
        return
    fi
    mapfile -t lines < <(begun_damages "$1")
    for line in "${lines[@]}"; do
        file=${line%%$'\t'*}
        if linked "$file" || [ ! -f "$file" ] || [[ $file == */val.mpk ]]; then
            remove "$file" "${line#*$'\t'}"
        else
            remove "$file" "${line#*$'\t'} (the fold begins anew)"
            discard "$1"
            return
        fi
    done
    [ ${#lines[@]} -gt 0 ] || sound=$((sound + $(find "$1" -name '*.mpk' -o -name log.jsonl | wc -l)))
}

check_times() { # check_times JOBLOG...: how long folds took, which no program but the report reads
    local file odd logs=()
    for file in "$@"; do
        if linked "$file"; then
            leave "$file" "$link"
        elif [ ! -f "$file" ]; then
            leave "$file" "is not a regular file"
        else
            logs+=(--rawfile "$file" "$file")
        fi
    done
    # shellcheck disable=SC2016 # for jq
    odd=$(jq -n -r -L "$here/../report" "${logs[@]}" 'include "figures"; $ARGS.named | to_entries[]
        | select([try (.value | jobs(lines) and startswith("Seq")) catch false][0] | not).key')
    sound=$((sound + ${#logs[@]} / 3))
    for file in $odd; do # names of stages have no blanks
        sound=$((sound - 1))
        remove "$file" "is not a job log of GNU parallel"
    done
}

remembered() { # products that are there, or have a key or a record
    local file
    products
    for file in "$WORK"/{train,test,validate}-*/fold-*.key; do echo "${file%.key}"; done
    for file in "$WORK"/digests/*; do
        [[ $file == *.part || $file == */xrays.files ]] || { file=${file##*/} && echo "$WORK/${file//,//}"; }
    done
}

foreign() { # foreign FOLDER NAME...: what has none of these names, which are patterns
    local file pattern
    for file in "$1"/* "$1"/.[!.]*; do
        for pattern in "${@:2}"; do
            # shellcheck disable=SC2053 # a pattern
            [[ ${file##*/} != $pattern ]] || continue 2
        done
        say "$file" "not of make: left alone"
    done
}

check_work
if [ ! -d "$WORK" ] || ! is_own "$WORK"; then
    echo "repair: WORK=$WORK: is no folder that make has made" >&2
    exit 1
fi
if [ -L "$WORK/digests" ]; then
    echo "repair: $WORK/digests: a symbolic link, which is not followed" >&2
    exit 1
fi
own_folder "$WORK"
refuse_queued
while read -r file; do
    case ${file#"$WORK"/} in
    */index.mpk) check_shards "$file" ;;
    xrays/*) check_xrays "$file" ;;
    train-*/fold-*.kept) check "$file" ;;
    train-*/fold-*)
        check "$file"
        [ ! -f "$file" ] || linked "$file" || check_log "$file"
        ;;
    *) check "$file" ;;
    esac
done < <(remembered | sort -u)
for folder in "$WORK"/train-*/fold-*.part/; do check_begun "${folder%/}"; done
check_times "$WORK"/{train,test,validate}-*/joblog

mapfile -t stages < <(fold_stages)
mapfile -t names < <(outputs)
foreign "$WORK" .pleura config.json config.mk options digests xrays init.checked train test \
    "${stages[@]}" "${stages[@]/%/.checked}" "${names[@]}" '*.part'
for stage in "${stages[@]}"; do
    foreign "$WORK/$stage" joblog hosts slurm 'fold-[0-9]*'
done
for folder in train test; do
    foreign "$WORK/$folder" index.mpk 'shard-[0-9]*.mpk' '*.part' '.shard-*'
done
echo "repair: $WORK: $sound files are sound, $removed are damaged and removed, $missing more are to be made, $left are left alone"
[ $left = 0 ]
