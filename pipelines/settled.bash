# shellcheck shell=bash
# settled.bash: what the stages' scripts share: whether a product is there already. A product OUT has OUT.key beside it:
# a digest of all it was made from and how. Times do not count, so that equal inputs made anew repeat nothing.

digest() { # digest WORD...: of the words
    printf '%s\n' "$@" | sha256sum | cut -d ' ' -f 1
}

digest_file() { # digest_file FILE
    sha256sum <"$1" | cut -d ' ' -f 1
}

settled() { # settled OUT KEY: OUT was made from this very key; touches it then, for make's sake
    [ -e "$1" ] && [ "$(cat "$1.key" 2>/dev/null)" = "$2" ] && touch "$1"
}

leave_if_settled() { # leave_if_settled OUT KEY: ends the script, where ASK is set in any case: 1 if there is work to do
    ! settled "$1" "$2" || exit 0
    [ -z "${ASK-}" ] || exit 1
}

settle() { # settle OUT KEY FILE: FILE, whole, becomes OUT
    rm -f "$1.key"
    sync "$3"
    mv "$3" "$1"
    echo "$2" >"$1.key.part"
    mv "$1.key.part" "$1.key"
}

use_gpu() { # of GPUS=0,1,2: the one of this job's slot
    if [ -n "${GPUS-}" ]; then
        CUDA_VISIBLE_DEVICES=$(cut -d , -f "${PARALLEL_JOBSLOT:-1}" <<<"$GPUS")
        export CUDA_VISIBLE_DEVICES
    fi
}
