#!/usr/bin/env bats
# merge, classify and rle-encode: from probabilities to a submission.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

# values FILE: the least and the greatest probability of each record
values() {
    inspect --json "$1" | jq -c 'select(has("id")) | [.id, .probability.min, .probability.max]'
}

@test "merge: the mean, in the order of the streams" {
    make-probabilities -i 0.5 -u 0 8 64 >a.mpk
    make-probabilities -i 1 -u 0.25 8 64 >b.mpk
    merge a.mpk b.mpk >mean.mpk
    [ "$(values mean.mpk)" = '["p0",0.125,0.75]
["p1",0.75,0.75]' ]
    merge - b.mpk <a.mpk | cmp - mean.mpk
    [ "$(inspect --json mean.mpk | jq -r 'select(has("id")) | .probability.type' | sort -u)" = "<f2" ]
}

@test "merge: weights count by their ratios" {
    make-probabilities -i 0.5 -u 0 8 >a.mpk
    make-probabilities -i 1 -u 0.25 8 >b.mpk
    merge --weights 3,1 a.mpk b.mpk >w.mpk
    [ "$(values w.mpk)" = '["p0",0.0625,0.625]' ]
    merge --weights 0.75,0.25 a.mpk b.mpk >v.mpk
    diff <(values w.mpk) <(values v.mpk)
    fails 2 "" merge --weights 1 a.mpk b.mpk
    fails 2 "" merge --weights 0,0 a.mpk b.mpk
    fails 2 "" merge --weights 1,x a.mpk b.mpk
}

@test "merge: other element types" {
    make-probabilities -y f4 -i 0.1 -u 0 8 >a.mpk
    make-probabilities -y f4 -i 0.2 -u 0 8 >b.mpk
    [ "$(merge --type f8 a.mpk b.mpk | inspect --json | jq -r 'select(has("id")) | .probability.type')" = "<f8" ]
    [ "$(merge --type f4 a.mpk b.mpk | inspect --json | jq -r 'select(has("id")) | .probability.type')" = "<f4" ]
}

@test "merge --deviation: numpy's, with weights and without; refused like a mean" {
    python_with - <<'END'
import numpy
from tensor_stream import write
random = numpy.random.default_rng(1)
for name in "abcde":
    write(f"{name}.mpk", "probabilities", [{"id": f"i{k}", "probability": random.random((31, 40 + k), "f4")} for k in range(3)])
END
    merge --deviation --type f8 {a,b,c,d,e}.mpk -o alike.mpk
    merge --deviation --type f8 --weights 5,4,3,2,0 {a,b,c,d,e}.mpk -o weighed.mpk
    merge --deviation a.mpk b.mpk -o half.mpk
    inspect --check alike.mpk weighed.mpk half.mpk
    python_with - <<'END'
import numpy
from tensor_stream import read
maps = lambda name: [record["probability"] for record in read(f"{name}.mpk")]
streams = [maps(name) for name in "abcde"]
for k, (alike, weighed, half) in enumerate(zip(maps("alike"), maps("weighed"), maps("half"))):
    values = numpy.stack([stream[k] for stream in streams]).astype("f8")
    mean = numpy.average(values, axis=0, weights=[5, 4, 3, 2, 0])
    variance = numpy.average((values - mean) ** 2, axis=0, weights=[5, 4, 3, 2, 0])
    assert numpy.abs(alike - values.std(axis=0)).max() < 1e-15
    assert numpy.abs(weighed - numpy.sqrt(variance)).max() < 1e-15
    assert half.dtype == "f2" and (half == values[:2].std(axis=0).astype("f2")).all()
END
    merge --deviation a.mpk | inspect --json | jq -s -e 'map(.probability.max // empty) == [0, 0, 0]'
    fails 1 "holds deviations, and probabilities are needed here" classify --area 1 half.mpk
    make-probabilities 1 2 >other.mpk
    for name in other absent; do
        fails 1 "$name.mpk" merge --deviation a.mpk $name.mpk -o out.mpk
        [ ! -e out.mpk ]
    done
}

@test "merge: checkpoints of one network, by parameters; no optimiser's records" {
    python_with - <<'END'
import numpy
from tensor_stream import write
def checkpoint(name, network, base, shape=(2,), parameter="b.running_var"):
    write(f"{name}.mpk", "weights", [
        {"id": "a.weight", "value": numpy.full(shape, base, "f4")}, {"id": parameter, "value": numpy.full(2, 2 * base, "f4")},
        {"id": "optimizer/a.weight", "mean": numpy.full(shape, 9, "f4")}, {"id": "state", "network": network, "side": 64}])
checkpoint("one", "unet-x", 1), checkpoint("two", "unet-x", 2), checkpoint("deep", "unet-y", 1)
checkpoint("wide", "unet-x", 1, (3,)), checkpoint("other", "unet-x", 1, (2,), "c.running_var")
END
    merge one.mpk two.mpk -o mean.mpk
    [ "$(inspect --json mean.mpk | jq -c 'select(has("id")) | [.id, .value.mean // .network]' | paste -s -d ' ')" = \
        '["a.weight",1.5] ["b.running_var",3] ["state","unet-x"]' ]
    fails 1 "deep.mpk: is of the network unet-y, and one.mpk of unet-x" merge one.mpk deep.mpk -o no.mpk
    fails 1 "wide.mpk: a.weight: 'value' is <f4 3, and <f4 2 in one.mpk" merge one.mpk wide.mpk -o no.mpk
    fails 1 "they are not of one network" merge one.mpk other.mpk -o no.mpk
    [ ! -e no.mpk ]
}

@test "merge: one stream passes unchanged" {
    make-probabilities 3 4 >a.mpk
    diff <(values a.mpk) <(merge a.mpk | values -)
}

@test "merge: streams that do not fit are refused, and nothing is written" {
    make-probabilities 3 4 >a.mpk
    make-probabilities 3 >short.mpk
    make-probabilities -p q 3 4 >ids.mpk
    make-probabilities -h 4 3 4 >shape.mpk
    make-samples -n 2 >kind.mpk
    for name in short ids shape kind; do
        fails 1 "$name.mpk" merge a.mpk $name.mpk -o out.mpk
        fails 1 "" merge $name.mpk a.mpk -o out.mpk
        [ ! -e out.mpk ]
    done
    fails 1 "absent.mpk: No such file" merge a.mpk absent.mpk -o out.mpk
    [ ! -e out.mpk ]
}

@test "merge: 20 streams of 40 images need less than 64 MiB" {
    [ -x /usr/bin/time ] || skip "/usr/bin/time absent"
    case $(command -v merge) in *sanitize*) skip "memory is not the sanitizer's" ;; esac
    areas=$(seq 40)
    # shellcheck disable=SC2086
    make-probabilities -h 512 -w 512 $areas >a.mpk
    files=$(yes a.mpk | head -20)
    # shellcheck disable=SC2086
    /usr/bin/time -f %M -o memory merge $files >mean.mpk
    [ "$(cat memory)" -lt 65536 ]
    diff <(values a.mpk) <(values mean.mpk)
    # shellcheck disable=SC2086
    /usr/bin/time -f %M -o memory merge --deviation $files >deviation.mpk
    [ "$(cat memory)" -lt 65536 ]
}

