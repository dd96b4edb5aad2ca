#!/usr/bin/env bash
# run.sh BIN BUILD [PART]...: speed and memory, of all PARTs (data networks) or those that are named. Every figure is a
# ratio to a rival or a limit measured in the same run, taken in turns, the median of several rounds. A bar that is
# missed is printed as missed; only what breaks ends this with another status than 0.
set -euo pipefail
bin=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$bin:$build/tests/bench:$build/tests/tools:$build/tests/gpu:$PATH"
python=${PYTHON:-/usr/bin/python3} # one with Pillow or Pillow-SIMD; for networks, with PyTorch and so on
parts=${*:3}
# shellcheck source=tests/bench/networks.bash
. "$here/networks.bash"
work=$(mktemp -d "$build/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

row() { # row WHAT RATIO AGAINST BAR: a bar of - is none; one of <=N is a limit from above
    [ -n "$2" ] || { echo "bench: $1: could not be measured" >&2; exit 1; }
    awk -v what="$1" -v ratio="$2" -v against="$3" -v bar="$4" 'BEGIN {
        limit = substr(bar, 1, 2) == "<=" ? substr(bar, 3) + 0 : bar + 0
        reached = limit == 0 ? "" : (bar ~ /^<=/ ? ratio <= limit : ratio >= limit) ? "reached" : "MISSED"
        shown = bar == "-" ? "" : bar ~ /^<=/ ? bar : sprintf("%.1f", bar)
        printf "%-44s %8.2f  %-40s %7s  %s\n", what, ratio, against, shown, reached
    }'
}

skip() { # skip WHAT WHY
    printf '%-44s %8s  %s\n' "$1" skipped "$2"
}

title() {
    printf '\n%-44s %8s  %-40s %7s\n' "$1" "${3:-ratio}" "$2" bar
}

calculate() { # calculate EXPRESSION
    awk "BEGIN { printf \"%.4f\", $1 }"
}

# 240 X-rays, so that a program's start does not count, which are 60 with four names each, so that
# they are quickly made; and some hundred masks.
make_inputs() {
    local name image
    synth -q --train 60 --test 0 --lesions 0.5 dicom
    synth -q --train 60 --test 0 --format png png
    for name in a b c d; do
        for image in dicom/train/* png/train/*; do
            mkdir -p "many-${image%%/*}"
            ln "$image" "many-${image%%/*}/$name-${image##*/}"
        done
    done
    decode -q --labels dicom/train-rle.csv dicom/train >once.mpk
    cat once.mpk once.mpk once.mpk once.mpk >samples.mpk
    # Images with a lesion each, under new ids.
    awk -F, -v wanted=2000 'NR > 1 && $2 !~ /-1/ { id[++n] = $1; runs[n] = $2 }
        END { print "ImageId,EncodedPixels"
              for (i = 0; i < wanted; i++) print id[i % n + 1] "-" i "," runs[i % n + 1] }' \
        dicom/train-rle.csv >lesions.csv
    head -n 301 lesions.csv >some.csv
    rle-decode -q some.csv >masks.mpk
    # shellcheck disable=SC2046
    make-probabilities --height 1024 --width 1024 $(seq 20000 100 34900) >probabilities.mpk
}

race_ratio() { # race_ratio ARGUMENT...: how much faster the first command is
    race "$@" | cut -d ' ' -f 3
}

race_first() { # race_first ARGUMENT...: the first command's seconds
    race "$@" | cut -d ' ' -f 1
}

streams() {
    local bytes
    bytes=$(stat -c %s samples.mpk)
    title "Streams" "against"
    row "pass-through (merge of one), 1 MiB pipes" "$(race_ratio -n 11 \
        'widen merge -q <samples.mpk | widen cat >/dev/null' \
        'widen cat <samples.mpk | widen cat >/dev/null')" "cat, the same pipes" 0.8
    row "the same in the middle of three" "$(race_ratio -n 11 \
        'widen cat samples.mpk | widen merge -q | widen cat >/dev/null' \
        'widen cat samples.mpk | widen cat | widen cat >/dev/null')" "cat, the same pipes" 0.8
    row "the same, pipes as the shell makes them" "$(race_ratio -n 11 \
        'cat samples.mpk | merge -q | cat >/dev/null' \
        'cat samples.mpk | cat | cat >/dev/null')" "cat, 64 KiB pipes" 0.8
    row "inspect --check" "$(calculate \
        "$bytes / 2e9 / $(race_first -c -n 11 'inspect --check samples.mpk')")" "2 GB/s a core" 1
}

