# pleura, --help, manual pages, and what README shows.
load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    BIN=$(dirname "$(command -v pleura)") # bats has a `run` of its own
}

@test "pleura runs, lists and refuses" {
    pleura --names | grep -qx inspect
    no grep -qx pleura <(pleura --names)
    [ "$(pleura inspect --version)" = "$(inspect --version)" ]
    fails 2 "no program 'nothing'" pleura nothing
    fails 2 "not the name" pleura ../bin/inspect
    fails 1 "share/pleura/pipelines/pipelines.mk is not there" pleura make help # make has the targets here
}

@test "without arguments the programs are listed by purpose, each once, with what it does" {
    pleura >list
    [ "$(sed -n 's/^  \([^ ]*\) .*/\1/p' list | sort)" = "$(pleura --names)" ]
    for program in $(pleura --names); do
        IFS=$'\t' read -r purpose summary < <("$BIN/$program" --summary)
        [ "$purpose" != other ] || { echo "$program has no purpose"; return 1; }
        # Above the program's line the nearest title is its purpose.
        awk -v name="$program" '/^[^ ].*:$/ { title = $0 } $1 == name { print title; $1 = ""; print substr($0, 2) }' list >found
        cmp found <(printf '%s:\n%s\n' "$purpose" "$summary")
    done
    # What else lies in its folder is not run.
    mkdir bin && cp "$BIN"/{pleura,merge} bin/
    printf '#!/bin/sh\ntouch ran\n' >bin/other && chmod +x bin/other
    bin/pleura | grep -q '^  merge '
    [ ! -e ran ] && [ "$(bin/pleura --names)" = merge ]
    printf '#!/bin/sh\nexit 1\n' >bin/merge
    fails 1 "merge does not say" bin/pleura
}

@test "every program has --help, --version, a manual page and a row in README" {
    [ "$(pleura --names | wc -l)" -ge 10 ]
    for program in $(pleura --names); do
        "$BIN/$program" --help | grep -q "^Usage: $program"
        "$BIN/$program" --version | grep -qE "^$program \(Pleura\) [0-9.]+$"
        "$BIN/$program" --man >"$BATS_TEST_TMPDIR/page"
        grep -q '^\.SH OPTIONS' "$BATS_TEST_TMPDIR/page"
        grep -q "^| $program |" "$ROOT/README.md"
        # What --help names, the manual names too.
        for option in $("$BIN/$program" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE '\-\-[a-z0-9-]+'); do
            grep -qF -- "${option//-/\\-}" "$BATS_TEST_TMPDIR/page"
        done
    done
}

@test "--options is JSON; help and manual print the defaults that programs have, not those they are given" {
    for program in $(pleura --names); do
        "$BIN/$program" --help >help
        "$BIN/$program" --options >options
        jq -e 'has("help") and all(.[]; (.type | IN("flag", "text", "file", "files", "choice", "integer", "number", "bytes")))' \
            options >/dev/null
        while read -r value; do
            tr -s ' \n' ' ' <help | grep -qF -- "(default: $value)"
        done < <(jq -r '.[].default // empty' options)
    done
    train-fold --options | jq -e '.rate == {type: "number", recorded: true, letter: "r", minimum: 0, maximum: 10, default: 0.0005, help: "the highest learning rate"}
        and .keep.choices == ["dice", "wacc"] and (.init | has("default") | not)'
    [ "$(train-fold --batch 3 --help)" = "$(train-fold --help)" ]
}

@test "an unknown option is wrong usage everywhere" {
    [ "$(pleura --names | wc -l)" -ge 10 ]
    for program in $(pleura --names); do
        fails 2 "--help" "$BIN/$program" --no-such-option
    done
}
