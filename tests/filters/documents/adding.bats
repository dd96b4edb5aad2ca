#!/usr/bin/env bats
# docs/adding.md: its code, put into a copy of the tree, is formatted, builds, passes its tests and does what the page says.

load ../helpers

# page files|commands HEADING...: see adding.py
page() {
    local action=$1
    shift
    /usr/bin/python3 "$BATS_TEST_DIRNAME/adding.py" "$action" "$TREE/docs/adding.md" "$@"
}

# keep_operations: behind a change at the end of ops.def, which concerns only the files that read all its rows: no other is
# compiled again.
keep_operations() {
    touch -r "$ROOT/lib/ops/ops.def" lib/ops/ops.def
    touch lib/ops/cuda_kernels.cu tests/unit/ops/operations.c
}

# The copy is built on what has been built here.
setup_file() {
    ! sanitized || return 0 # bats skips no file, see setup
    local parts
    export TREE=$BATS_FILE_TMPDIR/tree
    mkdir "$TREE"
    cd "$ROOT" || return 1
    cp -a Makefile README.md config.json .clang-format docs filters lib pipelines tests bin "$TREE"
    mkdir -p "$TREE/build/tests"
    for part in obj fake generated libpleura.a tests/fake-{index,cuda}.so; do
        [ ! -e "build/$part" ] || cp -a "build/$part" "$TREE/build/$part"
    done
    cd "$TREE" || return 1
    sed -n 's/^###* //p' docs/adding.md >headings
    mapfile -t parts <headings
    page files "${parts[@]}" | sort -u >written
    keep_operations
    export OPTIMISE=-O1 OPTIMISE_FAKE=-O1 CCACHE_DEPEND=1 CUDA=0 PATH=$TREE/bin:$PATH PLEURA_CUDA=$TREE/build/tests/fake-cuda.so
    unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES CMOCKA_MESSAGE_OUTPUT
    ! command -v ccache >/dev/null || export CC="ccache cc" CXX="ccache c++"
    make -j2 programs build/tests/fake-cuda.so >made 2>&1 || { tail -n 40 made; return 1; }
    cd "$BATS_FILE_TMPDIR" || return 1
    synth -q --train 4 --test 2 --format png --side 64 --lesions 1 xrays
    decode -q xrays/train --labels xrays/train-rle.csv | shard -q shards
    augment -q shards --side 192 --samples 2 -o "$TREE/samples.mpk"
}

setup() {
    not_sanitized "the compiler and networks would take minutes"
    cd "$TREE" || return 1
}

says() { # says HEADING: runs its commands; what they print is in `said`
    page commands "$1" >commands
    [ -s commands ]
    echo "$1" >>tried
    bash -eu -o pipefail commands >said 2>&1 || { cat said; return 1; }
}

@test "the code is formatted, and knows what it may" {
    grep -E '\.(c|h|cu)$' written >sources
    [ "$(wc -l <sources)" -ge 12 ]
    xargs clang-format --dry-run -Werror <sources
    git init -q . && git add Makefile filters lib pipelines tests
    tests/arrows.sh
}

@test "a filter" {
    says "A filter"
    grep -q '^ok 3' said
    grep -qx '# records: 3' said
    [ "$(grep -c '^# \(decode\|invert\)' said)" = 2 ]
    invert --man | grep -q 'invert the grey levels'
    invert --options | jq -e '.above.maximum == 255'
    pleura --names | grep -qx invert
}

@test "an image format" {
    says "An image format"
    grep -qE '^a +image +\|u1 +1x4 +0 +127.5 +255$' said
    decode --help | tr -s ' \n' ' ' | grep -q 'formats PNG, DICOM, JPEG, PGM, '
    survey scans | grep -q PGM
    printf 'ImageId,EncodedPixels\na.pgm,0 1\n' >labels.csv
    decode --labels labels.csv scans | inspect --json | grep -q '"rle": \["0 1"\]'
}

@test "an encoder, a decoder: every pair is a network that learns and predicts" {
    says "An encoder"
    says "A decoder"
    grep -qE '^synth-1-000009 +probability +<f2 +128x128 ' said
    for network in unet-plain bisenet-plain fcn-plain fcn-resnet18; do
        train-fold --options | jq -e ".network.choices | index(\"$network\")"
        train-fold -q --network $network --batch 2 --iterations 1 fold-$network samples.mpk
        decode -q ../xrays/test | predict-fold -q -m fold-$network/last.mpk | inspect --check
    done
}

@test "a term of the loss" {
    says "A term of the loss"
    jq -e 'select(.loss) | .tversky > 0 and .tversky < .loss' tversky/log.jsonl
    train-fold --help | tr -s ' \n' ' ' | grep -q 'tversky x Tversky loss'
    train-fold --options | jq -e '.tversky.default == 0 and ."tversky-missed".default == 0.7'
    fails 1 "this device has no kernel for the loss tversky" train-fold --device cuda --network fcn-resnet18 --tversky 1 \
        nothing samples.mpk
}

@test "an optimiser" {
    says "An optimiser"
    grep -q '^optimizer/.* sum ' said
    train-fold --options | jq -e '.optimizer.choices | first == "radam" and last == "adagrad"'
    train-fold --options | jq -e '."adagrad-epsilon".default == 1e-10'
    fails 1 "adagrad" train-fold --device cuda --network fcn-resnet18 --optimizer adagrad nothing samples.mpk
}

@test "a convolution method" {
    says "A convolution method"
    grep -qE '^lateral_32x.cbr_unit.0 +forward +pointwise ' said
    fails 1 "no convolution method" env PLEURA_WITHOUT=pointwiser train-fold --network fcn-plain --batch 2 nothing samples.mpk
}

@test "a stage: a fourth network of the ensemble" {
    says "A stage"
    grep -q '^merge .*test-seg-unet/.*test-seg-bisenet/.*test-seg-fcn/fold-1.mpk.zst' said
    inspect --check <(zstd -dcq work/demo/test-seg-fcn/fold-0.mpk.zst) <(zstd -dcq work/demo/test-seg-fcn/fold-1.mpk.zst)
    make help | grep -q 'train-seg-unet train-seg-bisenet train-cls-bisenet train-seg-fcn$'
    fails 2 "tversky" make -n submissions train-seg-fcn.tversky=101
}

@test "an operation, on both devices" {
    says "An operation"
    says "Its CUDA kernel"
    grep -q 'PASSED.* 5 test' said
    train-fold -q --device cuda --network fcn-plain --batch 2 --iterations 1 gpu samples.mpk
    inspect --check gpu/last.mpk
}

@test "an operation without a CUDA kernel is named where it is planned for CUDA, and where a network of the tables has it" {
    rm lib/ops/softsign/cuda.cu
    sed -i 's/(softsign, CPU_AND_CUDA)/(softsign, CPU_ONLY)/' lib/ops/ops.def
    keep_operations
    make build/tests/fake-cuda.so build/tests/unit/ops/operations
    fails 1 "this device has no kernel for softsign" train-fold --device cuda --network fcn-plain --batch 2 nothing samples.mpk
    fails 1 "softsign has no CUDA kernel" env TRIAL=softsign build/tests/unit/ops/operations
}

@test "the tests above have run all commands of the page" {
    while read -r heading; do
        [ -z "$(page commands "$heading")" ] || grep -qxF "$heading" tried
    done <headings
}
