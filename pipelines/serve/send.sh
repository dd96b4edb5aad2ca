#!/usr/bin/env bash
# send.sh: reads numbers of images whose results are in SPOOL/results and gives these to TO, first those that an earlier run
# has left. An image's file leaves SPOOL/answered when all its results have been accepted: to SPOOL/done, or (KEEP=no) for
# good. What is not accepted is tried again after 1, 2, 4 ... 60 seconds; what comes meanwhile does not wait for it.
set -u
readonly AT_ONCE=50 LONGEST=60
mapfile -d '' -t options < <(xargs -r printf '%s\0' <<<"$STORESCU")

give_to_folder() { # give_to_folder FILE...
    local file name
    for file in "$@"; do
        name=${file##*/}
        cp -- "$file" "$TO/.$name.part" && mv -f -- "$TO/.$name.part" "$TO/$name" && rm -- "$file"
    done
}

# storescu renames what it has tried: .done is accepted, .bad is not.
give_to_peer() { # give_to_peer FILE...
    local file address=${TO#*@}
    storescu -q -aet "$AET" -aec "${TO%%@*}" -to 10 -ta 30 -td 60 -R -nh +rn "${options[@]}" \
        "${address%:*}" "${address##*:}" "$@"
    for file in "$@"; do
        rm -f -- "$file.done"
        if [ -e "$file.bad" ]; then mv -- "$file.bad" "$file"; fi
    done
}

finish() { # finish NUMBER: all its results have been accepted
    local path=("$SPOOL/answered/$1".*) took=$((${EPOCHREALTIME/[.,]/} - $1))
    local name=${path[0]##*/}
    printf 'serve: %s answered after %d.%03d s\n' "${name#*.}" $((took / 1000000)) $((took / 1000 % 1000))
    if [ "$KEEP" = yes ]; then mv -f -- "${path[@]}" "$SPOOL/done/"; else rm -f -- "${path[@]}"; fi
}

# give NUMBER...: tries all their results at once. Sets `left` to the images that still have some.
give() {
    local number files=()
    left=()
    for number in "$@"; do files+=("$SPOOL/results/$number".*.dcm); done
    if [ ${#files[@]} -gt 0 ]; then
        if [ -d "$TO" ]; then give_to_folder "${files[@]}"; else give_to_peer "${files[@]}"; fi
    fi
    for number in "$@"; do
        files=("$SPOOL/results/$number".*.dcm)
        if [ ${#files[@]} -gt 0 ]; then left+=("$number"); else finish "$number"; fi
    done
}

shopt -s nullglob
rm -f -- "$SPOOL"/results/*.done
for file in "$SPOOL"/results/*.bad; do mv -- "$file" "${file%.bad}"; done
fresh=() later=() wait=1 again=0
for file in "$SPOOL"/answered/*; do
    file=${file##*/}
    fresh+=("${file%%.*}")
done
for (( ; ; )); do
    while read -r -t 0 && read -r number; do fresh+=("$number"); done
    if [ ${#fresh[@]} -gt 0 ]; then
        give "${fresh[@]:0:AT_ONCE}"
        fresh=("${fresh[@]:AT_ONCE}")
        [ ${#later[@]} -gt 0 ] || again=$((SECONDS + wait))
        later+=("${left[@]}")
    elif [ ${#later[@]} -gt 0 ] && [ "$SECONDS" -ge "$again" ]; then
        tried=$((${#later[@]} < AT_ONCE ? ${#later[@]} : AT_ONCE))
        give "${later[@]:0:AT_ONCE}"
        later=("${later[@]:AT_ONCE}" "${left[@]}")
        if [ ${#left[@]} -lt "$tried" ]; then
            wait=1 again=$SECONDS
        else
            wait=$((2 * wait < LONGEST ? 2 * wait : LONGEST)) again=$((SECONDS + wait))
            echo "serve: results of ${#later[@]} images were not accepted; again in $wait s" >&2
        fi
    elif [ ${#later[@]} -gt 0 ]; then
        if read -r -t $((again - SECONDS)) number; then
            fresh+=("$number")
        elif [ $? -le 128 ]; then
            exit 0
        fi
    else
        read -r number || exit 0
        fresh+=("$number")
    fi
done
