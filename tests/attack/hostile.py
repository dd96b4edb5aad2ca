"""Hostile streams: a good one of each kind, and what an attacker makes of it. The digests are right."""

import copy
import struct

from streams import Map, Raw, Stream, end_mark, pack, read, tensor

NAN, INFINITY = float("nan"), float("inf")


def floats(*numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def halves(*numbers):
    return struct.pack(f"<{len(numbers)}e", *numbers)


# ---- a good stream of each kind


def sample(id_, **more):
    image = bytes(range(256)) * 4
    return Map([["id", id_], ["image", tensor("|u1", [32, 32], image)], *map(list, more.items())])


def samples():
    return Stream("samples", [sample("a", rle=["5 3 40 2", "70 1"]), sample("b", rle=[])])


def augmented():
    mask = tensor("|u1", [32, 32], bytes(500) + b"\1" * 20 + bytes(504))
    return Stream("samples", [sample(id_, mask=mask, size=[32, 32], rle=["5 3"]) for id_ in "ab"])


def probabilities():
    plane = halves(*[0.25] * 1000, *[0.75] * 24)
    return Stream("probabilities", [Map([["id", id_], ["probability", tensor("<f2", [32, 32], plane)]]) for id_ in "ab"])


def decisions():
    return Stream("decisions", [Map([["id", "a"], ["area", 24], ["keep", 1]]), Map([["id", "b"], ["area", 0], ["keep", 0]])])


def rule():
    return Stream("rule", [Map([["id", "rule"], ["decide", 0.5], ["area", 20.0], ["mask", 0.25], ["images", 2]])])


def weights():
    value = tensor("<f4", [2, 2], floats(1, 2, 3, 4))
    state = Map([["id", "state"], ["side", 64]])
    return Stream("weights", [Map([["id", "conv.weight"], ["value", value]]), Map([["id", "conv.bias"], ["value", value]]), state])


def index():
    """Of the samples as shard wrote them to ./shards."""
    with open("shards/index.mpk", "rb") as file:
        _, records = read(file.read())
    return Stream("index", [Map(map(list, record.items())) for record in records])


KINDS = {
    "samples": samples,
    "augmented": augmented,
    "probabilities": probabilities,
    "decisions": decisions,
    "rule": rule,
    "weights": weights,
    "index": index,
}

# ---- what values are replaced by

DEEP = [0]
for _ in range(5):
    DEEP = [DEEP]
TEXTS = [
    "", ".", "..", "../x", "/etc/passwd", "a/b", "-", "-1", "0 1", "\0", "a\0b", "a\nb", "a\r\nb", "\x1b[2J\x1b]0;x\7",
    "\x9b31m", "\u202egnp.x", "\u2028", "\udcff\udcfe", "\udced\udca0\udc80", "a,b", 'a"b', "=1+1", "%s%n", "x" * 1024,
    "x" * 1025, "\x1b" * 1000, "y" * 70000, "é" * 512,
]
NUMBERS = [0, 1, -1, 2, 255, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.5, 1.0, -1e308, 1e308, 5e-324, NAN, INFINITY, -INFINITY]
OTHERS = [
    None, True, False, b"", b"bytes", [], [[]], DEEP, [DEEP], [[DEEP]], [0] * 20000, [""] * 3, ["0 1", 1], Map(), Map([["nd", True]]),
    tensor("|u1", [0], b""), tensor("<f4", [1], floats(NAN)), Raw(b"\xc1"), Raw(b"\xc7\x01\x05x"), Raw(b"\xd6\xff\0\0\0\0"),
    Raw(b"\xdd\xff\xff\xff\xff"), Raw(b"\xdf\xff\xff\xff\xff"), Raw(b"\xc6\xff\xff\xff\xff"), Raw(b"\xdb\xff\xff\xff\xff"),
    Raw(b"\xd9\x01a"), Raw(b"\xcf\0\0\0\0\0\0\0\1"), Raw(b"\xd3\0\0\0\0\0\0\0\1"),
]
VALUES = [*TEXTS, *NUMBERS, *FLOATS, *OTHERS]
RUNS = [
    ["-1"], ["-1", "0 1"], ["0 0"], ["0 1025"], ["1023 1"], ["1024 1"], ["1 2 3"], ["1 -2"], ["+1 2"], ["1e3 1"], ["0x1 1"],
    ["99999999999999999999 1"], ["18446744073709551615 2"], ["1 18446744073709551615"], ["1\t2"], ["1\xa02"], ["1 2\n"],
    ["0 1 " * 30000], ["0 1"] * 30000, ["0 1", None], [["0 1"]], ["nan 1"], ["1 2\0"],
]
SIZES = [
    [0, 0], [1, 0], [-1, 5], [1, 1], [32, 32, 32], [32], [65535, 1], [65536, 1], [16384, 16384], [2**31, 2**31],
    [2**62, 4], [4096, 4097], [4096, 4096], [1.0, 1.0], ["32", "32"], [[32, 32]],
]
SHARDS = [
    "../shards/shard-00000-0123456789abcdef.mpk", "/etc/passwd", "index.mpk", "shard-00000-0123456789abcdef.mpk", "shard-00000.mpk",
    "shard-00000-0123456789abcdef.mpk\0", "shard-00000-0123456789abcdeg.mpk", "shard-" + "0" * 3000 + "-0123456789abcdef.mpk",
]
SHAPES = [
    [], [0], [0, 0], [1024], [1, 1024], [1024, 1], [32, 33], [32, 32, 1], [1] * 8 + [1024], [2**32, 2**32], [0, 2**62],
    [2**63 - 1, 2], [2**64 - 1], [-32, -32], [32.0, 32.0], ["32", "32"], [None, 32], [1, 1, 1, 1, 1, 1, 32, 32],
]


def paths(node, at=()):
    """Every place of a document: keys' values, items of lists, what is in them."""
    if isinstance(node, Map):
        for i, (_, value) in enumerate(node):
            yield (*at, i, 1)
            yield from paths(value, (*at, i, 1))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield (*at, i)
            yield from paths(value, (*at, i))


def with_value(stream, path, value):
    """A copy in which the value at a path of [header, *records] is another."""
    made = copy.deepcopy(stream)
    node = [made.header, *made.records]
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    if len(path) == 1:
        made.header, made.records = node[0], node[1:]
    return made


def value_at(stream, path):
    node = [stream.header, *stream.records]
    for step in path:
        node = node[step]
    return node


def _known_key(stream, path):
    """The key that a path's value belongs to."""
    pair = value_at(stream, path[:-1])
    return pair[0] if path[-1] == 1 and isinstance(pair, list) and len(pair) == 2 else None


def values(stream):
    """Every value replaced by all others, and by others of its own sort."""
    for path in paths([stream.header, *stream.records[:1], *stream.records[-1:]]):
        path = path if path[0] < 2 else (len(stream.records), *path[1:])
        key = _known_key(stream, path) if len(path) > 1 else None
        special = {"rle": RUNS, "size": SIZES, b"shape": SHAPES, "shard": SHARDS}.get(key, [])
        for number, value in enumerate([*special, *VALUES]):
            yield f"value {path} {number}", with_value(stream, path, value)


def maps(stream):
    """Keys that are missing, twice, renamed, surplus."""
    whole = [stream.header, *stream.records]
    for path in [(), *paths(whole)]:
        node = value_at(stream, path)
        if not isinstance(node, Map):
            continue
        for i in range(len(node)):
            yield f"without {path} {i}", with_value(stream, path, Map(node[:i] + node[i + 1 :]))
            yield f"twice {path} {i}", with_value(stream, path, Map([*node, node[i]]))
            for number, key in enumerate(["", "x", "\x1b[2J", "a\0b", "x" * 1025, 7, None, b"bytes", "id", "pleura", "end"]):
                renamed = Map([*node[:i], [key, node[i][1]], *node[i + 1 :]])
                yield f"renamed {path} {i} {number}", with_value(stream, path, renamed)
        for count in (1, 255, 300):
            surplus = Map([*node, *[[f"more{j}\x1b", j] for j in range(count)]])
            yield f"surplus {path} {count}", with_value(stream, path, surplus)


def tensors(stream):
    """Other types with fitting bytes, other numbers, other lengths."""
    for path in paths([stream.header, *stream.records]):
        node = value_at(stream, path)
        if not isinstance(node, Map) or node[0][0] != b"nd":
            continue
        shape, data = node[3][1], node[4][1]
        count = 1
        for side in shape:
            count *= side
        plain = {
            "|u1": b"\1" * count, "<u2": b"\1\0" * count, "<i4": b"\1\0\0\0" * count, "<i8": bytes(8 * count),
            "<f2": halves(0.5) * count, "<f4": floats(0.5) * count, "<f8": bytes(8 * count), "|O": data, "|S4": data, ">f4": data,
            "|b1": data,
        }
        numbers = [
            ("|u1", b"\xc8"), ("|u1", b"\2"), ("<f2", b"\0\x7e"), ("<f2", b"\0\x7c"), ("<f2", b"\0\xfc"), ("<f4", floats(NAN)),
            ("<f4", floats(INFINITY)), ("<f4", floats(3e38)), ("<f4", floats(-1)), ("<f8", struct.pack("<d", 1e308)),
            ("<f8", struct.pack("<d", NAN)),
        ]
        for type_, bytes_ in [*plain.items(), *[(type_, one * count) for type_, one in numbers]]:
            yield f"tensor {path} {type_} {bytes_[:2].hex()}", with_value(stream, path, tensor(type_, shape, bytes_))
        for length in (0, 1, len(data) - 1, len(data) + 1):
            cut = (data + b"\0")[:length]
            yield f"tensor {path} {length} bytes", with_value(stream, path, tensor(node[1][1], shape, cut))
        for other in ([1, 1], [2, 2], [33, 31], [1, len(data)], [0, 32], [32, 0], [0, 0]):
            cells = other[0] * other[1]
            of_size = tensor("|u1" if node[1][1] == "|u1" else "<f4", other, b"\0" * cells * (1 if node[1][1] == "|u1" else 4))
            yield f"tensor {path} {other}", with_value(stream, path, of_size)


def ends(stream):
    """End marks that do not belong to the stream, and what may stand before and behind it."""
    def of(end=end_mark, behind=b"", records=None):
        made = copy.deepcopy(stream)
        made.end, made.behind = end, behind
        made.records = made.records if records is None else records
        return made

    marks = {
        "none": lambda count, digest: b"",
        "count": lambda count, digest: end_mark(count + 1, digest),
        "negative": lambda count, digest: end_mark(-1, digest),
        "digest": lambda count, digest: end_mark(count, digest ^ 1),
        "zero": lambda count, digest: end_mark(count, 0),
        "wide": lambda count, digest: pack(Map([["end", Raw(b"\xcd" + struct.pack(">H", count))], ["xxh3", digest]])),
        "float": lambda count, digest: pack(Map([["end", float(count)], ["xxh3", digest]])),
        "order": lambda count, digest: pack(Map([["xxh3", digest], ["end", count]])),
        "more": lambda count, digest: pack(Map([["end", count], ["xxh3", digest], ["x", 1]])),
        "less": lambda count, digest: pack(Map([["end", count]])),
        "bytes": lambda count, digest: pack(Map([[b"end", count], [b"xxh3", digest]])),
        "text": lambda count, digest: pack(Map([["end", str(count)], ["xxh3", str(digest)]])),
        "twice": lambda count, digest: 2 * end_mark(count, digest),
        "cut": lambda count, digest: end_mark(count, digest)[:-1],
    }
    for name, end in marks.items():
        yield f"end {name}", of(end)
    header = pack(stream.header)
    for behind in (b"\0", b"\n", header, header[:5], pack(stream.records[0]), b"\xc1", b"\x1f\x8b"):
        yield f"behind {behind[:4].hex()}", of(behind=behind)
    records = stream.records
    more = [Map([["id", f"{i}"], *record[1:]]) for i, record in enumerate(records[:1] * 1000)]
    for name, others in {
        "none": [], "first": records[:1], "last": records[1:], "turned": records[::-1], "twice": [*records, *records],
        "header": [*records, stream.header], "list": [*records, [1]], "number": [*records, 1], "nothing": [*records, None],
        "many": more, "end within": [records[0], Raw(end_mark(1, 0)), *records[1:]],
    }.items():
        yield f"records {name}", of(records=others)


def hostile(stream):
    """Names and streams."""
    for make in (ends, maps, tensors, values):
        yield from make(stream)
