#!/usr/bin/env bash
# init.sh FILE: the file of weights that a training begins with, where FILE is asked for: FILE itself, or, where that is
# absent and named as torchvision's ResNets are (resnet18-f37072fd.pth), another copy of that network beside it. Prints its
# path; else what to do.
set -eu -o pipefail
shopt -s nullglob
wanted=$1 folder=$(dirname "$1") name=${1##*/}

complain() {
    echo "init: $1; or give init=FILE, or init= (empty) for random weights"
    exit 1
}

taken=$wanted
declare -A digests=([resnet18]="f37072fd 5c106cde" [resnet34]="b627a593 333f7ec4" [resnet50]="0676ba61 19c8e357")
if [ ! -e "$wanted" ] && [[ $name =~ ^(resnet[0-9]+) ]] && [ -n "${digests[${BASH_REMATCH[1]}]:-}" ]; then
    encoder=${BASH_REMATCH[1]} files=()
    for digest in ${digests[$encoder]}; do files+=("$encoder-$digest.pth"); done
    for file in "${files[@]/#/$folder/}" "$folder/$encoder"*.safetensors; do
        [ ! -e "$file" ] || { taken=$file; break; }
    done
    [ -e "$taken" ] || complain "$wanted is missing: training begins with ImageNet weights. Fetch torchvision's $encoder \
(IMAGENET1K_V1), the file ${files[0]} or ${files[1]}, or the same tensors as $encoder.safetensors, \
and put it into $folder/"
fi
[ -e "$taken" ] || complain "$taken is missing: training begins with its weights. Put them there (of timm's encoders a state_dict, as .pth \
or .safetensors)"
if [ ! -f "$taken" ] || [ ! -r "$taken" ]; then complain "$taken: cannot be read"; fi
if [[ ${taken##*/} =~ ^resnet[0-9]+-([0-9a-f]{8})\.pth$ ]]; then
    begins=$(sha256sum <"$taken" | head -c 8)
    [ "$begins" = "${BASH_REMATCH[1]}" ] || complain "$taken is not the file of that name, or not all of it: \
its SHA-256 begins with $begins. Fetch it again"
fi
echo "$taken"
