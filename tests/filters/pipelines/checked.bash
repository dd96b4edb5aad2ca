# checked.bash: config.json as config.jq checks it, which config.sh does before all else: for many settings, in little time. jq
# takes longest to begin, so that configurations that must be refused are noted first, and then checked all at once.

options() { # what each program says with --options, by name
    local program comma='{' all=$BATS_FILE_TMPDIR/options.json
    [ -e "$all" ] || {
        for program in augment classify decode predict-fold synth train-fold; do
            printf '%s"%s":%s' "$comma" "$program" "$($program --options)"
            comma=,
        done
        echo '}'
    } >"$all"
    cat "$all"
}

# checked CONFIG PROFILE [STAGE.KEY=VALUE]...: prints the checked configuration; ROOT is the tree's root
checked() {
    jq -n -c --stream -L "$ROOT/pipelines/method" --argjson options "$(options)" --arg profile "$2" \
        'include "config"; document | checked($options; $profile; ""; $ARGS.positional)' "$1" --args "${@:3}"
}

# refuse WORDS JQ [PROFILE [STAGE.KEY=VALUE]...]: config.json, changed by JQ, must be refused with WORDS, once refuse_all is called;
# the profile is `demo` where none is named, and a value has no blanks
refuse() {
    wanted+=("$1") changes+=", ($2)" given+=("${3-demo}" "${*:4}")
}

refuse_all() {
    local i said
    mapfile -t said < <(jq -n -r -L "$ROOT/pipelines/method" --argjson options "$(options)" --slurpfile config "$ROOT/config.json" \
        'include "config"; [$config[0] | '"${changes#, }"'] as $changed | range($changed | length) as $i
            | $ARGS.positional[2 * $i:][:2] as [$profile, $given]
            | [$changed[$i] | try (checked($options; $profile; ""; $given | split(" ")) | "fine") catch .][0]' --args "${given[@]}")
    [ ${#said[@]} = ${#wanted[@]} ]
    for i in "${!wanted[@]}"; do
        [[ ${said[i]} == "${wanted[i]}"* ]] || { echo "${said[i]}, wanted ${wanted[i]}"; return 1; }
    done
}
