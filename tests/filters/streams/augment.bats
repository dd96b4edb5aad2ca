# augment: order, folds, balance, threads, resuming, and what it does with pipes.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
}

# 40 samples, every 4th with a lesion, in several shards
make_folder() {
    make-samples -n 40 -x >in.mpk
    shard --size 6K dir in.mpk
}

small="--side 16"

ids() {
    inspect --json "$@" | jq -r 'select(has("id")).id'
}

records() {
    inspect --json "$@" | jq -c 'select(has("id"))'
}

# whether the lesion pixels of the masks are zero, a letter a sample: L or -
lesions() {
    inspect --json "$@" | jq -j 'select(has("id")) | if .mask.max == 1 then "L" else "-" end'
}

@test "what comes out: image and mask of the wanted sides, other fields untouched" {
    make_folder
    augment dir $small >out.mpk
    [ "$(ids out.mpk | sort)" = "$(ids in.mpk | sort)" ]
    [ "$(ids out.mpk)" != "$(ids in.mpk)" ]
    [ "$(inspect --json out.mpk | jq -c 'select(has("id")) | [.image.shape, .mask.shape, keys]' | sort -u)" = \
        '[[16,16],[21,21],["id","image","mask","site"]]' ]
    diff <(records in.mpk | jq -c '[.id, .site]' | sort) <(records out.mpk | jq -c '[.id, .site]' | sort)
    augment dir --side 12 --mask-side 40 | inspect --json |
        jq -c 'select(has("id")) | [.image.shape, .mask.shape]' | sort -u >shapes
    [ "$(cat shapes)" = '[[12,12],[40,40]]' ]
}

@test "the method's sides are the default: 768 and 1024" {
    make-samples -n 1 | augment --plain | inspect --json >out
    [ "$(jq -c 'select(has("id")) | [.image.shape, .mask.shape]' out)" = '[[768,768],[1024,1024]]' ]
}

@test "any number of threads gives the same bytes" {
    make_folder
    augment dir $small --threads 1 --epochs 3 -o one.mpk
    augment dir $small --threads 2 --epochs 3 -o two.mpk
    augment dir $small --threads 7 --epochs 3 -o seven.mpk
    cmp one.mpk two.mpk
    cmp one.mpk seven.mpk
    augment in.mpk --no-shuffle $small --threads 1 -o one.mpk
    augment in.mpk --no-shuffle $small --threads 5 -o five.mpk
    cmp one.mpk five.mpk
}

@test "the same seed gives the same samples, another one others" {
    make_folder
    augment dir $small >a.mpk
    augment dir $small --seed 0 | cmp - a.mpk
    augment dir $small --seed 1 >b.mpk
    [ "$(ids a.mpk)" != "$(ids b.mpk)" ]
    [ "$(records a.mpk | sort)" != "$(records b.mpk | sort)" ]
}

@test "skipping equals leaving out what comes first" {
    make_folder
    for options in "--epochs 3" "--balance 0.5 --samples 90" "--balance 1 --balance-end 0 --samples 90" "--epochs 2 --batch 7" "--no-shuffle"; do
        augment dir $small $options >whole.mpk
        augment dir $small $options --skip 33 >rest.mpk
        diff <(records whole.mpk | tail -n +34) <(records rest.mpk)
    done
    augment $small --no-shuffle --skip 33 <in.mpk >pipe.mpk
    diff <(records rest.mpk) <(records pipe.mpk)
    [ -z "$(augment dir $small --skip 40 | ids)" ]
}

@test "epochs: each image once in each, in another order" {
    make_folder
    augment dir $small --epochs 3 | ids >all
    for epoch in 0 1 2; do
        tail -n +$((40 * epoch + 1)) all | head -n 40 >"epoch$epoch"
        [ "$(sort "epoch$epoch")" = "$(ids in.mpk | sort)" ]
    done
    ! cmp -s epoch0 epoch1
    ! cmp -s epoch1 epoch2
    [ "$(augment dir $small --samples 95 | ids)" = "$(head -n 95 all)" ]
    [ "$(augment dir $small --epochs 2 --batch 6 | ids | wc -l)" = 72 ]
}

@test "a fold's training and validation images never meet, and each image is validated once" {
    make_folder
    for k in 0 1 2; do
        augment dir $small --fold $k/3 --split train --epochs 2 | ids | sort -u >train
        augment dir $small --fold $k/3 --split val | ids | sort >val
        [ -z "$(comm -12 train val)" ]
        [ "$(sort train val)" = "$(ids in.mpk | sort)" ]
        cat val >>validated
    done
    [ "$(sort validated)" = "$(ids in.mpk | sort)" ]
    augment dir $small --fold 0/3 --split all --plain | ids | diff - <(ids in.mpk)
}

