#!/usr/bin/env bats
# What comes in as settings, from the command line, the environment and config.json: it arrives at the programs as it is,
# or is refused by name; nothing of it runs. And whose folders make writes to.

load ../helpers
load checked

setup() {
    not_sanitized "the programs that the stages run are tested one by one"
    HERE=$BATS_TEST_TMPDIR
    WORK=$HERE/work
    cd "$HERE"
}

teardown() {
    [ ! -e "$ROOT/ran" ] || { rm "$ROOT/ran"; false; }
}

method() { # method ARGUMENT...: make with few iterations
    env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s --no-print-directory -C "$ROOT" CUDA=0 PROFILE=demo WORK="$WORK" \
        synth.train=8 synth.test=2 synth.side=64 synth.lesions=0.5 synth.format=png \
        train-seg-bisenet.{network=bisenet-resnet18_w16,iterations=1,eval-every=1,batch=2,side=64,folds=2} "$@"
}

# What shells, make, jq, parallel or printf would read in their own way; `ran` would be there if one had run it.
NASTY=('$(touch ran)' '`touch ran`' '; touch ran' '& touch ran &' '| touch ran' '$(shell touch ran)' '${HOME}' '$x$$y'
    '{= system("touch ran") =}' '{}' '{1}{2}' '{#}{%}{/.}' '# comment' 'a#b' '\#' 'end\' '\' '\\' ' blanks in front' 'behind '
    'a  b' '%' '%s%n' "it's" "''" '"' '\(1)' '*' '?' '[a]' '~' '~root' '(a' 'a)' '<a' '>ran' ':::' '::::' '--' '-n' '=' ':=' 'é ü'
    '!' '^' '$@' '$(error no)' 'endef' 'a,b' '$(' '${' ')' '}')

