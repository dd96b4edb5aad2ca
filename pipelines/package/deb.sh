#!/usr/bin/env bash
# deb.sh FOLDER [cuda]: FOLDER/pleura_VERSION_ARCH.deb from `make install`, and, if asked for, pleura-cuda with the module for GPUs
# alone. The same tree gives the same bytes: times are SOURCE_DATE_EPOCH's, or else the last commit's.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd) with_cuda=${2-}
cd "$here/../.."
umask 022
version=$(sed -n 's/^#define PLEURA_VERSION "\(.*\)"$/\1/p' lib/core/version.h)
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y lib/core/version.h)}
maintainer=${MAINTAINER:-$(git log -1 --format='%an <%ae>' 2>/dev/null || echo "unknown <unknown@unknown.invalid>")}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8

# depends ROOT: packages of the libraries that the binaries below ROOT load
depends() {
    local work=$folder/shlibdeps
    rm -rf "$work"
    mkdir -p "$work/debian"
    printf 'Source: pleura\n\nPackage: pleura\nArchitecture: any\n' >"$work/debian/control"
    # CUDA's libraries come from NVIDIA, often without a package.
    (cd "$work" && find "$1" -type f -perm /111 ! -name '*.sh' -exec \
        dpkg-shlibdeps -O --ignore-missing-info --warnings=0 -l"$1/usr/libexec/pleura" {} +) | sed 's/^shlibs:Depends=//'
    rm -r "$work"
}

# package NAME ROOT: what policy wants in each, then the package, as NAME.control says
package() {
    local name=$1 root=$2 docs=$2/usr/share/doc/$1 libraries
    install -d "$docs" "$root/DEBIAN"
    libraries=$(depends "$root")
    rm -f "$root/usr/libexec/pleura/loaded.so"
    install -m 644 "$here/copyright" "$docs/copyright"
    sed -e "s/@VERSION@/$version/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@DATE@/$(date -u -R -d "@$SOURCE_DATE_EPOCH")/" \
        "$here/changelog.in" | gzip -9n >"$docs/changelog.gz"
    {
        printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s\nInstalled-Size: %d\n' "$name" "$version" \
            "$architecture" "$maintainer" "$(du -k -s --apparent-size "$root" | cut -f 1)"
        sed -e "s/@VERSION@/$version/" -e "s/@LIBRARIES@/$libraries/" "$here/$name.control"
    } >"$root/DEBIAN/control"
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -print0 | sort -z | xargs -0 md5sum | sed 's| \./| |' >DEBIAN/md5sums)
    chmod 644 "$root/DEBIAN"/*
    dpkg-deb --root-owner-group -Zxz --build "$root" "$folder/${name}_${version}_$architecture.deb" >/dev/null
    rm -r "$root"
    echo "$folder/${name}_${version}_$architecture.deb"
}

root=$folder/root cuda=$folder/cuda-root
rm -rf "$root" "$cuda" "$folder"/*.deb
"${MAKE:-make}" -s install "$root/usr/libexec/pleura/loaded.so" DESTDIR="$root" PREFIX=/usr >/dev/null
find "$root" -type f -perm /111 ! -name '*.sh' -exec strip --strip-unneeded --remove-section=.comment --remove-section=.note {} +
find "$root/usr/share/man" -type f -exec gzip -9n {} +
if [ -n "$with_cuda" ]; then
    install -d "$cuda/usr/libexec/pleura"
    mv "$root/usr/libexec/pleura/pleura-cuda.so" "$cuda/usr/libexec/pleura/"
    # On another machine CUDA lies elsewhere: where its linker is told to look.
    patchelf --remove-rpath "$cuda/usr/libexec/pleura/pleura-cuda.so"
    package pleura-cuda "$cuda"
else
    rm -f "$root/usr/libexec/pleura/pleura-cuda.so"
fi
package pleura "$root"
