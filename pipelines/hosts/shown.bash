# shellcheck shell=bash
# shown.bash: what other machines say, for people: on one line, with nothing that could steer a terminal.

shown() { # shown TEXT: its first 400 bytes, without a carriage return at its end; all but ASCII's printable characters becomes \xNN
    local LC_ALL=C text i byte number line=''
    text=${1:0:400} text=${text%$'\r'}
    for ((i = 0; i < ${#text}; i++)); do
        byte=${text:i:1}
        if [[ $byte != [\ -~] ]]; then
            printf -v number %d "'$byte"
            printf -v byte '\\x%02x' $((number & 255))
        fi
        line+=$byte
    done
    printf '%s\n' "$line"
}

said() { # said NAME: stdin's first 100 lines, with NAME in front; the rest is only counted as more
    local LC_ALL=C line lines=0
    while IFS= read -r -n 400 line || [ -n "$line" ]; do
        if ((++lines > 100)); then
            echo "$1: says more than is passed on"
            cat >/dev/null
            return
        fi
        echo "$1: $(shown "$line")"
    done
}
