#!/usr/bin/env bats
# The method's targets on a challenge of 21 small X-rays: what is made, again after kills and failures, and what a
# changed number repeats.

load ../helpers
load checked

setup_file() {
    WHOLE=$BATS_FILE_TMPDIR/whole
    WORK=$BATS_FILE_TMPDIR/work
    export WHOLE WORK
}

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    rm -rf "$WORK"
}

# method WORK ARGUMENT...: make with few iterations, on one thread, since the networks are too small for more
method() {
    local work=$1
    shift
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 THREADS=1 WORK="$work" PROFILE=demo \
        synth.train=16 synth.test=5 synth.side=256 synth.lesions=0.5 synth.format=png \
        train-seg-{unet,bisenet}.batch=2 train-seg-unet.{network=unet-resnet18_w16,iterations=2,eval-every=2} \
        train-{seg,cls}-bisenet.network=bisenet-resnet18_w16 train-seg-bisenet.{iterations=4,eval-every=2,side=64} \
        train-cls-bisenet.{iterations=2,eval-every=2,batch=2,side=64,dilate=8} merge-{cls,seg}.threshold=0.3 "$@"
}

whole_run() { # $WHOLE: made once, undisturbed; in $WORK, since the X-rays' paths count
    if [ ! -e "$WHOLE" ]; then
        method "$WORK" submissions score >"$BATS_FILE_TMPDIR/score" 2>&1
        mv "$WORK" "$WHOLE"
    fi
}

copy_of_whole() { # $WORK: to be changed by a test, with its times
    whole_run
    cp -a "$WHOLE" "$WORK"
}

same_submissions() {
    cmp "$WHOLE/submission1.csv" "$WORK/submission1.csv"
    cmp "$WHOLE/submission2.csv" "$WORK/submission2.csv"
}

state() { # inode and size of every product, below the copy
    (cd "$WORK" && find "$@" ! -path '*/digests/*' \( -name 'fold-*.mpk' -o -name 'fold-*.zst' -o -name '*.csv' -o -name 'merge-*' -o \
        -name 'shard-*' \) -printf '%p %i %s\n' | LC_ALL=C sort)
}

@test "both submissions have the challenge's layout" {
    whole_run
    for number in 1 2; do
        cut -d , -f 1 "$WHOLE/submission$number.csv" >"$HERE/ids"
        cut -d , -f 1 "$WHOLE/xrays/sample_submission.csv" | cmp - "$HERE/ids"
        head -n 1 "$WHOLE/submission$number.csv" | grep -qx 'ImageId,EncodedPixels'
        tail -n +2 "$WHOLE/submission$number.csv" | grep -q ',-1$'
        no grep -vqE '^[^,]+,(EncodedPixels|-1|([0-9]+ [0-9]+ )*[0-9]+ [0-9]+ ?)$' "$WHOLE/submission$number.csv"
        score --sizes "$WHOLE/test/index.mpk" "$WHOLE/xrays/test-truth.csv" "$WHOLE/submission$number.csv"
    done
    tail -n +2 "$WHOLE/submission2.csv" | grep -v -q ',-1$'
    grep -q '^empty ' "$BATS_FILE_TMPDIR/score"
}