@test "folds are split before images without lesion are dropped" {
    make_folder
    augment dir $small --plain --fold 1/3 --split val >val.mpk
    augment dir $small --plain --fold 1/3 --split val --lesion-only >lesion.mpk
    [ "$(lesions lesion.mpk | tr -d L)" = "" ]
    diff <(records val.mpk | jq -r 'select(.mask.max == 1).id') <(ids lesion.mpk)
    [ -s lesion.mpk ]
}

@test "a fold does not depend on the order of the samples" {
    make-samples -n 20 >a.mpk
    make-samples -n 13 -p y >b.mpk
    shard ab a.mpk b.mpk
    shard ba b.mpk a.mpk
    diff <(augment ab --plain $small --fold 2/5 --split train | ids) \
        <(augment ba --plain $small --fold 2/5 --split train | ids)
}

@test "balance: half of each batch, or any other share" {
    make_folder
    augment dir $small --balance 0.5 --samples 60 >out.mpk
    [ "$(lesions out.mpk | fold -w 6 | sed 's/[^L]//g' | sort -u)" = LLL ]
    [ "$(lesions out.mpk | tr -d -- - | wc -c)" = 30 ]
    [ "$(lesions <(augment dir $small --balance 0.3 --samples 100) | tr -d -- - | wc -c)" = 30 ]
    [ "$(lesions <(augment dir $small --balance 1) | sort -u)" = "$(printf 'L%.0s' $(seq 40))" ]
}

@test "balance-end: the share slides, and --skip goes on in it; lesion-epochs: an epoch has each lesion once" {
    make_folder
    augment dir $small --balance 0.8 --balance-end 0.4 --samples 100 >out.mpk
    [ "$(lesions out.mpk | fold -w 20 | awk '{ print gsub(/L/, "") }' | paste -s -d ' ')" = "15 13 12 11 9" ]
    cmp <(records out.mpk | tail -n 37) <(augment dir $small --balance 0.8 --balance-end 0.4 --samples 100 --skip 63 | records)
    cmp <(augment dir $small --balance 0.8 --samples 9 | records) \
        <(augment dir $small --balance 0.8 --balance-end 0.8 --samples 9 | records)
    positive=$(augment dir $small --plain -l | ids | sort)
    augment dir $small --balance 0.8 --lesion-epochs >epoch.mpk
    [ "$(records epoch.mpk | jq -r 'select(.mask.max == 1).id' | sort)" = "$positive" ]
    n=$(grep -c . <<<"$positive")
    [ "$(ids epoch.mpk | grep -c .)" = $(((5 * n + 3) / 4)) ]
    fails 1 "dir: a share that slides needs an end" augment dir --balance 0.8 --balance-end 0.4 --epochs 0
    fails 2 "--balance-end is of --balance" augment dir --balance-end 0.4
    fails 2 "--lesion-epochs is of --balance" augment dir --lesion-epochs
}

@test "plain: the whole image, resized, with its run lengths and size" {
    make_folder
    augment dir --plain --side 24 --mask-side 24 >out.mpk
    diff <(ids in.mpk) <(ids out.mpk)
    [ "$(records out.mpk | jq -c '.size' | sort -u)" = "[24,32]" ]
    diff <(records in.mpk | jq -c .rle) <(records out.mpk | jq -c .rle)
    make-samples -n 5 -h 16 -w 16 >square.mpk
    augment square.mpk --plain --side 16 --mask-side 16 >out.mpk
    diff <(records square.mpk | jq -c .image) <(records out.mpk | jq -c .image)
}

@test "dilation widens the masks" {
    make_folder
    before=$(augment dir $small --plain -l | inspect --json | jq -s '[.[] | .mask.mean // 0] | add')
    after=$(augment dir $small --plain -l --dilate 5 | inspect --json | jq -s '[.[] | .mask.mean // 0] | add')
    [ "$(echo "$before $after" | jq -s '.[1] > 1.3 * .[0]')" = true ]
}

@test "unlabelled samples have no mask, and cannot be told apart" {
    make-samples -n 5 --every 0 | shard dir
    [ "$(augment dir $small | inspect --json | jq -c 'select(has("id")) | keys' | sort -u)" = '["id","image"]' ]
    for options in --lesion-only "--balance 0.5"; do
        run augment dir $small $options
        [ "$status" = 1 ]
        [[ "$output" == "augment: dir: x0: no labels"* ]]
    done
    run bash -c "make-samples -n 5 --every 0 | augment $small --plain --lesion-only >/dev/null"
    [ "$status" = 1 ]
    [[ "$output" == "augment: stdin: record 1, byte "*": x0: no labels"* ]]
}

