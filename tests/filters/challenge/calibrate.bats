#!/usr/bin/env bats
# calibrate: the rule of the highest Dice, what it is worth, and that classify and rle-encode take it.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# Three folds of blurred, noisy copies of made-up lesions: fold-I.mpk and truth.csv of them all.
folds() {
    python_with - <<'END'
import numpy
from tensor_stream import write
random = numpy.random.default_rng(1)
height, width = 40, 30
y, x = numpy.mgrid[:height, :width]
rows = ["ImageId,EncodedPixels"]
for fold in range(3):
    records = []
    for i in range(20):
        name = f"{fold}.{i}"
        truth = numpy.zeros((height, width), bool)
        if random.random() < 0.5:
            cy, cx, r = random.integers(8, 32), random.integers(8, 22), random.uniform(2, 7)
            truth = (y - cy) ** 2 + (x - cx) ** 2 < r * r
        maps = numpy.clip(0.6 * truth + random.uniform(0, 0.3) + random.normal(0, 0.12, truth.shape), 0, 1)
        records.append({"id": name, "probability": maps.astype("<f2" if i % 2 else "<f4")})
        at, texts = 0, []
        flat = numpy.concatenate([[0], truth.T.ravel().astype(int), [0]])
        edges = numpy.flatnonzero(numpy.diff(flat)).reshape(-1, 2)
        for start, end in edges:
            texts += [str(start - at), str(end - start)]
            at = end
        rows.append(f"{name},{' '.join(texts) or '-1'}")
    write(f"fold-{fold}.mpk", "probabilities", records, [f"fold {fold}"])
open("truth.csv", "w").write("\n".join(rows) + "\n")
END
}

# scored TRUTH DECIDE LIMIT MASK FOLD...: Dice of a rule, as the programs that apply it have it; LIMIT is --area N or --ratio R
scored() {
    local truth=$1 decide=$2 limit=$3 mask=$4
    shift 4
    cat "$@" | classify -q --threshold "$decide" $limit -o decisions.mpk
    cat "$@" | rle-encode -q --decisions decisions.mpk --threshold "$mask" -o submission.csv
    score --json --size 40x30 "$truth" submission.csv | jq .dice
}

close() { # close A B: equal but for the order in which sums are made
    jq -ne --argjson a "$1" --argjson b "$2" '($a - $b) | fabs < 1e-12'
}

rule() { # rule FILE NAME: a number of a rule's stream
    inspect --json "$1" | jq "select(has(\"id\")).$2"
}

@test "each rule's Dice is what classify, rle-encode and score give; the best is written" {
    folds
    for limits in "--area 0,30,100" "--ratio 0.2:0.6:0.2"; do
        calibrate -q --decide 0.4,0.6 $limits --mask 0.3:0.5:0.2 --report report.json truth.csv fold-*.mpk -o rule.mpk
        [ "$(jq '.grid | length' report.json)" = 12 ]
        while read -r decide limit mask dice; do
            close "$dice" "$(scored truth.csv "$decide" "${limits%% *} $limit" "$mask" fold-*.mpk)"
        done < <(jq -r '.grid[] | "\(.decide) \(.area // .ratio) \(.mask) \(.dice)"' report.json)
        [ "$(jq '[.grid[].dice] | max' report.json)" = "$(jq .rule.dice report.json)" ]
        close "$(rule rule.mpk dice_in_sample)" "$(jq .rule.dice report.json)"
        for name in decide mask; do close "$(rule rule.mpk $name)" "$(jq .rule.$name report.json)"; done
        # The two programs take the rule from the file
        cat fold-*.mpk | classify -q --rule rule.mpk -o by-rule.mpk
        cat fold-*.mpk | rle-encode -q --rule rule.mpk --decisions by-rule.mpk -o by-rule.csv
        close "$(score --json --size 40x30 truth.csv by-rule.csv | jq .dice)" "$(jq .rule.dice report.json)"
        inspect --json by-rule.mpk | grep -q '"rule: decide 0'
    done
}

