#!/usr/bin/env bash
# layout.sh FOLDER: recognises what lies where in a folder of X-rays, by names, and prints it as JSON:
#   said: one line for people; train, test: lists of paths; labels, masks, ids, truth: a path, or "" where there is none;
#   unlabelled: "drop", or "test" where the images without a row are the test set
# Names count without regard to case, blanks, '-' and '_'. Each is looked for in FOLDER, then one level below.
set -eu -o pipefail
shopt -s nullglob
folder=${1%/}
declare -A part=()

complain() {
    echo "DATA=$folder: $1" >&2
    exit 1
}

plain() { # plain PATH: the name as it is compared
    local name=${1##*/}
    name=${name,,}
    echo "${name//[ _]/-}"
}

known() { # known PATH: a part of a layout, of its kind
    case $(plain "$1") in
    train | test | train-masks | test-masks | dicom-images-train | dicom-images-test | stage-2-images) [ -d "$1" ] ;;
    train-rle.csv | test-truth.csv | sample-submission.csv | stage-2-train.csv | stage-2-sample-submission.csv) [ -f "$1" ] ;;
    *) return 1 ;;
    esac
}

find_parts() { # find_parts PATH...: those that were not found before; one name twice is nobody's guess
    local path name
    local -A new=()
    for path in "$@"; do
        known "$path" || continue
        name=$(plain "$path")
        [ -z "${part[$name]-}" ] || continue
        [ -z "${new[$name]-}" ] || complain "both ${new[$name]#"$folder"/} and ${path#"$folder"/} are there: which is meant?"
        new[$name]=$path
    done
    for name in "${!new[@]}"; do part[$name]=${new[$name]}; done
}

has() { # has NAME...: all of these were found
    local name
    for name in "$@"; do
        [ -n "${part[$name]-}" ] || return 1
    done
}

below() { # below NAME: where a part is, as it is said
    local path=${part[$1]}
    echo "${path#"$folder"/}"
}

