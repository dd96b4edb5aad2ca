#!/usr/bin/env bats
# make install and uninstall, and completion for bash: what is installed works, and nothing of it stays behind.

load ../helpers

setup_file() {
    ! sanitized || return 0 # bats skips no file, see setup
    export AT=$BATS_FILE_TMPDIR/at
    unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES
    installation install >"$BATS_FILE_TMPDIR/said" 2>&1 || { tail "$BATS_FILE_TMPDIR/said"; return 1; }
}

setup() {
    not_sanitized "what is installed is not"
    cd "$BATS_TEST_TMPDIR" || return 1
    BIN=$(dirname "$(command -v pleura)") # bats has a `run` of its own
}

installation() { # installation install|uninstall
    make -C "$ROOT" CUDA=0 DESTDIR="$AT" PREFIX=/usr "$1"
}

# complete_at WORD...: what is offered for the last word, sorted, on one line; what the options of completion become is in `calls`
complete_at() {
    # shellcheck disable=SC2016 # for the other bash
    bash -eu -c '. "$0"
        compopt() { echo "$@" >>calls; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _pleura
        printf "%s\n" "${COMPREPLY[@]}"' "$AT/usr/share/bash-completion/completions/pleura" "$@" | sort | paste -s -d ' '
}

@test "installed programs run behind pleura, with manual, documents and examples" {
    [ "$("$AT/usr/bin/pleura" --names)" = "$(pleura --names)" ]
    "$AT/usr/bin/pleura" | grep -q '^  merge '
    "$AT/usr/bin/pleura" | grep -q '^  make '
    [ "$(ls "$AT/usr/bin")" = pleura ]
    for program in $(pleura --names); do
        [ "$("$AT/usr/bin/pleura" "$program" --version)" = "$("$BIN/$program" --version)" ]
        cmp <("$BIN/$program" --man) "$AT/usr/share/man/man1/pleura-$program.1"
    done
    # The documents' links lead somewhere.
    cd "$AT/usr/share/doc/pleura"
    [ "$(grep -oE '\]\([a-zA-Z./-]+\)' README.md | tr -d ']()' | xargs ls -d | wc -l)" -ge 10 ]
    cd examples
    jq -e .profiles ../config.json >/dev/null
    grep -qx "export PATH='/usr/libexec/pleura':\$PATH" pipelines.sh
    [ "$(sed -n '/^```sh$/,/^```$/{/^```/!p}' "$ROOT/README.md" | grep -cvxFf pipelines.sh)" = 1 ] # but for its PATH
    bash -n pipelines.sh
}

@test "completion: programs, options, and the values that there are" {
    names=$(pleura --names | paste -s -d ' ')
    [ "$(complete_at pleura '')" = "$({ pleura --names; echo make; } | sort | paste -s -d ' ')" ]
    [ "$(cat calls)" = "+o default" ]
    [ "$(complete_at /usr/bin/pleura pred)" = predict-fold ]
    [ "$(complete_at pleura --na)" = --names ]
    [ "$(complete_at pleura make train-)" = "train-cls-bisenet train-seg-bisenet train-seg-unet" ]
    [ "$(complete_at pleura make su)" = "submission1 submission2 submissions survey" ]
    for program in $names; do
        options=$("$BIN/$program" --options | jq -r 'keys_unsorted[] | "--\(.)"' | sort | paste -s -d ' ')
        [ "$(complete_at pleura "$program" -)" = "$options" ]
        [ "$(complete_at "bin/$program" x --)" = "$options" ]
    done
    networks=$(train-fold --options | jq -r '.network.choices[]' | sort | paste -s -d ' ')
    [[ $networks == *unet-resnet18* ]]
    [ "$(complete_at pleura train-fold --network '')" = "$networks" ]
    [ "$(complete_at train-fold -n '')" = "$networks" ]
    # Where bash breaks words at `=`, and where not
    [ "$(complete_at train-fold --optimizer = ad)" = "adam adamw" ]
    [ "$(complete_at train-fold --optimizer =)" = "$(complete_at train-fold --optimizer '')" ]
    [ "$(complete_at train-fold --optimizer=ad)" = "--optimizer=adam --optimizer=adamw" ]
}

@test "completion: files where they are wanted, nothing where nobody knows, no command of what was typed" {
    rm -f calls
    [ -z "$(complete_at decode '')" ]            # bash's own: files
    [ -z "$(complete_at predict-fold --model '')" ]
    [ -z "$(complete_at predict-fold -m be)" ]
    [ -z "$(complete_at pleura nothing '')" ]
    [ -z "$(complete_at decode -- --la)" ]
    [ ! -e calls ]
    [ -z "$(complete_at train-fold --rate '')" ] # a number: no files either
    [ "$(cat calls)" = "+o default" ]
    # shellcheck disable=SC2016
    for typed in '$(touch ran)' 'x]=$(touch ran)' '`touch ran`' 'a[$(touch ran)]'; do
        complete_at pleura decode "$typed" --la
        complete_at pleura decode --labels "$typed"
        complete_at pleura decode "--$typed=$typed"
        complete_at pleura "$typed" x
        complete_at "$typed" "$typed"
    done
    [ ! -e ran ]
}

@test "completion is registered for pleura, and for bare names where they are Pleura's" {
    registered() { # registered PATH...
        (
            PATH=$1:/usr/bin:/bin
            # shellcheck disable=SC1091
            . "$AT/usr/share/bash-completion/completions/pleura"
            complete -p | grep -o '_pleura .*' | cut -d ' ' -f 2 | sort
        )
    }
    [ "$(registered "$AT/usr/bin")" = pleura ]
    [ "$(registered "$ROOT/bin")" = "$( (echo pleura; pleura --names) | sort)" ]
    mkdir other && cp /bin/true other/merge
    [ "$(registered "$PWD/other:$ROOT/bin" | grep -c .)" = "$(pleura --names | wc -l)" ]
    no grep -qx merge <(registered "$PWD/other:$ROOT/bin")
}

@test "uninstall removes all of it, and nothing else" {
    installation uninstall
    [ -z "$(find "$AT" ! -type d)" ]
    [ -z "$(find "$AT" -name '*pleura*')" ]
    installation install
    touch "$AT"/usr/{bin/other,share/man/man1/other.1,share/bash-completion/completions/other}
    installation uninstall
    installation uninstall
    [ "$(find "$AT" ! -type d | wc -l)" = 3 ]
}
