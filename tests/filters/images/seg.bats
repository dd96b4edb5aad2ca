# seg: DICOM segmentations, pictures and reports that others read, with patient and study of their sources.
load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    synth -q --train 3 --test 0 --side 96 --lesions 1 xrays
    rle-decode -q --size 96x96 xrays/train-rle.csv -o masks
    make-probabilities --height 96 --width 96 --inside 0.75 --outside 0.25 200 -o one
    mkdir patient
    cp xrays/train/synth-1-000000.dcm patient/p0.dcm
    seg --source xrays/train objects masks
    seg --capture --report --source patient all one
    classify --area 1000 one -o none
    seg --capture --report --decisions none --source patient negative one
}

setup() { cd "$BATS_FILE_TMPDIR"; }

element() { # element TAG FILE: the value of the dataset's own element
    dcmdump -Un "$2" | sed -n "s/^($1) .. \[\(.*\)\].*/\1/p"
}

@test "one object an image with a lesion, without an error for dciodvfy" {
    [ "$(ls objects | tr '\n' ' ')" = "synth-1-000000.seg.dcm synth-1-000001.seg.dcm synth-1-000002.seg.dcm " ]
    for file in objects/*; do
        dciodvfy "$file" >"$BATS_TEST_TMPDIR/said" 2>&1
        no grep -i error "$BATS_TEST_TMPDIR/said"
        grep -q '^Segmentation$' "$BATS_TEST_TMPDIR/said"
    done
}

@test "the pixels are the mask's, first pixel in the lowest bit" {
    /usr/bin/python3 - objects/synth-1-000001.seg.dcm masks synth-1-000001 <<'END'
import msgpack, msgpack_numpy, numpy, sys
file, stream, id = sys.argv[1:]
bits = numpy.frombuffer(open(file, "rb").read()[-96 * 96 // 8:], numpy.uint8)
masks = {r["id"]: r["mask"] for r in msgpack.Unpacker(open(stream, "rb"), object_hook=msgpack_numpy.decode) if "id" in r}
assert masks[id].sum() > 9
assert (numpy.unpackbits(bits, bitorder="little").reshape(96, 96) == masks[id]).all()
END
}

@test "highdicom reads it pixel for pixel, and what it is" {
    python3 -c 'import highdicom' 2>/dev/null || skip "python3 lacks highdicom"
    seg --source patient -q --fractional fractional one
    python3 - objects/synth-1-000001.seg.dcm fractional/p0.seg.dcm <<'END'
import highdicom, pydicom, numpy, sys
for path in sys.argv[1:]:
    seg = highdicom.seg.segread(path)
    what = seg.get_segment_description(1)
    assert what.segmented_property_type == pydicom.sr.codedict.codes.SCT.Pneumothorax
    assert what.segmented_property_category == pydicom.sr.codedict.codes.SCT.MorphologicallyAbnormalStructure
    assert what.algorithm_type == highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC
    (study, series, image), = seg.get_source_image_uids()
    pixels = seg.get_pixels_by_source_instance([image], ignore_spatial_locations=True)[0, :, :, 0]
    plain = pydicom.dcmread(path).pixel_array
    if seg.segmentation_type == highdicom.seg.SegmentationTypeValues.FRACTIONAL:
        plain = plain / 255
        assert abs(pixels.ravel()[:200] - 0.75).max() < 1 / 255 and abs(pixels.ravel()[200:] - 0.25).max() < 1 / 255
    assert abs(pixels - plain).max() < 1e-6 and pixels.any()
END
}

@test "an archive takes it by C-STORE and by STOW-RS, and gives it back" {
    command -v Orthanc >/dev/null || skip "Orthanc absent"
    mkdir "$BATS_TEST_TMPDIR/orthanc"
    /usr/bin/python3 "$ROOT/tests/filters/images/archive.py" "$BATS_TEST_TMPDIR/orthanc" objects/* all/*
}

@test "patient and study are the source's, in its character set; UIDs are new" {
    source=$BATS_TEST_TMPDIR/p0.dcm
    cp patient/p0.dcm "$source"
    dcmodify -q -nb -i '(0008,0005)=ISO_IR 192' -i '(0010,0010)=Müller^Jörg' -i '(0010,0020)=P 17' \
        -i '(0008,0020)=2024.01.31' -i '(0010,0040)=x' "$source"
    seg --source "$source" "$BATS_TEST_TMPDIR/out" one
    object=$BATS_TEST_TMPDIR/out/p0.seg.dcm
    for tag in 0008,0005 0010,0010 0010,0020 0020,000d; do
        [ -n "$(element $tag "$source")" ]
        [ "$(element $tag "$source")" = "$(element $tag "$object")" ]
    done
    [ "$(element 0008,0020 "$object")" = 20240131 ] # the form before DICOM
    [ "$(element 0008,0023 "$object")" = 20240131 ]
    [ -z "$(element 0010,0040 "$object")" ] # no code
    for tag in 0008,0018 0020,000e; do
        [ -n "$(element $tag "$object")" ]
        [ "$(element $tag "$source")" != "$(element $tag "$object")" ]
    done
    dcmdump -Un "$object" | grep "ReferencedSOPInstanceUID" | grep -qF "[$(element 0008,0018 "$source")]"
}

@test "the same input gives the same bytes, and anything else another UID" {
    seg --source xrays/train "$BATS_TEST_TMPDIR/again" masks
    diff -r objects "$BATS_TEST_TMPDIR/again"
    seg --source patient "$BATS_TEST_TMPDIR/a" one
    seg --source patient --threshold 0.1 "$BATS_TEST_TMPDIR/b" one
    seg --source patient --uid-root 1.2.3 --algorithm "mine" "$BATS_TEST_TMPDIR/c" one
    uids=$(for x in a b c; do element 0008,0018 "$BATS_TEST_TMPDIR/$x/p0.seg.dcm"; done)
    [ "$(sort -u <<<"$uids" | wc -l)" = 3 ]
    [[ $(tail -n 1 <<<"$uids") == 1.2.3.1* ]]
    dcmdump "$BATS_TEST_TMPDIR/c/p0.seg.dcm" | grep -q 'LO \[mine\] .*SegmentAlgorithmName'
    fails 2 "no UID" seg --source patient --uid-root 1.02 "$BATS_TEST_TMPDIR/c" one
}

@test "no lesion by threshold, rule or decision: no object" {
    seg --source patient --list --decisions none "$BATS_TEST_TMPDIR/out" one >"$BATS_TEST_TMPDIR/list"
    printf 'done\tp0\n' | cmp - "$BATS_TEST_TMPDIR/list"
    seg --source patient --threshold 0.8 "$BATS_TEST_TMPDIR/out" one
    [ -z "$(ls "$BATS_TEST_TMPDIR/out")" ]
    seg --source patient --list "$BATS_TEST_TMPDIR/out" one >"$BATS_TEST_TMPDIR/list"
    printf 'written\tp0\t%s\ndone\tp0\n' "$BATS_TEST_TMPDIR/out/p0.seg.dcm" | cmp - "$BATS_TEST_TMPDIR/list"
}

@test "--capture: every image, with the outline where there is a lesion, and words below" {
    [ "$(ls all negative | tr '\n' ' ')" = "all: p0.capture.dcm p0.report.dcm p0.seg.dcm  negative: p0.capture.dcm p0.report.dcm " ]
    dciodvfy all/p0.capture.dcm 2>&1 | no grep -i error
    cp negative/p0.capture.dcm "$BATS_TEST_TMPDIR/q0.dcm"
    decode -q all/p0.capture.dcm "$BATS_TEST_TMPDIR/q0.dcm" patient -o "$BATS_TEST_TMPDIR/pictures"
    /usr/bin/python3 - "$BATS_TEST_TMPDIR/pictures" <<'END'
import msgpack, msgpack_numpy, numpy, sys
stream = msgpack.Unpacker(open(sys.argv[1], "rb"), object_hook=msgpack_numpy.decode)
drawn, plain, source = [r["image"].astype(int) for r in stream if "id" in r]
assert source.shape == (96, 96) and plain.shape == drawn.shape and plain.shape[0] > 96 and plain.shape[1] == 96
assert (plain[:96] == source).all()
words = plain[96:]
assert (drawn[96:] == words).all() and set(words.ravel()) == {0, 255}
assert 0.05 < (words == 255).mean() < 0.3
rows, columns = numpy.nonzero(drawn[:96] != source)  # the rim below the first 200 pixels: rows 0 and 1, and a part of row 2
assert len(rows) > 90 and rows.max() == 3
END
}

@test "--report: area, greatest probability and decision of every image, by TID 1500" {
    for folder in all negative; do
        file=$BATS_TEST_TMPDIR/$folder
        dciodvfy $folder/p0.report.dcm 2>&1 | no grep -i error
        dsrdump +Pl $folder/p0.report.dcm >"$file.text" 2>"$file.said"
        no grep . "$file.said"
        grep -qF '"Area")="200" ({pixels},UCUM,"pixels")' "$file.text"
        grep -qF '"Probability")="0.75" (1,UCUM,"no units")' "$file.text"
        grep -qF '"research software, not a finding"' "$file.text"
        grep -q 'Verification Flag *: UNVERIFIED' "$file.text"
    done
    grep -q 'Decision of the rule: pneumothorax")=(373066001,SCT,"Yes")' "$BATS_TEST_TMPDIR/all.text"
    grep -q 'Decision of the rule: pneumothorax")=(373067005,SCT,"No")' "$BATS_TEST_TMPDIR/negative.text"
    grep -q 'Referenced Segmentation Frame")=(SG image,,1)' "$BATS_TEST_TMPDIR/all.text"
    dcmdump -Un all/p0.report.dcm | grep -qF "[$(element 0008,0018 all/p0.seg.dcm)]"
    no grep -q Segment "$BATS_TEST_TMPDIR/negative.text"
    python3 -c 'import highdicom' 2>/dev/null || skip "the rest, which needs python3's highdicom"
    python3 - {all,negative}/p0.report.dcm <<'END'
import highdicom, sys
for path in sys.argv[1:]:
    content = highdicom.sr.srread(path).content
    group, = content.get_planar_roi_measurement_groups() + content.get_image_measurement_groups()
    area, probability = group.get_measurements()
    assert (area.value, probability.value, probability.derivation.meaning) == (200, 0.75, "Maximum")
END
}

@test "the weights' hash is the algorithm's version" {
    weights=$ROOT/tests/golden/weights/model.safetensors
    seg --source patient -w "$weights" "$BATS_TEST_TMPDIR/out" one
    hash=$(/usr/bin/python3 -c 'import sys, xxhash; print(xxhash.xxh3_64_hexdigest(open(sys.argv[1], "rb").read()))' "$weights")
    dcmdump "$BATS_TEST_TMPDIR/out/p0.seg.dcm" | grep -q "LO \[xxh3 $hash\] .*AlgorithmVersion"
    # Several models in a file
    weights -q "$weights" -o "$BATS_TEST_TMPDIR/one.mpk"
    cat "$BATS_TEST_TMPDIR"/{one,one}.mpk >"$BATS_TEST_TMPDIR/both.mpk"
    seg --source patient -w "$BATS_TEST_TMPDIR/both.mpk" "$BATS_TEST_TMPDIR/of-both" one
    dcmdump "$BATS_TEST_TMPDIR/of-both/p0.seg.dcm" | grep -q "LO \[xxh3 $(xxh3 <"$BATS_TEST_TMPDIR/both.mpk")\] .*AlgorithmVersion"
}

@test "what is in the folder's place is said, whether there is a lesion or not" {
    cd "$BATS_TEST_TMPDIR"
    echo mine >file
    ln -s nowhere link
    mkdir folder
    ln -s folder to-folder
    for threshold in 0 1; do
        fails 1 "seg: file: Not a directory" seg --threshold $threshold --source "$BATS_FILE_TMPDIR/patient" file "$BATS_FILE_TMPDIR/one"
        fails 1 "seg: link: Not a directory" seg --threshold $threshold --source "$BATS_FILE_TMPDIR/patient" link "$BATS_FILE_TMPDIR/one"
        fails 1 "seg: /proc/none: No such file" seg --threshold $threshold --source "$BATS_FILE_TMPDIR/patient" /proc/none "$BATS_FILE_TMPDIR/one"
        seg --threshold $threshold --source "$BATS_FILE_TMPDIR/patient" to-folder "$BATS_FILE_TMPDIR/one"
    done
    [ "$(cat file)" = mine ] && [ -e folder/p0.seg.dcm ]
}

@test "weights are read once, record by record, with every check of a stream" {
    cd "$BATS_TEST_TMPDIR"
    make-weights bisenet-resnet18 --side 64 -o big.mpk # 54 MB
    named() { dcmdump "$1/p0.seg.dcm" | sed -n 's/.*LO \[\(.*\)\] .*SegmentAlgorithmName.*/\1/p'; }
    source=$BATS_FILE_TMPDIR/patient one=$BATS_FILE_TMPDIR/one
    /usr/bin/time -f %M -o memory seg --source "$source" -w big.mpk out "$one"
    sanitized || [ "$(tail -n 1 memory)" -lt 40000 ] || { echo "$(cat memory) KiB"; false; }
    [ "$(named out)" = "Pleura bisenet-resnet18" ]
    make-weights bisenet-resnet18_w16 --side 64 -o small.mpk
    cat small.mpk big.mpk >mixed.mpk
    for several in "-w mixed.mpk" "-w small.mpk -w big.mpk" "-w mixed.mpk -w mixed.mpk"; do
        rm -r out
        seg --source "$source" $several out "$one"
        [ "$(named out)" = Pleura ]
    done
    head -c -5 small.mpk >cut.mpk
    sed 's/running_mean/running_meam/' small.mpk >other.mpk
    fails 1 "the input ends in the middle" seg --source "$source" -w cut.mpk no "$one"
    fails 1 "other.mpk: end mark in place of record" seg --source "$source" -w other.mpk no "$one"
    fails 1 "one: holds probabilities, and weights are needed here" seg --source "$source" -w "$one" no "$one"
    fails 1 "holds no weights that are known here" seg --source "$source" -w "$(find "$source" -name '*.dcm')" no "$one"
    fails 1 "read from a file, not from a pipe" seg --source "$source" -w <(cat small.mpk) no "$one"
    [ ! -e no ]
}

