# weights: files from elsewhere.
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# safetensors FILE NAME=SIDES...: a file of zeros of float32; SIDES are separated by commas.
safetensors() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import json, math, struct, sys
header, at = {}, 0
for argument in sys.argv[2:]:
    name, sides = argument.rsplit("=", 1)
    shape = [int(side) for side in sides.split(",") if side]
    size = 4 * math.prod(shape)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
    at += size
text = json.dumps(header).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
PYTHON
}

# resnet18: the names and sides of torchvision's resnet18.
resnet18() {
    /usr/bin/python3 - <<'PYTHON'
def norm(name, width):
    for part in "weight", "bias", "running_mean", "running_var":
        print(f"{name}.{part}={width}")
    print(f"{name}.num_batches_tracked=")
print("conv1.weight=64,3,7,7")
norm("bn1", 64)
before = 64
for layer, width in enumerate([64, 128, 256, 512], 1):
    for block in 0, 1:
        at = f"layer{layer}.{block}"
        inputs = before if block == 0 else width
        print(f"{at}.conv1.weight={width},{inputs},3,3")
        norm(f"{at}.bn1", width)
        print(f"{at}.conv2.weight={width},{width},3,3")
        norm(f"{at}.bn2", width)
        if inputs != width:
            print(f"{at}.downsample.0.weight={width},{inputs},1,1")
            norm(f"{at}.downsample.1", width)
    before = width
print("fc.weight=1000,512")
print("fc.bias=1000")
PYTHON
}

@test "--init-for: what a network can start from, and what keeps it from that" {
    mapfile -t all < <(resnet18)
    safetensors whole.safetensors "${all[@]}"
    for network in unet-resnet18 bisenet-resnet18; do
        run --separate-stderr weights --init-for "$network" whole.safetensors
        [ "$status$output$stderr" = 0 ]
    done
    safetensors less.safetensors "${all[@]/bn1.weight=64/bn1.weight=65}" more=1
    fails 1 "less.safetensors: of another shape: 'backbone.bn1.weight' (65, not 64)" \
        weights --init-for unet-resnet18 less.safetensors
    [[ $stderr == *"less.safetensors: surplus: 'more'"* ]]
    [[ $stderr != *missing* ]]
    # Lists end after ten, with a count.
    safetensors few.safetensors "${all[@]:0:6}"
    fails 1 "missing: 'backbone.layer1.0.conv1.weight', " weights --init-for unet-resnet18 few.safetensors
    [[ $stderr == *"'backbone.layer1.0.bn2.running_var' and 85 more"* ]]
    [ "${#stderr_lines[@]}" = 2 ]
    fails 2 "--init-for converts nothing" weights --init-for unet-resnet18 -o x.mpk whole.safetensors
    [ ! -e x.mpk ]
}

@test "--network: three lists at most, whatever is missing" {
    mapfile -t all < <(resnet18)
    safetensors whole.safetensors "${all[@]}"
    fails 1 "missing: 'backbone.conv1.weight', " weights --network unet-resnet18 -o x.mpk whole.safetensors
    [[ $stderr == *"' and 200 more"*"surplus: 'conv1.weight', "*"' and 90 more"* ]]
    [ "${#stderr_lines[@]}" = 3 ]
    [ ! -e x.mpk ]
}
