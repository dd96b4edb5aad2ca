#!/usr/bin/env bash
# image.sh FOLDER: FOLDER/pleura.oci.tar, an OCI image of a minimal Debian with the package pleura of FOLDER; its command is `pleura`.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
umask 022
for program in mmdebstrap buildah; do
    command -v $program >/dev/null || {
        echo "image: $program is missing: it is a Debian package" >&2
        exit 2
    }
done
work=$(mktemp -d "$PWD/image.XXXXXX")
# Files of other users' numbers, as rootless builds make them, are removed by the namespace that made them.
trap 'buildah unshare rm -rf "$work" 2>/dev/null || rm -rf "$work"' EXIT
deb=$(echo pleura_*.deb)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-deb --ctrl-tarfile "$deb" | tar -tv --full-time --utc -f - ./control | awk '{print $4, $5 " UTC"}' | date -f - +%s)}
export SOURCE_DATE_EPOCH
"$here/minimal.sh" "$deb" "$work/root.tar"

store() { # store COMMAND...: of buildah, with a store of its own
    buildah --storage-driver vfs --root "$work/store" --runroot "$work/run" "$@"
}
container=$(store from scratch)
store add -q "$container" "$work/root.tar" / >/dev/null
store config --entrypoint '["pleura"]' --cmd '' --workingdir /data \
    --label org.opencontainers.image.title=pleura --label "org.opencontainers.image.version=$(dpkg-deb -f "$deb" Version)" \
    --label "org.opencontainers.image.description=Research software: nothing that it writes is a finding." "$container"
store commit -q --timestamp "$SOURCE_DATE_EPOCH" "$container" "oci-archive:$work/pleura.oci.tar:pleura:$(dpkg-deb -f "$deb" Version)" >/dev/null
# It is run once, as it was written.
tried=$(store from "oci-archive:$work/pleura.oci.tar")
store run --isolation chroot "$tried" -- sh -e -c 'pleura synth -q --format png --side 64 --train 2 --test 1 xrays
    pleura decode -q xrays/train >two.mpk
    pleura inspect --check two.mpk' >/dev/null || {
    echo "image: its programs do not run" >&2
    exit 1
}
mv "$work/pleura.oci.tar" pleura.oci.tar
echo "$PWD/pleura.oci.tar"
