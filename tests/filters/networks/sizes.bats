# Images of many sizes in one set, from files to a score: five sizes, one above 1024, two not square, one of 200 x 180.
load ../helpers

# draw FOLDER FIRST COUNT: images i/ and masks m/ in FOLDER, COUNT of each size, two of three with a dark box for a lesion
draw() {
    local number=$2 height width s box formats=(png dicom jpeg)
    mkdir -p "$1/i" "$1/m"
    while read -r height width; do
        for s in $(seq "$3"); do
            box=(--height "$height" --width "$width" --top $((height / 4)) --left $((width / 5)))
            [ "$s" = 2 ] || box+=(--rows $((height / 3)) --columns $((width / 3)))
            make-gray "${box[@]}" --back 120 --level 10 --format "${formats[number % 3]}" -o "$1/i/x$number.file"
            make-gray "${box[@]}" -o "$1/m/x$number.png"
            number=$((number + 1))
        done
    done <<<"64 64
96 160
200 180
1100 1100
300 120"
}

# by_id STREAM FIELD: "id FIELD" of each record
by_id() { inspect --json "$1" | jq -c "select(.id) | [.id, $2]"; }

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    draw train 10 3
    draw test 50 2
    decode -q --masks train/m train/i | shard -q train/shards
    decode -q test/i | shard -q test/shards
    for k in 0 1; do
        augment -q train/shards --fold $k/2 --split val --plain --side 64 -o val$k.mpk
        augment -q train/shards --fold $k/2 --split train --side 64 --samples 36 |
            train-fold -q --network bisenet-resnet18_w16 --iterations 6 --batch 6 --accumulate 1 --rate 1e-2 \
                --eval-every 3 --val val$k.mpk fold$k
        predict-fold -q -m fold$k/best.mpk test/shards/shard-*.mpk -o p$k.mpk
    done
    merge -q p0.mpk p1.mpk -o mean.mpk
    classify -q --ratio 0.9 mean.mpk -o decisions.mpk
    rle-encode -q mean.mpk -o masks.csv
    rle-decode -q --sizes test/shards/index.mpk masks.csv | rle-encode -q --decisions decisions.mpk -o submission.csv
}

setup() { cd "$BATS_FILE_TMPDIR"; }

@test "the index has each image's size and lesion" {
    shard --verify train/shards
    inspect --json train/shards/index.mpk |
        jq -sc '.[] | select(.id) | .size + [.lesion]' | sort | uniq -c | awk '{ print $1, $2 }' >found
    cmp found - <<'END'
1 [1100,1100,0]
2 [1100,1100,133956]
1 [200,180,0]
2 [200,180,3960]
1 [300,120,0]
2 [300,120,4000]
1 [64,64,0]
2 [64,64,441]
1 [96,160,0]
2 [96,160,1696]
END
}

@test "training and evaluation take them all" {
    for k in 0 1; do
        [ "$(jq -s 'map(select(.dice != null)) | length' fold$k/log.jsonl)" = 2 ]
    done
    # each image is in val of one fold, with its own size beside it
    diff <({ by_id val0.mpk .size && by_id val1.mpk .size; } | sort) <(by_id train/shards/index.mpk .size | sort)
}

@test "predictions, their mean and the submission have the images' own sizes" {
    for stream in p0.mpk p1.mpk mean.mpk; do
        diff <(by_id $stream .probability.shape) <(by_id test/shards/index.mpk .size)
    done
    [ "$(tail -n +2 submission.csv | cut -d, -f1)" = "$(by_id test/shards/index.mpk . | jq -r '.[0]')" ]
    [ "$(grep -c -v -e -1 -e ImageId submission.csv)" -ge 5 ]
    diff <(rle-decode --sizes test/shards/index.mpk submission.csv | by_id - .mask.shape) <(by_id test/shards/index.mpk .size)
    # runs that a larger image has leave a smaller one
    fails 1 "run lengths: run " rle-decode --size 64x64 submission.csv -o out.mpk
}

@test "the score counts each image's own pixels" {
    score --json --per-image per.csv test/m submission.csv >figures
    score --json --sizes test/shards/index.mpk test/m submission.csv | cmp - figures
    { echo ImageId,EncodedPixels && decode -q --masks test/m test/i | inspect --json |
        jq -r 'select(.rle) | .id + "," + (.rle[0] // "-1")'; } >truth.csv
    score --json --sizes test/shards/index.mpk truth.csv submission.csv | cmp - figures
    [ "$(jq -c '[.images, .empty, .lesion]' figures)" = "[10,5,5]" ]
    # the mean IoU again from the counts of each image, over the sum of all pixels
    pixels=$((2 * (64 * 64 + 96 * 160 + 200 * 180 + 1100 * 1100 + 300 * 120)))
    awk -F, -v all=$pixels -v was="$(jq .mean_iou figures)" 'NR > 1 { t += $3; p += $4; b += $5 }
        END { iou = ((all - t - p + b) / (all - b) + b / (t + p - b)) / 2; d = iou - was; exit d * d > 1e-18 }' per.csv
    # the truth against itself
    [ "$(score --json test/m truth.csv | jq -c '[.dice, .mean_iou]')" = "[1,1]" ]
}

@test "pictures have the images' own sizes; a prediction of another size is refused" {
    decode -q --masks test/m test/i >samples.mpk
    overlay -q samples.mpk -p <(rle-decode --sizes test/shards/index.mpk submission.csv) -d pictures
    diff <(decode -q pictures | by_id - .image.shape) <(by_id test/shards/index.mpk .size)
    overlay -q samples.mpk -p mean.mpk -d again
    fails 1 "a prediction of 1024 x 1024, where the image is " overlay -q samples.mpk \
        -p <(grep -e ImageId -e x5 submission.csv | sed 's/,.*/,-1/; 1s/.*/ImageId,EncodedPixels/' | rle-decode -) -d not
    [ ! -e not/x50.png ]
}