@test "decisions and masks are those of the rule, worked out from the folds' maps in numpy" {
    whole_run
    for python in /usr/bin/python3 python3 none; do
        $python -c 'import msgpack, msgpack_numpy, numpy' 2>/dev/null && break
    done
    [ $python != none ] || skip "python3 with msgpack, msgpack_numpy and numpy absent"
    for map in "$WHOLE"/test-*/fold-*.mpk.zst; do
        stage=$(basename "$(dirname "$map")")
        zstd -dcq "$map" >"$HERE/$stage-$(basename "$map" .zst)"
    done
    cd "$HERE"
    $python - "$WHOLE" <<'END'
import glob, sys, msgpack, msgpack_numpy, numpy as np

def maps(pattern):
    folds = []
    for path in sorted(glob.glob(pattern)):
        with open(path, "rb") as f:
            folds.append({r["id"]: r["probability"].astype(np.float64)
                          for r in msgpack.Unpacker(f, object_hook=msgpack_numpy.decode) if "probability" in r})
    return {i: sum(fold[i] for fold in folds) / len(folds) for i in folds[0]}, len(folds)

def runs(mask):
    """Relative run lengths, column by column: pixels from the end of the last run, length."""
    flat = np.concatenate([[0], mask.T.reshape(-1), [0]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
    gaps = starts - np.concatenate([[0], ends[:-1]])
    return " ".join(f"{g} {e - s}" for g, s, e in zip(gaps, starts, ends))

cls, n = maps("test-cls-bisenet-fold-*.mpk")
assert n == 2
seg, n = maps("test-seg-*-fold-*.mpk")
assert n == 4
areas = {i: int((p > 0.3).sum()) for i, p in cls.items()}
assert len(set(areas.values())) > 2, areas
for number, ratio in (1, 0.38), (2, 0.42):
    limit = sorted(areas.values(), reverse=True)[int(len(areas) * ratio)]
    rows = [line.rstrip("\n").split(",") for line in open(f"{sys.argv[1]}/submission{number}.csv")][1:]
    assert [i for i, _ in rows] == list(cls), rows
    shown = 0
    for i, text in rows:
        mask = seg[i] > 0.3
        want = runs(mask) if areas[i] > limit and mask.any() else "-1"
        assert text.strip() == want, (number, i)
        shown += want != "-1"
    assert shown > 0
END
}

@test "done is done: a second make has nothing to do" {
    copy_of_whole
    method "$WORK" -q submissions
    before=$(state .)
    method "$WORK" submissions
    [ "$(state .)" = "$before" ]
}

@test "a changed number repeats just what depends on it" {
    copy_of_whole
    # X-rays, models and maps stay as they are; so does the other submission.
    before=$(state . | grep -v -e merge-cls2 -e submission2)
    method "$WORK" submission2.ratio=0.7 submissions
    [ "$(state . | grep -v -e merge-cls2 -e submission2)" = "$before" ]
    no cmp -s "$WHOLE/merge-cls2.mpk" "$WORK/merge-cls2.mpk"
    # A threshold for all maps: no fold is predicted again.
    before=$(state test-seg-unet test-seg-bisenet train-seg-unet)
    method "$WORK" merge-seg.threshold=0.4 submissions
    [ "$(state test-seg-unet test-seg-bisenet train-seg-unet)" = "$before" ]
    no cmp -s "$WHOLE/merge-seg.csv" "$WORK/merge-seg.csv"
    # One stage's rate: its folds and their maps, no other's.
    before=$(state train-seg-unet test-seg-unet train-cls-bisenet test-cls-bisenet)
    old=$(state train-seg-bisenet)
    method "$WORK" train-seg-bisenet.rate=3e-3 submissions
    [ "$(state train-seg-unet test-seg-unet train-cls-bisenet test-cls-bisenet)" = "$before" ]
    [ "$(state train-seg-bisenet)" != "$old" ]
    # One more fold: the others' checkpoints are of other folds of the images, so that all are new.
    method "$WORK" train-cls-bisenet.folds=3 train-cls-bisenet
    [ "$(cd "$WORK/train-cls-bisenet" && echo fold-*.mpk)" = "fold-0.mpk fold-1.mpk fold-2.mpk" ]
    # And back: all as it was, from the numbers alone.
    method "$WORK" submissions
    same_submissions
}

@test "X-rays that changed are read again" {
    mkdir -p "$HERE/mine"
    synth -q --format png --side 256 --train 16 --test 5 --lesions 0.5 "$HERE/mine"
    rm "$HERE/mine/test-truth.csv"
    method "$WORK" DATA="$HERE/mine" data
    [ "$(inspect --json "$WORK/test/index.mpk" | grep -c '"id": "synth')" = 5 ]
    method "$WORK" DATA="$HERE/mine" -q data
    last=$(tail -n 1 "$HERE/mine/sample_submission.csv")
    sed -i '$d' "$HERE/mine/sample_submission.csv"
    no method "$WORK" DATA="$HERE/mine" -q data
    method "$WORK" DATA="$HERE/mine" data
    [ "$(inspect --json "$WORK/test/index.mpk" | grep -c '"id": "synth')" = 4 ]
    no grep -q "${last%,*}" <(inspect --json "$WORK/test/index.mpk")
    fails 2 "the truth is not known" method "$WORK" DATA="$HERE/mine" score
    rm -r "$HERE/mine/test"
    fails 2 "DATA=$HERE/mine: the layout is not complete" method "$WORK" DATA="$HERE/mine" data
}

@test "folds that were swapped, a product cut short, a clock set back: noticed, said, made again" {
    copy_of_whole
    method "$WORK" -q submissions
    (cd "$WORK/train-cls-bisenet" && mv fold-0.mpk x && mv fold-1.mpk fold-0.mpk && mv x fold-1.mpk)
    truncate -s -9 "$WORK/test-seg-unet/fold-1.mpk.zst" "$WORK/submission1.csv"
    no method "$WORK" -q submissions
    method "$WORK" submissions 2>"$HERE/says" || { cat "$HERE/says"; false; }
    for file in train-cls-bisenet/fold-0.mpk train-cls-bisenet/fold-1.mpk test-seg-unet/fold-1.mpk.zst submission1.csv; do
        grep -q "^$WORK/$file: is not what make left there" "$HERE/says"
        cmp "$WHOLE/$file" "$WORK/$file"
    done
    same_submissions
    # All of it seems to be of next year: a changed number counts all the same
    find "$WORK" -maxdepth 2 -type f -exec touch -d '+1 year' {} +
    method "$WORK" submission2.ratio=0.7 submissions
    no cmp -s "$WHOLE/submission2.csv" "$WORK/submission2.csv"
    method "$WORK" submissions
    same_submissions
}

@test "a fold that fails stops its stage; what the others did is kept" {
    copy_of_whole
    cd "$WORK"
    rm test-cls-bisenet/fold-1.mpk.zst submission?.csv merge-cls?.mpk
    mkdir -p test-cls-bisenet/fold-1.mpk.part test-cls-bisenet/fold-1.part/in-the-way
    before=$(state test-cls-bisenet/fold-0.mpk.zst)
    fails 2 "" method "$WORK" submissions
    [ ! -e test-cls-bisenet/fold-1.mpk.zst ]
    [ ! -e submission1.csv ]
    rm -r test-cls-bisenet/fold-1.mpk.part test-cls-bisenet/fold-1.part
    method "$WORK" submissions
    [ "$(state test-cls-bisenet/fold-0.mpk.zst)" = "$before" ]
    same_submissions
}

@test "a disk that fills up: nothing half-written is taken for done" {
    copy_of_whole
    rm -r "$WORK"/{train-seg-bisenet,test-seg-bisenet,merge-seg.csv,submission?.csv}
    # A file may have 4 MB: less than a checkpoint
    fails 2 "" bash -c "$(declare -f method); ulimit -f 4000; trap '' XFSZ; method \"\$@\"" - "$WORK" submissions
    no compgen -G "$WORK/train-seg-bisenet/*.mpk"
    rm -r "$WORK"/{train,test,train-*,test-*}
    fails 2 "" bash -c "$(declare -f method); ulimit -f 200; trap '' XFSZ; method \"\$@\"" - "$WORK" submissions
    [ ! -e "$WORK/train/index.mpk" ]
    method "$WORK" submissions
    same_submissions
}

@test "killed with -9 again and again, the submissions are the same bytes" {
    whole_run
    for moment in 0.4 0.9 1.7 1.1 1.4 2.3 0.7; do
        setsid bash -c "$(declare -f method); method \"\$@\"" - "$WORK" submissions >/dev/null 2>&1 &
        pid=$!
        sleep $moment
        kill -9 -- -$pid 2>/dev/null || true
        wait $pid || true
    done
    method "$WORK" submissions
    same_submissions
    [ -z "$(find "$WORK" -name '*.part')" ]
}

@test "two folds at a time, or one: the same submissions" {
    copy_of_whole
    rm -r "$WORK"/{train-cls-bisenet,test-cls-bisenet,merge-cls?.mpk,submission?.csv}
    method "$WORK" JOBS=2 submissions
    same_submissions
    [ "$(wc -l <"$WORK/train-cls-bisenet/joblog")" = 3 ]
}

@test "make -n reads like the method's table" {
    method "$WORK" -n submissions >"$HERE/table"
    [ "$(grep -c 'train-fold.sh' "$HERE/table")" = 3 ]
    [ "$(grep -c 'predict-fold.sh' "$HERE/table")" = 3 ]
    [ "$(grep -c '^merge ' "$HERE/table")" = 3 ]
    grep -q 'classify --ratio 0.38' "$HERE/table"
    grep -q 'classify --ratio 0.42' "$HERE/table"
    [ ! -e "$WORK" ]
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -n -C "$ROOT" WORK="$HERE/full" submissions >"$HERE/full.table"
    grep -q '^DATA=data: is no folder. DATA=FOLDER names another; init: weights/resnet18-f37072fd.pth is missing' "$HERE/full.table"
    grep -q 'decode .data/train. --labels .data/train-rle.csv.* | shard' "$HERE/full.table"
    [ "$(grep -o 'zstd -dcq' "$HERE/full.table" | wc -l)" = 30 ] # 5 folds twice, and 20
    grep -q 'train-fold.sh {1}/5 .*--dilate 128 .*--iterations 111200 ' "$HERE/full.table"
    [ ! -e "$HERE/full" ]
}

@test "a fourth network and a third submission are an edit of config.json alone" {
    copy_of_whole
    cd "$HERE"
    jq '."train-seg-small" = ."train-seg-bisenet" + {seed: 7} | ."test-seg-small" = ."test-seg-bisenet"
        | .profiles.demo."train-seg-small" = {init: "", folds: 2, side: 64, iterations: 2, batch: 2, "whole-batches": false,
            accumulate: 1, "eval-every": 2}
        | ."merge-seg".stages += ["test-seg-small"]
        | ."merge-small" = {stages: ["test-seg-small", "test-cls-bisenet"], threshold: 0.2}
        | .submission3 = {decide: "merge-small", ratio: 0.5, segment: "merge-small"}' "$ROOT/config.json" >config.json
    method "$WORK" CONFIG="$PWD/config.json" -n submissions >table
    [ "$(grep -c 'train-fold.sh' table)" = 1 ] # the others are done
    grep -q 'train-fold.sh {1}/2 .*/train-seg-small/fold-{1} 7 ' table
    grep -q 'predict-fold.sh .*/train-seg-small/fold-{1}.mpk .*/test-seg-small/fold-{1} ' table
    unpacked='\S+ \S+ \S+/test' # <(zstd -dcq ...)
    grep -qE "^merge --type f8 ($unpacked-seg-unet\\S+ ){2}($unpacked-seg-bisenet\\S+ ){2}($unpacked-seg-small\\S+ ){2}\\| rle-encode " table
    grep -qE "^merge --type f8 ($unpacked-seg-small\\S+ ){2}($unpacked-cls-bisenet\\S+ ){2}\\| rle-encode --threshold 0.2 -o " table
    grep -q 'rle-encode --decisions .*/merge-small3.mpk -o .*/submission3.csv' table
    before=$(state . | grep -v -e merge-seg -e submission -e empty)
    method "$WORK" CONFIG="$PWD/config.json" report >says 2>&1 || { cat says; false; }
    [ "$(state . | grep -v -e merge-seg -e submission -e small -e empty)" = "$before" ]
    no cmp -s "$WHOLE/merge-seg.csv" "$WORK/merge-seg.csv"
    cmp "$WHOLE/merge-cls1.mpk" "$WORK/merge-cls1.mpk"
    grep -q '^submission3 ' says
    for words in 'loss of train-seg-small' 'Which images show a lesion: merge-small' '<th>submission 3</th>'; do
        grep -q "$words" "$WORK/report.html"
    done
    method "$WORK" CONFIG="$PWD/config.json" -q report
    # Damaged, its products are named, too
    truncate -s -9 "$WORK"/{merge-small3.mpk,train-seg-small/fold-1.mpk}
    method "$WORK" repair >says
    grep -q "/merge-small3.mpk: is not what make left there; removed" says
    grep -q "/train-seg-small/fold-1.mpk: is not what make left there; removed" says
    tail -n 1 says | grep -q ' 2 are damaged and removed, 0 more are to be made, 0 are left alone'
    method "$WORK" help CONFIG="$PWD/config.json" | grep -q '  submission3 of merge-small3 (test-seg-small test-cls-bisenet) and merge-small3 '
}

@test "what config.json must not hold is named" {
    settle() { # settle CONFIG PROFILE [STAGE.KEY=VALUE]...
        "$ROOT/pipelines/method/config.sh" "$1" "$2" "$HERE/settled" '' "${@:3}"
    }
    refuse "submission1: unknown key 'rat'" '."submission1".rat = 0.2'
    refuse 'unknown key "tarin-seg-unet"; known are data, synth, train-NAME, test-NAME, merge-NAME, submissionN' '."tarin-seg-unet" = {}'
    refuse 'train-seg-vnet.accumulate is missing' '."train-seg-vnet" = {}'
    refuse 'profiles.full.train-seg-vnet.accumulate is missing: no block has this name but here' '.profiles.full."train-seg-vnet" = {}'
    refuse 'unknown key "tarin"; known are data' '.profiles.full.tarin = {}'
    refuse 'train-seg-unet.batch: 0 is not a whole number from 1 to 4096' '."train-seg-unet".batch = 0'
    refuse 'train-seg-unet.folds: 0 is not a whole number from 1 up' '."train-seg-unet".folds = 0'
    refuse 'train-seg-unet.batch: 2.5 is not' '."train-seg-unet".batch = 2.5'
    refuse 'train-seg-unet.keep: "iou" is not dice or wacc' '."train-seg-unet".keep = "iou"'
    refuse 'train-seg-bisenet.side: 100 is not a multiple of 32' '."train-seg-bisenet".side = 100'
    refuse 'profiles.demo.submission1.ratio: 2 is not a number from 0 to 1' '.profiles.demo.submission1.ratio = 2'
    refuse 'data.size: "big" is not HEIGHTxWIDTH' '.data.size = "big"'
    refuse 'data.train: [] is not a path or a list of paths' '.data.train = []'
    refuse 'data.train: ["a\nb"] is not' '.data.train = ["a\nb"]'
    refuse 'data.test is missing' '.data.train = "a" | .data.labels = "b"'
    refuse 'data.labels or data.masks is missing' '.data.train = ["a", "b"] | .data.test = "c"'
    refuse 'data: labels and masks are both named' '.data.masks = "a" | .data.labels = "b"'
    refuse 'submission1.ratio is missing' 'del(.submission1.ratio) | .profiles.demo.submission1 = {}'
    refuse 'submission1: not an object' '.submission1 = 3'
    # What stages say of each other
    refuse 'test-seg-unet is missing: how the models of train-seg-unet predict' 'del(."test-seg-unet", .profiles[]."test-seg-unet")'
    refuse 'test-seg-unet: there is no train-seg-unet, whose models would predict' 'del(."train-seg-unet", .profiles[]."train-seg-unet")'
    refuse 'merge-seg.stages: no stage "train-seg-unet"; there are test-seg-unet, test-seg-bisenet, test-cls-bisenet' \
        '."merge-seg".stages = ["train-seg-unet"]'
    refuse 'merge-seg.stages: test-seg-unet is named twice' '."merge-seg".stages += ["test-seg-unet"]'
    refuse 'merge-seg.stages: [] is not a list of' '."merge-seg".stages = []'
    refuse 'merge-seg.stages: "test-seg-unet" is not a list' '."merge-seg".stages = "test-seg-unet"'
    refuse 'submission2.decide: no stage "test-cls-bisenet"; there are merge-cls, merge-seg' '.submission2.decide = "test-cls-bisenet"'
    refuse 'submission1.segment is missing' 'del(.submission1.segment)'
    refuse 'no submission is named' 'del(.submission1, .submission2, .profiles.demo.submission1, .profiles.demo.submission2, .profiles.best.submission1, .profiles.best.submission2)'
    refuse 'submission-a-b and submission-b: the decisions of both would be merge-cls-a-b.mpk' \
        '."merge-cls-a" = ."merge-cls" | ."submission-a-b" = .submission1 | ."submission-b" = (.submission1 | .decide = "merge-cls-a")'
    # A stage that begins with another, or is like it
    refuse 'train-seg-bisenet.init: train-cls-bisenet is no earlier stage' '.profiles.demo."train-seg-bisenet".init = "train-cls-bisenet"'
    refuse 'train-cls-bisenet.init: train-cls-bisenet is no earlier stage' '.profiles.demo."train-cls-bisenet".init = "train-cls-bisenet"'
    refuse 'train-seg-bisenet.init: train-seg-unet has another network' '.profiles.demo."train-seg-bisenet".init = "train-seg-unet"'
    refuse 'train-cls-bisenet.init: train-seg-bisenet has another number of folds' \
        '.profiles.demo."train-cls-bisenet" += {init: "train-seg-bisenet", folds: 3}'
    refuse 'train-seg-unet.like: "train-seg-bisenet" is no earlier stage' '."train-seg-unet".like = "train-seg-bisenet"'
    refuse 'train-seg-bisenet.like: 3 is not a stage' '."train-seg-bisenet".like = 3'
    # Names become targets, folders, words of the shell
    for name in 'train-' 'train-a b' 'train-$(touch ran)' 'train-a;touch ran' 'test-../x' 'train-a.b' 'train--q' $'train-a\n' 'merge-ä' \
        'submissions' 'submission' 'submission1/2' "train-$(printf '%042d' 0)"; do
        name=\"${name//$'\n'/\\n}\"
        refuse "$name: a stage is train-NAME" ".[$name] = {}"
    done
    refuse "no profile 'huge'" . huge
    refuse "unknown setting 'train-seg-unet.size'" . demo train-seg-unet.size=3
    refuse "unknown setting 'train-seg-vnet.folds'" . demo train-seg-vnet.folds=3
    refuse 'merge-seg.stages: no stage "seg-unet"' . demo merge-seg.stages=seg-unet,test-seg-bisenet
    refuse_all
    # What jq does not see
    sed 's/^  "train-seg-bisenet": {/  "train-seg-unet": {/' "$ROOT/config.json" >"$HERE/config.json"
    fails 1 "train-seg-unet.accumulate is there twice" settle "$HERE/config.json" full
    fails 1 'train-seg-unet.side: unet-resnet18: sides of 160 x 160: this network takes multiples of 32 from 192' \
        settle "$ROOT/config.json" demo train-seg-unet.side=160
    [ ! -e "$HERE/settled" ]
    # What is in no submission is said, and left out
    jq '."merge-x" = ."merge-seg"' "$ROOT/config.json" >"$HERE/config.json"
    settle "$HERE/config.json" demo merge-seg.stages=test-seg-bisenet 2>"$HERE/says"
    grep -qx 'config: train-seg-unet, merge-x: no submission is made of this' "$HERE/says"
    grep -qF 'override NEEDED := $(empty)train-seg-bisenet train-cls-bisenet$(empty)' "$HERE/settled/config.mk"
    # And by make
    fails 2 'train-seg-unet.batch: "many" is not' method "$WORK" train-seg-unet.batch=many -n data
    fails 2 "no stage 'train-seg-vnet'; there are xrays survey data" method "$WORK" -n train-seg-vnet
    echo '{ "data": ' >"$HERE/config.json"
    fails 2 "$HERE/config.json" method "$WORK" CONFIG="$HERE/config.json" -n data
    fails 2 'none.json: cannot be read' method "$WORK" CONFIG="$HERE/none.json" -n data
}
