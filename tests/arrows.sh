#!/usr/bin/env bash
# Who may include whom: the arrows between modules, the libraries that stand behind one file, who ends a process, and the size of files and folders.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
complain() { echo "arrows: $*" >&2; bad=1; }

allowed() { # modules that a module of lib/ may know besides itself
    case $1 in
    core) echo "" ;;
    stream | image | backend) echo "core" ;;
    dataset) echo "core stream image" ;;
    challenge) echo "core stream image dataset" ;;
    phantom) echo "core image" ;;
    weights) echo "core stream" ;;
    objects) echo "core stream image" ;;
    nn) echo "core backend" ;;
    onnx) echo "core nn weights" ;;
    ops) echo "core backend nn onnx" ;;
    loss) echo "core backend nn" ;;
    optimizer) echo "core backend" ;;
    models) echo "core nn ops" ;;
    train) echo "core stream dataset weights backend nn loss optimizer" ;;
    cuda) echo "core backend ops train" ;;
    program) echo "core stream image dataset challenge weights objects backend nn loss optimizer train" ;;
    *) complain "lib/$1: a module the plan does not know" ;;
    esac
}

for module in lib/*/; do
    module=$(basename "$module")
    while IFS= read -r known; do
        [ "$known" = "$module" ] && continue
        case " $(allowed "$module") " in
        *" $known "*) ;;
        *) complain "lib/$module includes $known/: $(grep -rlE "#include \"$known/" "lib/$module" | tr '\n' ' ')" ;;
        esac
    done < <(grep -rhoE '#include "[a-z]+/' "lib/$module" | sed 's/.*"//; s|/||' | sort -u)
done
# Only programs may end a process: filters, and what is theirs alone.
grep -rnE '(^|[^_[:alnum:]])(die|die_usage|exit|_exit|_Exit|quick_exit|abort)[[:space:]]*\(' lib --include=*.c --include=*.cc --include=*.h --include=*.cu |
    grep -v '^lib/program/' && complain "a module that is not of programs ends the process"
# Only the programs that train, predict, convert weights and count costs know networks.
while IFS= read -r file; do
    case $file in
    filters/train/train-fold.c | filters/train/weights.c | filters/train/cost.c | filters/predict/predict-fold.c) ;;
    *) complain "$file knows networks" ;;
    esac
done < <(grep -lE '#include "(nn|ops|models|backend)/' -r filters)
grep -rlE '#include "(\.\./)?filters/' filters lib && complain "a filter or a module includes a filter"
# A program lies where its purpose says.
for file in filters/*/*.c; do
    folder=${file%/*} folder=${folder#filters/}
    grep -q "\.purpose = PURPOSE_${folder^^}," "$file" || complain "$file: its purpose is another than its folder's"
done
# Each library has one file (msgpack and ONNX two: reading and writing) that knows its header, and no header of ours has its name.
while read -r header most; do
    count=$(grep -rlE "#include [<\"]([a-zA-Z0-9._-]+/)*${header}[>\"]" lib filters | grep -c .)
    [ "$count" -le "$most" ] || complain "$header is included in $count files, $most at most"
done <<'TABLE'
msgpack.h 2
png.h 1
turbojpeg.h 1
xxhash.h 1
jansson.h 2
isa-l/crc.h 1
event.pb-c.h 1
gdcm[A-Z][A-Za-z0-9]*.h 1
dnnl.h 1
cuda_runtime.h 1
cudnn.h 1
cublas_v2.h 1
nccl.h 1
onnx.pb-c.h 2
TABLE
grep -rnE '#\s*if.*CUDA' lib filters --include=*.[ch] | grep -vE '_H$|^lib/(backend/|core/device\.h)' && complain "CUDA is the loader's business"
# Rules and scripts that are installed as well find scripts beside themselves, wherever that is.
grep -nE '^[^#]*(^|[^)A-Za-z/])pipelines/' pipelines/*/*.mk pipelines/*/*.sh pipelines/*/*.bash | grep -vE '^pipelines/(install|package)/' &&
    complain "pipelines/ is \$(PIPELINES) in a rule, and the script's own folder in a script"
for file in $(git ls-files lib filters tests pipelines Makefile | grep -E '\.(c|cc|h|cu|mk|sh)$|Makefile'); do
    [ -f "$file" ] || continue
    lines=$(wc -l <"$file")
    [ "$lines" -le 400 ] || complain "$file has $lines lines: 400 at most"
done
while IFS= read -r folder; do
    files=$(find "$folder" -maxdepth 1 -type f | wc -l)
    [ "$files" -le 17 ] || complain "$folder has $files files side by side: about fifteen at most"
done < <(find filters lib pipelines tests/unit tests/filters -type d)
exit $bad
