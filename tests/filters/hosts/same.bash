# shellcheck shell=bash disable=SC2154 # WORK and WHOLE are the test's: the work folders of this run and of a local one
# What folds elsewhere must leave, beside what they leave here.

same() { # same STAGE...: what the local run made, but for times and speeds in logs
    local stage file
    for stage in "$@"; do
        for file in "$WHOLE/$stage"/fold-*.mpk*; do
            if [[ $file == *.key ]]; then # its third line is of the log
                cmp <(head -n 2 "$file") <(head -n 2 "$WORK${file#"$WHOLE"}")
            else
                cmp "$file" "$WORK${file#"$WHOLE"}"
            fi
        done
        [ "$(ls "$WORK/$stage")" = "$(ls "$WHOLE/$stage")" ]
    done
}
