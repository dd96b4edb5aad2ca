# decode: files to samples.
load ../helpers

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
    [[ $stderr == *"short.csv: no row for "*" of 6 images, such as 'synth-1-00000"*"': not labelled" ]]
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

@test "--follow: files are decoded as their names come, and what is left out is told at once" {
    local line
    cd "$BATS_TEST_TMPDIR"
    head -c 2000 "$BATS_FILE_TMPDIR/dicom/train/synth-1-000002.dcm" >broken.dcm
    one=$BATS_FILE_TMPDIR/dicom/train/synth-1-000001.dcm two=$BATS_FILE_TMPDIR/dicom/train/synth-1-000000.dcm
    mkfifo left
    # shellcheck disable=SC2034 # COPROC is bash's
    coproc { decode --follow --on-error skip --left-out left | inspect --json; }
    exec 4<left 5<&"${COPROC[0]}" 6>&"${COPROC[1]}"
    eval "exec ${COPROC[0]}<&- ${COPROC[1]}>&-"
    answer() { read -r -t 20 -u "$1" line && [[ $line == $2 ]] || { echo "got '$line'"; return 1; }; }
    answer 5 '*"samples"*'
    answer 4 ImageId,Path,Reason
    for path in "$one" "$two" "$one"; do # an id may come again
        printf '%s\n' "$path" >&6
        answer 5 "*\"$(basename "$path" .dcm)\"*"
    done
    printf 'broken' >&6 # a name in two pieces
    printf '.dcm\n\nabsent.dcm\n' >&6
    answer 4 'broken,broken.dcm,*'
    answer 4 'absent,absent.dcm,*'
    printf '%s' "$two" >&6
    exec 6>&-
    answer 5 '*"synth-1-000000"*'
    answer 5 '{"end": 4}'
    exec 4<&- 5<&-
    # All at once: the stream of any list.
    find "$BATS_FILE_TMPDIR/dicom" -name '*.dcm' -print0 >list
    decode --follow -0 - < <(cat list) | cmp - <(decode -0 <list)
    fails 1 "broken.dcm: " decode --follow <<<broken.dcm
    decode --follow </dev/null | inspect --check
    fails 2 "--follow" decode --follow "$one"
    fails 2 "--follow" decode --follow --labels "$BATS_FILE_TMPDIR/dicom/train-rle.csv"
    fails 1 "a name of more than" decode --follow < <(tr '\0' x </dev/zero)
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
    fails 2 "must be one of" decode --voi both dicom/train -o "$BATS_TEST_TMPDIR/out"
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

@test "GDCM is loaded for files that need it; a module that is missing, or not of this version, costs these" {
    local program here=$BATS_TEST_TMPDIR
    for program in $(pleura --names); do
        no grep gdcm <(ldd "$(type -P "$program")")
    done
    mkdir "$here"/{all,bin,two}
    make-dicom "$here/all"
    cp "$here"/all/{jpeg,1.2.840.10008.1.2.4.80}.dcm "$here/two/"
    cp "$(command -v decode)" "$here/bin/"
    lonely() { "$here/bin/decode" --on-error skip "$here/two" -o "$here/out" "$@"; }
    fails 0 "1.2.840.10008.1.2.4.80.dcm: left out: $here/bin/pleura-gdcm.so is not there" lonely
    [ "$(ids "$here/out")" = jpeg ]
    echo 'const char *pleura_module_version(void) { return "0"; }' | cc -shared -fPIC -x c - -o "$here/bin/pleura-gdcm.so"
    fails 0 "left out: $here/bin/pleura-gdcm.so is not of this program's build" lonely
    cp "$(dirname "$(command -v decode)")/pleura-gdcm.so" "$here/bin/"
    fails 0 "left out: GDCM cannot decompress it" lonely
}

@test "a named pipe that nobody writes runs into --timeout" {
    mkfifo "$BATS_TEST_TMPDIR/fifo.png"
    fails 1 "longer than" timeout 200 decode --timeout 0.5 "$BATS_TEST_TMPDIR/fifo.png" -o "$BATS_TEST_TMPDIR/out"
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
    decode --on-error skip --left-out "$BATS_TEST_TMPDIR/left" "$SHARED/dicom_suite" -o "$BATS_TEST_TMPDIR/out" \
        2>"$BATS_TEST_TMPDIR/err"
    decoded=$(ids "$BATS_TEST_TMPDIR/out" | wc -l)
    refused=$(tail -n +2 "$BATS_TEST_TMPDIR/left" | wc -l)
    [ $((decoded + refused)) = "$files" ]
    [ "$decoded" -ge 140 ]
    [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = "$(grep -cE 'left out|first frame|no pixel falls into' "$BATS_TEST_TMPDIR/err")" ]
}

@test "the PNG conformance suite: the valid ones decode, the corrupt ones are refused" {
    shared pngsuite
    decode --on-error skip "$SHARED"/pngsuite/*.png -o "$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(ids "$BATS_TEST_TMPDIR/out" | wc -l)" = 161 ]
    [ "$(grep -c 'left out: ' "$BATS_TEST_TMPDIR/err")" = 14 ]
    [ "$(grep -c '/x[a-z0-9]*.png: left out: ' "$BATS_TEST_TMPDIR/err")" = 14 ]
}

# ---- images and their labels

# three CSV...: the images a, b, c of 16 x 12 in x/ and a file of the rows
three() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p x
    for id in a b c; do make-gray --height 16 --width 12 -o "x/$id.png"; done
    printf '%s\n' ImageId,EncodedPixels "$@" >rows.csv
}

# rle ID FILE: the sample's run lengths; null where it has none
rle() { inspect --json "$2" | jq -c --arg id "$1" 'select(.id == $id) | .rle'; }

@test "images without a row are kept, dropped before they are decoded, or taken alone" {
    three 'a.dcm,2 3' 'B,-1' 'c.PNG,1 1' 'c,5 2'
    mv x/b.png x/b.dcm
    run --separate-stderr decode --labels rows.csv x -o out.mpk
    [ "$status" = 0 ]
    [ "${stderr_lines[0]}" = "decode: rows.csv: no row for 1 of 3 images, such as 'b': not labelled" ]
    [ "${stderr_lines[1]}" = "decode: rows.csv: 1 of its 3 ids has no image, such as 'B'" ]
    [ "${#stderr_lines[@]}" = 2 ]
    [ "$(rle a out.mpk) $(rle b out.mpk) $(rle c out.mpk)" = '["2 3"] null ["1 1","5 2"]' ]
    head -c 60 x/b.dcm >x/cut && mv x/cut x/b.dcm # it would end the program if it were decoded
    fails 1 "b.dcm: " decode --labels rows.csv x -o not.mpk
    [ ! -e not.mpk ]
    run --separate-stderr decode --labels rows.csv --unlabelled drop --left-out left.csv x -o out.mpk
    [ "$status" = 0 ]
    [ "${stderr_lines[0]}" = "decode: rows.csv: no row for 1 of 3 images, such as 'b': left out" ]
    [ "$(ids out.mpk | tr '\n' ' ')" = "a c " ]
    [ "$(cat left.csv)" = 'ImageId,Path,Reason
b,x/b.dcm,no row in rows.csv
B,"",no image has this id' ]
    make-gray -o x/b.dcm
    decode -q --labels rows.csv --unlabelled only --left-out left.csv x -o out.mpk
    [ "$(ids out.mpk)" = b ]
    [ "$(cat left.csv)" = 'ImageId,Path,Reason
a,x/a.png,a row in rows.csv
c,x/c.png,a row in rows.csv' ]
    [ -z "$(decode -q --labels rows.csv x 2>&1 >out.mpk)" ]
    # who names one file, or ids, knows that the table has more
    [ -z "$(decode --labels rows.csv x/a.png 2>&1 >out.mpk)" ]
    echo ImageId >one.csv && echo c.dcm >>one.csv
    [ -z "$(decode --labels rows.csv --ids one.csv x 2>&1 >out.mpk)" ]
    [ "$(ids out.mpk)" = c ]
}

@test "a table that fits no image is an error before anything is decoded" {
    three 'p/1,2 3' 'p/2,-1'
    for file in x/*; do head -c 60 "$file" >y && mv y "$file"; done
    fails 1 "rows.csv: no row for any of 3 images: the first image is 'a', the first row is of 'p/1'" \
        decode --labels rows.csv x -o out.mpk
    three
    fails 1 "rows.csv: no rows in it" decode --labels rows.csv x -o out.mpk
    three a,-1 b,-1 c,-1
    fails 1 "rows.csv: has a row for each of the 3 images: none is left" \
        decode --labels rows.csv --unlabelled only x -o out.mpk
    [ ! -e out.mpk ]
    fails 2 "by which labels" decode --unlabelled drop x
    fails 2 "one or the other" decode --labels rows.csv --masks x x
    fails 2 "run lengths of --labels" decode --size 8x8 x
}

@test "a file with one more extension than its row has the row's id" {
    three a,-1 'b,2 3'
    mv x/a.png x/a.nih_00000013_003.png
    mv x/b.png x/b.dcm.png
    mv x/c.png x/1.2.840.png
    decode -q --labels rows.csv x -o out.mpk
    [ "$(ids out.mpk | tr '\n' ' ')" = "1.2.840 a b " ]
    [ "$(rle a out.mpk) $(rle b out.mpk) $(rle 1.2.840 out.mpk)" = '[] ["2 3"] null' ]
    decode -q --ids rows.csv x | ids - | tr '\n' ' ' | grep -qx 'a b '
    decode -q x/a.nih_00000013_003.png | ids - | grep -qx 'a.nih_00000013_003'
}

@test "what is no image in a folder is counted, a reason a line, and listed" {
    three a,-1
    echo hello >x/notes.txt
    echo hello >x/rows.csv
    : >x/empty.dcm
    run --separate-stderr decode --left-out left.csv x -o out.mpk
    [ "$status" = 0 ]
    [ "${stderr_lines[0]}" = "decode: x/empty.dcm: left out: is empty" ]
    [ "${stderr_lines[1]}" = "decode: x: 2 files left out, such as x/notes.txt: neither PNG nor DICOM nor JPEG" ]
    [ "${#stderr_lines[@]}" = 2 ]
    [ "$(cat left.csv)" = 'ImageId,Path,Reason
empty,x/empty.dcm,is empty
notes,x/notes.txt,neither PNG nor DICOM nor JPEG
rows,x/rows.csv,neither PNG nor DICOM nor JPEG' ]
    rm x/*.png
    fails 1 "x: not one image among its 3 files, such as " decode x -o not.mpk
    fails 1 "x: not one image among its 3 files, such as " decode --on-error skip x -o not.mpk
    three a,-1
    rm x/empty.dcm x/notes.txt x/rows.csv
    for file in x/*; do head -c 60 "$file" >y && mv y "$file"; done
    fails 1 "not one of 3 images could be read" decode --on-error skip --left-out not.csv x -o not.mpk
    [ ! -e not.mpk ] && [ ! -e not.csv ]
}

@test "doubles, broken files and names that are no UTF-8 are listed with their reasons" {
    three a,-1
    mkdir x/z
    cp x/a.png x/z/a.png
    head -c 60 x/b.png >y && mv y x/b.png
    cp x/c.png x/$'\xff\n,.png'
    fails 1 "not UTF-8" decode x -o not.mpk
    decode --on-error skip --left-out left.csv x -o out.mpk 2>err
    [ "$(ids out.mpk | tr '\n' ' ')" = "a c " ]
    [ "$(cut -d, -f1,2 left.csv | tail -n 2)" = 'b,x/b.png
a,x/z/a.png' ]
    grep -qF '"\xff\x0a,","x/\xff\x0a,.png",the name is not UTF-8' left.csv
    [ "$(grep -c 'left out' err)" = 3 ]
}

@test "run lengths must fit their image; what look like absolute starts are named" {
    three 'a,0 193'
    fails 1 "rows.csv: line 2: a: run lengths: run 1 ends at pixel 193 of 192 (16 x 12)" \
        decode --labels rows.csv x/a.png -o out.mpk
    three 'a,-1' 'b,100 4 116 4 132 4'
    fails 1 "line 3: b: run lengths: run 2 ends at pixel 224 of 192 (16 x 12): the numbers look like absolute" \
        decode --labels rows.csv x -o out.mpk
    [ ! -e out.mpk ]
}

@test "--size: run lengths of another size are brought to the image's own" {
    # rows 2 and 3 of column 1 of 8 x 6 are rows 4 to 7 of columns 2 and 3 of 16 x 12
    three 'a,10 2' 'b,-1' 'c,0 48'
    decode --labels rows.csv --size 8x6 x -o out.mpk
    [ "$(rle a out.mpk) $(rle b out.mpk) $(rle c out.mpk)" = '["36 4 12 4"] [] ["0 192"]' ]
    # from 32 x 24 each second pixel counts: column 3's rows 5 to 9 are none of them, column 4's are rows 3 and 4
    three 'a,101 5 27 5'
    decode --labels rows.csv --size 32x24 x/a.png -o out.mpk
    [ "$(rle a out.mpk)" = '["35 2"]' ]
    # the same size leaves the rows as they are, one by one
    three 'a,10 2' 'a,0 0 3 1'
    decode --labels rows.csv --size 16x12 x/a.png -o out.mpk
    [ "$(rle a out.mpk)" = '["10 2","0 0 3 1"]' ]
    three 'a,0 49'
    fails 1 "line 2: a: run lengths: run 1 ends at pixel 49 of 48 (8 x 6)" decode --labels rows.csv --size 8x6 x/a.png
    fails 2 "--size '8'" decode --labels rows.csv --size 8 x
}

@test "--masks: images of 0 and one other level, by id, in any format and folder" {
    three
    mkdir -p m/deep
    box="--height 16 --width 12 --top 3 --left 2 --rows 4 --columns 1"
    make-gray $box --level 255 -o m/deep/a.png # column 2, rows 3 to 6
    make-gray $box --level 1 --format dicom -o m/b.dcm
    echo hello >m/readme
    run --separate-stderr decode --masks m x -o out.mpk
    [ "$status" = 0 ]
    [ "$(rle a out.mpk) $(rle b out.mpk) $(rle c out.mpk)" = '["35 4"] ["35 4"] null' ]
    [ "${stderr_lines[0]}" = "decode: m/readme: left out: neither PNG nor DICOM nor JPEG" ]
    [ "${stderr_lines[1]}" = "decode: m: no mask for 1 of 3 images, such as 'c': not labelled" ]
    [ "${#stderr_lines[@]}" = 2 ]
    make-gray --height 16 --width 12 -o m/c.png
    decode -q --masks m x -o out.mpk
    [ "$(rle c out.mpk)" = '[]' ]
    decode -q --masks m -t 1 x | cmp - out.mpk
    decode -q --masks m -t 7 x | cmp - out.mpk
    make-gray --height 16 --width 12 -o m/d.png
    run --separate-stderr decode --masks m --unlabelled drop --left-out left.csv x -o out.mpk
    [ "${stderr_lines[1]}" = "decode: m: 1 of its 4 ids has no image, such as 'd'" ]
    grep -qxF 'd,"",no image has this id' left.csv
    # losses: what JPEG does to an edge is no third level
    make-gray $box --format jpeg -o m/b.jpg && rm m/b.dcm
    make-gray --height 16 --width 12 --corner 20 --format jpeg -o x/b.jpg && rm x/b.png
    decode -q --masks m x -o out.mpk
    [ "$(rle b out.mpk)" = '["35 4"]' ]
}

@test "--masks: an image of one level is all lesion, whatever its depth, unless that level is 0" {
    mkdir x m
    for id in a b c d; do make-gray --height 2 --width 3 -o x/$id.png; done
    /usr/bin/python3 - <<'END'
import struct, zlib
def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
def write(path, depth, level):
    row = b"\0" + level.to_bytes(depth // 8, "big") * 3
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, depth, 0, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(row * 2)) + chunk(b"IEND", b""))
write("m/a.png", 8, 255)
write("m/b.png", 16, 65535)
write("m/c.png", 16, 1)
write("m/d.png", 16, 0)
END
    decode -q --masks m x -o out.mpk
    [ "$(rle a out.mpk) $(rle b out.mpk) $(rle c out.mpk) $(rle d out.mpk)" = '["0 6"] ["0 6"] ["0 6"] []' ]
}

@test "--masks: what is no mask, or not of its image, is refused by name" {
    three
    wrong() { # wrong WORDS OPTION...: a mask made so
        rm -rf m && mkdir m
        make-gray --height 16 --width 12 -o m/b.png
        make-gray "${@:2}" -o m/a.png
        fails 1 "$1" decode --masks m x -o out.mpk
        run --separate-stderr decode --on-error skip --left-out left.csv --masks m x -o skipped.mpk
        [ "$status" = 0 ]
        [[ $stderr == *"x/a.png: left out: $1"* ]]
        [ "$(ids skipped.mpk | tr '\n' ' ')" = "b c " ]
        grep -q '^a,x/a.png,' left.csv
        [ ! -e out.mpk ]
    }
    wrong "is 16 x 12, and its mask m/a.png is 12 x 16" --height 12 --width 16
    wrong "its mask m/a.png: not a mask: grey levels 7 and 255 in it" \
        --height 16 --width 12 --rows 3 --columns 3 --corner 7
    wrong "its mask m/a.png: not a mask: grey levels 1 and 2 in it" \
        --height 16 --width 12 --rows 3 --columns 3 --level 1 --corner 2
    wrong "its mask m/a.png: not a mask: grey levels " --height 16 --width 12 --rows 9 --columns 9 --level 120 --format jpeg
    rm m/a.png
    head -c 60 m/b.png >m/a.png
    fails 1 "x/a.png: its mask m/a.png: " decode --masks m x -o out.mpk
    mkdir m/more
    cp m/b.png m/more/b.dcm
    fails 1 "m/more/b.dcm: a mask of 'b', and so is m/b.png" decode --masks m x -o out.mpk
    rm -r m && mkdir m && cp x/a.png m/z.png
    fails 1 "m: no mask for any of 3 images: the first image is 'a', the first mask is of 'z'" \
        decode --masks m x -o out.mpk
    echo hello >m/z.png
    fails 1 "m: not one image among its 1 files" decode --masks m x -o out.mpk
    [ ! -e out.mpk ]
}

@test "the real X-rays in one folder, as DICOM and PNG, with the challenge's table" {
    shared siim/train
    cd "$BATS_TEST_TMPDIR"
    mkdir x
    ln -s "$SHARED"/siim/train/*.dcm "$SHARED"/siim/train_png/*.png x/
    labels=$SHARED/labels/train-rle.csv
    run --separate-stderr decode --labels "$labels" --unlabelled drop x -o out.mpk
    [ "$status" = 0 ]
    [ "$(ids out.mpk | wc -l)" = 45 ]
    [[ $stderr == *"$labels: 12002 of its 12047 ids have no image, such as "* ]]
    [ "$(shard -q shards out.mpk && inspect --json shards/index.mpk | jq -s 'map(select(.lesion > 0)) | length')" = 13 ]
}
