#!/usr/bin/env bats
# merge-many.sh: the mean of more streams than are open at a time.

load ../helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    PYTHONPATH=$ROOT/tests/attack PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - <<'END'
import numpy
from streams import Map, Stream, tensor

random = numpy.random.default_rng(1)
for k in range(60):
    values = (random.random((2, 16, 16)) ** 4).astype("<f2") # to 2^-24, float16's least
    values[0, 0, :4] = [0, 1, 2.0**-24, 1 - 2.0**-11]
    with open(f"map-{k}.mpk", "wb") as file:
        Stream("probabilities", [Map([["id", f"x{i}"], ["probability", tensor("<f2", [16, 16], plane.tobytes())]])
                                 for i, plane in enumerate(values)]).write(file)
END
    for file in map-*.mpk; do zstd -q --rm "$file"; done
}

numbers() { # those of the records, without the header and the end mark
    tail -c 4160 | head -c 4096
}

@test "the same numbers as of one merge, in groups, with few files open" {
    files=()
    for ((k = 0; k < 60; k++)); do files+=("map-$k.mpk.zst"); done
    for count in 3 8 9 23 60; do
        zstd -dq -f "${files[@]:0:count}"
        merge -q --type f8 $(seq -f map-%g.mpk 0 $((count - 1))) >whole
        (ulimit -n 32 && WORK=$PWD AT_ONCE=8 "$ROOT/pipelines/method/merge-many.sh" "${files[@]:0:count}" >many)
        cmp <(numbers <whole) <(numbers <many)
    done
    run bash -c 'ulimit -n 32; merge -q --type f8 map-*.mpk >/dev/null'
    [ "$status" = 1 ]
    # What fails leaves nothing
    echo garbage >map-5.mpk.zst
    run env WORK="$PWD" AT_ONCE=4 "$ROOT/pipelines/method/merge-many.sh" "${files[@]:0:9}"
    [ "$status" != 0 ]
    no compgen -G 'merge-*.part'
}
