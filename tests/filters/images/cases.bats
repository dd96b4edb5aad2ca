# decode on small files of ../shared/cases, each odd in one way: the right values, or what has to be said.
load ../helpers

setup() {
    CASES=$ROOT/../shared/cases
    [ -e "$CASES/README.md" ] || skip "../shared/cases absent"
}

# levels FILE OPTION...: grey levels of a 64 x 64 picture at (row, column) = (10, 20), (20, 20), (40, 20); leaves
# what decode says in a file `says`.
levels() {
    local file=$CASES/$1
    shift
    decode "$@" "$file" -o "$BATS_TEST_TMPDIR/one" 2>"$BATS_TEST_TMPDIR/says" || return 1
    python3 - "$BATS_TEST_TMPDIR/one" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
start = data.index(b"\xc5\x10\x00") + 3  # bin 16 of 4096 bytes
print(*(data[start + 64 * y + 20] for y in (10, 20, 40)))
END
}

# gives "LEVELS" "WORDS" FILE OPTION...: WORDS are in what is said; nothing is said where they are empty.
gives() {
    local wanted=$1 words=$2
    shift 2
    got=$(levels "$@") || { cat "$BATS_TEST_TMPDIR/says"; return 1; }
    said=$(cat "$BATS_TEST_TMPDIR/says")
    if [ "$got" != "$wanted" ] || [[ $said != *"$words"* ]] || { [ -z "$words" ] && [ -n "$said" ]; }; then
        echo "$1: $got, wanted $wanted; says: $said"
        return 1
    fi
}

@test "windows: with a comma, of VR US, that no pixel falls into, on 8 bits of 16" {
    gives "0 255 255" "decimal comma" ds-comma.dcm
    gives "0 0 255" "" win-us.dcm
    gives "0 0 0" "no pixel falls into its window 40/400" window-off.dcm
    gives "222 255 255" "" bits8of16-native.dcm
}

@test "VOI LUTs: fewer bits than told, a negative first value, beside a window" {
    gives "8 34 202" "12 bits" voi-narrow.dcm
    gives "8 34 202" "" voi-ss-first.dcm
    gives "8 34 202" "" voi-both.dcm
    gives "8 34 202" "" voi-both.dcm --voi lut
    gives "0 255 255" "" voi-both.dcm --voi window
}

@test "padding is not in the range; MONOCHROME1 may be given twice" {
    gives "41 81 160" "" padding.dcm
    gives "214 174 94" "" monochrome1-twice.dcm
}

@test "streams and structure that others read" {
    gives "41 81 161" "" jls-zero-before-eoi.dcm
    gives "41 81 161" "not compressed as its transfer syntax says" ts-compressed-but-native.dcm
    gives "41 81 161" "" sq-delimiter-with-length.dcm
}

@test "12 bits in a PNG of 16, and a JPEG" {
    decode "$CASES/g16_12bit.png" | inspect --json | jq -c 'select(.id) | .image | [.min, .max]' | grep -qx '\[0,255\]'
    decode "$CASES/jpeg.jpg" | inspect --json | jq -c 'select(.id) | .image.shape' | grep -qx '\[48,64\]'
}

@test "a hard limit of the address space" {
    not_sanitized "it reserves terabytes"
    cd "$ROOT"
    [ -x bin/decode ] || skip "not built in bin/"
    bash "$CASES/ulimit-v.sh" | grep -qx "status 0"
}
