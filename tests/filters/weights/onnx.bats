#!/usr/bin/env bats
# weights: models of ONNX, as ONNX's checker and runtimes see them. tests/unit/onnx/forms.c exports every network.

load ../helpers

# Networks that have all operations between them, each with its side and the digest of its nodes. A digest stands for a
# graph that gave the right probabilities in the runtimes of the test below; a new one is printed where it differs.
networks="unet-resnet18 192 acd4ef95823a6f26
bisenet-resnet18_cbam-gn 64 1f3989e198850b99
smp-unet-scse-efficientnet_b4 64 916ffa79d73031b0
albunet-resnet18 64 4702dc669c682269
smp-unet-resnet34-gn 64 1f5f6e1a65dc436c"

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    while read -r network side _; do
        norm=bn
        [[ $network != *-gn ]] || norm=gn
        make-weights "${network%-gn}" --norm $norm --side "$side" -o "$network.mpk"
        weights -q "$network.mpk" -o "$network.onnx"
    done <<<"$networks"
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    MODELS=$BATS_TEST_DIRNAME/onnx_models.py
}

@test "ONNX's checker and shape inference take the models, whose weights are the file's with norms in them" {
    /usr/bin/python3 -c 'import onnx' || skip "python3-onnx absent"
    while read -r network _ digest; do
        weights -q "$network.mpk" -o w.safetensors
        run /usr/bin/python3 "$MODELS" check "$network.onnx" w.safetensors
        [ "$output" = "$digest" ] || echo "$network: $output"
        [ "$status $output" = "0 $digest" ]
    done <<<"$networks"
}

# near NETWORK MODEL SIDE IMAGES: the model's probabilities of images, brought to SIDE, are those of predict-fold.
near() {
    local runtime difference
    predict-fold -q --type f4 --side "$3" -m "$1.mpk" "$4" >predicted.mpk
    /usr/bin/python3 "$MODELS" arrays "$3" "$4" predicted.mpk
    for runtime in $runtimes; do
        difference=$(python3 "$MODELS" compare $runtime "$2" images.npy predicted.npy)
        echo "$2, $runtime: $difference"
        awk -v difference="$difference" 'BEGIN { exit !(difference < 1e-5) }' || return 1
    done
}

@test "runtimes give predict-fold's probabilities, at batches of 1 and 3" {
    runtimes=$(for name in onnxruntime openvino; do ! python3 -c "import numpy, $name" 2>/dev/null || echo $name; done)
    [ -n "$runtimes" ] || skip "python3 has neither onnxruntime nor openvino"
    for side in 64 192 200; do
        synth -q --format png --side $side --train 3 --test 1 x$side
        decode -q x$side/train -o $side.mpk
    done
    while read -r network side _; do
        near "$network" "$network.onnx" "$side" "$side.mpk"
    done <<<"$networks"
    # Images and probabilities of another size than the network's.
    weights -q bisenet-resnet18_cbam-gn.mpk --side 96 --size 200x200 -o sized.onnx
    near bisenet-resnet18_cbam-gn sized.onnx 96 200.mpk
}

make_rule() { # rule.mpk, as calibrate writes it
    /usr/bin/python3 - <<'PYTHON'
import msgpack, xxhash
header = {"pleura": 1, "kind": "rule", "history": ["by hand"]}
record = {"id": "rule", "decide": 0.5, "area": 1000.0, "mask": 0.25}
body = msgpack.packb(header) + msgpack.packb(record)
open("rule.mpk", "wb").write(body + msgpack.packb({"end": 1, "xxh3": xxhash.xxh3_64_intdigest(body)}))
PYTHON
}

@test "metadata say what a model is" {
    /usr/bin/python3 -c 'import onnx' || skip "python3-onnx absent"
    network=smp-unet-resnet34-gn
    make_rule
    weights $network.mpk --side 96 --size 100x90 --rule rule.mpk --to onnx >said.onnx
    /usr/bin/python3 - >said <<'PYTHON'
import onnx
model = onnx.load("said.onnx")
print(model.producer_name, model.graph.name)
print(*([side.dim_value for side in value.type.tensor_type.shape.dim] for value in (*model.graph.input, *model.graph.output)))
for entry in model.metadata_props:
    print(f"{entry.key}: {entry.value}")
PYTHON
    diff - said <<END
pleura $network
[0, 1, 96, 96] [0, 1, 100, 90]
notice: Research software. It is not a medical device, and nothing it gives is a finding.
network: $network
side: 96
size: 100x90
normalisation: in the model: gray levels from 0 to 255 come in as they are
history: weights $(weights --version | sed "s/.* //") --side 96 --to onnx --size 100x90 --rule
weights_xxh3: $(xxh3 <$network.mpk)
rule: {"decide":0.5,"area":1000,"mask":0.25}
END
}

@test "the Python of docs/onnx.md gives predict-fold's greatest probabilities" {
    python3 -c 'import onnxruntime, PIL' 2>/dev/null || skip "python3 has no onnxruntime with Pillow"
    network=bisenet-resnet18_cbam-gn
    make_rule
    weights -q $network.mpk --rule rule.mpk -o ruled.onnx
    synth -q --format png --side 64 --train 2 --test 1 shown
    sed -n '/^```python$/,/^```$/{/^```/!p}' "$ROOT/docs/onnx.md" >show.py
    python3 show.py ruled.onnx shown/train/*.png >said
    decode -q shown/train | predict-fold -q --type f4 -m $network.mpk | inspect --json |
        jq -r 'select(has("id")) | .probability.max' | xargs printf '%.3f\n' >wanted
    [ "$(grep -c . wanted)" = 2 ]
    sed -n 's/.* greatest probability //p' said | diff - wanted
    [ "$(grep -cE ' (positive|negative) [0-9]+ pixels$' said)" = 2 ]
}

@test "to ONNX: what cannot be is said, and nothing is written" {
    weights -q unet-resnet18.mpk -o w.safetensors
    without_metadata w.safetensors nameless.safetensors
    fails 1 "nameless.safetensors: does not say which network" weights nameless.safetensors -o x.onnx
    fails 1 "missing: " weights --network bisenet-resnet18 nameless.safetensors -o x.onnx
    fails 1 "sides of 64 x 64" weights --side 64 unet-resnet18.mpk -o x.onnx
    fails 2 "--size '12'" weights --size 12 unet-resnet18.mpk -o x.onnx
    fails 2 "--size and --rule are of a model of ONNX" weights --size 12x12 unet-resnet18.mpk -o x.mpk
    fails 1 "rule" weights --rule unet-resnet18.mpk unet-resnet18.mpk -o x.onnx
    [ ! -e x.onnx ] && [ ! -e x.mpk ]
    # A pipe has no digest, which is said.
    run --separate-stderr weights <(cat nameless.safetensors) --network unet-resnet18 --side 192 -o x.onnx
    [[ $status = 0 && $stderr == *"is no file, so the model does not say its digest"* && -s x.onnx ]]
}
