#!/usr/bin/env bats
# make deb: the package holds what make install installs, names the libraries that it needs, and is the same twice. make deb-check and
# make image, which fetch a Debian, are not run here.

load ../helpers

setup_file() {
    ! sanitized || return 0 # bats skips no file, see setup
    unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES
    cd "$BATS_FILE_TMPDIR" || return 1
    export SOURCE_DATE_EPOCH=1700000000 CUDA=0 DPKG_DEB_COMPRESSOR_LEVEL=0 # the usual level takes half of the tests' time
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

@test "pleura make: the method in another folder, with the folds of a stage on a host, writes only there" {
    mkdir -p elsewhere net/bin net/good
    cd elsewhere
    before=$(cd ../root && find . ! -path './DEBIAN*' -printf '%p %m %s %T@\n' | sort)
    # What is installed is all there is: this PATH has no program of the tree.
    installed() { # installed ARGUMENT...
        env -i NET="$BATS_FILE_TMPDIR/net" PATH="$BATS_FILE_TMPDIR/net/bin:/usr/bin:/bin" HOME="$PWD" THREADS=1 "$BATS_FILE_TMPDIR/root/usr/bin/pleura" \
            make -s "$@"
    }
    installed help >help
    grep -q '^pleura make submissions ' help
    no grep -E '^(pleura )?make (lint|deb|install)' help
    grep -q '^  train-seg-unet train-seg-bisenet train-cls-bisenet$' help # of the installed config.json
    installed -n demo >table
    grep -q "root/usr/share/pleura/pipelines/method/train-fold.sh {1}/2 demo/train demo/train-seg-unet/" table
    fails 2 "serve: PORT=N or WATCH=FOLDER" installed serve

    # That of the folder stands in its place.
    jq '{data, synth: (.profiles.demo.synth + {train: 8, test: 2, side: 64, format: "png", lesions: 0.5}),
        "train-a": (."train-cls-bisenet" + {network: "bisenet-resnet18_w16", init: "", folds: 2, side: 64, dilate: 8, batch: 2,
            "whole-batches": false, accumulate: 1, iterations: 1, "eval-every": 1}), "test-a": ."test-cls-bisenet",
        "merge-m": {stages: ["test-a"], threshold: 0.3},
        submission1: {decide: "merge-m", segment: "merge-m", ratio: 0.5}, profiles: {small: {}}}' \
        "$BATS_FILE_TMPDIR/root/usr/share/pleura/config.json" >config.json
    installed PROFILE=small train-a >says 2>&1 || { cat says; false; }
    ln -s "$ROOT/tests/filters/hosts/hostile_ssh.sh" ../net/bin/ssh
    echo good >hosts.txt
    if command -v rsync >/dev/null; then hosts=hosts.txt; else hosts=; fi
    installed PROFILE=small HOSTS=$hosts submission1 score >says 2>&1 || { cat says; false; }
    [ -z "$hosts" ] || grep -q '^hosts: test-a: 2 of 2 folds to do, on good' says
    [ "$(wc -l <work/small/submission1.csv)" = 3 ]
    grep -q '^submission1 ' says
    installed PROFILE=small status | grep -q '^test-a: 2 of 2 folds have predicted'
    [ "$(ls)" = "$(printf '%s\n' config.json help hosts.txt says table work)" ]
    [ "$(cd ../root && find . ! -path './DEBIAN*' -printf '%p %m %s %T@\n' | sort)" = "$before" ]

    # What is missing is said before any work.
    fails 1 "make: No such file" env PATH="$PWD" "$BATS_FILE_TMPDIR/root/usr/bin/pleura" make help
    ln -s /usr/bin/* ../net/bin/ 2>/dev/null || true
    rm ../net/bin/parallel
    fails 2 "parallel is missing" env PATH="$BATS_FILE_TMPDIR/net/bin" "$BATS_FILE_TMPDIR/root/usr/bin/pleura" make PROFILE=small WORK=new data
    [ ! -e new ]
}

@test "lintian finds no error" {
    command -v lintian >/dev/null || skip "lintian is not installed"
    lintian --fail-on error one/*.deb
}
