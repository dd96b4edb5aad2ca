#!/usr/bin/env bats
# docs/stream.md: its bytes are the program's bytes, its Python reads, checks and writes streams.

load ../helpers

setup() {
    DOCUMENT=$ROOT/docs/stream.md
    cd "$BATS_TEST_TMPDIR" || return 1
}

small() { # the example's stream
    printf 'ImageId,EncodedPixels\nx0,1 2 3 1\n' | rle-decode --size 3x3
}

@test "the annotated bytes are what the example prints" {
    # OFFSET, two blanks, pairs of digits up to the first word that is none
    sed -n -E 's/^    [0-9a-f]{2}  +(([0-9a-f]{2} +)*[0-9a-f]{2})( {2,}.*)?$/\1/p' "$DOCUMENT" | tr -d ' \n' >said
    small | od -An -v -tx1 | tr -d ' \n' >true
    [ -s said ]
    cmp said true
    small >small.mpk
    [ "$(wc -c <small.mpk)" = 142 ]
    inspect --check small.mpk
}

@test "the reader reads" {
    make-stream --everything >all.mpk
    cat all.mpk all.mpk >twice.mpk
    head -c -1 all.mpk >cut.mpk
    : >empty.mpk
    small >small.mpk
    python_with - <<'END'
from tensor_stream import read
records = list(read("all.mpk"))
assert [r["id"] for r in records] == ["first", "\u03a9 2\n"]
assert records[0]["f8"].shape == (1, 1, 3, 1) and records[0]["huge"] == 2**64 - 1
assert len(list(read("twice.mpk"))) == 4
assert next(read("small.mpk"))["mask"].tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]
for bad in "cut.mpk", "empty.mpk":
    try:
        list(read(bad))
        raise SystemExit(bad + " passed")
    except ValueError:
        pass
END
}

@test "the checker finds any changed byte" {
    small >small.mpk
    python_with - <<'END'
from tensor_stream import check
good = open("small.mpk", "rb").read()
def passes(data):
    open("changed.mpk", "wb").write(data)
    try:
        check("changed.mpk")
        return True
    except Exception:
        return False
assert passes(good) and passes(good + good)
assert not passes(good[:-1]) and not passes(b"") and not passes(good + b"\n")
for i in range(len(good)):
    assert not passes(good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1:]), i
END
}

@test "what the writer writes, programs read" {
    make-stream --everything >all.mpk
    python_with - <<'END'
import numpy
from tensor_stream import check, read, write
write("all-again.mpk", "samples", read("all.mpk"), ["make-stream"])
write("p.mpk", "probabilities", ({"id": f"p{i}", "probability": numpy.full((4, 4), i / 3, "<f2")} for i in range(3)))
check("p.mpk")
END
    cmp all.mpk all-again.mpk
    [ "$(rle-encode p.mpk)" = "ImageId,EncodedPixels
p0,-1
p1,-1
p2,0 16" ]
}