@test "the Dice that is said: each fold by the rule of the others, with its interval" {
    folds
    calibrate -q --decide 0.3:0.7:0.1 --area 0:120:20 --mask 0.2:0.6:0.1 --report report.json truth.csv fold-{0,1,2}.mpk -o rule.mpk
    for fold in 0 1 2; do
        others=()
        for other in 0 1 2; do [ $other = $fold ] || others+=(fold-$other.mpk); done
        calibrate -q --decide 0.3:0.7:0.1 --area 0:120:20 --mask 0.2:0.6:0.1 truth.csv "${others[@]}" -o others.mpk
        read -r decide area mask dice < <(jq -r ".folds[$fold] | \"\(.decide) \(.area) \(.mask) \(.dice)\"" report.json)
        for name in decide area mask; do close "$(rule others.mpk $name)" "${!name}"; done
        grep -E "^(Im|$fold\.)" truth.csv >of-fold.csv
        close "$dice" "$(scored of-fold.csv "$decide" "--area $area" "$mask" fold-$fold.mpk)"
        cat submission.csv >>all.csv
    done
    sed -i '2,${/^ImageId/d}' all.csv
    score --json --size 40x30 truth.csv all.csv >score.json
    for name in dice dice_low dice_high dice_empty dice_lesion; do
        close "$(jq .$name report.json)" "$(jq .$name score.json)"
    done
    for name in dice dice_low dice_high; do close "$(rule rule.mpk $name)" "$(jq .$name report.json)"; done
    jq -e '.dice <= .rule.dice and .dice_low < .dice and .dice < .dice_high and .left_out == 0' report.json
}

@test "one fold's stream after the other is opened, and closed" {
    folds
    mkfifo pipe-{0,1,2}
    { for fold in 0 1 2; do cat fold-$fold.mpk >pipe-$fold; done; } 3>&- &
    timeout 200 calibrate -q --decide 0.5 --mask 0.5 truth.csv pipe-{0,1,2} -o piped.mpk
    calibrate -q --decide 0.5 --mask 0.5 truth.csv fold-{0,1,2}.mpk -o rule.mpk
    cmp piped.mpk rule.mpk
}

@test "one fold chooses a rule and says no honest Dice; what is left out is counted; mask images are a truth, too" {
    folds
    run --separate-stderr calibrate truth.csv fold-1.mpk -o rule.mpk --report report.json
    [ "$status" = 0 ]
    [[ $stderr == *"rule: decide "*", area "*"of the 20 images that chose it"* ]]
    [[ $stderr == *"40 images of the truth have no probabilities"* ]]
    [[ $stderr != *"other folds"* ]]
    jq -e '.left_out == 40 and .images == 20 and (has("dice") | not)' report.json
    [ "$(rule rule.mpk dice)" = null ]
    mkdir masks
    rle-decode --size 40x30 truth.csv | python_with -c '
import sys
from PIL import Image
from tensor_stream import read
for record in read("/dev/stdin"):
    Image.fromarray(record["mask"] * 255).save("masks/" + record["id"] + ".png")'
    calibrate -q masks fold-1.mpk --report of-masks.json -o of-masks.mpk
    cmp report.json of-masks.json
    # A truth of another size is brought to the probabilities'
    rle-decode --size 40x30 truth.csv | rle-encode -q --size 40x30 -o again.csv
    calibrate -q --size 40x30 again.csv fold-1.mpk --report again.json -o again.mpk
    cmp report.json again.json
}

@test "what is wrong is refused by name, and nothing is written" {
    folds
    for steps in "" x 0.5:0.4:0.1 0.1:0.2 0:1:0 0:1:0.001 0.5, 1.1 -1 nan inf 0.1:0.2:0.1:3 " 0.5" 0.5x; do
        fails 2 "--mask" calibrate --mask "$steps" truth.csv fold-0.mpk -o rule.mpk
    done
    fails 2 "--area" calibrate --area 0.5 truth.csv fold-0.mpk -o rule.mpk
    fails 2 "--area and --ratio: one of the two" calibrate --ratio 0.2 --area 0 truth.csv fold-0.mpk -o rule.mpk
    fails 2 "stdin can be read once only" calibrate - - -o rule.mpk
    fails 1 "a second time" calibrate truth.csv fold-0.mpk fold-0.mpk -o rule.mpk

    grep -v '^1\.0' truth.csv >lacks.csv
    fails 1 "1.0: lacks.csv has no such image" calibrate lacks.csv fold-1.mpk -o rule.mpk
    fails 1 "holds samples" calibrate truth.csv <(make-samples -n 1) -o rule.mpk
    fails 1 "holds no images" calibrate truth.csv <(python_with -c 'from tensor_stream import write; write("/dev/stdout", "probabilities", [])') -o rule.mpk
    fails 2 "exactly one" classify --rule r.mpk --ratio 0.2 fold-0.mpk -o out.mpk
    calibrate -q truth.csv fold-0.mpk -o good.mpk
    fails 2 "the rule has one" classify --rule good.mpk --threshold 0.6 fold-0.mpk -o out.mpk
    fails 2 "the rule has one" rle-encode --rule good.mpk --threshold 0.6 fold-0.mpk -o out.mpk
    fails 1 "holds probabilities" classify --rule fold-1.mpk fold-0.mpk -o out.mpk
    fails 1 "has 2 rules" classify --rule <(cat good.mpk good.mpk) fold-0.mpk -o out.mpk
    head -c -1 good.mpk >cut.mpk
    fails 1 "cut.mpk" rle-encode --rule cut.mpk fold-0.mpk -o out.mpk
    for odd in '{"decide": 0.5, "mask": 0.5}' '{"decide": 0.5, "mask": 0.5, "area": 1.0, "ratio": 0.5}' '{"decide": 0.5, "mask": 0.5, "area": 0.5}' \
        '{"decide": 0.5, "mask": 0.5, "area": -1.0}' '{"decide": 1.5, "mask": 0.5, "area": 1.0}' '{"decide": 0.5, "mask": float("nan"), "area": 1.0}' \
        '{"decide": 1, "mask": 0.5, "area": 1.0}'; do
        python_with -c "from tensor_stream import write; write('odd.mpk', 'rule', [{'id': 'rule'} | $odd])"
        fails 1 "odd.mpk: record 1" classify --rule odd.mpk fold-0.mpk -o out.mpk
    done
    [ ! -e rule.mpk ] && [ ! -e out.mpk ]
}

