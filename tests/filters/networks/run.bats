#!/usr/bin/env bats
# run: what it gives is what the programs give that it is made of; names of every sort; parts that fail.

load ../helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    synth -q --side 64 --train 6 --test 4 --lesions 0.5 xrays
    decode -q xrays/train --labels xrays/train-rle.csv | shard -q shards
    augment -q shards --side 64 --samples 16 |
        train-fold -q --network bisenet-resnet18_w16 --iterations 4 --batch 4 --accumulate 1 --rate 1e-3 --threads 2 fold
    mv fold/last.mpk model.mpk
    decode -q xrays/train | predict-fold -q --model model.mpk -o known.mpk
    calibrate -q xrays/train-rle.csv known.mpk -o rule.mpk
    decode -q xrays/test -o samples.mpk
    predict-fold -q --model model.mpk samples.mpk -o maps.mpk
    # A threshold that some pixels are above, and others not
    inspect --json maps.mpk | jq -s 'map(select(.id) | .probability.mean) | add / length' >threshold
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export TMPDIR=$BATS_TEST_TMPDIR/scratch
    HERE=$BATS_TEST_TMPDIR
    mkdir "$TMPDIR"
}

xrays() { # xrays OPTION...: the program, with the model
    env run --quiet --model model.mpk "$@"
}

left_nothing() { # neither in the folder for such files, nor beside results
    [ -z "$(ls -A "$TMPDIR")" ] && [ -z "$(find "$HERE" -name '*.??????' -o -name '*.part')" ]
}

@test "run lengths: in pipes, and with rules of every form" {
    threshold=$(cat threshold)
    cmp <(xrays xrays/test) <(rle-encode -q maps.mpk)
    rle-encode -q --threshold "$threshold" maps.mpk >"$HERE/wanted"
    grep -qE ',[0-9]+ [0-9]' "$HERE/wanted"
    xrays --threshold "$threshold" -o "$HERE/found" xrays/test
    cmp "$HERE/found" "$HERE/wanted"
    for rule in "--ratio 0.5 --threshold $threshold" "--area 100 --threshold $threshold" "--rule rule.mpk"; do
        read -ra words <<<"$rule"
        cmp <(xrays "${words[@]}" xrays/test) <(classify -q "${words[@]}" maps.mpk |
            if [[ $rule == --rule* ]]; then rle-encode -q "${words[@]}" -d - maps.mpk
            else rle-encode -q --threshold "$threshold" -d - maps.mpk; fi)
    done
    xrays --ratio 0.5 --threshold "$threshold" xrays/test | grep -q ',-1$'
    # Mirrored, too
    no cmp -s <(xrays --flip --threshold "$threshold" xrays/test) "$HERE/wanted"
    left_nothing
}

@test "pictures: those of overlay, and no outline where the rule finds no lesion" {
    threshold=$(cat threshold)
    xrays --to png --threshold "$threshold" -o "$HERE/pictures" xrays/test
    overlay -q --threshold "$threshold" -p maps.mpk -d "$HERE/wanted" samples.mpk
    [ "$(ls "$HERE/pictures" | wc -l)" = 4 ]
    diff -r "$HERE/pictures" "$HERE/wanted"
    xrays --to png --area 1000000 --threshold "$threshold" -o "$HERE/none/" xrays/test
    overlay -q -d "$HERE/plain" samples.mpk
    diff -r "$HERE/none" "$HERE/plain"
    no diff -rq "$HERE/none" "$HERE/pictures"
    left_nothing
}