@test "images of a few pixels" {
    for side in 1 2 7 8; do
        make-samples -n 6 --every 0 -h $side -w $side | shard dir$side
        augment dir$side $small --epochs 20 | inspect --check
    done
}

@test "a stream file is as good as a folder" {
    make_folder
    for options in "--epochs 2" "--fold 1/4 --split train --balance 0.5" "--plain" "--no-shuffle -l"; do
        diff <(augment dir $small $options | records) <(augment in.mpk $small $options | records)
    done
    head -c 20000 in.mpk >cut.mpk
    run augment cut.mpk $small -o out.mpk
    [ "$status" = 1 ]
    [[ "$output" == "augment: cut.mpk: record "*", byte "* ]]
    [ ! -e out.mpk ]
    cat in.mpk in.mpk >twice.mpk
    run augment twice.mpk $small
    [ "$status" = 1 ]
    [[ "$output" == *"the id 'x0' is there twice"* ]]
}

@test "a pipe: once, in order; random crops are possible" {
    make_folder
    for options in --plain --no-shuffle "--plain -l" "--no-shuffle -l --seed 3" "--no-shuffle --samples 7 --epochs 1"; do
        diff <(augment dir $small $options | records) <(augment $small $options <in.mpk | records)
        diff <(augment dir $small $options | records) <(cat in.mpk | augment $small $options - | records)
    done
    [ "$(make-samples -n 0 | augment --plain | records)" = "" ]
}

@test "a pipe cannot be gone back in" {
    make_folder
    for options in "" "--plain --fold 0/2 --split val" "--plain --balance 0.5" "--plain --epochs 2" \
        "--plain --samples 5" "--plain --batch 4"; do
        run augment $small $options <in.mpk
        [ "$status" = 2 ]
        [[ "$output" == "augment: stdin: a pipe gives each sample once"*"make a shard folder first: ... | shard DIR"* ]]
    done
    mkfifo pipe
    run augment $small pipe
    [ "$status" = 2 ]
    run augment --plain dir - <in.mpk
    [ "$status" = 2 ]
}

@test "a pipe needs no more memory for more samples" {
    command -v /usr/bin/time >/dev/null || skip "/usr/bin/time absent"
    make-samples -n 20 -h 500 -w 500 >few.mpk
    make-samples -n 400 -h 500 -w 500 >many.mpk
    export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=1 # what was freed is gone
    for name in few many; do
        /usr/bin/time -f %M -o $name augment --plain $small --threads 2 <$name.mpk >/dev/null
    done
    [ "$(cat many)" -lt $(($(cat few) + 8192)) ]
}

@test "a closed pipe ends it quietly" {
    make_folder
    run bash -c "augment dir $small --epochs 0 | head -c 1000 >/dev/null; echo \${PIPESTATUS[0]}"
    [ "$output" = 141 ]
}

@test "damage is found and leaves nothing half-written" {
    make_folder
    head -c 20000 in.mpk >cut.mpk
    run augment $small --plain cut.mpk -o out.mpk
    [ "$status" = 1 ]
    [ ! -e out.mpk ]
    file=$(ls dir/shard-00001-*)
    offset=$(inspect --json dir/index.mpk | jq -r 'select(.shard // "" | startswith("shard-00001")).offset' | sed -n 2p)
    cp "$file" whole
    printf '\xc1' | dd of="$file" bs=1 seek=$((offset + 20)) conv=notrunc status=none
    no cmp -s "$file" whole
    run augment $small dir -o out.mpk
    [ "$status" = 1 ]
    [[ "$output" == "augment: $file: record 2, byte $offset: damaged: the hash (xxh3) does not match the bytes of 'x"* ]]
    [ ! -e out.mpk ]
    head -c 100 "$file" >short
    cp short "$file"
    run augment $small dir -o out.mpk
    [ "$status" = 1 ]
    [[ "$output" == "augment: $file: has 100 bytes, and 'x"*"' lies beyond the end" ]]
    rm "$file"
    run augment $small dir -o out.mpk
    [ "$status" = 1 ]
    [ ! -e out.mpk ]
}

@test "a full disk" {
    make_folder
    run augment dir $small -o /dev/full
    [ "$status" = 1 ]
    [[ "$output" == "augment: /dev/full: No space left on device" ]]
    run bash -c "augment dir $small >/dev/full"
    [ "$status" = 1 ]
    [[ "$output" == "augment: stdout: No space left on device" ]]
}