contents() { # the first of what lies in FOLDER
    local path list=() all=("$folder"/*)
    for path in "${all[@]:0:12}"; do
        if [ -d "$path" ]; then list+=("${path##*/}/"); else list+=("${path##*/}"); fi
    done
    [ ${#all[@]} -le 12 ] || list+=("$((${#all[@]} - 12)) more")
    [ ${#all[@]} -gt 0 ] || list=("nothing")
    printf '%s, ' "${list[@]}" | tr -d '\000-\037' | sed 's/, $//'
}

unknown() { # unknown WHY
    complain "$1. Found: $(contents). Wanted, here or one folder down: \
train/, test/ and train-rle.csv or train-masks/; or dicom-images-train/, dicom-images-test/ and train-rle.csv; \
or dicom-images-train/, stage_2_images/ and stage_2_train.csv; or images with one CSV of ImageId,EncodedPixels"
}

answer() { # answer SAID LABELS IDS TRAIN... -- TEST...
    local said=$1 labels=$2 ids=$3 masks='' truth='' train=()
    shift 3
    while [ "$1" != -- ]; do
        train+=("$1")
        shift
    done
    shift
    if [ -d "$labels" ]; then masks=$labels labels=; fi
    if has test-truth.csv test-masks; then
        complain "both $(below test-truth.csv) and $(below test-masks) are there: which is the truth?"
    fi
    truth=${part[test-truth.csv]-${part[test-masks]-}}
    said+="${ids:+, those that ${ids#"$folder"/} names}${truth:+; truth in ${truth#"$folder"/}}"
    jq -n -c --arg said "$folder: $said" --arg labels "$labels" --arg masks "$masks" --arg ids "$ids" \
        --arg truth "$truth" --arg unlabelled "${unlabelled-drop}" --argjson trains ${#train[@]} '
        {said: $said, train: $ARGS.positional[:$trains], labels: $labels, masks: $masks,
         test: $ARGS.positional[$trains:], ids: $ids, truth: $truth, unlabelled: $unlabelled}' --args "${train[@]}" "$@"
    exit 0
}

ours() {
    local labels
    if has train-rle.csv train-masks; then
        complain "both $(below train-rle.csv) and $(below train-masks) are there: which are the labels?"
    fi
    labels=${part[train-rle.csv]-${part[train-masks]-}}
    [ -n "$labels" ] || unknown "train/ and test/ are there, train-rle.csv or train-masks/ is not"
    answer "$(below train) with ${labels#"$folder"/}; to predict $(below test)" \
        "$labels" "${part[sample-submission.csv]-}" "${part[train]}" -- "${part[test]}"
}

stage_1() {
    local aside=
    ! has stage-2-images || aside=" ($(below stage-2-images) is left aside: stage_2_train.csv is missing)"
    answer "the challenge's stage 1: $(below dicom-images-train) with $(below train-rle.csv); to predict \
$(below dicom-images-test)$aside" "${part[train-rle.csv]}" "${part[sample-submission.csv]-}" \
        "${part[dicom-images-train]}" -- "${part[dicom-images-test]}"
}

stage_2() { # its labels are those of both sets of stage 1
    local train=("${part[dicom-images-train]}") both='' aside=''
    if has dicom-images-test; then
        train+=("${part[dicom-images-test]}")
        both=" and $(below dicom-images-test)"
    fi
    ! has train-rle.csv || aside=" (stage 1's $(below train-rle.csv) is left aside)"
    answer "the challenge's stage 2: $(below dicom-images-train)$both with $(below stage-2-train.csv)$aside; to predict \
$(below stage-2-images)" "${part[stage-2-train.csv]}" "${part[stage-2-sample-submission.csv]-}" \
        "${train[@]}" -- "${part[stage-2-images]}"
}

labels_in() { # labels_in CSV: has ImageId and EncodedPixels, and run lengths of at least one image
    local columns
    columns=$(head -c 4096 "$1" | head -n 1 | tr -d '"\r \t' | tr '[:upper:]' '[:lower:]' | sed 's/^\xef\xbb\xbf//')
    [[ ,$columns, == *,imageid,* && ,$columns, == *,encodedpixels,* ]] && grep -qE '[0-9] +[0-9]' "$1"
}

flat() {
    local file labels=() ids=${part[stage-2-sample-submission.csv]-${part[sample-submission.csv]-}} rest
    for file in "$folder"/*/; do
        [[ $(plain "${file%/}") != *mask* ]] || unknown "images beside a folder of masks (${file#"$folder"/}) are no layout"
    done
    if has train-rle.csv; then
        labels=("${part[train-rle.csv]}")
    else
        for file in "$folder"/*.[Cc][Ss][Vv] "$folder"/*/*.[Cc][Ss][Vv]; do
            [[ $file != *[[:cntrl:]]* && -r $file && $file != "$ids" && $(plain "$file") != test-truth.csv ]] || continue
            ! labels_in "$file" || labels+=("$file")
        done
    fi
    [ ${#labels[@]} -gt 0 ] || unknown "there is no known folder of X-rays, nor a CSV with ImageId, EncodedPixels and run lengths"
    [ ${#labels[@]} = 1 ] || unknown "$(printf '%s, ' "${labels[@]#"$folder"/}")all have run lengths: which are the labels?"
    [ -n "$(find -L "$folder" -type f ! -iname '*.csv' -print -quit)" ] || unknown "there are no images"
    rest="the images without one"
    if [ -n "$ids" ]; then rest="the images"; else unlabelled="test"; fi
    answer "one folder: the images with a row in ${labels[0]#"$folder"/}; to predict $rest" \
        "${labels[0]}" "$ids" "$folder" -- "$folder"
}

[ -d "$folder/" ] || complain "is no folder"
below=()
find_parts "$folder"/*
for path in "$folder"/*/; do
    known "${path%/}" || below+=("$path"*)
done
find_parts "${below[@]}"

if has train test; then
    ! has dicom-images-train || unknown "$(below train) and $(below dicom-images-train) are both there"
    ours
elif has dicom-images-train stage-2-images stage-2-train.csv; then
    stage_2
elif has dicom-images-train dicom-images-test train-rle.csv; then
    stage_1
elif [[ " ${!part[*]} " =~ \ (train|test|dicom-images-train|dicom-images-test|stage-2-images)\  ]]; then
    unknown "the layout is not complete"
else
    flat
fi
