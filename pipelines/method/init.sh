#!/usr/bin/env bash
# init.sh FILE: the file of weights that a training begins with, where FILE is asked for: FILE itself, or, where that is
# absent and named resnet18..., another copy of torchvision's ResNet18 beside it. Prints its path; else what to do.
set -eu -o pipefail
shopt -s nullglob
wanted=$1 folder=$(dirname "$1") name=${1##*/}

complain() {
    echo "init: $1; or give init=FILE, or init= (empty) for random weights"
    exit 1
}

taken=$wanted
if [ ! -e "$wanted" ] && [[ $name == resnet18* ]]; then
    for file in "$folder"/resnet18-{f37072fd,5c106cde}.pth "$folder"/resnet18*.safetensors; do
        [ ! -e "$file" ] || { taken=$file; break; }
    done
    [ -e "$taken" ] || complain "$wanted is missing: training begins with ImageNet weights. Fetch torchvision's resnet18 \
(IMAGENET1K_V1), the file resnet18-f37072fd.pth or resnet18-5c106cde.pth, or the same tensors as resnet18.safetensors, \
and put it into $folder/"
fi
if [ ! -f "$taken" ] || [ ! -r "$taken" ]; then complain "$taken: cannot be read"; fi
if [[ ${taken##*/} =~ ^resnet18-([0-9a-f]{8})\.pth$ ]]; then
    begins=$(sha256sum <"$taken" | head -c 8)
    [ "$begins" = "${BASH_REMATCH[1]}" ] || complain "$taken is not the file of that name, or not all of it: \
its SHA-256 begins with $begins. Fetch it again"
fi
echo "$taken"
