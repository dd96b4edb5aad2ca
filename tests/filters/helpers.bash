# Shared by the pipe tests.
bats_require_minimum_version 1.5.0

# fails STATUS WORDS COMMAND...: ends with STATUS and one message with WORDS in it.
fails() {
    local wanted=$1 words=$2
    shift 2
    run --separate-stderr "$@"
    if [ "$status" != "$wanted" ] || [[ $stderr != *"$words"* ]]; then
        echo "status $status, wanted $wanted; stderr: $stderr"
        return 1
    fi
}

# shared PART: $SHARED is the folder of real files; skips where it is absent.
shared() {
    SHARED=$BATS_TEST_DIRNAME/../../../shared/data
    [ -e "$SHARED/$1" ] || skip "../shared/data absent"
}

# no COMMAND...: COMMAND must not succeed (bats does not see the failure of `! COMMAND`).
no() {
    if "$@"; then
        echo "succeeded: $*"
        return 1
    fi
}

# not_sanitized WHY: skips under the sanitizers.
not_sanitized() {
    if ldd "$(command -v train-fold)" | grep -q libasan; then
        skip "sanitized: $1"
    fi
}
