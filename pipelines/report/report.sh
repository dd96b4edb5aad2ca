#!/usr/bin/env bash
# report.sh WORK >report.html: a run of the method as one page that needs no other file: scores, curves, the ranking of
# the areas, pictures; and of images that the models have not seen, and rules learned from these, what has been made.
# Nothing is written before all is there.
# shellcheck disable=SC2016 # what stands in single quotes is for jq
set -eu -o pipefail
[ $# = 1 ] || { echo "usage: report.sh WORK" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) work=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

complain() {
    echo "report: $1" >&2
    exit 1
}

need() { # need FILE...
    local file
    for file in "$@"; do
        [ -r "$file" ] || complain "$file: cannot be read"
    done
}

# ---- pictures: the chosen cases' rows name the images for decode and hold the masks for overlay
pictures() {
    local labels=() chosen=$scratch/chosen.csv picture name
    if [ -d "$truth" ]; then
        labels=(--masks "$truth")
    elif [ -n "$truth" ]; then
        labels=(--labels "$truth" ${size:+--size "$size"})
    fi
    [ "$(wc -l <"$chosen")" -gt 1 ] || return 0
    decode -q "${xrays[@]}" --ids "$chosen" "${labels[@]}" |
        overlay -q --directory "$scratch/pictures" --side 300 --thickness 2 \
            --predictions <(rle-decode -q --sizes "$work/test/index.mpk" "$chosen")
    for picture in "$scratch"/pictures/*.png; do
        name=${picture##*/} name=${name%.png}
        base64 -w 0 "$picture" >"$scratch/pictures/$name"
        shown+=(--rawfile "picture $name" "$scratch/pictures/$name")
    done
}

# ---- what it ran on
packages() { # of the libraries that the programs are linked with themselves or load, and of what runs them
    local programs needed files=() owners=()
    { command -v dpkg-query && command -v readelf; } >/dev/null || return 0
    mapfile -t programs < <(command -v decode train-fold merge)
    needed=$(grep -aohE 'libdnnl[.]so[.][0-9]+' "${programs[@]}" | sed 's/$/ (libc6/'
        readelf -d "${programs[@]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1 =>/p')
    # dpkg knows a file of /lib as one of /usr/lib, or the other way round.
    mapfile -t files < <({ ldd "${programs[@]}" && /sbin/ldconfig -p; } | grep -F "$needed" |
        sed -n -E 's|.*=> (/usr)?(/[^ ]*).*|\2\n/usr\2|p' | sort -u)
    mapfile -t owners < <(dpkg-query -S "${files[@]}" 2>/dev/null | cut -d : -f 1 | sort -u)
    dpkg-query -W -f '${Package} ${Version}\n' "${owners[@]}" make parallel jq zstd 2>/dev/null | sort -u || true
}

need "$work/config.json" "$work/survey.json"
submission='' decided=() files=() others=() xrays=() size='' truth=''
wanted=$(jq -r -L "$here/../method" -f "$here/wanted.jq" "$work/config.json" 2>/dev/null) ||
    complain "$work/config.json: is not a checked configuration"
eval "$wanted" # of words that jq has quoted
need "${files[@]/#/$work/}" "$work"/{train,test}/index.mpk "${decided[@]/#/$work/}" ${truth:+"$truth"}
texts=()
for file in "${files[@]}" "${others[@]}"; do
    [ ! -e "$work/$file" ] || texts+=(--rawfile "$file" "$work/$file")
done
for set in train test; do
    inspect --json "$work/$set/index.mpk" >"$scratch/$set"
done
for i in "${!decided[@]}"; do
    inspect --json "$work/${decided[i]}" >"$scratch/$i"
    texts+=(--slurpfile "$i" "$scratch/$i")
done
jq -n -r -L "$here" -L "$here/../method" --arg work "$work" --slurpfile config "$work/config.json" \
    --slurpfile train "$scratch/train" --slurpfile test "$scratch/test" "${texts[@]}" -f "$here/gather.jq" >"$scratch/gathered"
head -n 1 "$scratch/gathered" >"$scratch/figures"
tail -n +2 "$scratch/gathered" >"$scratch/chosen.csv"
shown=()
pictures
jq -n -r -L "$here" -L "$here/../method" --rawfile css "$here/report.css" --slurpfile config "$work/config.json" \
    --slurpfile figures "$scratch/figures" --arg submission "$work/$submission.csv" "${shown[@]}" \
    --arg processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --arg cores "$(nproc)" \
    --arg memory "$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)" \
    --arg system "$(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r)" \
    --arg version "$(decode --version | sed 's/.* //')" --arg packages "$(packages)" \
    --arg date "$(date -u '+%Y-%m-%d %H:%M UTC')" -f "$here/report.jq" >"$scratch/report.html"
cat "$scratch/report.html"
