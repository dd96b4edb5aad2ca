#!/usr/bin/env bats
# From other people's X-rays to submissions: every layout of folders, many sizes and formats, images without a row and
# rows without an image, masks, weights to begin with, and what is said before any work.

load ../helpers

setup_file() {
    XRAYS=$BATS_FILE_TMPDIR/xrays
    WORK=$BATS_FILE_TMPDIR/work
    for PYTHON in /usr/bin/python3 python3; do
        $PYTHON -c 'import PIL, numpy' 2>/dev/null && break
    done
    export XRAYS WORK PYTHON
    draw "$XRAYS"
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    cd "$BATS_TEST_TMPDIR"
}

# method ARGUMENT...: make with as few iterations as there can be, on one thread
method() {
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" THREADS=1 PROFILE=demo \
        train-seg-{unet,bisenet}.{iterations=2,eval-every=2,batch=2} train-seg-bisenet.side=64 \
        train-seg-unet.network=unet-resnet18_w16 train-{seg,cls}-bisenet.network=bisenet-resnet18_w16 \
        train-cls-bisenet.{iterations=2,eval-every=2,batch=2,side=64,dilate=8} merge-{cls,seg}.threshold=0.3 \
        submission1.ratio=0.7 "$@"
}

# draw FOLDER: 15 images to train on and 5 to predict, of five sizes, as PNG and JPEG, with their labels and masks
draw() {
    $PYTHON - "$1" <<'END'
import os, sys, numpy as np
from PIL import Image

SIZES = (1100, 1030), (256, 256), (240, 320), (180, 200), (400, 310)
random = np.random.default_rng(7)

def runs(mask):
    """Relative run lengths, column by column: pixels from the end of the last run, length."""
    flat = np.concatenate([[0], mask.T.reshape(-1), [0]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(f"{g} {e - s}" for g, s, e in zip(gaps, starts, ends)) or "-1"

for folder, count in ("train", 15), ("test", 5):
    os.makedirs(f"{sys.argv[1]}/{folder}")
    os.makedirs(f"{sys.argv[1]}/{folder}-masks")
    rows = ["ImageId, EncodedPixels"]
    for i in range(count):
        height, width = SIZES[i % 5]
        name = f"{folder}.1.2.{i:02d}"
        y, x = np.mgrid[:height, :width]
        lesion = ((y / height - 0.4) ** 2 + (x / width - 0.3 - 0.02 * i) ** 2 < 0.02) & (i % 3 != 0)
        pixels = np.clip(90 + 60 * lesion + 40 * np.sin(x / width * 9) + random.normal(0, 6, (height, width)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(f"{sys.argv[1]}/{folder}/{name}.{['png', 'jpg'][i % 2]}")
        Image.fromarray(lesion.astype(np.uint8) * 255).save(f"{sys.argv[1]}/{folder}-masks/{name}.png")
        rows.append(f"{name},{runs(lesion)}")
    with open(f"{sys.argv[1]}/{folder}.csv", "w") as csv:
        csv.write("\n".join(rows) + "\n")
END
}

deep() { # deep FOLDER FILE...: as the challenge has them, UID/UID/UID.dcm
    local file name
    for file in "${@:2}"; do
        name=${file##*/} name=${name%.*}
        mkdir -p "$1/$name/$name"
        cp "$file" "$1/$name/$name/"
    done
}

# challenge FOLDER: stage 1 of it; one image has no row, two rows have no image
challenge() {
    deep "$1/dicom-images-train" "$XRAYS"/train/*
    deep "$1/dicom-images-test" "$XRAYS"/test/*
    grep -v '^train.1.2.04,' "$XRAYS/train.csv" >"$1/train-rle.csv"
    printf 'nobody.1,-1\nnobody.2.dcm,1 2 3 4\n' >>"$1/train-rle.csv"
}

ids() { # ids WORK/SET: of the shards
    inspect --json "$1/index.mpk" | jq -r 'select(has("id")) | .id' | LC_ALL=C sort
}

names() { # names FILE...: the ids that the files stand for
    local file
    for file in "$@"; do
        file=${file##*/}
        echo "${file%.*}"
    done | LC_ALL=C sort
}

whole_run() { # $WORK: made once, of the challenge's layout
    [ ! -e "$BATS_FILE_TMPDIR/says" ] || return 0
    challenge "$BATS_FILE_TMPDIR/challenge"
    cp "$XRAYS/test.csv" "$BATS_FILE_TMPDIR/challenge/test-truth.csv"
    method WORK="$WORK" DATA="$BATS_FILE_TMPDIR/challenge" submissions report >"$BATS_FILE_TMPDIR/part" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/part"
        return 1
    }
    mv "$BATS_FILE_TMPDIR/part" "$BATS_FILE_TMPDIR/says"
}

@test "the challenge's folder, five sizes, PNG and JPEG: submissions, scores and report, each image at its own size" {
    whole_run
    for number in 1 2; do
        tail -n +2 "$WORK/submission$number.csv" | cut -d , -f 1 | diff - <(names "$XRAYS"/test/*)
    done
    # The maps are as large as the images, and so are the masks
    zstd -dcq "$WORK/test-seg-unet/fold-0.mpk.zst" | inspect --json | jq -c 'select(has("id")) | .probability.shape' |
        diff - <(printf '%s\n' '[1100,1030]' '[256,256]' '[240,320]' '[180,200]' '[400,310]')
    $PYTHON - "$WORK" "$XRAYS" <<'END'
import csv, json, sys
import numpy as np
from PIL import Image

csv.field_size_limit(10**9)
dice = []
rows = list(csv.DictReader(open(f"{sys.argv[1]}/submission1.csv", newline="")))
per_image = {row["ImageId"]: row for row in csv.DictReader(open(f"{sys.argv[1]}/score-submission1.csv", newline=""))}
for row in rows:
    truth = np.array(Image.open(f"{sys.argv[2]}/test-masks/{row['ImageId']}.png")) > 0
    mask = np.zeros(truth.size, bool)
    at = 0
    for gap, run in zip(*[iter(map(int, row["EncodedPixels"].split()))] * 2) if row["EncodedPixels"] != "-1" else []:
        at += gap
        assert at + run <= mask.size, row["ImageId"]
        mask[at:at + run] = True
        at += run
    mask = mask.reshape(truth.shape[::-1]).T
    both = mask.sum() + truth.sum()
    dice.append(2 * (mask & truth).sum() / both if both else 1.0)
    assert int(per_image[row["ImageId"]]["Truth"]) == truth.sum() and int(per_image[row["ImageId"]]["Prediction"]) == mask.sum()
assert abs(np.mean(dice) - json.load(open(f"{sys.argv[1]}/score-submission1.json"))["dice"]) < 1e-9, dice
assert sum(row["EncodedPixels"] != "-1" for row in rows) >= 2, rows
END
    # Pictures keep their images' proportions
    $PYTHON - "$WORK/report.html" <<'END'
import base64, re, struct, sys
source = open(sys.argv[1], encoding="utf-8").read()
sizes = {id: struct.unpack(">II", base64.b64decode(png)[16:24])
         for id, png in re.findall(r'alt="X-ray ([^"]*)" src="data:image/png;base64,([^"]*)"', source)}
want = {"test.1.2.00": (281, 300), "test.1.2.01": (300, 300), "test.1.2.02": (300, 225), "test.1.2.03": (300, 270),
        "test.1.2.04": (233, 300)}
assert sizes and all(max(abs(a - b) for a, b in zip(sizes[i], want[i])) <= 1 for i in sizes), sizes
assert "ranked by pixels" in source and 'id="data"' in source
END
}

@test "images without a row are left out, and rows without an image: said, counted, listed" {
    whole_run
    grep -q "^data: .*: the challenge's stage 1: dicom-images-train with train-rle.csv; to predict dicom-images-test; truth in test-truth.csv" \
        "$BATS_FILE_TMPDIR/says"
    ids "$WORK/train" | diff - <(names "$XRAYS"/train/* | grep -v '^train.1.2.04$')
    grep -q 'train.1.2.04' "$WORK/train-left-out.csv"
    no grep -q 'train.1.2.05' "$WORK/train-left-out.csv"
    grep -q 'train.1.2.04' "$BATS_FILE_TMPDIR/says"
    grep -q 'nobody.1' "$BATS_FILE_TMPDIR/says"
    # No fold has it
    for fold in 0 1; do
        no grep -q train.1.2.04 <(augment -q --fold $fold/2 --split val --plain --side 32 "$WORK/train" | inspect --json)
    done
}

@test "masks as images: the submissions and scores that run lengths give" {
    whole_run
    mkdir mine
    cp -r "$XRAYS"/{train,test,train-masks,test-masks} mine
    rm mine/train/train.1.2.04.* mine/train-masks/train.1.2.04.*
    method WORK="$PWD/work" DATA="$PWD/mine" submissions score 2>says || { cat says; false; }
    grep -q 'train with train-masks; to predict test; truth in test-masks' says
    for file in submission1.csv submission2.csv score-submission1.csv; do
        cmp work/$file "$WORK/$file"
    done
}

@test "stage 2 and a flat folder: which images are to train on, and which to predict" {
    # Stage 2's labels are of both sets of stage 1
    deep two/siim/dicom-images-train "$XRAYS"/train/*0[0-9].*
    deep two/siim/dicom-images-test "$XRAYS"/train/*1[0-9].*
    mkdir two/stage_2_images
    cp "$XRAYS"/test/* two/stage_2_images
    cp "$XRAYS/train.csv" two/stage_2_train.csv
    method WORK="$PWD/work2" DATA="$PWD/two" data 2>says || { cat says; false; }
    grep -q "the challenge's stage 2: siim/dicom-images-train and siim/dicom-images-test with stage_2_train.csv; to predict stage_2_images" says
    ids work2/train | diff - <(names "$XRAYS"/train/*)
    ids work2/test | diff - <(names "$XRAYS"/test/*)
    # All in one folder, in whose name is what shells and make know
    flat="a flat  one \$(touch x) \\#'\\"
    mkdir "$flat"
    cp "$XRAYS"/{train,test}/* "$flat"
    cp "$XRAYS/train.csv" "$flat/my labels.csv"
    method WORK="$PWD/work3" DATA="$PWD/$flat" data 2>says || { cat says; false; }
    grep -q 'one folder: the images with a row in my labels.csv; to predict the images without one' says
    ids work3/train | diff - <(names "$XRAYS"/train/*)
    ids work3/test | diff - <(names "$XRAYS"/test/*)
    printf 'ImageId,EncodedPixels\ntest.1.2.03,-1\ntest.1.2.01,-1\n' >"$flat/sample_submission.csv"
    method WORK="$PWD/work3" DATA="$PWD/$flat" data 2>says || { cat says; false; }
    ids work3/train | diff - <(names "$XRAYS"/train/*)
    ids work3/test | diff - <(printf 'test.1.2.01\ntest.1.2.03\n')
    [ ! -e x ]
    [ ! -e "$ROOT/x" ]
}

@test "paths of config.json: lists of folders; run lengths of another size than the images'" {
    mkdir -p mine/{a,b}
    cp "$XRAYS"/train/*0[0-9].* mine/a
    cp "$XRAYS"/train/*1[0-9].* mine/b
    # In the images as they were, of 100 x 100, the upper left quarter is a lesion
    {
        echo ImageId,EncodedPixels
        for id in $(names "$XRAYS"/train/*); do echo "$id,0 50$(printf ' 50 50%.0s' {2..50})"; done
    } >mine/labels.csv
    jq 'del(.profiles.demo.synth)' "$ROOT/config.json" >config.json
    method CONFIG="$PWD/config.json" WORK="$PWD/work" data.train="[\"$PWD/mine/a\", \"$PWD/mine/b\"]" \
        data.test="$XRAYS/test" data.labels="$PWD/mine/labels.csv" data.size=100x100 data 2>says || { cat says; false; }
    ids work/train | diff - <(names "$XRAYS"/train/*)
    inspect --json work/train/index.mpk | jq -r 'select(has("id")) | "\(.id) \(.lesion)"' >lesions
    grep -q '^train.1.2.01 16384$' lesions # of 256 x 256
    grep -q '^train.1.2.03 9000$' lesions  # of 180 x 200
}

@test "what would fail later stops make before anything is decoded" {
    challenge bad
    # A picture that is cut short in its header, and ids of somebody else
    head -c 20 "$XRAYS/test/test.1.2.02.png" >bad/dicom-images-test/test.1.2.02/test.1.2.02/test.1.2.02.png
    fails 2 test.1.2.02 method WORK="$PWD/work" DATA="$PWD/bad" submissions
    [ ! -e work/train ]
    [ ! -e work/test ]
    [ ! -e work/survey.json ]
    method WORK="$PWD/work" DATA="$PWD/bad" data.on-error=skip data
    [ "$(ids work/test | wc -l)" = 4 ]
    grep -q test.1.2.02 work/test-left-out.csv
    sed -i 's/^train/else/' bad/train-rle.csv
    fails 2 else.1.2 method WORK="$PWD/work" DATA="$PWD/bad" data.on-error=skip data
    [[ $stderr == *train.1.2* ]]
    mkdir nothing
    fails 2 "DATA=$PWD/nothing: there is no known folder of X-rays" method WORK="$PWD/work" DATA="$PWD/nothing" data
    fails 2 "Found: nothing. Wanted" method WORK="$PWD/work" DATA="$PWD/nothing" -n data
}

@test "folds that cannot be trained are named before one is" {
    challenge few
    # One lesion is left: it can be learned from, or be validated with
    awk -F, '!/-1$/ && n++ > 1 { $0 = $1 ",-1" } { print }' few/train-rle.csv >rows
    mv rows few/train-rle.csv
    fails 2 "train-seg-unet: fold " method WORK="$PWD/work" DATA="$PWD/few" submissions
    [[ $stderr == *"no samples with a lesion: take another number of folds (train-seg-unet.folds=N), or label more images"* ]]
    [ -e work/train/index.mpk ]
    [ ! -e work/train-seg-unet ]
    fails 2 "train-seg-bisenet: fold " method WORK="$PWD/work" DATA="$PWD/few" train-seg-bisenet
}

@test "the published method wants ImageNet weights: which file, where to; init= is the choice of random ones" {
    mkdir mine
    cp -r "$XRAYS"/{train,test} mine
    cp "$XRAYS/train.csv" mine/train-rle.csv
    full() {
        env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" WORK="$PWD/full" DATA="$PWD/mine" "$@"
    }
    weights=$PWD/weights
    mkdir "$weights"
    for target in data train-cls-bisenet submissions report; do
        fails 2 "init: $weights/resnet18-f37072fd.pth is missing" full init="$weights/resnet18-f37072fd.pth" $target
        [[ $stderr == *"resnet18-5c106cde.pth"*"put it into $weights/"*"init= (empty) for random weights"* ]]
        [ ! -e full/survey.json ]
    done
    full -n init="$weights/resnet18-f37072fd.pth" submissions >table
    grep -q "^init: $weights/resnet18-f37072fd.pth is missing" table
    [ "$(grep -c 'train-fold.sh' table)" = 3 ]
    # By names and shapes before anything is decoded
    echo nothing >"$weights/resnet18.safetensors"
    fails 2 "$weights/resnet18.safetensors" full init="$weights/resnet18-f37072fd.pth" data
    [[ $stderr == *"resnet18-f37072fd.pth is absent, $weights/resnet18.safetensors is taken"* ]]
    [ ! -e full/survey.json ]
    full -n init= submissions >table
    no grep -q 'init-for' table
    full -n init="$weights/resnet18.safetensors" train-seg-unet.init= submissions >table
    [ "$(grep -c "train-fold.sh.* ::: 0 .* ::: '$weights/resnet18.safetensors'" table)" = 2 ]
    jq -e '[.[].init? // empty | select(. != "")] == ["weights/resnet18-f37072fd.pth", "weights/resnet18-f37072fd.pth",
        "weights/resnet18-f37072fd.pth"] and all(.profiles.demo[].init? // ""; . == "")' "$ROOT/config.json"
}

# resnet18 FILE SEED: random weights with the names of torchvision's, and the shapes of resnet18_w16
resnet18() {
    $PYTHON - "$1" "$2" <<'END'
import json, struct, sys, numpy as np

shapes = {"conv1.weight": (16, 3, 7, 7), "fc.weight": (1000, 128), "fc.bias": (1000,)}
norms = {"bn1": 16}
for layer, width in enumerate((16, 32, 64, 128), 1):
    for block in range(2):
        name, entry = f"layer{layer}.{block}", width // 2 if layer > 1 and block == 0 else width
        shapes |= {f"{name}.conv1.weight": (width, entry, 3, 3), f"{name}.conv2.weight": (width, width, 3, 3)}
        norms |= {f"{name}.bn1": width, f"{name}.bn2": width}
        if entry != width:
            shapes[f"{name}.downsample.0.weight"] = (width, entry, 1, 1)
            norms[f"{name}.downsample.1"] = width
for norm, width in norms.items():
    shapes |= {f"{norm}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
random, header, data = np.random.default_rng(int(sys.argv[2])), {}, b""
for name, shape in shapes.items():
    values = random.uniform(0.5, 1, shape) if "running_var" in name or "bn" in name else random.normal(0, 0.05, shape)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + values.size * 4]}
    data += values.astype("<f4").tobytes()
text = json.dumps(header).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + data)
END
}

@test "training begins with the weights asked for; other weights, other models" {
    whole_run
    cp -a "$WORK" work
    challenge=("DATA=$BATS_FILE_TMPDIR/challenge" WORK="$PWD/work")
    mkdir weights
    resnet18 weights/resnet18.safetensors 1
    method "${challenge[@]}" init="$PWD/weights/resnet18-f37072fd.pth" train-seg-bisenet 2>says || { cat says; false; }
    grep -q "^init: $PWD/weights/resnet18-f37072fd.pth is absent, $PWD/weights/resnet18.safetensors is taken" says
    no cmp -s work/train-seg-bisenet/fold-0.mpk "$WORK/train-seg-bisenet/fold-0.mpk"
    # The other stages' models are as they were, and so is this one's without the weights
    before=$(stat -c '%i' work/train-cls-bisenet/fold-*.mpk)
    cp work/train-seg-bisenet/fold-0.mpk first.mpk
    resnet18 weights/resnet18.safetensors 2
    method "${challenge[@]}" train-seg-bisenet.init="$PWD/weights/resnet18.safetensors" train-seg-bisenet train-cls-bisenet
    no cmp -s work/train-seg-bisenet/fold-0.mpk first.mpk
    [ "$(stat -c '%i' work/train-cls-bisenet/fold-*.mpk)" = "$before" ]
    # A name with the beginning of a digest is held to it
    digest=$(sha256sum <weights/resnet18.safetensors | head -c 8)
    cp weights/resnet18.safetensors "weights/resnet18-$digest.pth"
    method "${challenge[@]}" init="$PWD/weights/resnet18-$digest.pth" train-seg-bisenet
    truncate -s -1 "weights/resnet18-$digest.pth"
    fails 2 "weights/resnet18-$digest.pth is not the file of that name, or not all of it" \
        method "${challenge[@]}" init="$PWD/weights/resnet18-$digest.pth" train-seg-bisenet
    # What fits one network may not fit another
    fails 2 "missing: " method "${challenge[@]}" init="$PWD/first.mpk" submissions
}

@test "real X-rays in the challenge's own layout, rows missing and rows too many: both submissions in one go" {
    shared siim
    deep siim/dicom-images-train "$SHARED"/siim/train/*
    # A source's name for an image stands behind the id
    for file in "$SHARED"/siim/train_png/*; do
        cp "$file" "./$(basename "$file" | sed 's/\.nih_.*/.png/')"
    done
    deep siim/dicom-images-train ./*.png
    deep siim/dicom-images-test "$SHARED"/siim/test/*
    names siim/dicom-images-train/*/*/* >images
    [ "$(wc -l <images)" = 45 ]
    mapfile -t missing < <(sed -n '2p; 20p; 40p' images)
    {
        head -n 1 "$SHARED/labels/train-rle.csv"
        grep -F -f <(grep -v -x -F -f <(printf '%s\n' "${missing[@]}") images | sed 's/$/,/') "$SHARED/labels/train-rle.csv"
        printf 'nobody.%d,-1\n' 1 2 3
    } >siim/train-rle.csv
    method WORK="$PWD/work" DATA="$PWD/siim" submissions 2>says || { cat says; false; }
    ids work/train | diff - <(grep -v -x -F -f <(printf '%s\n' "${missing[@]}") images)
    for number in 1 2; do
        tail -n +2 work/submission$number.csv | cut -d , -f 1 | diff - <(names "$SHARED"/siim/test/*)
    done
}
