# decode: files to samples.
load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    synth -q --train 6 --test 0 --side 96 --lesions 0.5 dicom
    synth -q --train 6 --test 0 --side 96 --lesions 0.5 --quality 0 raw
    synth -q --train 6 --test 0 --side 96 --lesions 0.5 --format png png
}

setup() { cd "$BATS_FILE_TMPDIR"; }

# Checked files, one line a record: "id sum-of-what".
ids() { inspect --json "$@" | jq -r 'select(.id) | .id'; }

@test "uncompressed DICOM and PNG give the same stream" {
    decode raw/train -o "$BATS_TEST_TMPDIR/a"
    decode png/train -o "$BATS_TEST_TMPDIR/b"
    cmp "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "order is the files' order, whatever the number of threads" {
    decode -t 1 dicom/train | ids - >"$BATS_TEST_TMPDIR/one"
    for file in dicom/train/*; do basename "$file" .dcm; done | cmp - "$BATS_TEST_TMPDIR/one"
    decode -t 1 dicom/train >"$BATS_TEST_TMPDIR/1"
    decode -t 5 dicom/train | cmp - "$BATS_TEST_TMPDIR/1"
    ls -r dicom/train/* | decode | ids - | tac | cmp - "$BATS_TEST_TMPDIR/one"
}

@test "labels become rle; an image without rows has none, and a notice says so" {
    decode --labels dicom/train-rle.csv dicom/train -o "$BATS_TEST_TMPDIR/a"
    [ "$(inspect --json "$BATS_TEST_TMPDIR/a" | grep -c '"rle"')" = 6 ]
    head -n 3 dicom/train-rle.csv >"$BATS_TEST_TMPDIR/short.csv"
    run --separate-stderr decode --labels "$BATS_TEST_TMPDIR/short.csv" dicom/train -o "$BATS_TEST_TMPDIR/b"
    [ "$status" = 0 ]
    [[ $stderr == *"has no rows for "* ]]
}

@test "--ids picks and orders; an id without a file is an error" {
    printf 'ImageId,EncodedPixels\nsynth-1-000004,-1\nsynth-1-000001,-1\n' >"$BATS_TEST_TMPDIR/ids.csv"
    decode --ids "$BATS_TEST_TMPDIR/ids.csv" dicom/train | ids - >"$BATS_TEST_TMPDIR/got"
    printf 'synth-1-000004\nsynth-1-000001\n' | cmp - "$BATS_TEST_TMPDIR/got"
    echo nobody >>"$BATS_TEST_TMPDIR/ids.csv"
    sed -i 's/^nobody$/nobody,-1/' "$BATS_TEST_TMPDIR/ids.csv"
    fails 1 "nobody" decode --ids "$BATS_TEST_TMPDIR/ids.csv" dicom/train -o "$BATS_TEST_TMPDIR/out"
    [ ! -e "$BATS_TEST_TMPDIR/out" ]
}

@test "a broken file ends it, or is left out with --on-error skip" {
    mkdir "$BATS_TEST_TMPDIR/x"
    cp dicom/train/*0.dcm dicom/train/*1.dcm "$BATS_TEST_TMPDIR/x"
    head -c 2000 dicom/train/synth-1-000002.dcm >"$BATS_TEST_TMPDIR/x/broken.dcm"
    fails 1 "broken.dcm: " decode "$BATS_TEST_TMPDIR/x" -o "$BATS_TEST_TMPDIR/out"
    [ ! -e "$BATS_TEST_TMPDIR/out" ]
    run --separate-stderr decode --on-error skip "$BATS_TEST_TMPDIR/x" -o "$BATS_TEST_TMPDIR/out"
    [ "$status" = 0 ]
    [[ $stderr == *"broken.dcm: left out: "* ]]
    [ "$(ids "$BATS_TEST_TMPDIR/out" | wc -l)" = 2 ]
}

@test "other files in a folder are left out; a file named itself must be an image" {
    mkdir "$BATS_TEST_TMPDIR/x"
    cp png/train/*0.png "$BATS_TEST_TMPDIR/x"
    echo hello >"$BATS_TEST_TMPDIR/x/notes.txt"
    decode -q "$BATS_TEST_TMPDIR/x" | ids - | grep -qx synth-1-000000
    fails 1 "notes.txt: neither" decode "$BATS_TEST_TMPDIR/x/notes.txt" -o "$BATS_TEST_TMPDIR/out"
}

@test "one id twice is an error, or the second is left out" {
    fails 1 "same id" decode dicom/train/*0.dcm png/train/*0.png -o "$BATS_TEST_TMPDIR/out"
    decode -q --on-error skip dicom/train/*0.dcm png/train/*0.png | ids - | grep -cx synth-1-000000 | grep -qx 1
}

@test "names with blanks and newlines, and what is an extension" {
    mkdir "$BATS_TEST_TMPDIR/x"
    cp png/train/*0.png "$BATS_TEST_TMPDIR/x/a b.png"
    cp png/train/*1.png "$BATS_TEST_TMPDIR/x/c
d.PNG"
    cp png/train/*2.png "$BATS_TEST_TMPDIR/x/1.2.840.5"
    find "$BATS_TEST_TMPDIR/x" -type f -print0 | sort -z | decode -0 | inspect --json | jq -c 'select(.id) | .id' >"$BATS_TEST_TMPDIR/got"
    printf '"1.2.840.5"\n"a b"\n"c\\nd"\n' | cmp - "$BATS_TEST_TMPDIR/got"
}

@test "missing, empty and unreadable inputs" {
    fails 1 "nothing.dcm: No such file" decode nothing.dcm -o "$BATS_TEST_TMPDIR/out"
    mkdir "$BATS_TEST_TMPDIR/empty"
    fails 1 "no files" decode "$BATS_TEST_TMPDIR/empty" -o "$BATS_TEST_TMPDIR/out"
    : >"$BATS_TEST_TMPDIR/zero.png"
    fails 1 "zero.png: " decode "$BATS_TEST_TMPDIR/zero.png" -o "$BATS_TEST_TMPDIR/out"
    fails 2 "must be one of" decode --on-error maybe dicom/train -o "$BATS_TEST_TMPDIR/out"
    [ ! -e "$BATS_TEST_TMPDIR/out" ]
}

@test "a file that vanishes costs that file" {
    printf '%s\n' dicom/train/*0.dcm gone.dcm dicom/train/*1.dcm >"$BATS_TEST_TMPDIR/list"
    run --separate-stderr bash -c "decode --on-error skip - <$BATS_TEST_TMPDIR/list | inspect --json | grep -c '\"id\"'"
    [ "$output" = 2 ]
    [[ $stderr == *"gone.dcm: left out: No such file"* ]]
}

@test "a limit of the address space that is there is kept, and blamed where it is too low for a file" {
    not_sanitized "it reserves terabytes"
    decode raw/train -o "$BATS_TEST_TMPDIR/free"
    for limit in "-v 2000000" "-v 500000" "-Hv 2000000 -Sv 500000" "-Sv 1000000"; do
        # shellcheck disable=SC2086
        (ulimit $limit && decode raw/train | cmp - "$BATS_TEST_TMPDIR/free")
    done
    python3 - >"$BATS_TEST_TMPDIR/large.png" <<'END'
import struct, sys, zlib
side, z = 12000, zlib.compressobj(1)
def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
data = b"".join(z.compress(bytes(1 + side)) for _ in range(side)) + z.flush()
sys.stdout.buffer.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)) +
                        chunk(b"IDAT", data) + chunk(b"IEND", b""))
END
    limited() { (ulimit -v 100000 && decode "$@"); }
    fails 1 "large.png: with 97 MiB of address space (ulimit -v): no memory for an image of 12000 x 12000" \
        limited "$BATS_TEST_TMPDIR/large.png" -o "$BATS_TEST_TMPDIR/out"
    decode "$BATS_TEST_TMPDIR/large.png" | inspect --json | jq -c 'select(.id) | .id' | grep -qx '"large"'
}

@test "a named pipe that nobody writes runs into --timeout" {
    mkfifo "$BATS_TEST_TMPDIR/fifo.png"
    fails 1 "longer than" timeout 20 decode --timeout 0.5 "$BATS_TEST_TMPDIR/fifo.png" -o "$BATS_TEST_TMPDIR/out"
}

@test "nothing but pixels and the name leaves a DICOM file" {
    file=$(ls -d dicom/train/*0.dcm)
    decode "$file" -o "$BATS_TEST_TMPDIR/a"
    [ "$(wc -c <"$BATS_TEST_TMPDIR/a")" -le $((96 * 96 + 200)) ]
}

@test "the challenge's DICOM files: pixels as gdcmconv --raw gives them" {
    shared siim/train
    command -v gdcmconv >/dev/null || skip "gdcmconv absent"
    mkdir "$BATS_TEST_TMPDIR/raw"
    for file in "$SHARED"/siim/train/*.dcm; do
        gdcmconv --raw "$file" "$BATS_TEST_TMPDIR/raw/$(basename "$file")"
    done
    decode "$SHARED/siim/train" -o "$BATS_TEST_TMPDIR/a"
    decode "$BATS_TEST_TMPDIR/raw" | cmp - "$BATS_TEST_TMPDIR/a"
    [ "$(ids "$BATS_TEST_TMPDIR/a" | wc -l)" = 37 ]
}

@test "every file of a suite of odd DICOMs is decoded or refused in one line" {
    shared dicom_suite
    files=$(find "$SHARED/dicom_suite" -type f | wc -l)
    decode --on-error skip "$SHARED/dicom_suite" -o "$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    decoded=$(ids "$BATS_TEST_TMPDIR/out" | wc -l)
    refused=$(grep -c 'left out: ' "$BATS_TEST_TMPDIR/err")
    [ $((decoded + refused)) = "$files" ]
    [ "$decoded" -ge 140 ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = "$(grep -cE 'left out: |first frame' "$BATS_TEST_TMPDIR/err")" ]
}

@test "the PNG conformance suite: the valid ones decode, the corrupt ones are refused" {
    shared pngsuite
    decode --on-error skip "$SHARED"/pngsuite/*.png -o "$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(ids "$BATS_TEST_TMPDIR/out" | wc -l)" = 161 ]
    [ "$(grep -c 'left out: ' "$BATS_TEST_TMPDIR/err")" = 14 ]
    [ "$(grep -c '/x[a-z0-9]*.png: left out: ' "$BATS_TEST_TMPDIR/err")" = 14 ]
}