@test "classify --area: more pixels than that" {
    make-probabilities 0 10 11 64 >p.mpk
    classify --area 10 p.mpk >d.mpk
    [ "$(inspect --json d.mpk | jq -c 'select(has("id")) | [.id, .area, .keep]')" = '["p0",0,0]
["p1",10,0]
["p2",11,1]
["p3",64,1]' ]
}

@test "classify --ratio: above the area at rank int(images x ratio)" {
    make-probabilities 5 40 0 30 20 10 0 0 0 0 >p.mpk
    keeps() { classify "$@" p.mpk | inspect --json | jq -j 'select(has("id")) | .keep'; }
    [ "$(keeps --ratio 0.3)" = 0101100000 ]
    [ "$(keeps --ratio 0.39)" = 0101100000 ]
    [ "$(keeps --ratio 0)" = 0000000000 ]
    [ "$(keeps --ratio 0.6)" = 1101110000 ]
    [ "$(keeps --ratio 1)" = 1101110000 ]
    make-probabilities 7 7 7 7 >p.mpk # images of equal area at the limit are not kept
    [ "$(keeps --ratio 0.5)" = 0000 ]
}

@test "classify: a threshold of one's own, and wrong usage" {
    make-probabilities -i 0.5 10 >p.mpk
    [ "$(classify -a 0 p.mpk | inspect --json | jq 'select(has("id")) | .area')" = 0 ]
    [ "$(classify -a 0 --threshold 0.4 p.mpk | inspect --json | jq 'select(has("id")) | .area')" = 10 ]
    fails 2 "" classify p.mpk
    fails 2 "" classify --ratio 0.1 --area 3 p.mpk
    fails 2 "" classify --ratio 1.5 p.mpk
    make-samples -n 2 >s.mpk
    fails 1 "s.mpk" classify --area 3 s.mpk
}

@test "rle-encode: probabilities above the threshold, down the columns" {
    make-probabilities -h 4 -w 3 0 4 12 >p.mpk
    [ "$(rle-encode p.mpk)" = "ImageId,EncodedPixels
p0,-1
p1,0 2 2 1 3 1
p2,0 12" ]
    [ "$(rle-encode --threshold 0.75 p.mpk | grep -c -- ',-1$')" = 3 ]
    [ "$(rle-encode --threshold 0.2 p.mpk | grep -c -- ',0 12$')" = 3 ]
    fails 1 "p0" rle-encode --size 3x4 p.mpk
    rle-encode --size 4x3 p.mpk | cmp - <(rle-encode p.mpk)
}

@test "rle-encode --decisions: what is not kept is empty" {
    make-probabilities -h 4 -w 3 1 4 12 >p.mpk
    classify --area 3 p.mpk >d.mpk
    rle-encode --decisions d.mpk p.mpk >out.csv
    [ "$(cut -d, -f2 out.csv | tail -n +2)" = "-1
0 2 2 1 3 1
0 12" ]
    rle-encode --decisions <(classify --area 3 p.mpk) p.mpk | cmp - out.csv
    make-probabilities -h 4 -w 3 1 4 | classify --area 3 >few.mpk
    fails 1 "few.mpk" rle-encode --decisions few.mpk p.mpk -o no.csv
    make-probabilities -h 4 -w 3 1 4 12 5 | classify --area 3 >many.mpk
    fails 1 "many.mpk" rle-encode --decisions many.mpk p.mpk -o no.csv
    make-probabilities -h 4 -w 3 -p q 1 4 12 | classify --area 3 >others.mpk
    fails 1 "others.mpk" rle-encode --decisions others.mpk p.mpk -o no.csv
    [ ! -e no.csv ]
}

@test "rle-encode: an id twice, hostile ids, an empty stream" {
    make-probabilities 1 2 >p.mpk
    cat p.mpk p.mpk >twice.mpk
    fails 1 "p0" rle-encode twice.mpk -o out.csv
    [ ! -e out.csv ]
    make-probabilities -p 'a,"b"
c' 3 | rle-encode >quoted.csv
    rle-decode --size 8x8 quoted.csv | rle-encode | cmp - quoted.csv
    [ "$(make-probabilities | rle-encode)" = "ImageId,EncodedPixels" ]
}

@test "only the threshold is asked: values beyond 0 .. 1 are compared like others" {
    make-probabilities -y f4 -i 7 -u -3 3 >p.mpk
    [ "$(rle-encode p.mpk | tail -n 1)" = "p0,0 1 7 1 7 1" ]
}