@test "sources that do not fit are errors, or left out one by one" {
    cd "$BATS_TEST_TMPDIR"
    mkdir two && cp "$BATS_FILE_TMPDIR/patient/p0.dcm" two/ && mkdir two/more && cp two/p0.dcm two/more/
    echo text >p0.png
    make-probabilities --height 8 --width 8 3 -o small
    fails 1 "two files have this id: two/more/p0.dcm and two/p0.dcm" seg --source two out "$BATS_FILE_TMPDIR/one"
    fails 1 "p0.png: is no DICOM file" seg --source p0.png out "$BATS_FILE_TMPDIR/one"
    fails 1 "no file of --source has this id" seg --source "$BATS_FILE_TMPDIR/xrays" out "$BATS_FILE_TMPDIR/one"
    fails 1 "has 96 rows and 96 columns, and the mask 8 and 8" seg --source "$BATS_FILE_TMPDIR/patient" out small
    dcmodify -q -nb -ea '(0020,000d)' two/p0.dcm
    fails 1 "Study Instance UID is missing" seg --source two/p0.dcm out "$BATS_FILE_TMPDIR/one"
    mkdir own && cp "$BATS_FILE_TMPDIR/all/p0.capture.dcm" own/p0.dcm
    fails 1 "own/p0.dcm: is itself an object made by seg" seg --source own out "$BATS_FILE_TMPDIR/one"
    fails 2 "whose images" seg out "$BATS_FILE_TMPDIR/one"
    fails 1 "needs probabilities" seg --fractional --source two out "$BATS_FILE_TMPDIR/masks"
    run --separate-stderr seg --on-error skip --list --source two/p0.dcm out "$BATS_FILE_TMPDIR/one"
    [ "$status" = 0 ]
    [ "$output" = $'failed\tp0' ]
    [[ $stderr == *"record 1"*"left out: two/p0.dcm"* ]]
    [ -z "$(ls out)" ]
    make-samples --count 1 --prefix ../x >evil
    fails 1 "cannot be a file's name" seg --source two out evil
}

