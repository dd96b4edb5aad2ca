# checked.bash: config.json as config.jq checks it, which config.sh does before all else: for many settings, in little time.

# checked CONFIG PROFILE [STAGE.KEY=VALUE]...: prints the checked configuration; ROOT is the tree's root
checked() {
    local options=$BATS_FILE_TMPDIR/options.json program all
    if [ ! -e "$options" ]; then
        for program in augment classify decode predict-fold synth train-fold; do
            jq -n --arg program $program --argjson options "$($program --options)" '{($program): $options}'
        done | jq -s add >"$options"
    fi
    all=$(jq -n -r -c --stream -L "$ROOT/pipelines/method" --argjson options "$(cat "$options")" --arg profile "$2" \
        --arg folder '' -f "$ROOT/pipelines/method/config.jq" "$1" --args "${@:3}") || return
    echo "${all%%$'\n'*}" # questions follow
}
