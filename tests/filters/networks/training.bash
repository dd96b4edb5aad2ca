# Shared by the tests of train-fold and predict-fold: a short run on made-up X-rays, as samples of $SIDE (64).
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    small_training 12 60 "${SIDE-64}"
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    HERE=$BATS_TEST_TMPDIR
}

# train DIR [OPTION]...: a short run, with gradients in flight at most iterations; where EXEC is set, as the process that calls it
train() {
    ${EXEC:+exec} train-fold -q --network bisenet-resnet18_w16 --iterations 14 --batch 2 --accumulate 3 --rate 1e-3 \
        --threads 2 --val val.mpk --eval-every 4 --save-every 100 --log-every 1 "$@" train.mpk
}

whole_run() { # made once; its checkpoints are what the others must give
    [ -d whole ] || train whole
}
