#!/usr/bin/env bash
# config.sh CONFIG PROFILE WORK DATA [init=FILE] [STAGE.KEY=VALUE]...: checks the configuration and writes, each only when
# it changes, config.json (as it stands), config.mk (make variables) and options/STAGE (what a stage depends on), in WORK,
# or in $SETTLED where that is set; and there options/.answers, what jq answered, for the next time. X-rays are those of the
# folder DATA; where that is empty, made-up ones in a profile with `synth`; else those that `data` names. What is missing
# before work can begin is in `notes`, for make to stop or a plan to tell.
set -eu -o pipefail
here=${0%/*} config=$1 profile=$2 work=$3 folder=$4
settled=${SETTLED:-$work}
shift 4
given=("$@")
found='{}' # what is in a folder, as layout.sh says it; null where it knows no layout
taken=()   # weights that are wanted, and those that are there instead
missing=()

complain() {
    echo "config: $1" >&2
    exit 1
}

fits() { # fits TEXT: no control characters in it, and nothing that is no UTF-8
    [[ $1 != *[[:cntrl:]]* ]] && iconv -f UTF-8 -t UTF-8 <<<"$1" >/dev/null 2>&1
}

settle() { # settle FILE TEXT: it becomes FILE, which is not touched where it is the same; one that a kill has cut off is not
    local old=''
    [ ! -f "$1" ] || IFS= read -r -d '' old <"$1" || true
    [ "$old" = "$2"$'\n' ] || printf '%s\n' "$2" >"$1"
}

# Times alone do not tell: cp -p keeps them. What a file went through (%C) no program sets.
state_of() { # state_of PATH...: of a file what it holds; of all files below a folder numbers, sizes and times
    local path
    for path in "$@"; do
        if [ -f "$path" ]; then
            sha256sum <"$path"
        elif [ -e "$path" ]; then
            find -L "$path" -type f -printf '%p %i %s %T@ %C@\0' | LC_ALL=C sort -z
        fi
    done | sha256sum
}

find_data() { # find_data FOLDER
    found=$("$here/layout.sh" "$1" 2>&1) && return
    [ -z "$folder" ] || { echo "$found" >&2; exit 1; }
    missing+=("$found. DATA=FOLDER names another")
    found=null
}

find_weights() { # find_weights FILE
    local instead
    if ! instead=$("$here/init.sh" "$1"); then
        missing+=("$instead")
    elif [ "$instead" != "$1" ]; then
        taken+=("$1" "$instead")
    fi
}

check_side() { # check_side SETTING NETWORK SIDE
    local said
    said=$(cost --json --side "$3" "$2" 2>&1 >/dev/null) || complain "$config: $1: ${said#cost: }"
}

# shellcheck disable=SC2016 # for jq
ask_what_is_checked() { # sets checked: the checked configuration, and questions
    local options comma='' program
    options="{$(for program in "${with_options[@]}"; do
        printf '%s"%s":%s' "$comma" "$program" "$("$program" --options)"
        comma=,
    done)}"
    checked=$(jq -n -r -c --stream -L "$here" --argjson options "$options" --arg profile "$profile" --arg folder "$folder" \
        'include "config"; document | checked($options; $profile; $folder; $ARGS.positional) | ., questions' \
        --args "${given[@]}" <<<"$text" 2>&1) ||
        complain "$config: $(sed -E 's/^jq: error( \(at [^)]*\))?: //' <<<"$checked" | tail -n 1)"
}

# What jq answered is kept behind a digest of it and of all that was asked. Where that is the same, jq, which takes a tenth of a
# second and more, is not started.
answers=$settled/options/.answers
digest_answers() { # digest_answers ANSWER...
    printf '%s\0' "$asked" "$@" | sha256sum
}

recall() { # sets kept: the digest; what is checked; what was found, and settle.jq's texts of that; nothing where others are due
    kept=()
    [ ! -f "$answers" ] || mapfile -d '' -t kept <"$answers"
    [ "${kept[0]-}" = "$(digest_answers "${kept[@]:1}")" ] || kept=()
}

keep() { # keep ANSWER...
    printf '%s\0' "$(digest_answers "$@")" "$@" >"$answers"
}

texts=("$config" "$profile" "$work" "$folder" "$@")
fits "${texts[*]}" || for text in "${texts[@]}"; do
    fits "$text" || complain "$(jq -n -c --arg text "$text" '$text'): control characters and texts that are no UTF-8 cannot be passed on"
done
[ -r "$config" ] || complain "$config: cannot be read"
command -v train-fold >/dev/null || complain "the programs are not built yet: make builds them" # make -n does not
! IFS= read -r -d '' text <"$config" || complain "$config: a text is wanted, and there is a NUL in it"

# What the answers depend on, but for what is found
with_options=(augment classify decode predict-fold synth train-fold)
mapfile -t files < <(command -v jq cost "${with_options[@]}")
asked=$(stat -L -c '%n %i %s %.9Y %.9Z' "${files[@]}" "$here"/*.jq "$0" && printf '%s\n' "${texts[@]}")$text
recall
checked=${kept[1]-}
[ ${#kept[@]} -gt 0 ] || ask_what_is_checked
{
    read -r configuration
    while IFS=$'\t' read -r -a words; do
        case ${words[0]} in
        side) [ ${#kept[@]} -gt 0 ] || check_side "${words[@]:1}" ;;
        unused) echo "config: ${words[1]}: no submission is made of this" >&2 ;;
        data) find_data "${words[1]-}" ;;
        init) find_weights "${words[1]}" ;;
        esac
    done
} <<<"$checked"

mkdir -p "$settled/options"
printf -v seen '%q ' "$found" "${taken[@]}" : "${missing[@]}"
texts=("${kept[@]:3}")
if [ "${kept[2]-}" != "$seen" ]; then
    mapfile -d '' -t texts < <(jq -j -L "$here" --arg profile "$profile" --arg work "$work" --argjson found "$found" \
        --argjson taken ${#taken[@]} -f "$here/settle.jq" --args "${taken[@]}" "${missing[@]}" <<<"$configuration")
    wait $! # ends this script where jq has failed
    keep "$checked" "$seen" "${texts[@]}"
fi
settle "$settled/config.json" "${texts[0]}"
settle "$settled/config.mk" "${texts[1]}"
for text in "${texts[@]:2}"; do # all that decides what comes out of a stage
    IFS=$'\x1f' read -r -a words <<<"$text"
    text=${words[1]}
    [ -z "${words[*]:2}" ] || text+=${text:+$'\n'}$(state_of "${words[@]:2}")
    settle "$settled/options/${words[0]}" "$text"
done
