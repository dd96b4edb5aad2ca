# shellcheck shell=bash disable=SC2154 # run.sh's variables
# networks.bash: both networks on the CPU, as train-fold and predict-fold run them, beside what else runs networks there, beside
# the least time that this processor can take, and beside the sum of the bare primitives' times. What PYTHON has of PyTorch,
# ONNX Runtime, OpenVINO and NNCF takes part. All takes hours; a choice is made by
#   NETWORKS="unet bisenet"    any DECODER-ENCODER; the others need timm for efficientnet_b4 and se_resnext50_32x4d
#   TASKS="predict train" BATCH="1 2 6" (training: from 2 on) THREADS="1 2" SIDE=768 ROUNDS=5
#   RIVALS="eager compiled onnxruntime openvino int8"    also tuned: PyTorch's max-autotune, which takes minutes to begin
#   LIMIT=600                                            seconds in which one must be ready, and be done: else it is slow

# The network's whole name: the method's two go by their decoder's.
named() {
    case $network in
    unet | bisenet) echo "$network-resnet18" ;;
    *) echo "$network" ;;
    esac
}

declare -A versions labels commands peaks times single
keys=()

takes_part() { # takes_part RIVAL: whether it is wanted and there
    [[ " $rivals " == *" $1 "* ]] || return 1
    case $1 in
    eager | compiled | tuned) [ -n "${versions[torch]:-}" ] ;;
    *) [ -n "${versions[$1]:-}" ] ;;
    esac
}

# contender KEY LABEL COMMAND...: what takes turns.
contender() {
    local key=$1
    keys+=("$key")
    labels[$key]=$2
    shift 2
    commands[$key]="exec $(printf '%q ' "$@") 2>>$(printf %q "$PWD/logs/$key")"
}

ours() { # ours TASK [OPTION]...
    local precision
    for precision in f32 bf16; do
        contender "ours-$precision" "Pleura, $precision" speed "$1" --network "$(named)" --side "$side" \
            --batch "$batch" --threads "$threads" --precision "$precision" --device cpu --accumulate 1 --turns "${@:2}"
    done
}

# pytorch TASK [OPTION]...: bf16 only where the processor multiplies it: elsewhere a step takes a minute.
pytorch() {
    local how precision
    for how in eager compiled tuned; do
        takes_part "$how" || continue
        for precision in f32 $bf16; do
            contender "$how-$precision" "PyTorch ${versions[torch]}, $how, $precision" "$python" "$gpu/rival.py" "$1" --how "$how" \
                --network "$(named)" --side "$side" --batch "$batch" --threads "$threads" --precision "$precision" \
                --device cpu --accumulate 1 --turns "${@:2}"
        done
    done
}

# model SUFFIX COMMAND...: a file of the network, made once; nothing where it cannot be made.
model() {
    local file=models/$network-$batch.$1
    shift
    mkdir -p models
    [ -e "$file" ] || "$python" -W ignore "$@" "$file" >logs/model 2>&1 || { sed 's/^/bench: /' logs/model >&2; return 1; }
    echo "$file"
}

runtimes() {
    local onnx xml precision
    takes_part onnxruntime || takes_part openvino || takes_part int8 || return 0
    onnx=$(model onnx "$runtimes" export --network "$(named)" --batch "$batch" --side "$side" --resize "$image") || return 0
    ! takes_part onnxruntime || contender onnxruntime-f32 "ONNX Runtime ${versions[onnxruntime]}, f32" \
        "$python" "$runtimes" onnxruntime --threads "$threads" "$onnx"
    for precision in f32 $bf16; do
        ! takes_part openvino || contender "openvino-$precision" "OpenVINO ${versions[openvino]}, $precision" \
            "$python" "$runtimes" openvino --threads "$threads" --precision "$precision" "$onnx"
    done
    takes_part int8 || return 0
    xml=$(model xml "$runtimes" int8 "$onnx") || return 0
    contender int8 "OpenVINO ${versions[openvino]}, int8" "$python" "$runtimes" openvino --threads "$threads" "$xml"
}

