#!/usr/bin/env bash
# run.sh BIN TOOLS FUZZ SECONDS: makes seeds with our own programs, then lets every fuzz target in FUZZ run for
# SECONDS. Ends with a line a target, and with status 1 after a crash. FUZZ/corpus/NAME keeps what is worth
# starting from the next time, FUZZ/crashes/NAME what crashed; both are tried first.
set -eu
bin=$1 tools=$2 fuzz=$3 seconds=$4
shared=$(cd "$(dirname "$0")/../.." && pwd)/../shared/data
export PATH="$bin:$tools:$PATH"
seeds=$fuzz/seeds

make_streams() { # make_streams FOLDER
    make-stream --everything -o "$1/everything"
    make-stream --records 0 -o "$1/empty"
    make-stream --records 2 --bytes 12 --kind weights -o "$1/weights"
    make-samples --count 3 --height 6 --width 8 --every 2 --extra -o "$1/samples"
    make-samples --count 2 --height 6 --width 8 --every 0 --prefix y -o "$1/unlabelled"
    augment --quiet --plain --side 8 --mask-side 8 -o "$1/augmented" "$1/samples"
    make-probabilities --height 4 --width 4 -o "$1/probabilities" 3 9 0
    classify --quiet --area 4 -o "$1/decisions" "$1/probabilities"
    printf 'ImageId,EncodedPixels\nm,1 2 3 4\n' | rle-decode --quiet --size 5x7 -o "$1/masks"
    cat "$1/samples" "$1/unlabelled" >"$1/two"
    shard --quiet "$seeds/shards" "$1/samples"
    cp "$seeds/shards/index.mpk" "$1/index"
}

make_tables() { # make_tables FOLDER
    synth --quiet --side 64 --train 6 --test 2 --lesions 0.5 "$seeds/xrays"
    cp "$seeds"/xrays/*.csv "$1"
    printf '\xEF\xBB\xBFImageId, EncodedPixels\r\n"a ""b"""\t,"1 2\n3 4"\r\n\r\na,-1\r\na,0 3 0 5\r\nb, 7 7' >"$1/marked"
    printf 'EncodedPixels,ImageId\n-1,x\n"",y\n' >"$1/turned"
    printf 'ImageId\nx\ny\n' >"$1/ids"
}

make_pickles() { # make_pickles FOLDER
    local case protocol form
    for case in plain kinds foreign nested two averaged network; do
        for protocol in 2 4; do
            for form in zip old; do
                python3 "$(dirname "$0")/../filters/weights/make_pth.py" "$1/$case-$protocol-$form.pth" "$case" "$protocol" "$form"
            done
        done
    done
}

make_models() { # make_models FOLDER
    python3 - "$(dirname "$0")/../filters/weights" "$1" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import make_onnx
for name, model in make_onnx.CASES.items():
    open(f"{sys.argv[2]}/{name}.onnx", "wb").write(model)
PYTHON
}

make_seeds() {
    rm -rf "$seeds"
    mkdir -p "$seeds"/{stream,csv,png,dicom,jpeg,log,object}
    cp -r "$(dirname "$0")/../golden/weights" "$seeds"
    make_pickles "$seeds/weights"
    make_models "$seeds/weights"
    make_streams "$seeds/stream"
    make_tables "$seeds/csv"
    make-png "$seeds/png"
    make-dicom "$seeds/dicom"
    make-jpeg "$seeds/jpeg"
    printf '{"iteration":7,"loss":2.5,"rate":5e-4,"images_per_second":9,"time":1700000000.25}' >"$seeds/log/step"
    printf '{"iteration":7,"dice":0.5,"best":true,"memory_mib":900,"more":[{"a":"\\u00e9"},null]}' >"$seeds/log/scores"
    synth --quiet --side 64 --quality 0 --train 1 --test 1 "$seeds/object-xrays"
    cp "$seeds"/object-xrays/*/*.dcm "$seeds/object"
    if [ -d "$shared" ]; then
        cp "$shared"/pngsuite/*.png "$seeds/png"
        find "$shared/dicom_suite" -type f -size -24k -exec cp --backup=numbered -t "$seeds/dicom" {} +
    fi
}

run_target() { # run_target NAME: a line at the end of FUZZ/results
    local name=$1 log=$fuzz/$1.log status=0 count crash
    local -A length=([png]=8192 [dicom]=24576 [object]=8192 [weights]=8192)
    # The others must do with 64 MiB whatever a file claims; an image may be large for its file.
    local -A memory=([png]=1024 [dicom]=2048 [object]=2048 [jpeg]=1024)
    mkdir -p "$fuzz/corpus/$name" "$fuzz/crashes/$name"
    ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1 \
        "$fuzz/$name" -max_total_time="$seconds" -max_len="${length[$name]:-4096}" \
        -malloc_limit_mb="${memory[$name]:-64}" -rss_limit_mb=4096 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$fuzz/crashes/$name/" \
        "$fuzz/corpus/$name" "$seeds/$name" "$fuzz/crashes/$name" >"$log" 2>&1 || status=$?
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    crash=$(sed -n 's/^.*Test unit written to //p' "$log")
    if [ "$status" = 0 ]; then
        echo "$name: $count executions, 0 crashes"
    else
        grep -m 1 -A 12 -E 'ERROR:|runtime error|: broken: ' "$log" >&2 || tail -n 20 "$log" >&2
        echo "$name: ${count:-no} executions, 1 crash: ${crash:-no file}; all of it in $log"
    fi >>"$fuzz/results"
    return "$status"
}

failed=0
make_seeds
: >"$fuzz/results"
for target in "$(dirname "$0")"/*.c; do
    name=$(basename "$target" .c)
    echo "fuzz: $name, $seconds s"
    run_target "$name" || failed=1
done
cat "$fuzz/results"
exit $failed