@test "texts of config.json reach the programs as they are" {
    jq 'del(.profiles.demo.synth) | .data += {train: $ARGS.positional, test: $ARGS.positional, labels: $ARGS.positional[0]}' \
        "$ROOT/config.json" --args "${NASTY[@]/#//}" >config.json
    env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" PROFILE=demo WORK="$WORK" CONFIG="$PWD/config.json" -n data >table
    decode() { # prints what its first arguments are, up to the options
        while [ "${1-}" != --labels ]; do printf '%s\n' "$1"; shift; done
    }
    eval "$(grep '^decode .*--labels' table | sed 's/ | shard .*//')" >words
    printf '%s\n' "${NASTY[@]/#//}" | diff - words
    # From the command line as well, many at a time, as weights of as many stages: what make hands on of them
    jq 'reduce range(1; 27) as $n (.; ."train-\($n)" = ."train-cls-bisenet" | ."test-\($n)" = ."test-cls-bisenet")' "$ROOT/config.json" >many.json
    keys=(data.folder data.ids data.truth train-{1..26}.init)
    texts=()
    for text in "${NASTY[@]}"; do
        [[ $text = [\ -]* ]] || texts+=("$text") # '-n' becomes './-n'
    done
    for ((i = 0; i < ${#texts[@]}; i += ${#keys[@]})); do
        settings=()
        for j in "${!keys[@]}"; do settings+=("${keys[j]}=${texts[i + j]-}"); done
        "$ROOT/pipelines/method/config.sh" many.json full "$PWD/one" "" "${settings[@]}" 2>says
        jq -r '.data.folder, .data.ids, .data.truth, .["train-\(range(1; 27))"].init' one/config.json >got
        printf '%s\n' "${settings[@]#*=}" | diff - got
    done
}

@test "a folder, and weights, whose names are all that at once" {
    odd="o \$(touch ran) \`touch ran\` ; & {= system(\"touch ran\") =} {} {1} {2} # % \\#'\"\\"
    synth -q --format png --side 64 --train 8 --test 2 --lesions 0.5 "$odd"
    decode -q "$odd/train" --labels "$odd/train-rle.csv" | augment -q --side 64 --plain |
        train-fold -q --network bisenet-resnet18_w16 --batch 2 --accumulate 1 --iterations 1 model
    cp model/last.mpk "$odd/model.mpk"
    method DATA="$PWD/$odd" CONFIG="$ROOT/config.json" train-seg-bisenet.init="$PWD/$odd/model.mpk" train-seg-bisenet \
        2>says || { cat says; false; }
    inspect --check "$WORK"/train-seg-bisenet/fold-{0,1}.mpk
    [ "$(jq -r '."train-seg-bisenet".init' "$WORK/config.json")" = "$PWD/$odd/model.mpk" ]
    # The same in the environment
    DATA="$PWD/$odd" method train-seg-bisenet.init="$PWD/$odd/model.mpk" -q train-seg-bisenet
    cd "$HERE"
    cp "$ROOT/config.json" "$odd/config.json"
    fails 2 "none \$(touch ran).json: cannot be read" method CONFIG="$PWD/$odd/none \$(touch ran).json" data
    fails 2 "HOSTS=" method HOSTS=$'a\nb' data
    fails 2 "hosts: $PWD/$odd/hosts: cannot be read" method HOSTS="$PWD/$odd/hosts" data
    fails 2 "no profile '\$(shell touch ran)'" method PROFILE='$(shell touch ran)' data
    fails 2 "JOBS=" method JOBS='$(shell touch ran)' data
    fails 2 "GPUS=" method GPUS='0;touch ran' data
    [ ! -e ran ]
}

@test "numbers: the one that was checked is the one that is used" {
    used() { # used TEXT WORDS: what a seed of TEXT is for train-fold.sh
        method -n train-seg-bisenet.seed="$1" train-seg-bisenet >table 2>&1 || true
        grep -q -- "$2" table || { cat table; return 1; }
    }
    used 7 'fold-{1} 7 '
    used 1e1 'fold-{1} 10 '
    used 010 'fold-{1} 10 '
    used '1;touch ran' 'train-seg-bisenet.seed: "1;touch ran" is not a whole number'
    used '$(shell touch ran)' 'train-seg-bisenet.seed: "$(shell touch ran)" is not a whole number'
    used $'1\n2' 'train-seg-bisenet.seed'
    no grep -q 'train-fold.sh' table
    fails 2 "control characters" method data.folder=$'a\nb' data
    fails 2 "no UTF-8" method data.folder=$'a\xff' data
    fails 2 "data.folder: begins with a blank" method data.folder=' a' data
}

@test "a setting has the range of the option that it becomes" {
    train-fold --options >options.json
    stage=train-cls-bisenet least=() most=()
    while read -r key from to below above number; do
        least+=("$stage.$key=$from") most+=("$stage.$key=$to")
        for value in "$below" "$above"; do
            refuse "$stage.$key: $value is not a $number from $from to $to" . demo "$stage.$key=$value"
            fails 2 "--$key $value: must be from $from to" train-fold --"$key" "$value" model
        done
    done < <(jq -r '["iterations", "batch", "accumulate", "rate", "decay", "margin", "lambda-cls", "alpha", "dropout", "eval-every", "seed"][]
        as $key | .[$key] | "\($key) \(.minimum) \(.maximum) \(.minimum - 1) \(.maximum + 1) \(if .type == "integer" then "whole " else "" end)number"' options.json)
    [ ${#least[@]} = 11 ]
    checked "$ROOT/config.json" demo "${least[@]}" >ends
    checked "$ROOT/config.json" demo "${most[@]}" >>ends
    [ "$(jq -s -c --arg stage $stage 'map(.[$stage].batch)' ends)" = "$(jq -c '.batch | [.minimum, .maximum]' options.json)" ]
    [ "$(synth --options | jq -c .format.choices)" = '["dicom","png"]' ]
    checked "$ROOT/config.json" demo synth.format=png >ends
    refuse 'synth.format: "gif" is not dicom or png' . demo synth.format=gif
    refuse_all
    # It is what make's settings are checked by
    fails 1 "$stage.margin: -1 is not" "$ROOT/pipelines/method/config.sh" "$ROOT/config.json" demo "$PWD/one" "" $stage.margin=-1
}

@test "what is unchanged starts no jq; another setting, text, program or file of weights, and damaged answers do" {
    mkdir bin
    printf '#!/bin/sh\ntouch "%s/asked"\nexec "%s" "$@"\n' "$PWD" "$(command -v jq)" >bin/jq
    cp "$(command -v train-fold)" bin
    chmod +x bin/jq
    PATH=$PWD/bin:$PATH
    cp "$ROOT/config.json" .
    asks() { # asks [STAGE.KEY=VALUE]...: whether jq is asked
        rm -f asked
        "$ROOT/pipelines/method/config.sh" config.json demo "$PWD/one" "" train-seg-unet.init="$PWD/weights" "$@" && [ -e asked ]
    }
    settled() { (cd one && cat config.json config.mk options/*); }
    asks
    settled >first
    no asks
    settled | diff first -
    asks train-seg-unet.seed=9
    grep -q '"seed":9' one/options/train-seg-unet
    no asks train-seg-unet.seed=9
    asks
    for damage in 'truncate -s -9' 'sed -i s/network/netword/' 'truncate -s 0'; do
        $damage one/options/.answers
        asks
        settled | diff first -
    done
    grep -q "notes.missing := .*$PWD/weights is missing" one/config.mk
    touch weights
    asks
    no grep -q "is missing" one/config.mk
    no asks
    touch bin/train-fold
    asks
    echo >>config.json
    asks
}

@test "a WORK that make cannot hold is refused by name, before anything is made or removed" {
    mkdir paths
    cd paths
    mkdir -p R/D keep
    touch R/keep keep/mine
    for path in 'R&D/w' 'a b' 'a$b' '$(shell touch ran)' 'a#b' 'a%b' 'a:b' 'a;touch ran' "a'b" 'a"b' '(a)' '*' 'R*' '?' '[a]' \
        'a\' $'a\nb' '{= =}' '{}' '~a' '`touch ran`' 'a=b' 'a|b' 'a>b' 'a!b' 'a^b'; do
        WORK=$PWD/$path
        fails 2 "a path of letters, digits and" method xrays
        [[ $stderr == *"WORK="* ]]
    done
    for path in '' / . .. ../.. -x; do
        WORK=$path
        fails 2 "a path of letters, digits and" method xrays
    done
    [ "$(ls -A)" = "$(printf 'R\nkeep')" ]
    [ "$(ls -A R keep)" = "$(printf 'R:\nD\nkeep\n\nkeep:\nmine')" ]
    # A folder with files of somebody else, even if it has a part named like one of the method's
    mkdir keep/xrays
    WORK=$PWD/keep
    fails 2 "WORK=$PWD/keep: is there, with files in it that make has not made" method xrays
    [ -e keep/mine ] && [ "$(ls -A keep)" = "$(printf 'mine\nxrays')" ]
    # One that is empty, and one of earlier versions
    mkdir new
    WORK=$PWD/new
    method xrays
    rm new/.pleura
    method xrays
    [ -e new/.pleura ]
}

@test "only a look: make -n, help and plan write nothing; a locale that is not there stops nothing" {
    LC_ALL=tr_TR.UTF-8 LANG=xx_YY method xrays 2>says || { cat says; false; }
    before=$(find "$WORK" -printf '%p %i %s %T@ %C@\n')
    method -n submission1.ratio=0.9 submissions >table
    grep -q 'classify --ratio 0.9 ' table
    method help >table
    method -n synth.seed=9 xrays >table
    grep -q '^rm -rf .*/xrays$' table
    no method -q synth.seed=9 xrays
    method -q xrays
    [ "$(find "$WORK" -printf '%p %i %s %T@ %C@\n')" = "$before" ]
}

@test "a second make on one folder waits, and has its own settings" {
    method xrays
    exec 8>>"$WORK/.pleura"
    flock 8
    method synth.seed=9 xrays 2>says 3>&- 8>&- &
    other=$!
    eventually grep -q 'another run are still at work here; waiting' says
    # Nothing is settled before it is its turn
    jq -e '.synth.seed == 1' "$WORK/config.json"
    exec 8>&-
    wait $other
    jq -e '.synth.seed == 9' "$WORK/config.json"
    synth -q --train 8 --test 2 --lesions 0.5 --area 0.045 --contrast 0.12 --side 64 --format png --seed 9 here
    diff -r here "$WORK/xrays"
}

@test "a training stage may name any setting of how train-fold learns, and is as it was where it does not" {
    method -n train-seg-bisenet >usual
    no grep -q -e --optimizer usual
    method -n train-seg-bisenet train-seg-bisenet.{optimizer=sgd,sgd-momentum=0.8,focal=4,schedule=plateau,ema=0.9} >named
    grep -q -e '--precision f32 --ema 0.9 --focal 4 --optimizer sgd --schedule plateau --sgd-momentum 0.8"' named
    refuse 'train-seg-bisenet.optimizer: "lion" is not radam or adam' . demo train-seg-bisenet.optimizer=lion
    refuse_all
    # Every option that changes what train-fold makes is a setting, and no other is.
    train-fold --options | jq -r 'to_entries[] | select(.value.recorded and .value.type != "file") | .key' | sort >recorded
    [ "$(wc -l <recorded)" -gt 30 ]
    jq '."train-seg-bisenet".odd = 1' "$ROOT/config.json" >odd.json
    method -n train-seg-bisenet CONFIG="$PWD/odd.json" 2>&1 | sed -n "s/.*unknown key 'odd'; known are //p" | tr -d ' ' | tr , '\n' | sort >known
    [ -z "$(comm -23 recorded known)" ]
    [ "$(comm -13 recorded known | paste -s -d ' ')" = "average balance balance-end dilate distort folds images init like ranks shift-scale-rotate side tone whole-batches" ]
}

@test "a training stage may name the share of images with a lesion, and what it slides to" {
    method -n train-seg-bisenet train-seg-bisenet.images=all >usual
    method -n train-seg-bisenet train-seg-bisenet.{images=all,balance=0.8,balance-end=0} >named
    no cmp -s usual named
    [ "$(sed 's/ --balance 0.8 --balance-end 0"/"/' named)" = "$(cat usual)" ]
    refuse 'train-seg-bisenet: balance is of images: "all"' . demo train-seg-bisenet.balance=0.8
    refuse 'train-seg-bisenet: balance-end without balance' . demo train-seg-bisenet.balance-end=0.8
    refuse 'train-seg-bisenet.balance: 2 is not a number from 0 to 1' . demo train-seg-bisenet.balance=2
    refuse_all
}

@test "a test stage may name the scales at which its networks see an image" {
    method -n test-seg-bisenet >usual # at a side of 64
    method -n test-seg-bisenet test-seg-bisenet.scales=0.5,1,1.5 >named
    no cmp -s usual named
    [ "$(sed 's/ --scales 0.5,1,1.5"/"/' named)" = "$(cat usual)" ]
    method -n test-seg-bisenet test-seg-bisenet.scales=[0.5,1,1.5] | diff - named
    refuse 'test-seg-bisenet.scales: [1,"x"] is not a list of numbers above 0' . demo test-seg-bisenet.scales=1,x
    refuse 'test-seg-bisenet.scales: two of them make the same side' . demo train-seg-bisenet.side=64 test-seg-bisenet.scales=1,1.1
    refuse_all
    fails 2 'test-seg-bisenet.scales: --side 0: must be from 32' method -n test-seg-bisenet test-seg-bisenet.scales=0.1,1
    fails 2 'test-seg-unet.scales: unet-resnet18: sides of 96 x 96' method -n test-seg-unet test-seg-unet.scales=0.5,1
}

@test "a training stage may name its ranks" {
    method -n train-seg-bisenet train-seg-bisenet.accumulate=2 >usual
    method -n train-seg-bisenet train-seg-bisenet.{accumulate,ranks}=2 >named
    no cmp -s usual named
    [ "$(sed 's/ --ranks 2"/"/' named)" = "$(cat usual)" ]
    refuse 'train-seg-bisenet.ranks: 3 is more than the batches of a step (accumulate), 2' . demo train-seg-bisenet.{accumulate=2,ranks=3}
    refuse_all
    fails 2 'too few for JOBS=2 folds of train-seg-bisenet at a time, with 2 ranks each' method -n train-seg-bisenet \
        train-seg-bisenet.{accumulate,ranks}=2 JOBS=2 GPUS=0,1,2
    method -n train-seg-bisenet train-seg-bisenet.{accumulate,ranks}=2 JOBS=1 GPUS=0,1 >/dev/null
}

@test "a training stage may name what augment changes; 0 is as if it were not named" {
    method -n train-seg-bisenet >usual
    method -n train-seg-bisenet train-seg-bisenet.{tone,shift-scale-rotate,distort}=0 | diff usual -
    method -n train-seg-bisenet train-seg-bisenet.{tone=0.5,shift-scale-rotate=0.25,distort=0} >named
    no cmp -s usual named
    [ "$(sed 's/ --tone 0.5 --shift-scale-rotate 0.25"/"/' named)" = "$(cat usual)" ]
    refuse 'train-seg-bisenet.tone: 2 is not a number from 0 to 1' . demo train-seg-bisenet.tone=2
    refuse_all
}