# run_turns [OPTION]...: all contenders; times of the rounds to `times`, KiB to `peaks`, nothing of one that could not.
run_turns() {
    local key line lines=()
    for key in "${keys[@]}"; do lines+=("${commands[$key]}"); done
    mapfile -t lines < <(turns --rounds "${ROUNDS:-5}" --limit "${LIMIT:-600}" "$@" "${lines[@]}")
    for key in "${keys[@]}"; do
        line=${lines[0]:-failed}
        lines=("${lines[@]:1}")
        peaks[$key]='' times[$key]=''
        case $line in
        slow) skip "  ${labels[$key]}" "not ready or not done in ${LIMIT:-600} s" ;;
        failed) skip "  ${labels[$key]}" "failed: $(tail -n 1 "logs/$key")" ;;
        *) peaks[$key]=${line%% *} times[$key]=${line#* } ;;
        esac
    done
}

median() { # median NUMBER...
    printf '%s\n' "$@" | sort -g | awk '{ n[NR] = $1 } END { printf "%.4f", (n[int((NR + 1) / 2)] + n[int(NR / 2) + 1]) / 2 }'
}

milliseconds() { # milliseconds KEY
    # shellcheck disable=SC2086
    median ${times[$1]}
}

faster() { # faster KEY RIVAL: how many times, the median of the rounds
    # shellcheck disable=SC2046
    median $(paste -d ' ' <(tr ' ' '\n' <<<"${times[$1]}") <(tr ' ' '\n' <<<"${times[$2]}") | awk '{ print $2 / $1 }')
}

# The rival with the least milliseconds; int8, which gives other answers, is none.
fastest() {
    local key
    for key in "${keys[@]}"; do
        [[ $key == ours-* || $key == int8 || -z ${times[$key]} ]] || echo "$(milliseconds "$key") $key"
    done | sort -g | head -n 1 | cut -d ' ' -f 2
}

bar() { # bar WHAT: of the task in the precision
    case $1-$task-$precision in
    faster-predict-f32) echo 1.7 ;;
    faster-predict-bf16) echo 1.8 ;;
    faster-train-f32) echo 4 ;;
    faster-train-bf16) echo 4.5 ;;
    memory-predict-f32) echo '<=0.4' ;;
    memory-predict-bf16) echo '<=0.33' ;;
    memory-train-f32) echo '<=0.2' ;;
    memory-train-bf16) echo '<=0.17' ;;
    esac
}

rows_of_rivals() {
    local key best
    best=$(fastest)
    for key in "${keys[@]}"; do
        [[ $key == ours-* || -z ${times[$key]} ]] ||
            row "  faster than ${labels[$key]}" "$(faster "$own" "$key")" "$(printf %.0f "$(milliseconds "$key")") ms" -
    done
    [ -n "$best" ] || return 0
    row "  faster than the fastest" "$(faster "$own" "$best")" "${labels[$best]}" "$(bar faster)"
    row "  of its peak memory" "$(calculate "${peaks[$own]} / ${peaks[$best]}")" "$((peaks[$best] / 1024)) MiB" "$(bar memory)"
}

rows_of_limits() {
    local ms=$1 floor bare flop bytes one
    read -r floor flop bytes < <(floor "$(named)" "$side" "$batch" "$task" "$precision" "$threads")
    row "  over the floor" "$(calculate "$ms / $floor")" "$(printf '%.0f ms: %.0f GFLOP/s, %.1f GB/s' "$floor" "$flop" "$bytes")" '<=1.5'
    bare=$(bare "$(named)" "$side" "$batch" "${task/predict/infer}" "$precision" "$threads")
    row "  over the bare primitives" "$(calculate "$ms / $bare")" "their sum, $(printf %.0f "$bare") ms" -
    one=${single[$network-$task-$batch-$precision]:-}
    [ "$threads" = 1 ] || [ -z "$one" ] ||
        row "  $threads threads against one" "$(calculate "$one / $ms")" "$(printf %.0f "$one") ms" "$([ "$threads" != 2 ] || echo 1.9)"
}

