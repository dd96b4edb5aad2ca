# shellcheck shell=bash
# queue.bash: what Slurm's queue has of WORK's stages. The array job of a stage goes by a name, so that the queue itself
# tells what an earlier make, however it ended, has left there.

queue_name() { # queue_name STAGE: of the jobs of WORK's STAGE
    echo "pleura-$1-$(digest "$(realpath "$WORK")" | head -c 12)"
}

queued() { # queued STAGE: its folds that are not over, JOB|FOLD|STATE|REASON|NODE a line; fails, with words, where the queue does not answer
    local said
    said=$(timeout 60 squeue --noheader --array --name="$(queue_name "$1")" --format='%F|%K|%T|%r|%N' 2>&1) || {
        printf '%s\n' "$said"
        return 1
    }
    grep -E '^[0-9]+\|' <<<"$said" || true
}

how_ended() { # how_ended JOB: FOLD STATE a line, of each element that Slurm knows: the controller for some minutes after its end, then accounting, where there is any
    {
        timeout 60 sacct --noheader --allocations --parsable2 --format=JobID,State --jobs="$1"
        timeout 60 squeue --noheader --array --states=all --jobs="$1" --format='%F_%K|%T'
    } 2>/dev/null | awk -F '[|_ ]' -v job="$1" '$1 == job && $2 ~ /^[0-9]+$/ { # OUT_OF_MEMORY has the separator in it
            state[$2] = $0
            sub(/^[^|]*[|]/, "", state[$2])
            sub(/ .*/, "", state[$2]) # CANCELLED by whom
        }
        END { for (fold in state) print fold, state[fold] }' || true
}

failure() { # failure RUN FOLD [STATE]: in words, of a fold that is over and not done: what Slurm says, or else the node, in RUN
    local state=${3-}
    [ -n "$state" ] || [ ! -e "$1/ended-$2" ] || state=FAILED
    case $state in
    FAILED | COMPLETED) echo failed ;;
    '') echo "is over without a word" ;;
    *) echo "$state" ;;
    esac
}

queued_stages() { # of WORK that gave jobs to a queue
    local folder
    for folder in "$WORK"/*/slurm/; do
        [ ! -d "$folder" ] || basename "$(dirname "$folder")"
    done
}

# Programs in the queue hold no lock here: whoever changes WORK without asking the queue asks this.
refuse_queued() { # ends the program where the queue has folds of WORK
    local stage said
    for stage in $(queued_stages); do
        if ! command -v squeue >/dev/null || ! said=$(queued "$stage"); then
            echo "$stage: was given to Slurm's queue, which does not answer: whether it is at work there, nobody can say;" \
                "where it is not, remove $WORK/$stage/slurm" >&2
            exit 1
        elif [ -n "$said" ]; then
            echo "$stage: job ${said%%|*} is still in the queue: make with SLURM= waits for it, \`scancel ${said%%|*}\` ends it" >&2
            exit 1
        fi
    done
}