@test "DICOM: the objects of seg, of images with a lesion" {
    threshold=$(cat threshold)
    xrays --to dicom --ratio 0.5 --threshold "$threshold" -o "$HERE/objects" xrays/test
    classify -q --ratio 0.5 --threshold "$threshold" maps.mpk -o "$HERE/decisions"
    seg -q --source xrays/test --weights model.mpk --threshold "$threshold" --decisions "$HERE/decisions" "$HERE/wanted" maps.mpk
    [ "$(ls "$HERE/objects" | wc -l)" = 2 ]
    diff -r "$HERE/objects" "$HERE/wanted"
    # Again, of two files, to where some are already; and where there are none
    rm "$HERE"/objects/*-000006.seg.dcm "$HERE"/objects/*-000007.seg.dcm || true
    ls "$HERE/objects" >"$HERE/others"
    xrays --to dicom --threshold "$threshold" -o "$HERE/objects" xrays/test/*-00000[67].dcm
    [ "$(ls "$HERE/objects")" = "$(printf '%s\n' synth-1-00000{6,7}.seg.dcm | sort - "$HERE/others")" ]
    xrays --to dicom --threshold 1 -o "$HERE/empty" xrays/test
    [ -z "$(ls "$HERE/empty")" ]
    left_nothing
}

@test "several networks one behind another: their mean, in every form; those that cannot be one are refused" {
    threshold=$(cat threshold)
    augment -q shards --side 64 --samples 4 --seed 7 | train-fold -q --network bisenet-resnet18_w16 --iterations 1 --batch 4 \
        --accumulate 1 --rate 1e-3 --threads 2 --seed 7 "$HERE/other"
    for model in "$BATS_FILE_TMPDIR/model.mpk" "$HERE/other/last.mpk"; do
        weights -q "$model" -o "$HERE/one.mpk" # without what an optimiser remembers, as best.mpk is
        cat "$HERE/one.mpk" >>"$HERE/both.mpk"
        predict-fold -q --type f4 -m "$model" samples.mpk >>"$HERE/${model##*/}.maps"
    done
    both() { env run -q -m "$HERE/both.mpk" --threshold "$threshold" "$@" xrays/test; }
    merge -q --type f2 "$HERE"/*.maps -o "$HERE/mean.mpk"
    rle-encode -q --threshold "$threshold" "$HERE/mean.mpk" >"$HERE/wanted.csv"
    both | cmp - "$HERE/wanted.csv"
    no cmp -s "$HERE/wanted.csv" <(xrays --threshold "$threshold" xrays/test)
    both --to png -o "$HERE/pictures"
    overlay -q --threshold "$threshold" -p "$HERE/mean.mpk" -d "$HERE/wanted-pictures" samples.mpk
    diff -r "$HERE/pictures" "$HERE/wanted-pictures"
    both --to dicom -o "$HERE/objects"
    seg -q --source xrays/test -w "$HERE/both.mpk" --threshold "$threshold" "$HERE/wanted-objects" "$HERE/mean.mpk"
    diff -r "$HERE/objects" "$HERE/wanted-objects"
    [ "$(ls "$HERE/objects" | wc -l)" -gt 0 ]
    make-weights bisenet-resnet18 --side 64 -o "$HERE/larger.mpk"
    cat "$HERE/one.mpk" "$HERE/larger.mpk" >"$HERE/mixed.mpk"
    cat "$HERE/other/last.mpk" "$HERE/one.mpk" >"$HERE/behind.mpk"
    for to in csv png dicom; do
        fails 1 "mixed.mpk: holds bisenet-resnet18_w16 and bisenet-resnet18" env run -q -m "$HERE/mixed.mpk" --to $to -o "$HERE/out" xrays/test
        fails 1 "behind.mpk: record" env run -q -m "$HERE/behind.mpk" --to $to -o "$HERE/out" xrays/test
        [[ $stderr == *"another network stands behind what an optimiser remembers"* ]]
        [ ! -e "$HERE/out" ]
    done
    left_nothing
}

@test "--show prints what is run" {
    threshold=$(cat threshold)
    for how in "csv --flip --threshold $threshold" "png --ratio 0.5 --threads 1" "dicom --rule rule.mpk"; do
        read -ra words <<<"--to $how"
        xrays "${words[@]}" -o "$HERE/run" xrays/test
        xrays "${words[@]}" -o "$HERE/run" --show xrays/test >"$HERE/script"
        mv "$HERE/run" "$HERE/wanted"
        bash "$HERE/script" # it may be kept, and run by anybody
        diff -r "$HERE/run" "$HERE/wanted"
        shellcheck --shell bash --exclude SC2016 "$HERE/script"
        rm -r "$HERE/run" "$HERE/wanted"
    done
    # Nothing is run, so nothing need be there; what is not asked for is not said.
    [ "$(env run --show -m m x | tail -n 4)" = 'set -- x
decode -- "$@" |
    predict-fold --model m |
    rle-encode' ]
    left_nothing
}

@test "names of every sort" {
    cd "$HERE"
    cp -- "$BATS_FILE_TMPDIR/model.mpk" $'-m \'"\n$(touch ran)`touch ran`.mpk'
    mkdir in
    names=(-x.dcm $'a\nb\t\x01.dcm' "it's \$(touch ran) \`touch ran\`.dcm" '* ?.dcm' 'ü\x.dcm' '\\.dcm' '!!.dcm' 'a "b".dcm')
    for name in "${names[@]}"; do cp "$BATS_FILE_TMPDIR"/xrays/test/*-000006.dcm "in/$name"; done
    cd in
    for to in csv png dicom; do
        [ $to != dicom ] || unset 'names[1]' # with control characters, which seg does not take
        env run -q -m $'../-m \'"\n$(touch ran)`touch ran`.mpk' --threshold 0 --to $to -o "-o \$(touch ran) '"$'\n' -- "${names[@]}"
        [ -e "-o \$(touch ran) '"$'\n' ]
        case $to in
        csv) diff <(rle-decode -q --size 64x64 "./-o \$(touch ran) '"$'\n' | inspect --json | jq -c 'select(.id).id' | sort) \
            <(printf '%s\0' "${names[@]%.dcm}" | jq -R -s -c 'split("\u0000")[] | select(. != "")' | sort) ;;
        *) [ "$(find "./-o \$(touch ran) '"$'\n' -type f -printf x | wc -c)" = ${#names[@]} ] ;;
        esac
        rm -r "./-o \$(touch ran) '"$'\n'
    done
    [ "$(env run -q -m $'../-m \'"\n$(touch ran)`touch ran`.mpk' --show -- $'a\nb' | wc -l)" = 6 ] # no line ends in words
    [ -z "$(find "$HERE" -name ran)" ]
    left_nothing
}

@test "more names than a line may have" {
    mkdir "$HERE/many"
    for ((i = 0; i < 800; i++)); do ln -s "$BATS_FILE_TMPDIR/xrays/test" "$HERE/many/$(printf '%0200d' $i)"; done
    fails 1 "nothing.mpk" env run -q -m nothing.mpk "$HERE"/many/*
}

@test "a part that fails ends it, and leaves nothing" {
    cp -r xrays/test "$HERE/in"
    echo no DICOM >"$HERE/in/a.dcm"
    head -c 600 "$(ls xrays/test/*.dcm | head -n 1)" >"$HERE/in/b.dcm"
    for to in csv png dicom; do
        xrays --to $to -o "$HERE/out" --ratio 0.5 "$HERE/in/b.dcm" && return 1
        xrays --to $to -o "$HERE/out" "$HERE/in/b.dcm" xrays/test && return 1
        fails 1 "absent.mpk" env run -q -m absent.mpk --to $to -o "$HERE/out" xrays/test
        fails 1 "absent.mpk" xrays --rule absent.mpk --to $to -o "$HERE/out" xrays/test
        [ ! -e "$HERE/out" ]
        left_nothing
        xrays --to $to -o "$HERE/out" --threshold 0 --on-error skip "$HERE/in"
        [ -e "$HERE/out" ]
        rm -r "$HERE/out"
    done
    # What is in the folder's place is said before any image is read
    echo mine >"$HERE/file"
    for to in png dicom; do fails 1 "run: $HERE/file: Not a directory" xrays --to $to -o "$HERE/file" "$HERE/in/absent.dcm"; done
    [ "$(cat "$HERE/file")" = mine ]
    fails 1 "" xrays --to png -o /proc/none/out xrays/test
    fails 1 "" xrays --to dicom -o /proc/none/out xrays/test
    # The last part fails alone: an id that cannot be a picture's name
    cp xrays/test/*-000006.dcm "$HERE/.x.dcm"
    xrays --to png -o "$HERE/out" "$HERE/.x.dcm" && return 1
    [ ! -e "$HERE/out" ]
    left_nothing
}

@test "a signal ends it, and leaves nothing" {
    mkfifo "$HERE/waits"
    env run -q -m model.mpk --to png -o "$HERE/out" - <"$HERE/waits" 3>&- &
    exec 7>"$HERE/waits"
    eventually compgen -G "$TMPDIR/*"
    kill $!
    ! wait $!
    left_nothing
    exec 7>&- # decode, whose names these were
    [ ! -e "$HERE/out" ]
}

@test "wrong usage" {
    fails 2 "which weights" env run x
    fails 2 "operand is missing" xrays
    fails 2 "one of them" xrays --ratio 0.5 --area 3 x
    fails 2 "the rule has one" xrays --rule rule.mpk --threshold 0.4 x
    for folder in '' - /; do
        fails 2 "into which folder" xrays --to png ${folder:+-o "$folder"} x
        fails 2 "into which folder" xrays --to dicom ${folder:+-o "$folder"} x
    done
    fails 2 "not '-'" xrays --to dicom -o "$HERE/out" -
    fails 2 "must be one of csv|png|dicom" xrays --to pdf x
}
