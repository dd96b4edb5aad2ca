#!/usr/bin/env bats
# make deb: the package holds what make install installs, names the libraries that it needs, and is the same twice. make deb-check and
# make image, which fetch a Debian, are not run here.

load ../helpers

setup_file() {
    ! sanitized || return 0 # bats skips no file, see setup
    unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES
    cd "$BATS_FILE_TMPDIR" || return 1
    export SOURCE_DATE_EPOCH=1700000000 CUDA=0
    for made in one two; do
        "$ROOT/pipelines/package/deb.sh" $made >said-$made 2>&1 || { cat said-$made; return 1; }
    done
    dpkg-deb -R one/pleura_*.deb root
}

setup() {
    not_sanitized "what is packaged is not"
    cd "$BATS_FILE_TMPDIR" || return 1
}

@test "the same tree gives the same bytes" {
    [ "$(cat said-one)" = "$PWD/$(echo one/*.deb)" ]
    cmp one/*.deb two/*.deb
    [ "$(dpkg-deb --fsys-tarfile one/*.deb | tar -t -v --full-time --utc | grep -cv ' 2023-11-14 22:13:20 ')" = 0 ]
    [ "$(dpkg-deb --fsys-tarfile one/*.deb | tar -t -v | grep -cv ' root/root ')" = 0 ]
}

@test "control: the version that programs print, and the libraries that they load" {
    [ "pleura merge (Pleura) $(dpkg-deb -f one/*.deb Version)" = "pleura $(root/usr/bin/pleura merge --version)" ]
    [ "$(dpkg-deb -f one/*.deb Architecture)" = "$(dpkg --print-architecture)" ]
    dpkg-deb -f one/*.deb Depends | grep -o '[a-z0-9.+-]* (' | tr -d ' (' >depends
    # What the loader finds is of a package that is named; GDCM's module as well.
    for file in root/usr/bin/pleura root/usr/libexec/pleura/*; do
        ldd "$file" | awk '$2 == "=>" {print $3}'
    done | sort -u | xargs -n 1 realpath | xargs dpkg -S 2>/dev/null | cut -d : -f 1 | sort -u >loaded
    grep -qx libdnnl2 depends
    grep -qx libgdcm3.0 depends
    no grep -E '^(libdnnl|libgdcm3|libpng|libturbojpeg|libjansson|libxxhash|libisal|libprotobuf)' <(grep -vxFf depends loaded)
    (cd root && md5sum --quiet -c DEBIAN/md5sums)
    [ "$(find root -type f ! -path '*/DEBIAN/*' | wc -l)" = "$(wc -l <root/DEBIAN/md5sums)" ]
}

@test "programs are stripped, pages are packed, the tree's place is nowhere" {
    for file in root/usr/bin/* root/usr/libexec/pleura/*; do
        case $(file -b "$file") in
        *"not stripped"*) false ;;
        ELF*) no grep -qaF "$ROOT/" "$file" ;;
        esac
    done
    [ "$(zcat root/usr/share/man/man1/pleura-merge.1.gz)" = "$(merge --man)" ]
    [ -z "$(find root/usr/share/man -type f ! -name '*.gz')" ]
    zcat root/usr/share/doc/pleura/changelog.gz | grep -q "Tue, 14 Nov 2023 22:13:20 +0000"
}

@test "lintian finds no error" {
    command -v lintian >/dev/null || skip "lintian is not installed"
    lintian --fail-on error one/*.deb
}