@test "an index that points astray reads nothing else" {
    make-samples -n 3 | shard dir
    shard=$(basename dir/shard-*)
    make-index x0 "$shard" 60 100 0 0123456789abcdef -o dir/index.mpk
    run augment dir $small -o out.mpk
    [ "$status" = 1 ]
    [[ "$output" == "augment: dir/$shard: record 1, byte 60: damaged: "* ]]
    hash=$(tail -c +61 "dir/$shard" | head -c 100 | xxh3)
    make-index x0 "$shard" 60 100 0 "$hash" -o dir/index.mpk
    run augment dir $small -o out.mpk
    [ "$status" = 1 ]
    [ "$output" = "augment: dir/$shard: record 1, byte 60: the object there is not one of 100 bytes" ]
    make-index x0 ../in.mpk 60 100 0 "$hash" -o dir/index.mpk
    run augment dir $small -o out.mpk
    [ "$status" = 1 ]
    [[ "$output" == *"is not the name of a shard" ]]
    [ ! -e out.mpk ]
}

@test "samples that cannot be augmented" {
    make_folder
    augment dir $small >once.mpk
    run augment --plain once.mpk -o out.mpk
    [ "$status" = 1 ] && [ ! -e out.mpk ]
    [[ "$output" == "augment: once.mpk: x"*": has been augmented already" ]]
    run augment --plain dir/index.mpk
    [ "$status" = 1 ]
    [[ "$output" == "augment: dir/index.mpk: holds index, and samples are needed here" ]]
}

@test "nothing left" {
    make-samples -n 3 --every 100 | shard dir # one lesion
    for options in "--fold 0/10 --split val" "--batch 4" "--fold 2/3 --split train --lesion-only --fold 0/3"; do
        run augment dir $small $options --plain
        [ "$status" = 1 ] || [ "$options" != "--batch 4" ]
    done
    run augment dir $small --fold 0/10 --split val
    [ "$status" = 1 ]
    [[ "$output" == "augment: dir: no samples" ]]
    run augment dir $small --batch 4
    [ "$status" = 1 ]
    [[ "$output" == "augment: dir: no samples: 3 images do not fill a batch of 4" ]]
}

@test "tone, shape and distortion: each with its probability, for any number of threads, and nothing else" {
    make_folder
    augment dir $small --no-shuffle --samples 60 >plain.mpk
    for option in tone shift-scale-rotate distort; do
        augment dir $small --no-shuffle --samples 60 --$option 0 | inspect --json - | jq -c 'select(has("id"))' >zero
        inspect --json plain.mpk | jq -c 'select(has("id"))' | cmp - zero
        augment dir $small --no-shuffle --samples 60 --$option 0.5 --threads 1 >one.mpk
        augment dir $small --no-shuffle --samples 60 --$option 0.5 --threads 3 | cmp - one.mpk
        augment dir $small --no-shuffle --samples 60 --$option 0.5 --skip 20 | inspect --json - | jq -c 'select(has("id"))' >rest
        inspect --json one.mpk | jq -c 'select(has("id"))' | sed 1,20d | cmp - rest
        inspect --json one.mpk | grep -q -- "--$option 0.5"
        changed() { # changed FIELD: in how many samples it is another
            paste <(inspect --json plain.mpk | jq -c "select(has(\"id\")).$1.mean") \
                <(inspect --json one.mpk | jq -c "select(has(\"id\")).$1.mean") | awk '$1 != $2' | wc -l
        }
        images=$(changed image) masks=$(changed mask)
        [ "$images" -gt 18 ] && [ "$images" -lt 42 ]
        if [ $option = tone ]; then [ "$masks" = 0 ]; else [ "$masks" -gt 5 ] && [ "$masks" -le "$images" ]; fi
        fails 2 "--plain" augment dir $small --plain --$option 0.5
        fails 2 "" augment dir $small --$option 1.5
    done
}

@test "wrong usage" {
    make_folder
    for options in "--fold 0/3" "--split val" "--fold 3/3 --split val" "--fold 1 --split val" \
        "--fold 1/1 --split val" "--split none" "--side 0" "--side 8193" "--side 1.5" "--mask-side 0" \
        "--balance 1.5" "--balance -1" "--balance 0.5 --lesion-only" "--samples 0" "--epochs -1" \
        "--batch 0" "--skip -1" "--dilate 0" "--threads 0"; do
        run augment dir $options
        [ "$status" = 2 ] || { echo "$options"; false; }
    done
    run augment nosuch
    [ "$status" = 1 ]
    [[ "$output" == "augment: nosuch: No such file or directory" ]]
    mkdir empty
    run augment empty
    [ "$status" = 1 ]
    [[ "$output" == *"not a shard folder"* ]]
}
