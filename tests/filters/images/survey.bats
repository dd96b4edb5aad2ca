# survey: what X-rays and labels are, and what would go wrong with them later.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# Images a, b and c of 16 x 12 in x/.
three() {
    mkdir -p x
    for id in a b c; do make-gray --height 16 --width 12 -o "x/$id.png"; done
}

# csv ROW...: labels.csv of these rows
csv() {
    echo 'ImageId,EncodedPixels' >labels.csv
    printf '%s\n' "$@" >>labels.csv
}

# counts FILTER: "count value" of each row of a tally
counts() { jq -r "$1[] | \"\(.count) \(.value // .reason)\""; }

# fits ARGUMENT...: nothing would fail
fits() {
    run --separate-stderr survey "$@"
    [ "$status" = 0 ] || { echo "status $status: $stderr"; return 1; }
}

# says LINE...: stderr's lines, all of them
says() {
    local i=0 line
    for line; do
        [ "${stderr_lines[i]}" = "survey: $line" ] || { echo "line $i is '${stderr_lines[i]}'"; return 1; }
        i=$((i + 1))
    done
    [ "${#stderr_lines[@]}" = $i ] || { echo "${stderr_lines[*]:i}"; return 1; }
}

@test "what there is: formats, transfer syntaxes, sizes, bits, photometric interpretations" {
    mkdir x
    make-gray --height 16 --width 12 -o x/a.png
    make-gray --height 16 --width 12 --format jpeg -o x/b.jpg
    make-gray --height 300 --width 200 --format dicom -o x/c.dcm
    mkdir made && make-dicom made
    cp made/1.2.840.10008.1.2.5-0-0.dcm x/d.dcm # RLE, 2 x 3, MONOCHROME1
    cp made/1.2.840.10008.1.2.5-1-0.dcm x/e.dcm # RLE, 3 x 2, 12 bits of 16
    fits --json x
    jq -e '(.train | .files == 5 and .images == 5 and .labels == null and .left_out == []) and .test == null
        and .failures == []' <<<"$output"
    [ "$(counts .train.formats <<<"$output")" = "3 DICOM
1 PNG
1 JPEG" ]
    [ "$(counts .train.transfer_syntaxes <<<"$output")" = "2 RLE Lossless (1.2.840.10008.1.2.5)
1 Explicit VR Little Endian (1.2.840.10008.1.2.1)" ]
    [ "$(counts .train.sizes <<<"$output")" = "2 16 x 12
1 300 x 200
1 2 x 3
1 3 x 2" ]
    [ "$(counts .train.bits <<<"$output" | sort)" = "1 12 of 16
4 8 of 8" ]
    [ "$(counts .train.photometric_interpretations <<<"$output" | sort)" = "1 MONOCHROME1
2 MONOCHROME2
2 gray" ]
    says "notice: x/d.dcm: is MONOCHROME1: it is inverted" "notice: the training images: are of 4 sizes"
    survey -q x >table
    grep -qx '  height x width                     2  16 x 12' table
    grep -qx '                                     1  2 x 3' table
    for threads in 1 7; do survey -q -t $threads x | cmp - table; done
}

@test "labels: images with and without, rows without an image, areas as numpy has them" {
    three
    # a: 6 and 4 pixels that overlap in 2; b: 3; c: none; two ids without an image
    csv 'a.dcm,10 6' 'a,14 4' 'b,0 1 5 2' 'c,-1' 'd,1 1' 'e,-1'
    make-gray --height 16 --width 12 -o x/f.png
    fits --json --labels labels.csv x
    says "notice: d: has labels, but no image (and 1 more)" "notice: x/f.png: is left out: it has no labels"
    jq -e '.train | .images == 3 and .files == 4 and (.labels | .images == 3 and .without_labels == 1 and .without_image == 2
        and .rows == 3 and .lesions == 2 and .lesion_share == 2 / 3
        and .rows_an_image == [{value: "2", count: 1}, {value: "1", count: 1}]
        and .area.min == 3 and .area.max == 8 and .area.median == 5.5 and .area_share.max == 8 / 192)' <<<"$output"
    for area in 7 1 90 13 2 54 33; do
        make-gray --height 16 --width 12 -o "x/n$area.png"
        echo "n$area,3 $area" >>labels.csv
    done
    survey -q --json --labels labels.csv x | jq -c '[.train.labels.area[]]' >ours
    /usr/bin/python3 -c 'import numpy
print([float(x) for x in numpy.quantile([8, 3, 7, 1, 90, 13, 2, 54, 33], [0, .05, .25, .5, .75, .95, 1])])' >theirs
    jq -e -n --slurpfile a ours --slurpfile b theirs '[$a[0], $b[0]] | transpose | length == 7 and all(.[0] - .[1] | fabs < 1e-9)'
}

@test "an image without labels: kept, left out, or the test set" {
    three
    csv 'a,1 2' 'c,-1'
    fits --json --labels labels.csv x
    says "notice: x/b.png: is left out: it has no labels"
    jq -e '.train.images == 2 and .test == null' <<<"$output"
    fits --json --labels labels.csv --unlabelled keep x
    says "notice: x/b.png: has no labels"
    jq -e '.train.images == 3 and .train.labels.images == 2' <<<"$output"
    fits --json --labels labels.csv --unlabelled test x
    says
    jq -e '.train.images == 2 and .test.images == 1 and .test.files == 1' <<<"$output"
    # One without labels is left out whatever is wrong with it; as a test image it is not.
    head -c 100 x/b.png >cut && mv cut x/b.png
    truncate -s 20 x/b.png
    fits --labels labels.csv x
    fails 1 "x/b.png: " survey --labels labels.csv --unlabelled test x
    fails 1 "the test images: none can be read" survey --labels labels.csv --unlabelled test x/a.png
}

@test "a folder without files is said in one line" {
    mkdir x
    run --separate-stderr survey x
    [ "$status" = 1 ]
    says "x: no files in it"
    make-gray --height 16 --width 12 -o x/a.png
    mkdir y
    run --separate-stderr survey x --test y
    [ "$status" = 1 ]
    says "y: no files in it"
    : >none
    run --separate-stderr survey - <none
    [ "$status" = 1 ]
    says "the training images: none can be read"
}

@test "what would fail: run lengths" {
    three
    # wrong REASON ROW...
    wrong() {
        csv "${@:2}"
        run --separate-stderr survey --labels labels.csv x
        [ "$status" = 1 ]
        says "$1" || { echo "$stderr"; return 1; }
    }
    wrong "labels.csv: line 2: a: run lengths: pair 1 lacks its second number" 'a,1' 'b,-1' 'c,-1'
    wrong "labels.csv: line 2: a: run lengths: pair 2 is not two whole numbers (and 1 more)" 'a,1 2 x' 'b,-1' 'c,1 2 y'
    wrong "labels.csv: line 3: b: run lengths: run 1 ends at pixel 195 of 192 (16 x 12) (and 1 more)" \
        'a,0 192' 'b,190 5' 'c,300 2'
    csv 'a,190 5' 'b,-1' 'c,-1'
    fits -q --size 20x10 --labels labels.csv x
    fails 1 "(20 x 9)" survey --size 20x9 --labels labels.csv x
    # Even where unreadable files are left out.
    fails 1 "(16 x 12)" survey --on-error skip --labels labels.csv x
    csv 'else.1,-1'
    fails 1 "labels.csv: fits no image: the first image is 'a', its first id 'else.1'" survey --labels labels.csv x
    csv 'a,-1' 'b'
    fails 1 "labels.csv: line 3: " survey --labels labels.csv x
    echo 'ImageId,EncodedPixels' >labels.csv
    fails 1 "labels.csv: no labels in it" survey --labels labels.csv x
    fails 1 "absent.csv: No such file" survey --labels absent.csv x
}

@test "what would fail: ids without a file, one id twice" {
    three
    printf 'ImageId\na.png\nq\nb\nr\n' >ids.csv
    run --separate-stderr survey --json x/c.png --test x --ids ids.csv
    [ "$status" = 1 ]
    says "q: no file has this id (and 1 more)" "notice: x/c.png: is left out: the list of ids does not name it"
    jq -e '.failures == [{reason: "no file has this id", count: 2, example: "q"}] and .test.images == 2' <<<"$output"
    # What the list does not name may be damaged.
    printf 'ImageId\na\nb\n' >ids.csv
    truncate -s 20 x/c.png
    fits -q x/a.png --test x --ids ids.csv
    cp x/a.png x/a.nih.png
    fails 1 "x/a.png: a file before it has the same id" survey x/b.png --test x --ids ids.csv
    fits --on-error skip x/b.png --test x --ids ids.csv
    [[ $stderr == *"notice: x/a.png: is left out: a file before it has the same id"* ]]
    mkdir y && cp x/a.png y
    fails 1 "y/a.png: a file before it has the same id" survey x/a.png y
    fits -q x/a.png --test y
    fits x/a.png --test y
    says "notice: a: is a test image and a training image"
}

@test "what would fail: files that cannot be read, each reason once" {
    mkdir jpegs && make-jpeg jpegs
    mkdir made && make-dicom made
    mkdir x
    for i in 1 2 3; do cp jpegs/cmyk.jpg x/cmyk$i.jpg; done
    cp jpegs/gray.jpg x
    sed 's/1\.2\.840\.10008\.1\.2\.5/1.2.840.10008.1.2.7/' made/1.2.840.10008.1.2.5-0-0.dcm >x/syntax.dcm
    head -c 300 "made/written.dcm" >x/cut.dcm
    # an IHDR of 70000 x 70000
    make-gray -o big.png
    /usr/bin/python3 -c 'import zlib
b = bytearray(open("big.png", "rb").read())
b[16:24] = (70000).to_bytes(4, "big") * 2
b[29:33] = zlib.crc32(b[12:29]).to_bytes(4, "big")
open("x/big.png", "wb").write(b)'
    run --separate-stderr survey --json x
    [ "$status" = 1 ]
    jq -e '.train | .files == 7 and .images == 1 and ([.left_out[].count] | add) == 6' <<<"$output"
    [ "${stderr_lines[0]}" = "survey: x/cmyk1.jpg: is in CMYK or YCCK: only gray and colour are read (and 2 more)" ]
    grep -qx 'survey: x/syntax.dcm: transfer syntax 1.2.840.10008.1.2.7 is not read' <<<"$stderr"
    grep -q 'survey: x/cut.dcm: .*claims' <<<"$stderr"
    grep -q 'survey: x/big.png: Invalid IHDR data (Image height exceeds user limit' <<<"$stderr"
    [ "$(counts .train.transfer_syntaxes <<<"$output")" = "1 not read (1.2.840.10008.1.2.7)" ]
    fits --json --on-error skip x
    jq -e '.failures == [] and (.train.left_out | length) == 4 and .train.images == 1' <<<"$output"
    rm x/gray.jpg
    fails 1 "the training images: none can be read" survey --on-error skip x
}

@test "what is no image is left out of a folder; nothing in it blocks" {
    three
    echo hello >x/notes.txt
    echo hello >x/more.txt
    : >x/empty.dcm
    mkfifo x/pipe
    ln -s nowhere x/dangling
    truncate -s 3G x/archive.zip
    timeout 200 survey --json x >out 2>err
    jq -e '.train | .files == 7 and .images == 3 and (.left_out | map(.count) == [3, 1])' out
    grep -qx 'survey: notice: x/archive.zip: is left out: neither PNG nor DICOM nor JPEG (and 2 more)' err
    grep -qx 'survey: notice: x/empty.dcm: is left out: is empty' err
    fails 1 "x/notes.txt: neither PNG nor DICOM nor JPEG" survey x/a.png x/notes.txt
    make-gray --format dicom -o x/large.dcm
    truncate -s 3G x/large.dcm
    fails 1 "x/large.dcm: has 3221225472 bytes, more than 1073741824" survey x
    rm x/*.png x/large.dcm
    fails 1 "x: not one image among its 4 files" survey x
    mkdir nothing
    fails 1 "nothing: no files in it" survey nothing
    fails 1 "absent: No such file" survey absent
    make-gray -o a.png
    survey -q a.png >table
    echo a.png | survey -q - | cmp - table
    cat a.png >x/pipe &
    survey -q x/pipe | cmp - table
}

@test "--masks: by id, of the image's size" {
    three
    mkdir m
    for id in a b c d; do make-gray --height 16 --width 12 -o "m/$id.png"; done
    fits --json --masks m x
    jq -e '.train.labels == {images: 3, without_labels: 0, without_image: 1}' <<<"$output"
    says "notice: d: has labels, but no image"
    rm m/[cd].png
    fits --masks m x
    says "notice: x/c.png: is left out: it has no labels"
    make-gray --height 12 --width 16 -o m/b.png
    fails 1 "x/b.png: is 16 x 12, and its mask 12 x 16" survey --masks m x
    fits --masks m --on-error skip x
    [[ $stderr == *"notice: x/b.png: is left out: is 16 x 12, and its mask 12 x 16"* ]]
    truncate -s 20 m/b.png
    fails 1 "x/b.png: its mask: " survey --masks m x
    make-gray --height 16 --width 12 -o m/b.png
    cp m/b.png m/b.dcm
    fails 1 "m/b.png: a mask before it has the same id" survey --masks m --on-error skip x
    rm -r m/* && make-gray -o m/z.png
    fails 1 "m: fits no image: the first image is 'a', its first id 'z'" survey --masks m x
    rm m/z.png
    fails 1 "m: no files in it" survey --masks m x
}

@test "--pixels: damage, blank and black pictures, doubles within a set and between two" {
    mkdir x y
    gray() { make-gray --height 32 --width 30 "$@"; }
    # 30 levels and more: each row another grey level
    many() { # many FILE FIRST: rows of FIRST, FIRST + 2, ...
        /usr/bin/python3 -c 'import PIL.Image, sys
PIL.Image.frombytes("L", (20, 40), bytes(int(sys.argv[2]) + 2 * (i // 20) for i in range(800))).save(sys.argv[1])' "$@"
    }
    gray --level 90 --back 90 -o x/blank.png
    gray --level 91 --back 91 -o x/blank2.png
    gray --level 90 --back 90 -o x/blank3.png
    gray --rows 3 --columns 3 --level 90 --back 9 -o x/two.png
    many x/a.png 100
    many x/b.png 0 # mean 39
    many y/c.png 100
    many y/d.png 101
    cp y/d.png y/e.png
    # black: rows of 0 and one of 200; by its mean
    /usr/bin/python3 -c 'import PIL.Image
PIL.Image.frombytes("L", (20, 40), bytes(i % 20 for i in range(240)) + bytes(560)).save("x/dark.png")
PIL.Image.frombytes("L", (50, 40), bytes(i % 20 + 200 for i in range(20)) + bytes(1980)).save("x/dark99.png")
PIL.Image.frombytes("L", (50, 40), bytes(i % 20 + 200 for i in range(100)) + bytes(1900)).save("x/light95.png")'
    fits --json x --test y
    jq -e '.train.pixels == null and .test.pixels == null' <<<"$output"
    says "notice: the training images: are of 3 sizes"
    fits --json --pixels x --test y
    jq -e '.train.pixels == {decoded: 9, blank: 3, few_levels: 1, almost_black: 2, doubles: 0}' <<<"$output"
    jq -e '.test.pixels == {decoded: 3, blank: 0, few_levels: 0, almost_black: 0, doubles: 2}' <<<"$output"
    says "notice: x/blank.png: shows nothing: all pixels are equal (and 2 more)" \
        "notice: x/dark.png: is almost black (and 1 more)" \
        "notice: the training images: are of 3 sizes" \
        "notice: x/two.png: has fewer than 16 grey levels" \
        "notice: x/a.png and y/c.png: a training and a test image of the same pixels" \
        "notice: y/d.png and y/e.png: two test images of the same pixels"
    for threads in 1 5; do survey -q -t $threads --json --pixels x --test y | cmp - <(echo "$output"); done
    # the same pixels in another shape are another image; in another format they are not
    /usr/bin/python3 -c 'import PIL.Image
bytes = PIL.Image.open("x/a.png").tobytes()
PIL.Image.frombytes("L", (40, 20), bytes).save("x/f.png")
PIL.Image.open("x/a.png").convert("RGB").save("x/g.png")'
    fits --pixels x
    grep -qx 'survey: notice: x/a.png and x/g.png: two training images of the same pixels' <<<"$stderr"
    # damage that no header shows
    synth -q --train 2 --test 0 --side 64 --quality 0 --format png z
    file=$(ls z/train | head -n 1)
    truncate -s $(($(stat -c %s "z/train/$file") / 2)) "z/train/$file"
    fits -q z/train
    fails 1 "z/train/$file: " survey --pixels z/train
    [ "$(survey -q --json --pixels --on-error skip z/train | jq -c '.train | [.images, .pixels.decoded, .left_out[0].count]')" = '[1,1,1]' ]
}

@test "--pixels --masks: areas of masks, and what is no mask" {
    three
    mkdir m
    box="--height 16 --width 12 --top 3 --left 2 --columns 2"
    make-gray $box --rows 4 --level 255 -o m/a.png
    make-gray $box --rows 5 --level 1 -o m/b.png
    make-gray $box --rows 0 -o m/c.png
    fits --json --pixels --masks m x
    jq -e '.train.labels | .images == 3 and .lesions == 2 and .area.min == 8 and .area.max == 10
        and .area_share.max == 10 / 192 and .rows == null' <<<"$output"
    make-gray $box --rows 4 --level 255 --corner 100 -o m/a.png
    fits -q --masks m x
    fails 1 "x/a.png: its mask: not a mask: grey levels 100 and 255" survey --pixels --masks m x
    fits --json --on-error skip --pixels --masks m x
    jq -e '.train | .images == 2 and .labels.lesions == 1' <<<"$output"
}

@test "texts from files steer no terminal, and JSON stays JSON" {
    mkdir x
    evil=$'e\e[31m\x9b"\\\n'
    make-gray -o "x/a${evil}b.png"
    echo no >"x/c${evil}d.txt"
    csv '"z'$'\e[2Jq"'',-1' 'y,-1'
    run --separate-stderr survey --json --labels labels.csv x
    [ "$status" = 1 ]
    jq -e . <<<"$output"
    no grep -q $'\e' <<<"$output$stderr"
    survey x >table 2>&1 || true
    no grep -q $'\e' table
    grep -qF 'the name is not UTF-8' table
    grep -qF '\x1b[31m' table
}

@test "survey and decode agree on every file that can be made, and on those in ../shared" {
    folders=(made/dicom made/png made/jpeg)
    mkdir -p "${folders[@]}"
    for kind in dicom png jpeg; do make-$kind "made/$kind"; done
    for folder in dicom_suite pngsuite siim ../cases; do
        [ -d "$ROOT/../shared/data/$folder" ] && folders+=("$ROOT/../shared/data/$folder")
    done
    # Ids count upwards, so that no two files share one.
    find "${folders[@]}" -type f | sort | /usr/bin/python3 -c 'import os, sys
os.mkdir("all")
for i, path in enumerate(sys.stdin.read().splitlines()):
    os.symlink(os.path.abspath(path), f"all/i{i}.dcm")'
    survey -q --json --on-error skip all >survey.json
    decode --on-error skip all 2>messages -o all.mpk
    inspect --json all.mpk | jq -r 'select(.image) | "\(.image.shape[0]) x \(.image.shape[1])"' | sort | uniq -c | sort >decoded
    # What decode refuses, but the header does not show: damage in pixels.
    grep -o 'all/i[0-9]*\.dcm: left out: .*' messages | sed 's/: left out: /\t/' >refused
    while IFS=$'\t' read -r file reason; do
        if survey -q "$file" >/dev/null 2>said; then
            printf '%s\t%s\n' "$(readlink "$file")" "$reason"
        else
            grep -qF "$reason" said || { cat said; echo "$reason"; return 1; }
        fi
    done <refused >pixels
    no grep -vE 'GDCM cannot|CRC error' pixels
    readable=$(jq .train.images survey.json)
    [ "$readable" = $(($(wc -l <pixels) + $(awk '{ n += $1 } END { print n }' decoded))) ]
}

@test "wrong usage" {
    three
    fails 2 "an operand is missing" survey
    fails 2 "--labels and --masks" survey --labels a --masks b x
    fails 2 "--size" survey --size 3x3 x
    fails 2 "--size '3'" survey --labels labels.csv --size 3 x
    fails 2 "--unlabelled test" survey --unlabelled test x
    fails 2 "--unlabelled test" survey --labels labels.csv --unlabelled test --test x x
    fails 2 "--ids" survey --ids labels.csv x
    fails 2 "one of keep|drop|test" survey --unlabelled only x
}

@test "12,000 files and 100,000 rows: small memory" {
    not_sanitized "memory"
    make-gray --height 64 --width 64 --format dicom -o a.dcm
    mkdir x
    /usr/bin/python3 -c 'import os
for i in range(12000):
    os.link("a.dcm", f"x/i{i}.dcm")
with open("labels.csv", "w") as f:
    f.write("ImageId,EncodedPixels\n")
    for i in range(100000):
        f.write(f"i{i // 8},{i % 4000} 7\n")'
    /usr/bin/time -f %M -o peak survey -q --json --labels labels.csv x >out.json
    jq -e '.train.images == 12000 and .train.labels.rows == 96000 and .train.labels.without_image == 500' out.json
    [ "$(cat peak)" -lt 102400 ]
}