@test "a source is found by its own id first, then by the one without an ending; a name given twice is one file" {
    cd "$BATS_TEST_TMPDIR"
    mkdir near
    p0=$BATS_FILE_TMPDIR/patient/p0.dcm
    cp "$p0" near/p0.nih_1.dcm
    cp "$p0" near/p0-2.dcm
    seg --source near --source near/p0.nih_1.dcm near.out "$BATS_FILE_TMPDIR/one"
    cmp near.out/p0.seg.dcm "$BATS_FILE_TMPDIR/all/p0.seg.dcm"
    cp "$p0" near/p0.nih_2.dcm
    fails 1 "two files have this id: near/p0.nih_1.dcm and near/p0.nih_2.dcm" seg --source near out "$BATS_FILE_TMPDIR/one"
    cp "$BATS_FILE_TMPDIR/xrays/train/synth-1-000001.dcm" near/p0.dcm
    seg --source near own.out "$BATS_FILE_TMPDIR/one"
    no cmp -s own.out/p0.seg.dcm "$BATS_FILE_TMPDIR/all/p0.seg.dcm"
}

@test "objects come while the stream does, of files that come while it does" {
    cd "$BATS_TEST_TMPDIR"
    make-probabilities --height 96 --width 96 200 100 -o two
    mkdir inbox
    cp "$BATS_FILE_TMPDIR/patient/p0.dcm" inbox/
    mkfifo stream
    seg --source inbox --list out stream >list &
    seg=$!
    {
        head -c -120 two # the end mark, and a part of the second record
        eventually grep -q done list
        cp list early
        cp inbox/p0.dcm inbox/p1.dcm
        tail -c 120 two
    } >stream
    wait $seg
    [ "$(tail -n 1 early)" = $'done\tp0' ]
    [ "$(tail -n 1 list)" = $'done\tp1' ]
    [ "$(ls out | wc -l)" = 2 ]
}