@test "what is wrong with any fold's file is said before the truth is read" {
    folds
    make-samples -n 1 >samples.mpk
    head -c 10 fold-0.mpk >cut.mpk
    head -c 200 fold-0.mpk >short.mpk
    : >empty.mpk
    mkdir folder
    python_with - <<'END'
import numpy
from tensor_stream import write
write("none.mpk", "probabilities", [], [])
write("other.mpk", "probabilities", [{"id": "a", "map": numpy.zeros((2, 2), "<f4")}], [])
write("flat.mpk", "probabilities", [{"id": "a", "probability": numpy.zeros(2, "<f4")}], [])
END
    while IFS=: read -r file words; do
        fails 1 "$file: $words" calibrate absent.csv fold-0.mpk fold-1.mpk "$file" -o rule.mpk
    done <<'END'
samples.mpk:holds samples, and probabilities are needed here
cut.mpk:header (record 0), byte 0: not a tensor stream: the input ends in the middle, at byte 10
short.mpk:record 1, byte
empty.mpk:header (record 0), byte 0: empty: not a tensor stream
folder:is a directory
none.mpk:holds no records
other.mpk:record 1, byte
flat.mpk:record 1, byte
missing.mpk:No such file
END
    fails 1 "absent.csv" calibrate absent.csv fold-0.mpk fold-1.mpk -o rule.mpk
}

@test "one ensemble decides, another gives the masks" {
    folds
    cat fold-*.mpk >decide.mpk
    python_with - <<'END'
import numpy
from tensor_stream import read, write
maps = [(r["id"], r["probability"]) for r in read("decide.mpk")]
write("segment.mpk", "probabilities", [{"id": i, "probability": numpy.sqrt(p.astype("<f4"))} for i, p in maps], [])
write("order.mpk", "probabilities", [{"id": i, "probability": p} for i, p in maps[::-1]], [])
write("short.mpk", "probabilities", [{"id": i, "probability": p} for i, p in maps[:-1]], [])
write("type.mpk", "probabilities", [{"id": i, "probability": p.astype("<i4")} for i, p in maps], [])
write("side.mpk", "probabilities", [{"id": i, "probability": p[1:]} for i, p in maps], [])
END
    grid=(--area 0,10,40 --decide 0.3:0.7:0.1 --mask 0.3:0.9:0.1 --resamples 10)
    calibrate -q "${grid[@]}" truth.csv fold-*.mpk | inspect --json | jq 'select(.id)' >alone
    calibrate -q "${grid[@]}" --segmenting decide.mpk truth.csv fold-*.mpk | inspect --json | jq 'select(.id)' | diff alone -
    calibrate -q "${grid[@]}" --segmenting segment.mpk truth.csv fold-*.mpk -o rule.mpk
    inspect --json rule.mpk | jq 'select(.id)' >other
    no cmp -s alone other
    classify --rule rule.mpk decide.mpk -o decisions.mpk
    rle-encode --rule rule.mpk --decisions decisions.mpk segment.mpk -o masks.csv
    score --json --size 40x30 truth.csv masks.csv | jq -e --slurpfile rule other '.dice - $rule[0].dice_in_sample | fabs < 1e-12'
    fails 1 "'2.19' where the folds have '0.0'" calibrate -q --segmenting order.mpk truth.csv fold-*.mpk
    fails 1 "short.mpk: ends before '2.19'" calibrate -q --segmenting short.mpk truth.csv fold-*.mpk
    fails 1 "decide.mpk: '1.0' is in no fold" calibrate -q --segmenting decide.mpk truth.csv fold-0.mpk
    fails 1 "type.mpk: record 1" calibrate -q --segmenting type.mpk truth.csv fold-*.mpk
    fails 1 "'0.0': 40 x 30 probabilities decide, 39 x 30 give its mask" calibrate -q --segmenting side.mpk truth.csv fold-*.mpk
}
