#!/usr/bin/env bats
# What layout.sh recognises in folders of X-rays, and init.sh in folders of weights. It looks at names and at CSV files only.

load ../helpers

setup() {
    METHOD=$ROOT/pipelines/method
    cd "$BATS_TEST_TMPDIR"
}

place() { # place PATH...: what ends in '/' is a folder, with an X-ray in it; a CSV has labels
    local path
    for path in "$@"; do
        mkdir -p "$(dirname "$path")"
        case $path in
        */) mkdir -p "$path" && : >"$path/a.dcm" ;;
        *sample*) printf 'ImageId,EncodedPixels\na,-1\n' >"$path" ;;
        *.csv) printf 'ImageId,EncodedPixels\na,1 2 3 4\nb,-1\n' >"$path" ;;
        *) : >"$path" ;;
        esac
    done
}

is() { # is FOLDER JQ: of what is recognised
    "$METHOD/layout.sh" "$1" >answer
    jq -e "$2" answer >/dev/null || {
        cat answer
        return 1
    }
}

refused() { # refused FOLDER WORDS
    fails 1 "$2" "$METHOD/layout.sh" "$1"
    [ -z "$output" ]
    [ "${#stderr_lines[@]}" = 1 ]
}

@test "train/ and test/ with labels, or with masks" {
    place mine/train/ mine/test/ mine/train-rle.csv
    is mine '. == {said: "mine: train with train-rle.csv; to predict test", train: ["mine/train"],
        labels: "mine/train-rle.csv", masks: "", test: ["mine/test"], ids: "", truth: "", unlabelled: "drop"}'
    place mine/sample_submission.csv mine/test-truth.csv mine/notes.txt
    is mine/ '.ids == "mine/sample_submission.csv" and .truth == "mine/test-truth.csv" and
        (.said | test("to predict test, those that sample_submission.csv names; truth in test-truth.csv$"))'
    place masked/train/ masked/test/ masked/train-masks/ masked/test-masks/
    is masked '.labels == "" and .masks == "masked/train-masks" and .truth == "masked/test-masks"'
    place masked/train-rle.csv
    refused masked "both train-rle.csv and train-masks are there: which are the labels?"
    rm -r masked/train-masks
    place masked/test-truth.csv
    refused masked "both test-truth.csv and test-masks are there: which is the truth?"
    rm mine/train-rle.csv
    refused mine "train-rle.csv or train-masks/ is not"
}

@test "the challenge's stage 1, stage 2, and both" {
    place c/dicom-images-train/u/v/ c/dicom-images-test/u/v/ c/train-rle.csv
    is c '.train == ["c/dicom-images-train"] and .test == ["c/dicom-images-test"] and .labels == "c/train-rle.csv" and
        .ids == "" and (.said | startswith("c: the challenge'\''s stage 1: "))'
    place c/stage_2_images/
    is c '.test == ["c/dicom-images-test"] and (.said | test("stage_2_images is left aside: stage_2_train.csv is missing"))'
    place c/stage_2_train.csv c/stage_2_sample_submission.csv c/sample_submission.csv
    is c '.train == ["c/dicom-images-train", "c/dicom-images-test"] and .test == ["c/stage_2_images"] and
        .labels == "c/stage_2_train.csv" and .ids == "c/stage_2_sample_submission.csv" and .unlabelled == "drop" and
        (.said | test("stage 2: .*stage 1.s train-rle.csv is left aside"))'
    rm -r c/dicom-images-test c/train-rle.csv
    is c '.train == ["c/dicom-images-train"] and (.said | test("aside") | not)'
    rm -r c/dicom-images-train
    refused c "is not complete. Found: sample_submission.csv, stage_2_images/, stage_2_sample_submission.csv, stage_2_train.csv. Wanted"
}