decoding() {
    local files suffix name limit
    title "decode" "against"
    for suffix in dicom png; do
        name="libjpeg-turbo"
        [ $suffix = png ] && name="libpng"
        row "decode, $suffix, a core" "$(race_ratio -c "decode -q -t 1 many-$suffix >/dev/null" \
            "codec many-$suffix/*")" "$name on the bytes in memory" 0.8
    done
    [ "$(nproc)" -ge 2 ] || { skip "decode, two cores" "one core only"; return; }
    files="many-dicom/*"
    limit=$(race_ratio -n 7 "taskset -c 0 codec $files & taskset -c 1 codec $files & wait" \
        "taskset -c 0 codec $files $files")
    row "two processes of libjpeg-turbo" "$limit" "one: the limit of this machine now" -
    row "decode --threads 2" "$(race_ratio -n 7 "decode -q -t 2 many-dicom >/dev/null" \
        "taskset -c 0 decode -q -t 1 many-dicom >/dev/null")" "one core; bar: 0.9 of that limit" \
        "$(calculate "0.9 * $limit")"
    row "decode --threads 2" "$(race_ratio -n 7 "decode -q -t 2 many-dicom >/dev/null" \
        "codec many-dicom/[ab]-* & codec many-dicom/[cd]-* & wait")" \
        "two processes of libjpeg-turbo" 0.8
    row "decode --threads 2, CPU seconds" "$(race_ratio -c -n 7 "decode -q -t 2 many-dicom >/dev/null" \
        "decode -q -t 1 many-dicom >/dev/null")" "--threads 1: what two free cores lose" 0.9
}

surveying() {
    local i image names=()
    mkdir crowd
    for image in dicom/train/*; do names+=("${image##*/}"); done
    for ((i = 0; i < 200; i++)); do
        mkdir "crowd/$i"
        for image in "${names[@]}"; do ln "dicom/train/$image" "crowd/$i/$i-$image"; done
    done
    title "survey of 12,000 DICOM files" "against"
    row "survey" "$(calculate "12000 / 1200 / $(race_first -n 5 'survey -q crowd >/dev/null')")" \
        "1,200 files a second" 1
    row "survey" "$(race_ratio -n 5 'survey -q crowd >/dev/null' \
        'find crowd -type f -print0 | sort -z | xargs -0 head -q -c 4096 >/dev/null')" \
        "find, sort, 4 KiB of each by head" -
    row "survey --pixels of 240" "$(race_ratio -n 5 'survey -q --pixels many-dicom >/dev/null' \
        'decode -q many-dicom >/dev/null')" "decode" 0.8
}

masks() {
    local count=300
    title "Masks of 1024 x 1024 with a lesion each" "against"
    row "rle-encode, masks" "$(calculate "$count / 1000 / $(race_first -c \
        'rle-encode -q masks.mpk >/dev/null')")" "1,000 a second a core" 1
    row "rle-encode, float16 probabilities" "$(calculate "150 / 1000 / $(race_first -c \
        'rle-encode -q probabilities.mpk >/dev/null')")" "1,000 a second a core" 1
    row "rle-decode, with cat behind it" "$(calculate "$count / 1000 / $(race_first -c \
        'rle-decode -q some.csv | cat >/dev/null')")" "1,000 a second a core" 1
    row "score" "$(calculate "2000 / 1000 / $(race_first -c \
        'score lesions.csv lesions.csv >/dev/null')")" "1,000 a second a core" 1
    title "Resize of 1024 x 1024 to 768 x 768" "against"
    if "$python" -c 'import PIL' 2>/dev/null; then
        row "resize_bilinear" "$(race_ratio -o -n 7 'resize once.mpk image.pgm ours.pgm 100' \
            "$python $here/pillow.py image.pgm theirs.pgm 100")" \
            "Pillow $("$python" -c 'import PIL; print(PIL.__version__)')" 2
        cmp ours.pgm theirs.pgm
        echo "    the same bytes"
    else
        skip "resize_bilinear" "no Pillow (python3-pil) for $python"
    fi
}

kernels_alone() {
    local ratio name
    title "The library's loops alone" "against"
    kernels >kernels.txt
    while read -r ratio name; do
        row "$name" "$ratio" "memcpy of the input" -
    done <kernels.txt
}

peak() { # peak WHAT COMMAND...: the largest process of a command, in 64 MiB
    local what=$1
    shift
    /usr/bin/time -q -f %M -o peak.txt "$@" >/dev/null
    row "$what" "$(calculate "$(tail -n 1 peak.txt) / 65536")" "64 MiB" "<=1"
}

memory() {
    local twenty=()
    title "Peak memory of a program's largest process" "against"
    peak "synth --train 8" synth -q --train 8 --test 0 again
    peak "decode of 240 DICOM files" decode -q many-dicom
    peak "survey of 12,000 DICOM files" survey -q crowd
    peak "shard of 60 samples" shard -q shards once.mpk
    peak "augment of 60 samples, 2 threads" augment -q -t 2 shards
    peak "inspect of 240 samples" inspect -q samples.mpk
    peak "overlay of 60 samples" overlay -q --directory pictures once.mpk
    peak "rle-encode of 300 masks" rle-encode -q masks.mpk
    peak "rle-decode of 300 masks" rle-decode -q some.csv
    peak "score of 2000 masks" score lesions.csv lesions.csv
    peak "classify of 150 probabilities" classify -q --area 20000 probabilities.mpk
    make-probabilities --height 1024 --width 1024 1000 2000 3000 >few.mpk
    while [ ${#twenty[@]} -lt 20 ]; do twenty+=(few.mpk); done
    peak "merge of 20 streams of float16" merge -q "${twenty[@]}"
}

data() {
    make_inputs
    streams
    decoding
    surveying
    masks
    kernels_alone
    memory
}

echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
for part in ${parts:-data networks}; do
    case $part in
    data | networks) $part ;;
    *) echo "bench: no part '$part'; there are data and networks" >&2; exit 2 ;;
    esac
done
