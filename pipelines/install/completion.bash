# shellcheck shell=bash
# Completion for bash of Pleura's programs: names, options, and the values of options that have a choice. Behind this text
# completion.jq has written, from each program's table of options:
#   _pleura_options[PROGRAM]         its long options
#   _pleura_values["PROGRAM OPTION"]  of an option that takes a value: words to choose from, or `file`, `files`, or nothing
#   _pleura_targets                  of `pleura make`
unset _pleura_options _pleura_values
declare -gA _pleura_options _pleura_values
declare -g _pleura_targets=

_pleura_offer() { # _pleura_offer WORDS BEGINNING [PREFIX]: those of the words that begin so
    mapfile -t COMPREPLY < <(compgen -P "${3-}" -W "$1" -- "$2")
}

_pleura_takes_value() { # _pleura_takes_value "PROGRAM OPTION"; `-v` would expand what the user has typed
    [ -n "${_pleura_values[$1]+there}" ]
}

_pleura_value() { # _pleura_value "PROGRAM OPTION" BEGINNING [PREFIX]: of the option's value
    case ${_pleura_values[$1]} in
    file | files) ;; # none of ours: bash offers files
    '') compopt +o default ;; # nor files
    *) _pleura_offer "${_pleura_values[$1]}" "$2" "${3-}" ;;
    esac
}

_pleura() {
    local program=${COMP_WORDS[0]##*/} first=1 before word=${COMP_WORDS[COMP_CWORD]} names=" ${!_pleura_options[*]} make " i
    COMPREPLY=()
    if [ "$program" = pleura ] && ((COMP_CWORD > 1)); then
        program=${COMP_WORDS[1]} first=2
    elif [ "$program" = pleura ] && [[ $word != -* ]]; then
        compopt +o default
        _pleura_offer "${names/ pleura / }" "$word"
        return
    fi
    if ((first == 2)) && [ "$program" = make ]; then
        _pleura_offer "$_pleura_targets" "$word" # bash's own otherwise: files
        return
    fi
    [ -n "$program" ] && [ -n "${_pleura_options[$program]-}" ] || return 0
    for ((i = first; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" != -- ] || return 0
    done
    # Where bash breaks words at `=`, that is a word of its own.
    before=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$word" = = ]; then
        word=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $word == --*=* ]] && _pleura_takes_value "$program ${word%%=*}"; then
        _pleura_value "$program ${word%%=*}" "${word#*=}" "${word%%=*}="
        return
    fi
    if ((COMP_CWORD > first)) && _pleura_takes_value "$program $before"; then
        _pleura_value "$program $before" "$word"
    elif [[ $word == -* ]]; then
        _pleura_offer "${_pleura_options[$program]}" "$word"
    fi
}

# For `pleura`; for the programs' own names where they are found beside it, and are nobody else's.
_pleura_register() {
    local folder name
    complete -o default -F _pleura pleura
    folder=$(type -P pleura) || return 0
    folder=${folder%/*}
    for name in "${!_pleura_options[@]}"; do
        [ ! -x "$folder/$name" ] || [ "$(type -P "$name")" != "$folder/$name" ] || complete -o default -F _pleura "$name"
    done
}

