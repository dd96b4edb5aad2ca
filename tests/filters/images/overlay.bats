# overlay: pictures with outlines.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    synth -q --train 4 --test 0 --side 128 --lesions 1 --format png xrays
    decode -q --labels xrays/train-rle.csv xrays/train -o samples
    decode -q xrays/train -o unlabelled
    decode -q --labels xrays/train-rle.csv xrays/train/*0.png -o one
    rle-decode --size 128x128 xrays/train-rle.csv -o masks
}

setup() { cd "$BATS_FILE_TMPDIR"; }

# The value of a picture's statistic after it has been read back as gray.
mean() { decode "$1" | inspect --json | jq -r 'select(.id) | .image.mean // .values.image.mean // .fields.image.mean'; }

@test "one sample becomes one PNG of its size" {
    overlay one -o "$BATS_TEST_TMPDIR/a.png"
    file "$BATS_TEST_TMPDIR/a.png" | grep -q '128 x 128, 8-bit/color RGB'
    overlay one | cmp - "$BATS_TEST_TMPDIR/a.png"
    overlay --side 64 one -o "$BATS_TEST_TMPDIR/b.png"
    file "$BATS_TEST_TMPDIR/b.png" | grep -q '64 x 64, 8-bit/color RGB'
}

@test "several samples become a folder of pictures named by id" {
    overlay -d "$BATS_TEST_TMPDIR/x" samples
    [ "$(ls "$BATS_TEST_TMPDIR/x" | tr '\n' ' ')" = "synth-1-000000.png synth-1-000001.png synth-1-000002.png synth-1-000003.png " ]
    fails 1 "more than one sample" overlay samples -o "$BATS_TEST_TMPDIR/out.png"
}

@test "the outline is there exactly when there are labels" {
    overlay -d "$BATS_TEST_TMPDIR/with" samples
    overlay -d "$BATS_TEST_TMPDIR/without" unlabelled
    for file in "$BATS_TEST_TMPDIR"/with/*.png; do
        no cmp -s "$file" "$BATS_TEST_TMPDIR/without/$(basename "$file")"
    done
    # Without an outline the picture is the X-ray itself.
    decode "$BATS_TEST_TMPDIR/without" | inspect --json >"$BATS_TEST_TMPDIR/a"
    decode xrays/train | inspect --json | cmp - "$BATS_TEST_TMPDIR/a"
}

@test "predictions may be masks: the same pictures as from probabilities" {
    # The first 3 pixels of the first row, as probabilities and as runs down the columns
    cd "$BATS_TEST_TMPDIR"
    make-samples --count 1 --height 8 --width 8 --every 0 --prefix p -o sample
    make-probabilities 3 -o probabilities
    printf 'ImageId,EncodedPixels\np0,0 1 7 1 7 1\n' | rle-decode --size 8x8 -o masks
    overlay sample -o none.png
    overlay -p probabilities sample -o a.png
    overlay -p masks sample | cmp - a.png
    no cmp -s a.png none.png
}

@test "deviations: where two networks are apart is outlined, above the threshold" {
    cd "$BATS_TEST_TMPDIR"
    make-samples --count 1 --height 8 --width 8 --every 0 --prefix p -o sample
    make-probabilities --inside 0.75 --outside 0.5 3 -o one
    make-probabilities --inside 0.25 --outside 0.5 3 -o two
    merge --deviation one two -o apart # 0.25 in 3 pixels
    overlay -p one --threshold 0.6 sample -o three.png
    overlay -p apart --threshold 0.2 sample | cmp - three.png
    overlay sample -o none.png
    overlay -p apart --threshold 0.25 sample | cmp - none.png
}

@test "--sheet: all in one image, so many in a row" {
    count=$(inspect --json samples | jq -c 'select(has("id"))' | wc -l)
    for columns in 1 3 100; do
        overlay --sheet $columns samples -o "$BATS_TEST_TMPDIR/sheet.png"
        overlay -d "$BATS_TEST_TMPDIR/each-$columns" samples
        /usr/bin/python3 - "$BATS_TEST_TMPDIR" $columns "$count" <<'END'
import sys, glob
from PIL import Image
folder, columns, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sheet = Image.open(folder + "/sheet.png")
parts = [Image.open(path) for path in sorted(glob.glob(f"{folder}/each-{columns}/*.png"))]
assert len(parts) == count > 3
height, width = max(p.height for p in parts), max(p.width for p in parts)
columns = min(columns, count)
rows = -(-count // columns)
assert sheet.size == (columns * (width + 4) - 4, rows * (height + 4) - 4), sheet.size
found = [sheet.crop((i % columns * (width + 4), i // columns * (height + 4), i % columns * (width + 4) + p.width, i // columns * (height + 4) + p.height)) for i, p in enumerate(parts)]
assert sorted(p.tobytes() for p in found) == sorted(p.tobytes() for p in parts)
END
    done
    fails 2 "one of them" overlay --sheet 2 -d "$BATS_TEST_TMPDIR/z" samples
    fails 2 "" overlay --sheet 0 samples
    # An id may come twice here
    overlay --sheet 2 -s 32 <(cat samples samples) -o "$BATS_TEST_TMPDIR/twice.png"
    # A stream that is damaged leaves nothing
    head -c -1 samples >"$BATS_TEST_TMPDIR/cut"
    fails 1 "cut" overlay --sheet 2 "$BATS_TEST_TMPDIR/cut" -o "$BATS_TEST_TMPDIR/none.png"
    [ ! -e "$BATS_TEST_TMPDIR/none.png" ]
}

@test "predictions must be probabilities or masks, of the samples and in their order" {
    fails 1 "probabilities, deviations or samples are needed" overlay -d "$BATS_TEST_TMPDIR/x" samples \
        -p <(make-probabilities 1 | classify --ratio 0)
    fails 1 "mask" overlay -d "$BATS_TEST_TMPDIR/x" -p unlabelled samples
    fails 1 "where the samples have" overlay -d "$BATS_TEST_TMPDIR/x" -p <(tac xrays/train-rle.csv |
        sed '$d; 1iImageId,EncodedPixels' | rle-decode --size 128x128) samples
    [ -z "$(ls "$BATS_TEST_TMPDIR/x")" ]
}

@test "an id that would lead out of the folder is refused" {
    make-samples --count 1 --prefix ../x >"$BATS_TEST_TMPDIR/evil"
    mkdir "$BATS_TEST_TMPDIR/y"
    fails 1 "cannot be a file's name" overlay -d "$BATS_TEST_TMPDIR/y" "$BATS_TEST_TMPDIR/evil"
    [ "$(ls "$BATS_TEST_TMPDIR/y" | wc -l)" = 0 ]
    [ "$(find "$BATS_TEST_TMPDIR" -name 'x*' | wc -l)" = 0 ]
}

@test "no samples, a stream cut short, a folder that cannot be" {
    head -c 3000 samples >"$BATS_TEST_TMPDIR/cut"
    fails 1 "cut: record 1" overlay -d "$BATS_TEST_TMPDIR/z" "$BATS_TEST_TMPDIR/cut"
    fails 1 "nowhere" overlay -d "$BATS_TEST_TMPDIR/nowhere/deep" samples
    fails 2 "one of them" overlay -d "$BATS_TEST_TMPDIR/z" -o "$BATS_TEST_TMPDIR/o" samples
}
