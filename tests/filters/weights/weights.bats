# weights: files from elsewhere.
load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    coproc FILES { PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 "$BATS_TEST_DIRNAME/files.py" 3>&-; }
}

# files COMMAND ARGUMENT...: see files.py
files() {
    local status said
    printf '%s\0' $# "$@" >&"${FILES[1]}"
    IFS= read -r -d '' status <&"${FILES[0]}"
    IFS= read -r -d '' said <&"${FILES[0]}"
    printf %s "$said"
    return "$status"
}

# safetensors FILE NAME=SIDES...: a file of zeros of float32; SIDES are separated by commas.
safetensors() {
    files safetensors "$@"
}

# torchvision NETWORK: the names and sides of torchvision's ResNet, or of timm's seresnext50_32x4d.
torchvision() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import sys
blocks = [2, 2, 2, 2] if sys.argv[1] == "resnet18" else [3, 4, 6, 3]
next = sys.argv[1] == "seresnext50_32x4d"
wider = 4 if sys.argv[1] == "resnet50" or next else 1
def norm(name, width):
    for part in "weight", "bias", "running_mean", "running_var":
        print(f"{name}.{part}={width}")
    print(f"{name}.num_batches_tracked=")
print("conv1.weight=64,3,7,7")
norm("bn1", 64)
before = 64
for layer, width in enumerate([64, 128, 256, 512], 1):
    for block in range(blocks[layer - 1]):
        at = f"layer{layer}.{block}"
        window = "1,1" if wider > 1 else "3,3"
        inner = 2 * width if next else width
        print(f"{at}.conv1.weight={inner},{before},{window}")
        norm(f"{at}.bn1", inner)
        print(f"{at}.conv2.weight={inner},{inner // 32 if next else inner},3,3")
        norm(f"{at}.bn2", inner)
        if wider > 1:
            print(f"{at}.conv3.weight={4 * width},{inner},1,1")
            norm(f"{at}.bn3", 4 * width)
        if next:
            for part, sides in ("fc1", (width // 4, 4 * width)), ("fc2", (4 * width, width // 4)):
                print(f"{at}.se.{part}.weight={sides[0]},{sides[1]},1,1", f"{at}.se.{part}.bias={sides[0]}", sep="\n")
        if before != wider * width:
            print(f"{at}.downsample.0.weight={wider * width},{before},1,1")
            norm(f"{at}.downsample.1", wider * width)
        before = wider * width
print(f"fc.weight=1000,{before}")
print("fc.bias=1000")
PYTHON
}

# efficientnet_b4: the names and sides of timm's.
efficientnet_b4() {
    /usr/bin/python3 - <<'PYTHON'
def layer(name, norm, *sides):
    print(f"{name}.weight=" + ",".join(map(str, sides)))
    for part in "weight", "bias", "running_mean", "running_var":
        print(f"{norm}.{part}={sides[0]}")
    print(f"{norm}.num_batches_tracked=")
layer("conv_stem", "bn1", 48, 3, 3, 3)
before = 48
stages = [(2, 3, 1, 24), (4, 3, 6, 32), (4, 5, 6, 56), (6, 3, 6, 112), (6, 5, 6, 160), (8, 5, 6, 272), (2, 3, 6, 448)]
for stage, (blocks, window, times, width) in enumerate(stages):
    for block in range(blocks):
        at, wide = f"blocks.{stage}.{block}", before * times
        if times > 1:
            layer(f"{at}.conv_pw", f"{at}.bn1", wide, before, 1, 1)
        layer(f"{at}.conv_dw", f"{at}.bn{2 if times > 1 else 1}", wide, 1, window, window)
        for part, to, of in ("reduce", before // 4, wide), ("expand", wide, before // 4):
            print(f"{at}.se.conv_{part}.weight={to},{of},1,1", f"{at}.se.conv_{part}.bias={to}", sep="\n")
        layer(f"{at}.conv_pw" + "l" * (times > 1), f"{at}.bn{3 if times > 1 else 2}", width, wide, 1, 1)
        before = width
layer("conv_head", "bn2", 1792, 448, 1, 1)
print("classifier.weight=1000,1792", "classifier.bias=1000", sep="\n")
PYTHON
}

@test "--init-for: encoders by timm's names, whose last layers are of no use" {
    mapfile -t all < <(torchvision seresnext50_32x4d)
    safetensors next.safetensors "${all[@]}"
    mapfile -t all < <(efficientnet_b4)
    safetensors b4.safetensors "${all[@]}"
    for pair in unet-se_resnext50_32x4d:next smp-unet-efficientnet_b4:b4 bisenet-efficientnet_b4:b4; do
        run --separate-stderr weights --init-for "${pair%:*}" "${pair#*:}.safetensors"
        [ "$status$output$stderr" = 0 ]
    done
    safetensors odd.safetensors "${all[@]/conv_dw.weight=48,1/conv_dw.weight=48,48}"
    fails 1 "of another shape: 'encoder.blocks.0.0.conv_dw.weight' (48 x 48 x 3 x 3, not 48 x 1 x 3 x 3)" \
        weights --init-for smp-unet-efficientnet_b4 odd.safetensors
}

@test "--init-for: what a network can start from, and what keeps it from that" {
    mapfile -t all < <(torchvision resnet18)
    safetensors whole.safetensors "${all[@]}"
    for network in unet-resnet18 bisenet-resnet18 unet-resnet18_cbam; do # what CBAM has more is drawn
        run --separate-stderr weights --init-for "$network" whole.safetensors
        [ "$status$output$stderr" = 0 ]
    done
    for encoder in resnet34 resnet50; do
        mapfile -t other < <(torchvision $encoder)
        safetensors $encoder.safetensors "${other[@]}"
        run --separate-stderr weights --init-for unet-$encoder $encoder.safetensors
        [ "$status$output$stderr" = 0 ]
    done
    fails 1 "does not fit bisenet-resnet50" weights --init-for bisenet-resnet50 resnet34.safetensors
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
    mapfile -t all < <(torchvision resnet18)
    safetensors whole.safetensors "${all[@]}"
    fails 1 "missing: 'backbone.conv1.weight', " weights --network unet-resnet18 -o x.mpk whole.safetensors
    [[ $stderr == *"' and 200 more"*"surplus: 'conv1.weight', "*"' and 90 more"* ]]
    [ "${#stderr_lines[@]}" = 3 ]
    [ ! -e x.mpk ]
}

# pth FILE CASE [PROTOCOL] [zip|old]: see make_pth.py
pth() {
    files pth "$@"
}

# values FILE: what weights reads, as lines of NAME SIDES = NUMBERS, in the names' order.
values() {
    weights -q "$1" -o values.safetensors && files values values.safetensors
}

usual='bn1.weight 3 = 1 2 3
conv1.weight 3x4 = 0 0.25 0.5 0.75 1 1.25 1.5 1.75 2 2.25 2.5 2.75'

@test "every protocol in both forms: all types of numbers, views, expanded tensors" {
    for form in zip old; do
        for protocol in 2 3 4 5; do
            pth kinds.pth kinds "$protocol" "$form"
            diff - <(values kinds.pth) <<'TABLE'
attribute 2 = 4 5
bool 3 = 1 0 1
byte 1 = 250
char 1 = -3
double 2 = 0.5 -1.25
empty 0x3 =
expanded 3x2 = 2.5 2.5 2.5 2.5 2.5 2.5
half 2 = 1.5 -2.25
int 1 = 70000
long 1 = -7
part 2x2 = 0.625 0.875 2.125 2.375
short 1 = -300
turned 4x3x2 = 0 1.5 0.5 2 1 2.5 0.125 1.625 0.625 2.125 1.125 2.625 0.25 1.75 0.75 2.25 1.25 2.75 0.375 1.875 0.875 2.375 1.375 2.875
uint16 2 = 60000 1
whole 2x3x4 = 0 0.125 0.25 0.375 0.5 0.625 0.75 0.875 1 1.125 1.25 1.375 1.5 1.625 1.75 1.875 2 2.125 2.25 2.375 2.5 2.625 2.75 2.875
TABLE
        done
    done
    pth oldest.pth plain 1 old
    [ "$(values oldest.pth)" = "$usual" ]
}

@test "a state_dict under its usual names, whatever else a trainer saved" {
    for key in state_dict model_state_dict model_state model net network weights params; do
        for protocol in 2 4; do
            pth x.pth "key:$key" "$protocol"
            [ "$(values x.pth)" = "$usual" ]
            pth x.pth "key:$key" "$protocol" old
            [ "$(values x.pth)" = "$usual" ]
        done
    done
    run --separate-stderr weights x.pth -o x.mpk
    [ "$stderr" = "weights: x.pth: 'params' is taken; passed over: 'epoch', 'loss', 'none', 'flag', 'large', 'text', 'bytes', 'array' (an object of builtins.bytearray), 'set' (a set), 'frozenset' (a set) and 19 more" ]
    run --separate-stderr weights -q x.pth -o x.mpk
    [ "$status$stderr" = 0 ]
}

@test "which dict is taken, and what is said of it" {
    pth x.pth nested
    [ "$(values x.pth)" = "$usual" ]
    run --separate-stderr weights x.pth -o x.mpk
    [ "${stderr_lines[0]}" = "weights: x.pth: 'model' is taken; passed over: 'epoch'" ]
    [[ ${stderr_lines[1]} = "weights: x.pth: in it 'state_dict' is taken; passed over: 'arguments' (an object of "*"set)" ]]
    pth x.pth unusual
    [ "$(values x.pth)" = "$usual" ]
    pth x.pth stray
    [ "$(values x.pth)" = "$usual" ]
    pth x.pth two
    [ "$(values x.pth)" = "$usual" ]
    run --separate-stderr weights x.pth -o x.mpk
    [ "$stderr" = "weights: x.pth: 'model' is taken; passed over: 'ema', 'net'" ]
}

@test "--state-dict takes another dict than the usual one" {
    for form in zip old; do
        pth x.pth timm 2 $form
        [ "$(values x.pth)" = "$usual" ]
        weights -q --state-dict state_dict_ema x.pth -o ema.mpk
        [ "$(values ema.mpk)" = "a 1 = 7" ]
        weights -q --state-dict callbacks/swa x.pth -o swa.mpk # where the usual names count again
        [ "$(values swa.mpk)" = "c 1 = 3" ]
        run --separate-stderr weights --state-dict state_dict_ema x.pth -o ema.mpk
        [ "$stderr" = "weights: x.pth: 'state_dict_ema' is taken; passed over: 'epoch', 'arch', 'state_dict', 'callbacks', 'none'" ]
        for name in ema state_dict/conv1 epoch ''; do
            fails 1 "x.pth: " weights --state-dict "$name" x.pth -o no.mpk
        done
        fails 1 "x.pth: has no dict 'state_dict_em'; there are 'epoch', 'arch', 'state_dict', 'state_dict_ema'" weights --state-dict state_dict_em x.pth
        fails 1 "x.pth: has no dict 'ema'; there are 'swa'" weights --state-dict callbacks/ema x.pth
        fails 1 "x.pth: 'none' is no dict of tensors" weights --state-dict none x.pth
        fails 1 "x.pth: has no dict ''" weights --state-dict callbacks//swa x.pth
    done
    pth list.pth list
    fails 1 "holds a list of 1 values" weights --state-dict model list.pth
    fails 1 "ema.mpk: is no .pth, in which a state_dict could be chosen" weights --state-dict state_dict ema.mpk -o no.mpk
    safetensors s.safetensors a=1
    fails 1 "s.safetensors: is no .pth" weights --state-dict state_dict s.safetensors -o no.mpk
    [ ! -e no.mpk ]
    # --init-for looks into the same dict
    fails 1 "does not" weights --init-for unet-resnet18 --state-dict state_dict_ema x.pth
}

@test "prefixes that all names share are taken away, with a line" {
    for prefix in module. model. net. network. _orig_mod. encoder. backbone. ema. module._orig_mod. model.module.backbone.; do
        pth x.pth "prefix:$prefix"
        [ "$(values x.pth)" = "$usual" ]
        run --separate-stderr weights x.pth -o x.mpk
        [ "$stderr" = "weights: x.pth: '$prefix' stands before all names and is taken away" ]
    done
    pth x.pth averaged
    [ "$(values x.pth)" = "${usual%%conv1*}${usual#*$'\n'}"$'\n'"n_averaged 1 = 5" ]
    # One name without it, or a prefix that is nobody's wrapper: nothing changes.
    pth x.pth mixed
    [ "$(values x.pth)" = $'b 1 = 2\nmodule.a 1 = 1' ]
    pth x.pth prefix:conv1.
    [[ $(values x.pth) = "conv1.bn1.weight 3 = 1 2 3"* ]]
    mapfile -t all < <(torchvision resnet18)
    safetensors r.safetensors "${all[@]/#/module.encoder.}"
    run --separate-stderr weights --init-for bisenet-resnet18 r.safetensors
    [ "$status$stderr" = "0weights: r.safetensors: 'module.encoder.' stands before all names and is taken away" ]
}

@test "segmentation_models_pytorch's encoders of timm are one level deeper" {
    safetensors tu.safetensors encoder.model.conv1.weight=2,3 encoder.model.layer1.0.bn1.bias=4 decoder.weight=5
    run --separate-stderr weights tu.safetensors -o tu.mpk
    [ "$stderr" = "weights: tu.safetensors: 'encoder.model.' is taken for 'encoder.'" ]
    [ "$(inspect --json tu.mpk | jq -r '.id // empty' | paste -s -d ' ')" = "encoder.conv1.weight encoder.layer1.0.bn1.bias decoder.weight state" ]
    # Not where something else is below, or the level is a tensor
    for other in encoder.bias=1 encoder.model.=1; do
        safetensors odd.safetensors encoder.model.conv1.weight=2,3 decoder.weight=5 "$other"
        run --separate-stderr weights odd.safetensors -o odd.mpk
        [ "$status$stderr" = 0 ]
        [[ "$(inspect --json odd.mpk | jq -r '.id // empty' | paste -s -d ' ')" == "encoder.model.conv1.weight decoder.weight "* ]]
    done
    # The network that segmentation_models_pytorch calls tu-seresnext50_32x4d
    mapfile -t all < <(torchvision seresnext50_32x4d | grep -v '^fc')
    safetensors encoder.safetensors "${all[@]/#/encoder.model.}" "decoder.blocks.0.conv1.0.weight=256,3072,3,3"
    fails 1 "missing: 'decoder.blocks.0.conv1.1.weight'" weights --network smp-unet-se_resnext50_32x4d encoder.safetensors -o no.mpk
    no grep -qE "surplus|missing.*'encoder\." <<<"$stderr"
}

@test "tensors that are not read are left out by name and reason" {
    for form in zip old; do
        pth x.pth foreign 2 "$form"
        [ "$(values x.pth)" = "good 2 = 1 2" ]
        run --separate-stderr weights x.pth -o x.mpk
        [ "$stderr" = "weights: x.pth: left out: 'complex' (complex numbers), 'negated' (a tensor to be conjugated or negated), 'quantized' (a quantized tensor), 'sparse' (a sparse tensor), 'meta' (a tensor without numbers (device meta)), 'eight' (a tensor of torch.float8_e4m3fn), 'nine' (a tensor of more than 8 sides), 'wrapped' (an object of elsewhere.wrap), 'none' (a number or None), 'number' (a number)" ]
    done
}

@test "what holds no weights is called what it is" {
    says() { # says CASE WORDS
        pth x.pth "$1" 4
        fails 1 "weights: x.pth: $2" weights x.pth -o x.mpk
        [ "${#stderr_lines[@]}" = 1 ]
        [ ! -e x.mpk ]
    }
    says control "holds no dict of tensors, but a dict of 'a\\x1b[2Jb\\x0ac', 'x\\u202ey'"
    says network "holds no dict of tensors, but a dict of 'epoch', 'model' (an object of elsewhere.Network)"
    says object "holds no dict of tensors, but an object of elsewhere.Network; of a network, save its state_dict()"
    says tensor "holds a single tensor, not a dict of tensors"
    says list "holds a list of 1 values, not a dict of tensors"
    says state "'state' as a tensor's name"
    pth x.pth plain
    head -c 500 x.pth >cut.pth
    fails 1 "cut.pth: a zip archive that is cut short: it has no end record" weights cut.pth -o x.mpk
    pth old.pth plain 2 old
    head -c -1 old.pth >cut.pth
    fails 1 "cut.pth: storage '1' is cut short" weights cut.pth -o x.mpk
    for form in script:constants.pkl:TorchScript export:archive_format:torch.export; do
        IFS=: read -r _ entry words <<<"$form"
        /usr/bin/python3 -c 'import sys, zipfile; zipfile.ZipFile("y.pth", "w").writestr("a/" + sys.argv[1], "x")' "$entry"
        fails 1 "$words" weights y.pth -o x.mpk
        # Programs are compressed there, to less than the file has
        /usr/bin/python3 -c 'import sys, zipfile
archive = zipfile.ZipFile("y.pth", "a", zipfile.ZIP_DEFLATED)
archive.writestr("a/code.py", "pass\n" * 10000)
archive.close()'
        fails 1 "$words" weights y.pth -o x.mpk
    done
    /usr/bin/python3 - <<'PYTHON'
import zipfile
old = zipfile.ZipFile("x.pth")
with zipfile.ZipFile("folder.zip", "w") as archive:
    archive.writestr("checkpoints/", "")
    archive.writestr("checkpoints/x.pth", open("x.pth", "rb").read())
with zipfile.ZipFile("big.pth", "w") as archive:
    for name in old.namelist():
        archive.writestr(name, "big" if name == "archive/byteorder" else old.read(name))
data = open("old.pth", "rb").read()
at = data.index(b"little_endian") + len("little_endian") + 2  # behind its memo
open("big.old.pth", "wb").write(data[:at] + b"\x89" + data[at + 1:])
with zipfile.ZipFile("deflated.pth", "w", zipfile.ZIP_DEFLATED) as archive:
    for name in old.namelist():
        archive.writestr(name, old.read(name))
PYTHON
    fails 1 "a zip archive without the data.pkl that PyTorch writes: it holds 'checkpoints/', 'checkpoints/x.pth'" weights folder.zip -o x.mpk
    fails 1 "big.pth: its numbers are big endian" weights big.pth -o x.mpk
    fails 1 "big.old.pth: its numbers are big endian" weights big.old.pth -o x.mpk
    fails 1 "'archive/byteorder' is compressed, which PyTorch never does" weights deflated.pth -o x.mpk
    : >empty.pth
    fails 1 "empty.pth: is empty" weights empty.pth -o x.mpk
    fails 1 "is a directory" weights . -o x.mpk
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n' >lfs.pth
    fails 1 "a pointer of Git LFS" weights lfs.pth -o x.mpk
    /usr/bin/python3 -c 'import pickle; pickle.dump({"a": [1.5]}, open("raw.pth", "wb"))'
    fails 1 "a pickle that torch.save did not write" weights raw.pth -o x.mpk
    fails 1 "holds no weights that are known here" weights /dev/zero -o x.mpk
}

@test "archives as others write them: bytes behind, no checksums, descriptors, zip64" {
    pth x.pth plain
    for bytes in 1 3000 65000; do
        { cat x.pth; head -c "$bytes" /dev/zero | tr '\0' '\n'; } >more.pth
        [ "$(values more.pth)" = "$usual" ]
        fails 0 "more.pth: bytes that follow the weights are passed over: $bytes" weights more.pth -o x.mpk
    done
    pth old.pth plain 2 old
    echo >>old.pth
    [ "$(values old.pth)" = "$usual" ]
    /usr/bin/python3 - <<'PYTHON'
import io, struct, zipfile
old = zipfile.ZipFile("x.pth")
data = bytearray(open("x.pth", "rb").read())
for entry in old.infolist():  # of the local headers; then of the directory's entries
    data[entry.header_offset + 14:entry.header_offset + 18] = bytes(4)
at = old.start_dir
while data[at:at + 4] == b"PK\1\2":
    data[at + 16:at + 20] = bytes(4)
    at += 46 + sum(struct.unpack("<3H", data[at + 28:at + 34]))
open("crc0.pth", "wb").write(data)

class Pipe(io.RawIOBase):  # writes where it cannot go back, and so with descriptors behind the data
    def __init__(self):
        self.data = bytearray()
    def writable(self):
        return True
    def write(self, part):
        self.data += bytes(part)
        return len(part)

pipe = Pipe()
with zipfile.ZipFile(pipe, "w") as archive:
    for name in old.namelist():
        archive.writestr(name, old.read(name))
open("descriptor.pth", "wb").write(pipe.data)
with zipfile.ZipFile("large.pth", "w") as archive:
    for name in old.namelist():
        with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
            entry.write(old.read(name))
# An end record of zip64, as PyTorch's own writer has it.
data = bytearray(open("x.pth", "rb").read())
end = data.rindex(b"PK\5\6")
count, length, start = struct.unpack("<HII", data[end + 10:end + 20])
data[end:end] = (struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start) +
                 struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
data[-22:] = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
open("zip64.pth", "wb").write(data)
data = bytearray(open("x.pth", "rb").read())
data[data.index(struct.pack("<f", 2.75))] ^= 1
open("damaged.pth", "wb").write(data)
PYTHON
    for file in crc0 descriptor large zip64; do
        [ "$(values "$file.pth")" = "$usual" ]
    done
    fails 1 "'archive/data/0' is damaged: its checksum is wrong" weights damaged.pth -o x.mpk
    # Through a pipe, too.
    [ "$(values <(cat x.pth))" = "$usual" ]
}

# raw_safetensors FILE HEADER N: a header as it is, and the bytes 1 to N.
raw_safetensors() {
    files raw "$@"
}

@test ".safetensors: every type, foreign metadata, true reasons" {
    raw_safetensors x.safetensors '{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U16","shape":[1],"data_offsets":[2,4]},"\u0063\"\\\ud83d\ude00":{"dtype":"U8","shape":[],"data_offsets":[4,5]},"d":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[5,7]},"e":{"dtype":"C64","shape":[1],"data_offsets":[7,15]}} ' 15
    [ "$(values x.safetensors)" = $'a 2 = 1 1\nb 1 = 1027\nc"\\\xf0\x9f\x98\x80 1 = 5' ]
    fails 0 "left out: 'd' (F8_E4M3), 'e' (C64)" weights x.safetensors -o x.mpk
    for metadata in '{"network":"networks.lora","side":"abc"}' '{"network":"other"}' '{"side":"99999999999999999999"}' \
        '{"network":"other","side":"768"}' '{"a":1}' '[]' '"x"' 'null'; do
        raw_safetensors y.safetensors '{"__metadata__":'"$metadata"',"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
        [ "$(values y.safetensors)" = "a 1 = 1" ]
    done
    raw_safetensors y.safetensors '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}' 15
    head -c 30 y.safetensors >z.safetensors
    fails 1 "z.safetensors: cut short, or no .safetensors: a header of 55 bytes in a file of 30" weights z.safetensors -o x.mpk
    fails 1 "y.safetensors: cut short: its header tells of 16 bytes of numbers, and there are 15" weights y.safetensors -o x.mpk
    raw_safetensors y.safetensors '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}' 8
    fails 1 "y.safetensors: 'a' is there twice" weights y.safetensors -o x.mpk
    raw_safetensors y.safetensors '{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}' 8
    fails 1 "y.safetensors: holds no tensors; left out: 'a' (C64)" weights y.safetensors -o x.mpk
    raw_safetensors y.safetensors '{}' 0
    fails 1 "y.safetensors: holds no" weights y.safetensors -o x.mpk
}

@test "ONNX: the initialisers of a model, under all their names" {
    model() { # model CASE
        /usr/bin/python3 "$BATS_TEST_DIRNAME/make_onnx.py" x.onnx "$1"
    }
    model plain
    [ "$(values x.onnx)" = "$usual" ]
    [ "$(values <(cat x.onnx))" = "$usual" ]
    model kinds
    diff - <(values x.onnx) <<'TABLE'
bf16 2 = 1 -0.15625
bf16-list 1 = 3
double 2 = 0.5 -1.25
double-list 2 = 0.25 3
empty 0x3 =
float-list 1x2 = 1.5 2.5
half 2 = 1.5 -2.25
half-list 2 = 1 -2
one 1 = 7
TABLE
    model others
    [ "$(values x.onnx)" = "${usual/$'\n'/$'\nbn2.weight 3 = 1 2 3\n'}" ]
    model prefix
    [ "$(values x.onnx)" = $'a 1 = 1\nb 1 = 2' ]
    model foreign
    [ "$(values x.onnx)" = "$usual" ]
    run --separate-stderr weights x.onnx -o x.mpk
    [ "$stderr" = "weights: x.onnx: left out: 1 sparse tensors
weights: x.onnx: left out: 'complex' (complex numbers), 'text' (texts), 'whole' (no floating numbers), 'nine' (more than 8 sides), 'unknown' (no floating numbers)" ]
    model folded
    fails 0 "x.onnx: has convolutions and no norms: where the network has some, they are folded" weights x.onnx -o x.mpk
    model normed
    run --separate-stderr weights x.onnx -o x.mpk
    [ "$status$stderr" = 0 ]
    model named
    fails 1 "does not fit bisenet-resnet18" weights x.onnx -o y.mpk
    says() { # says CASE WORDS
        model "$1"
        fails 1 "weights: x.onnx: $2" weights x.onnx -o y.mpk
        [ "${#stderr_lines[@]}" = 1 ]
        [ ! -e y.mpk ]
    }
    says external "'a' lies in another file, and none is opened"
    for case in short odd long less both none negative overflow wrapped; do
        says $case "'a' does not have as many numbers as its shape"
    done
    says twice "'bn1.weight' is there twice"
    says nameless "'' is no name for a tensor"
    says state "'state' as a tensor's name"
    says no-graph "a model of ONNX without a graph"
    says no-tensors "holds no tensors"
    model plain
    for bytes in $(seq 4 7 "$(($(stat -c %s x.onnx) - 1))"); do # the graph comes last, so no part is whole
        head -c "$bytes" x.onnx >cut.onnx
        fails 1 "cut.onnx: " weights cut.onnx -o y.mpk
    done
}

@test "ONNX: what PyTorch's exporters write" {
    python3 -c 'import torch, onnxscript' 2>/dev/null || skip "python3 has no torch with onnxscript"
    python3 - <<'PYTHON' >/dev/null 2>&1
import torch
from torch.onnx import TrainingMode, export

torch.manual_seed(1)
net = torch.nn.Sequential()
for name, layer in (("conv1", torch.nn.Conv2d(1, 4, 3)), ("bn1", torch.nn.BatchNorm2d(4)), ("bn2", torch.nn.BatchNorm2d(4)),
                    ("relu", torch.nn.ReLU()), ("pool", torch.nn.AdaptiveAvgPool2d(1)), ("flat", torch.nn.Flatten()),
                    ("fc", torch.nn.Linear(4, 2))):
    net.add_module(name, layer)
net.eval()
torch.save(net.state_dict(), "net.pth")
x = (torch.zeros(1, 1, 8, 8),)
export(net, x, "old.onnx", dynamo=False, training=TrainingMode.PRESERVE, do_constant_folding=False)
export(net, x, "new.onnx", dynamo=True, optimize=False, external_data=False)
export(net, x, "folded.onnx", dynamo=False)
PYTHON
    values net.pth | grep -v num_batches >wanted
    [ "$(grep -c . wanted)" = 12 ]
    for file in old new; do
        values $file.onnx | diff wanted -
    done
    fails 0 "folded.onnx: has convolutions and no norms" weights folded.onnx -o x.mpk
}

# limited COMMAND...: within a second of processor time and 75 MiB of memory (64 above what a small file takes).
limited() {
    local status=0
    /usr/bin/time -o used -f '%U %S %M' "$@" 2>said || status=$?
    read -r user system kilobytes < <(tail -n 1 used)
    echo "$* : status $status, $user + $system s, $kilobytes KB: $(tail -n 1 said)"
    [ "$status" -le 1 ]
    awk -v a="$user" -v b="$system" 'BEGIN {exit !(a + b < 1)}'
    [ "$kilobytes" -lt $((75 << 10)) ]
}

@test "time and memory are bounded by the file" {
    not_sanitized "time and memory are not the program's own"
    /usr/bin/python3 - "$BATS_TEST_DIRNAME" <<'PYTHON'
import json, struct, sys, zipfile
sys.path.insert(0, sys.argv[1])
import make_onnx
import make_pth
from make_pth import Storage, tensor, torch

def write(name, data):
    open(name, "wb").write(data)

def safetensors(name, header, data=b""):
    write(name, struct.pack("<Q", len(header)) + header + data)

base = Storage("f", bytes(400000))
flat = {f"n{i}": tensor("f", None, (1,), storage=base) for i in range(12000)}
turned = {f"n{i}": tensor("f", None, (2, 2), (1, 2), storage=base) for i in range(12000)}
alone = {f"n{i}": tensor("f", [i], (1,)) for i in range(4000)}
for name, case in ("flat", flat), ("turned", turned), ("alone", alone):
    write(name + ".pth", make_pth.write_zip(case, 2))
    write(name + ".old.pth", make_pth.write_old(case, 2))
write("expanded.pth", make_pth.write_zip({f"n{i}": tensor("f", [1], (1 << 20,), (0,)) for i in range(3000)}, 2))
write("absurd.pth", make_pth.write_zip({"n": tensor("f", [1], (1 << 40,), (0,))}, 2))
names = {f"n{i}": {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(40000)}
safetensors("names.safetensors", json.dumps(names).encode(), bytes(40000))
safetensors("arrays.safetensors", b'{"a":[' + b"[]," * (5 << 20) + b"1]}")
safetensors("nested.safetensors", b'{"a":' + b"[" * (8 << 20) + b"]" * (8 << 20) + b"}")
safetensors("metadata.safetensors", b'{"__metadata__":{' + b'"a":{},' * (2 << 20) + b'"b":{}}}')
magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02"
for number, unit in enumerate([b")", b"}", b"]", b"(", b"N", b"N\x94", b"\x8f", b"U\0", b"]a", b"ca\nb\n"]):
    write(f"pickle{number}.pth", magic + unit * ((1 << 20) // len(unit)))
write("tuples.pth", magic + b"N" + b"\x85" * (1 << 20))
write("memo.pth", magic + b"N" * (1 << 20) + b"r" + struct.pack("<I", 1 << 20))
for name, data in make_onnx.hostile():
    write(name + ".onnx", data)
large = bytes(1 << 19)
with zipfile.ZipFile("overlap.pth", "w") as archive:
    archive.writestr("a/data.pkl", large)
    entry = archive.infolist()[0]
    archive.filelist += [entry] * 8000
for name, head in (("zeros", b""), ("zip", b"PK\3\4"), ("old", magic), ("text", magic + b"X\xff\xff\xff\x7f"),
                   ("onnx", make_onnx.model(make_onnx.PLAIN)),
                   ("tensor", struct.pack("<Q", 53) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}')):
    with open(f"sparse-{name}.pth", "wb") as file:
        file.write(head)
        file.truncate(3 << 30)
PYTHON
    for file in *.pth *.safetensors *.onnx; do
        limited weights -q "$file" -o out.mpk
    done
    if [ -e "$ROOT/../shared/cases/attack/oldquad_small.pth" ]; then
        limited weights -q "$ROOT/../shared/cases/attack/oldquad_small.pth" -o out.mpk
    fi
}

@test "the files of ../shared/cases" {
    cases=$ROOT/../shared/cases
    [ -e "$cases" ] || skip "../shared/cases absent"
    tutorial='bn1.num_batches_tracked 1 = 7'$'\n'$usual
    for name in model_state_dict.pth weights.pth set.pth proto4_old.pth lightning.ckpt; do
        [ "$(values "$cases/$name")" = "$tutorial" ]
    done
    [ "$(values "$cases/numpy_scalar.pth")" = $'a 2 = 1 1\nb 3 = 0 0 0' ]
    [ "$(values "$cases/bool.safetensors")" = "a 4 = 1 0 1 0" ]
    [ "$(values "$cases/meta_foreign.safetensors")" = "a 4 = 0 1 2 3" ]
    for name in crc0.pth trailing-newline.pth; do
        [[ $(values "$cases/$name") = "0.bias 2 = -0.22598 -0.145154"*"1.weight 2 = 1 1" ]]
    done
    fails 1 "oldquad_small.pth: storage '0' is there twice" weights "$cases/attack/oldquad_small.pth" -o x.mpk
}

@test "predict-fold and train-fold read what weights reads, and say the same of it" {
    small_training 4 12
    train-fold -q --network bisenet-resnet18_w16 --iterations 1 --batch 2 --accumulate 1 --threads 2 run train.mpk
    weights -q run/last.mpk -o ours.safetensors
    /usr/bin/python3 - <<'PYTHON'
import json, struct
data = open("ours.safetensors", "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
header.pop("__metadata__")
text = json.dumps({"module.model." + name: entry for name, entry in header.items()}).encode()
open("wrapped.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + length:])
PYTHON
    predict-fold -q -m run/last.mpk val.mpk >whole.mpk
    predict-fold -n bisenet-resnet18_w16 --side 64 -m wrapped.safetensors val.mpk 2>said >wrapped.mpk
    cmp <(inspect --json whole.mpk | tail -n +3 | jq -c 'del(.file)') <(inspect --json wrapped.mpk | tail -n +3 | jq -c 'del(.file)')
    [ "$(cat said)" = "predict-fold: wrapped.safetensors: 'module.model.' stands before all names and is taken away" ]
    train-fold --network bisenet-resnet18_w16 --iterations 1 --batch 2 --init wrapped.safetensors again train.mpk 2>said
    [ "$(head -n 1 said)" = "train-fold: wrapped.safetensors: 'module.model.' stands before all names and is taken away" ]
    cmp <(inspect --json run/last.mpk | jq -c 'select(.id and (.id | test("^(?!optimizer/).*(weight|bias)$")))') \
        <(inspect --json again/last.mpk | jq -c 'select(.id and (.id | test("^(?!optimizer/).*(weight|bias)$")))')
    # torchvision's resnet18, wrapped.
    mapfile -t all < <(torchvision resnet18)
    safetensors r.safetensors "${all[@]/#/backbone.}"
    train-fold -q --network bisenet-resnet18 --iterations 1 --batch 2 --init r.safetensors third train.mpk
    pth x.pth plain
    fails 1 "x.pth: weights that do not fit this network: missing: 'context_path.backbone.bn1.bias', " \
        train-fold -q --network bisenet-resnet18 --iterations 1 --batch 2 --init x.pth fourth train.mpk
    [ ! -e fourth/last.mpk ]
}