@test "one level below, and in parts; other spellings" {
    place k/siim/dicom-images-train/ k/siim/dicom-images-test/ k/siim/train-rle.csv
    is k '.train == ["k/siim/dicom-images-train"] and .labels == "k/siim/train-rle.csv" and
        (.said | test("stage 1: siim/dicom-images-train with siim/train-rle.csv"))'
    # What lies above goes first
    place k/train-rle.csv
    is k '.labels == "k/train-rle.csv"'
    rm k/train-rle.csv k/siim/train-rle.csv
    place k/train-rle.csv/train-rle.csv
    is k '.labels == "k/train-rle.csv/train-rle.csv"'
    place k/other/dicom-images-test/
    refused k "dicom-images-test are there: which is meant?"
    odd="odd  \$(touch x) & 'b' #1 \\"
    place "$odd/Dicom Images Train/" "$odd/DICOM_IMAGES_TEST/" "$odd/Train RLE.csv"
    is "$odd" '.train == ["odd  $(touch x) & '"'b'"' #1 \\/Dicom Images Train"] and (.labels | endswith("/Train RLE.csv"))'
    [ ! -e x ]
    place twice/train/ twice/Train/ twice/test/ twice/train-rle.csv
    refused twice "both Train and train are there"
    place both/train/ both/test/ both/train-rle.csv both/dicom-images-train/
    refused both "train and dicom-images-train are both there"
}

@test "one folder with one CSV of labels" {
    place f/x.png f/y.jpg
    refused f "there is no known folder of X-rays, nor a CSV with ImageId, EncodedPixels and run lengths. Found: x.png, y.jpg."
    place f/sample_submission.csv
    refused f "nor a CSV with ImageId"
    printf '\xef\xbb\xbf"ImageId", "EncodedPixels"\r\nx,1 2 3 4\r\n' >f/my\ labels.CSV
    printf 'ImageId,EncodedPixels\nx,-1\n' >f/empty.csv
    printf 'ImageId,Class\nx,1 2\n' >f/classes.csv
    is f '.train == ["f"] and .test == ["f"] and .labels == "f/my labels.CSV" and .ids == "f/sample_submission.csv" and .unlabelled == "drop"'
    rm f/sample_submission.csv
    is f '.ids == "" and .unlabelled == "test" and (.said | endswith("a row in my labels.CSV; to predict the images without one"))'
    place f/other.csv
    refused f "all have run lengths: which are the labels?"
    place f/train-rle.csv
    is f '.labels == "f/train-rle.csv"'
    place f/masks/
    refused f "images beside a folder of masks (masks/)"
    rm -r f/x.png f/y.jpg f/masks
    refused f "there are no images"
    mkdir empty
    refused empty "Found: nothing."
    refused nowhere "is no folder"
    refused f/train-rle.csv "is no folder"
    mkdir many
    (cd many && touch {a..z})
    refused many "Found: a, b, c, d, e, f, g, h, i, j, k, l, 14 more."
}

@test "weights to begin with: the file asked for, another copy of it, or what to do" {
    mkdir weights
    begin() { # begin FILE TEXT: the file, under the name of its digest
        printf %s "$2" >weights/new
        mv weights/new "weights/$1$(sha256sum <weights/new | head -c 8).pth"
    }
    missing() { # missing FILE WORDS
        run "$METHOD/init.sh" "$1"
        [ "$status" = 1 ]
        [[ $output == *"$2"*"init= (empty) for random weights"* ]]
        [ "${#lines[@]}" = 1 ]
    }
    missing weights/resnet18-f37072fd.pth "resnet18-f37072fd.pth or resnet18-5c106cde.pth, or the same tensors as resnet18.safetensors, and put it into weights/;"
    missing weights/mine.pth "weights/mine.pth is missing: training begins with its weights"
    missing weights "weights: cannot be read"
    : >weights/mine.safetensors
    [ "$("$METHOD/init.sh" weights/mine.safetensors)" = weights/mine.safetensors ]
    missing weights/resnet18-f37072fd.pth "is missing"
    missing weights/resnet50.pth "resnet50-0676ba61.pth or resnet50-19c8e357.pth, or the same tensors as resnet50.safetensors"
    : >weights/resnet34-b627a593.safetensors
    [ "$("$METHOD/init.sh" weights/resnet34-b627a593.pth)" = weights/resnet34-b627a593.safetensors ]
    : >weights/resnet18-imagenet.safetensors
    [ "$("$METHOD/init.sh" weights/resnet18-f37072fd.pth)" = weights/resnet18-imagenet.safetensors ]
    # A name with a digest in it is held to it
    begin resnet18- abc
    [ "$("$METHOD/init.sh" weights/resnet18-ba7816bf.pth)" = weights/resnet18-ba7816bf.pth ]
    echo cut >weights/resnet18-5c106cde.pth
    missing weights/resnet18-f37072fd.pth "weights/resnet18-5c106cde.pth is not the file of that name, or not all of it: its SHA-256 begins with "
    missing weights/resnet18-5c106cde.pth "is not the file of that name"
}
