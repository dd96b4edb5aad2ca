# copies.bash: the method's stages with small files that are copied in the place of training and prediction, for tests of
# what becomes of products.

setup_file() {
    WORK=$BATS_FILE_TMPDIR/work   # the work folder,
    WHOLE=$BATS_FILE_TMPDIR/whole # and as a whole run has left it
    BIN=$BATS_FILE_TMPDIR/bin
    export WORK WHOLE BIN
}

method() { # method ARGUMENT...: make with the programs of BIN
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 BIN="$BIN" WORK="$WORK" PROFILE=demo \
        synth.{train=8,test=3,side=64,lesions=0.5,format=png} merge-{cls,seg}.threshold=0.3 train-cls-bisenet.dilate=8 \
        train-{seg-unet,seg-bisenet,cls-bisenet}.{network=bisenet-resnet18_w16,side=64,iterations=1,eval-every=1,batch=2} "$@"
}

copying_programs() { # $BIN: all programs; the two that have networks read what they would read, and copy files of BIN.small
    local real
    real=$(dirname "$(command -v augment)")
    mkdir -p "$BIN" "$BIN.small"/{0,1}
    ln -s "$real"/* "$BIN/"
    rm "$BIN"/{train,predict}-fold
    cat >"$BIN/train-fold" <<END
#!/bin/sh
[ "\$1" != --options ] || exec "$real/train-fold" --options
for folder; do :; done
cat >/dev/null
fold=\${folder%.part}
cp "$BIN.small/\${fold##*-}"/* "\$folder"
END
    cat >"$BIN/predict-fold" <<END
#!/bin/sh
[ "\$1" != --options ] || exec "$real/predict-fold" --options
for shards; do :; done
inspect --check "\$2" && augment -q --plain --side 32 "\$shards" >/dev/null || exit 1
fold=\${2%.mpk}
cat "$BIN.small/map-\${fold##*-}.mpk"
END
    chmod +x "$BIN"/{train,predict}-fold
    tee "$BIN.small"/{0,1}/log.jsonl >/dev/null <<'END'
{"iteration":1,"loss":5.9,"bce":4.6,"lovasz":1.3,"global":0,"rate":0.01,"images_per_second":20}
{"iteration":1,"dice":0.5,"dice_empty":0.5,"dice_lesion":0.25,"accuracy":0.5,"best":true,"memory_mib":700}
END
    PYTHONPATH=$ROOT/tests/attack PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$BIN.small" <<'END'
import sys
from hostile import floats, halves
from streams import Map, Stream, tensor

def write(path, kind, records):
    with open(f"{sys.argv[1]}/{path}", "wb") as file:
        Stream(kind, records).write(file)

state = Map([["id", "state"], ["iteration", 1], ["samples", 2]])
for fold in 0, 1:
    weights = Map([["id", "weight"], ["value", tensor("<f4", [256], floats(*[fold + i for i in range(256)]))]])
    write(f"{fold}/last.mpk", "weights", [weights, state])
    write(f"{fold}/best.mpk", "weights", [weights, state])
    plane = tensor("<f2", [64, 64], halves(*[0.25] * 3072, *[0.75 - fold / 8] * 1024))
    write(f"map-{fold}.mpk", "probabilities", [Map([["id", f"synth-1-{i:06}"], ["probability", plane]]) for i in (8, 9, 10)])
END
}

whole_run() { # $WORK: all stages, not disturbed
    [ -e "$BIN" ] || copying_programs
    method report >"$BATS_FILE_TMPDIR/says" 2>&1 || { cat "$BATS_FILE_TMPDIR/says"; return 1; }
    method -q report || method report >"$BATS_FILE_TMPDIR/says" 2>&1 # the truth is there only now
}