# One task of one network, one batch, so many threads.
network() {
    local precision own ms
    keys=()
    case $task in
    predict)
        ours predict --resize "$image"
        pytorch predict --resize "$image"
        runtimes
        run_turns
        ;;
    train) # a step of PyTorch's takes gigabytes; norms of pooled maps have nothing to normalise in a batch of 1
        [ "$batch" -gt 1 ] || return 0
        ours train
        pytorch train
        run_turns --anew
        ;;
    *) echo "bench: no task '$task'; there are predict and train" >&2; exit 2 ;;
    esac
    for precision in f32 bf16; do
        own=ours-$precision
        [ -n "${times[$own]}" ] || { sed 's/^/bench: /' "logs/$own" >&2; exit 1; }
        ms=$(milliseconds "$own")
        [ "$threads" != 1 ] || single[$network-$task-$batch-$precision]=$ms
        printf '%-44s %8.0f  %s\n' "$network, $task, $precision" "$ms" \
            "milliseconds: a batch of $batch, threads: $threads, $((peaks[$own] / 1024)) MiB"
        rows_of_rivals
        rows_of_limits "$ms"
    done
}

# The loss of four heads and its gradients, where every pixel violates a margin, and where few do.
losses() {
    local round many=() few=() theirs=() one other
    for ((round = 0; round < ${ROUNDS:-5}; round++)); do
        read -r one other < <(loss "$image" 2 2)
        many+=("$one") few+=("$other")
        ! takes_part eager || theirs+=("$("$python" "$gpu/rival.py" loss --side "$side" --batch 2 --repeat 1 --precision f32 \
            --device cpu --threads 2 | jq .ms)")
    done
    printf '%-44s %8.0f  %s\n' "the loss of four heads" "$(median "${many[@]}")" "milliseconds: a batch of 2, threads: 2"
    if takes_part eager; then
        times[many]=${many[*]} times[theirs]=${theirs[*]}
        row "  faster than PyTorch's" "$(faster many theirs)" "PyTorch ${versions[torch]}: $(printf %.0f "$(milliseconds theirs)") ms" 10
    fi
    printf '%-44s %8.0f  %s\n' "  where few violate" "$(median "${few[@]}")" milliseconds
}

find_rivals() {
    local name version
    while read -r name version; do versions[$name]=$version; done < <("$python" "$runtimes" have)
    for name in $rivals; do
        takes_part "$name" || skip "$name" "$python lacks a package: PYTHON names another"
    done
    [ -n "$bf16" ] || skip "bf16 of the others" "this processor has no products of it"
}

networks() {
    local gpu=$here/../gpu runtimes=$here/runtimes.py side=${SIDE:-768} image bf16='' network task batch threads
    local rivals=${RIVALS-eager compiled onnxruntime openvino int8}
    image=$((side * 4 / 3))
    ! grep -qwE 'avx512_bf16|amx_bf16' /proc/cpuinfo || bf16=bf16
    # The packages' telemetry sends nothing where CI is true.
    export CI=true PYTHONDONTWRITEBYTECODE=1 TORCHINDUCTOR_CACHE_DIR=$PWD/inductor
    mkdir -p logs
    title "Networks" "against"
    find_rivals
    for network in ${NETWORKS:-unet bisenet}; do
        for task in ${TASKS:-predict train}; do
            for batch in ${BATCH:-1 2 6}; do
                for threads in ${THREADS:-1 2}; do network; done
            done
        done
    done
    [[ " ${TASKS:-predict train} " != *" train "* ]] || losses
}
