#!/usr/bin/env bats
# score --surface and --probabilities: the figures of scikit-learn, MONAI and surface-distance for the same images
# (tests/golden/metrics/metrics.json), and what is refused.

load ../helpers

setup() {
    GOLDEN=$ROOT/tests/golden/metrics/metrics.json
    cd "$BATS_TEST_TMPDIR" || return 1
    python_with - "$GOLDEN" <<'END'
import json, sys
import numpy
from tensor_stream import write
images = json.load(open(sys.argv[1]))["images"]
records = [{"id": i["id"], "probability": numpy.array(i["probability"], "<f4").reshape(i["height"], i["width"]) / numpy.float32(64)} for i in images]
write("maps.mpk", "probabilities", records)
write("half.mpk", "probabilities", [r | {"probability": r["probability"].astype("<f2")} for r in records])
write("short.mpk", "probabilities", records[:-1])
records[3]["probability"][2, 2] = 1.5
write("beyond.mpk", "probabilities", records)
for name in "truth", "prediction":
    with open(name + ".csv", "w") as file:
        file.write("ImageId,EncodedPixels\n" + "".join(f"{i['id']},{i[name]}\n" for i in images))
END
}

@test "contours, rankings, detections and calibration: what other libraries find" {
    tolerance=$(jq .tolerance "$GOLDEN")
    for maps in maps half; do
        for score in largest sum; do
            score --json --sizes maps.mpk --surface "$tolerance" --probabilities $maps.mpk --score $score truth.csv prediction.csv >$score.json
        done
        # MONAI works in float32
        jq -ne --slurpfile golden "$GOLDEN" --slurpfile largest largest.json --slurpfile sum sum.json '
            ($largest[0] + {roc_area_sum: $sum[0].roc_area, average_precision_sum: $sum[0].average_precision}) as $found |
            $golden[0].figures | to_entries | all((($found[.key] - .value) | fabs) < 2e-7 * .value) or error("\($found)")'
    done
    # The rest is as without the options
    score --json --sizes maps.mpk truth.csv prediction.csv >plain.json
    jq -ne --slurpfile all largest.json --slurpfile plain plain.json '$all[0] + $plain[0] == $all[0]'
}

@test "curves: the points of other libraries, without those that lie on a straight line" {
    score --json --sizes maps.mpk --probabilities maps.mpk --curves curves.json truth.csv prediction.csv >largest.json
    jq -ne --slurpfile golden "$GOLDEN" --slurpfile found curves.json '
        def shape: walk(if type == "number" then 0 else . end);
        [$golden[0].curves, $found[0]] as [$wanted, $found] | ($wanted | shape) == ($found | shape) and
        ([$wanted, $found | [[.roc, .froc, .reliability] | .. | numbers]] | transpose | all((.[0] - .[1] | fabs) < 1e-12)) or error("\($found)")'
    # The area below the curve is the score, and so is the mean distance of the bins.
    jq -ne --slurpfile scores largest.json --slurpfile curves curves.json '$curves[0] as {$roc, $reliability}
        | [range(1; $roc | length) as $i | ($roc[$i][0] - $roc[$i - 1][0]) * ($roc[$i][1] + $roc[$i - 1][1]) / 2] | add - $scores[0].roc_area | fabs < 1e-12'
    jq -ne --slurpfile scores largest.json --slurpfile curves curves.json '$curves[0].reliability
        | ([.[] | select(.pixels > 0) | .pixels * (.probability - .lesion | fabs)] | add) / (map(.pixels) | add) - $scores[0].calibration_error | fabs < 1e-12'
    score --json --sizes maps.mpk --probabilities maps.mpk --score sum --curves sum.json truth.csv prediction.csv >sum.scores
    jq -ne --slurpfile a curves.json --slurpfile b sum.json '$a[0].roc != $b[0].roc and $a[0].froc == $b[0].froc'
}

@test "each score has its interval, the same each time, and a line in the table" {
    score --json --sizes maps.mpk --surface 1 --probabilities maps.mpk truth.csv prediction.csv >one.json
    score --json --sizes maps.mpk --surface 1 --probabilities maps.mpk truth.csv prediction.csv | cmp - one.json
    score --sizes maps.mpk --surface 1 --probabilities maps.mpk truth.csv prediction.csv >table
    for name in hausdorff_95 surface_dice roc_area average_precision froc brier calibration_error; do
        jq -e ".${name}_low < .$name and .$name <= .${name}_high" one.json
    done
    for words in "Hausdorff 95 %" "surface Dice" "area under ROC curve" "average precision" "FROC" "Brier score" "calibration error"; do
        grep -A1 "^$words  *[0-9]" table | grep -q "95 % interval .*[0-9] \.\. "
    done
    # Far more tolerant: all contours of lesions that are predicted lie within
    jq -ne --argjson a "$(score --json --sizes maps.mpk --surface 1000 truth.csv prediction.csv)" '$a.surface_dice > 0.9 and $a.hausdorff_95 > 0'
}

@test "a perfect submission, and what has no value" {
    score --json --sizes maps.mpk --surface 0 truth.csv truth.csv >same.json
    jq -e '.hausdorff_95 == 0 and .surface_dice == 1 and .hausdorff_95_images == 12' same.json
    printf 'ImageId,EncodedPixels\np0,-1\np1,-1\n' >empty.csv
    make-probabilities -i 0.5 -u 0 8 64 >none.mpk
    score --json --size 8x8 --surface 1 --probabilities none.mpk --curves none.curves empty.csv empty.csv >none.json
    for name in hausdorff_95 surface_dice roc_area average_precision froc; do
        jq -e "has(\"$name\") and .$name == null and .${name}_low == null and .${name}_high == null" none.json
    done
    jq -e '.brier == (72 * 0.25 / 128) and .calibration_error == .brier * 2' none.json
    jq -e '.roc == [] and .froc == [] and (.reliability | length == 20 and .[0].probability == 0 and .[1] == {pixels: 0, probability: null, lesion: null})' none.curves
}

@test "probabilities of other images, or that are none, are refused by name" {
    fails 1 "short.mpk: 1 images of the truth missing (the first: 'i15')" score --sizes maps.mpk --probabilities short.mpk truth.csv prediction.csv
    fails 1 "beyond.mpk: record 4" score --sizes maps.mpk --probabilities beyond.mpk truth.csv prediction.csv
    fails 1 "a probability of 1.5" score --sizes maps.mpk --probabilities beyond.mpk truth.csv prediction.csv
    fails 1 "a second time" score --sizes maps.mpk --probabilities <(cat maps.mpk maps.mpk) truth.csv prediction.csv
    grep -v ^i3, truth.csv >lacks.csv
    grep -v ^i3, prediction.csv >fewer.csv
    fails 1 "i3: lacks.csv has no such image" score --sizes maps.mpk --probabilities maps.mpk lacks.csv fewer.csv
    fails 2 "" score --surface -1 truth.csv prediction.csv
    fails 2 "" score --candidate 2 truth.csv prediction.csv
    fails 2 "--curves needs --probabilities" score --curves curves.json truth.csv prediction.csv
    fails 1 "short.mpk: 1 images" score --sizes maps.mpk --probabilities short.mpk --curves curves.json truth.csv prediction.csv
    [ ! -e curves.json ]
}
