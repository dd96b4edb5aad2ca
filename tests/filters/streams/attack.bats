# Hostile inputs: a part of what `make attack` runs, and what needs more than one file.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    ATTACK=$ROOT/tests/attack
    export ATTACK PYTHONPATH=$ATTACK PYTHONDONTWRITEBYTECODE=1
    /usr/bin/python3 - <<'PYTHON'
import hostile
from streams import Map, Raw, Stream, pack
values = Raw(pack([0] * 1048000))
def write(name, kind, records):
    with open(name, "wb") as file:
        Stream(kind, records).write(file)
write("many.mpk", "samples", [hostile.sample(str(i), rle=[], x=values) for i in range(8)])
write("huge.mpk", "samples", [hostile.sample("a", rle=["5 3"], size=[16384, 16384])])
write("sized.mpk", "samples", [hostile.sample("a", rle=["5 3"], size=[32, 32])])
for name, area in {"none": None, "negative": -1, "absurd": 2**62, "text": "24", "empty": 0}.items():
    decision = Map([["id", "a"], ["area", area], ["keep", 1]] if area is not None else [["id", "a"], ["keep", 1]])
    write(f"{name}.decisions", "decisions", [decision, hostile.decisions().records[1]])
for name, make in hostile.KINDS.items():
    if name != "index":
        with open(f"{name}.mpk", "wb") as file:
            make().write(file)
PYTHON
}

setup() { cd "$BATS_FILE_TMPDIR"; }

@test "a part of the hostile streams, through all programs: nothing wrong accepted, nothing left" {
    part="--part 401"
    if sanitized; then
        part="--part 1601 --lenient"
    fi
    /usr/bin/python3 "$ATTACK/attack.py" $part
}

@test "checkpoints that no run has left are refused by --resume and by predict-fold" {
    not_sanitized "takes minutes"
    /usr/bin/python3 "$ATTACK/resume.py" --part 29
}

# kib COMMAND...: what it takes of memory
kib() { /usr/bin/time -o memory -f %M "$@" >/dev/null && cat memory; }

@test "records of a million values: at most 64 MiB above what a normal run takes" {
    not_sanitized "memory is the sanitizers'"
    for command in inspect "inspect --json" merge "merge many.mpk" "merge many.mpk many.mpk" \
        "augment --side 32 --plain" "augment --side 32" "shard -q folder"; do
        normal=$(kib ${command//many/samples} samples.mpk)
        [ "$(kib $command many.mpk)" -le $((normal + 65536)) ]
    done
    rm -r folder
}

@test "a size beyond --max-pixels is refused before memory is taken for it" {
    train-fold -q -n bisenet-resnet18_w16 --batch 2 --iterations 1 run augmented.mpk
    for command in "predict-fold -m run/last.mpk -o" "overlay -d"; do
        fails 1 "huge.mpk: record 1, byte 38: a: 'size' has more than 16777216 pixels (see --max-pixels)" \
            $command out -q huge.mpk
        fails 1 "more than 100 pixels" $command out -q --max-pixels 100 sized.mpk
        [ ! -e out ]
    done
    fails 1 "above 4 times its sides" train-fold -q -n bisenet-resnet18_w16 --batch 1 --iterations 1 other huge.mpk
}

@test "a named pipe in the place of a folder's file is refused, one that is named is read" {
    shard -q piped samples.mpk
    mv piped/index.mpk .
    mkfifo piped/index.mpk
    fails 1 "piped/index.mpk: not a regular file" timeout 100 shard --verify piped
    fails 1 "piped/index.mpk: not a regular file" timeout 100 augment -q piped
    mv index.mpk piped/
    shard=$(basename piped/shard-*)
    mv "piped/$shard" .
    mkfifo "piped/$shard"
    fails 1 "not a regular file" timeout 100 shard --verify piped
    fails 1 "not a regular file" timeout 100 augment -q piped
    mkdir drawn
    mkfifo drawn/train-rle.csv
    fails 1 "drawn/train-rle.csv: not a regular file" timeout 100 synth -q --train 2 --test 1 drawn
    mkdir other
    mkfifo other/index.mpk
    fails 1 "other/index.mpk: not a regular file" timeout 100 shard -q other samples.mpk
    [ "$(inspect <(cat samples.mpk) | tail -n 1)" = "# records: 2" ]
    rle-encode -q --decisions <(cat decisions.mpk) <(cat probabilities.mpk) >/dev/null
}

@test "pictures appear when all is checked, and an id has one" {
    head -c -1 augmented.mpk >cut.mpk
    for bad in "cut.mpk" "augmented.mpk -p probabilities.mpk -p cut.mpk"; do
        fails 1 "" overlay -q -d pictures $bad
        [ ! -e pictures ]
    done
    mkdir pictures
    echo mine >pictures/a.png
    cat augmented.mpk augmented.mpk | fails 1 "'a' a second time" overlay -q -d pictures
    [ "$(ls -A pictures)" = a.png ]
    [ "$(cat pictures/a.png)" = mine ]
    overlay -q -d pictures augmented.mpk
    [ "$(ls -A pictures | tr '\n' ' ')" = "a.png b.png " ]
    file pictures/a.png | grep -q PNG
    /usr/bin/python3 -c 'import hostile, sys; s = hostile.augmented(); s.records = s.records[:1]; s.end = lambda n, d: b""; s.write(sys.stdout.buffer)' >one.mpk
    fails 1 "without an end mark" overlay -q one.mpk -o one.png
    [ ! -e one.png ]
}

@test "decisions without an area that can be are refused" {
    rle-encode -q --decisions decisions.mpk probabilities.mpk | grep -q '^b,-1$'
    for name in none negative absurd text empty; do
        fails 1 "$name.decisions: record 1" rle-encode -q --decisions $name.decisions probabilities.mpk -o out
        [ ! -e out ]
    done
    fails 1 "'area' is 0, with a 'keep' of 1" rle-encode -q --decisions empty.decisions probabilities.mpk
}
