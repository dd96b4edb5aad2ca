# shellcheck shell=bash
# folds.bash: a stage's folds, as GNU parallel is told of them, for what gives them to other machines.

# folds_to_do SCRIPT WORD... ::: MEMBER... [::: WORD | :::+ WORD...]: {1} in SCRIPT's words stands for MEMBER, a word {2} for
# WORD: one for all, or one each. Of the folds that are not done it sets $members, $lasts (their WORD), and $folds: each
# fold's member, key, product, and words, quoted for the shell; $all is the number of all. Ends the program where a
# fold cannot be asked.
folds_to_do() {
    local script=() every=() words key link i
    while [ "$1" != ::: ]; do
        script+=("$1")
        shift
    done
    shift
    while [ $# -gt 0 ] && [[ $1 != ::: && $1 != :::+ ]]; do
        every+=("$1")
        shift
    done
    link=${1-}
    shift $(($# > 0))
    members=() lasts=() folds=() all=${#every[@]}
    for ((i = 0; i < all; i++)); do
        [ "$link" != :::+ ] || [ $i = 0 ] || shift
        words=("${script[@]//"{1}"/${every[i]}}")
        words=("${words[@]/#"{2}"/"${1-}"}")
        if key=$(ASK=1 "${words[@]}"); then continue; fi
        [ -n "$key" ] || exit 1
        members+=("${every[i]}")
        lasts+=("${1-}")
        folds+=("$(printf '%q ' "${every[i]}" "${key%%$'\n'*}" "${key#*$'\n'}" "${words[@]}")")
    done
}
