#!/usr/bin/env bash
# check.sh DEB: the package on a minimal Debian, where there is no compiler, runs README's pipelines as they are installed; an
# ordinary user runs the whole method by `pleura make demo`, in small; and its removal leaves nothing behind.
set -eu -o pipefail
# Few small images, and the least that each stage can do
SETTINGS="synth.train=8 synth.test=3 synth.side=64 synth.lesions=0.5 train-cls-bisenet.dilate=8"
for stage in seg-unet seg-bisenet cls-bisenet; do
    for setting in network=bisenet-resnet18_w16 side=64 iterations=2 eval-every=2 batch=2; do
        SETTINGS+=" train-$stage.$setting"
    done
done
# shellcheck disable=SC2016 # for the shell there
exec "$(dirname "$0")/minimal.sh" "$1" /dev/null '
    ! command -v cc gcc python3
    [ "$(pleura --names | wc -l)" -gt 10 ]
    mkdir /try && cd /try
    bash /usr/share/doc/pleura/examples/pipelines.sh
    [ -s submission.csv ] && [ -s truth.png ]
    /usr/sbin/useradd -m reader
    su - reader -c "pleura make demo '"$SETTINGS"'"
    cd /home/reader
    [ "$(ls)" = demo ] && [ -s demo/submission2.csv ] && [ -s demo/report.html ]
    cd /
    rm -r /home/reader
    apt-get remove -y -qq pleura >/dev/null
    ! find / -xdev -path /proc -prune -o -name "*pleura*" ! -path "/var/*" -print | grep .
    echo "the package runs README'\''s pipelines and the method, and goes without leaving anything"'
