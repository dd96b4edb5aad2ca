"""Tensor streams (docs/stream.md) of any content, the forbidden included, and the rules that tell what is forbidden."""

import struct

import msgpack
import xxhash

TYPES = {"|u1": 1, "<u2": 2, "<i4": 4, "<i8": 8, "<f2": 2, "<f4": 4, "<f8": 8}


class Map(list):
    """A map as pairs, so that a key may come twice."""


class Raw(bytes):
    """Bytes of msgpack that are written as they are."""


def _head(number, small, small_most, codes):
    if number <= small_most:
        return bytes([small | number])
    for code, form, most in codes:
        if number <= most:
            return bytes([code]) + struct.pack(form, number)
    raise ValueError(number)


def pack(value):
    """A value's msgpack; surrogates in a text become the bytes that they escape."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Map):
        head = _head(len(value), 0x80, 15, [(0xDE, ">H", 2**16 - 1), (0xDF, ">I", 2**32 - 1)])
        return head + b"".join(pack(key) + pack(item) for key, item in value)
    if isinstance(value, (list, tuple)):
        head = _head(len(value), 0x90, 15, [(0xDC, ">H", 2**16 - 1), (0xDD, ">I", 2**32 - 1)])
        return head + b"".join(map(pack, value))
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape")
        codes = [(0xD9, ">B", 255), (0xDA, ">H", 2**16 - 1), (0xDB, ">I", 2**32 - 1)]
        return _head(len(text), 0xA0, 31, codes) + text
    return msgpack.packb(value)


def tensor(type_, shape, data):
    """As msgpack-numpy writes it."""
    return Map([[b"nd", True], [b"type", type_], [b"kind", b""], [b"shape", list(shape)], [b"data", data]])


def end_mark(count, digest):
    return pack(Map([["end", count], ["xxh3", digest]]))


class Stream:
    """A header, records, and an end mark that belongs to them unless `end` says otherwise."""

    def __init__(self, kind, records, end=end_mark, behind=b""):
        self.header = Map([["pleura", 1], ["kind", kind], ["history", ["attack"]]])
        self.records = records
        self.end = end
        self.behind = behind

    def write(self, file):
        digest = xxhash.xxh3_64()
        for item in [self.header, *self.records]:
            data = pack(item)
            digest.update(data)
            file.write(data)
        file.write(self.end(len(self.records), digest.intdigest()) + self.behind)


# ---- the rules


class Illegal(Exception):
    pass


def _demand(condition, what):
    if not condition:
        raise Illegal(what)


def _check_tensor(pairs):
    parts = {(key.decode("latin-1") if isinstance(key, bytes) else key): value for key, value in pairs}
    _demand(len(pairs) == 5 and set(parts) == {"nd", "type", "kind", "shape", "data"}, "parts of a tensor")
    kind, type_, shape = parts["kind"], parts["type"], parts["shape"]
    _demand(parts["nd"] is True and kind in (b"", "") and isinstance(parts["data"], bytes), "nd, kind, data")
    type_ = type_.decode("latin-1") if isinstance(type_, bytes) else type_
    _demand(isinstance(type_, str) and type_ in TYPES, "type")
    _demand(isinstance(shape, list) and len(shape) <= 8, "shape")
    length = span = TYPES[type_]
    for side in shape:
        _demand(type(side) is int and 0 <= side < 2**63, "side")
        length *= side
        span *= max(side, 1)
        _demand(span < 2**63, "span")
    _demand(length == len(parts["data"]), "bytes")


def _check_value(value, nesting):
    if isinstance(value, Map):
        _check_tensor(value)
    elif isinstance(value, list):
        _demand(nesting < 8, "nesting")
        for item in value:
            _demand(not isinstance(item, Map), "map in a list")
            _check_value(item, nesting + 1)
    else:
        _demand(type(value) in (int, float, str), "type of a value")


def _check_names(pairs):
    _demand(len(pairs) - ("id" in [key for key, _ in pairs]) <= 256, "names")
    names = [key for key, _ in pairs]
    for name in names:
        _demand(isinstance(name, str) and len(name.encode()) <= 1024, "name")
    _demand(len(set(names)) == len(names), "name twice")


def _check_header(fields):
    _demand(set(fields) == {"pleura", "kind", "history"}, "header")
    kind, history = fields["kind"], fields["history"]
    _demand(type(fields["pleura"]) is int and fields["pleura"] == 1, "version")
    _demand(isinstance(kind, str) and 0 < len(kind) < 32, "kind")
    _demand(all(letter in "abcdefghijklmnopqrstuvwxyz-" for letter in kind), "kind")
    _demand(isinstance(history, list) and len(history) <= 256, "history")
    _demand(all(isinstance(line, str) for line in history), "history")


def read(data):
    """The kind and the records, as dicts, of bytes that are one or more streams of a kind; None where they are not."""
    unpacker = msgpack.Unpacker(max_buffer_size=0, object_pairs_hook=Map, strict_map_key=False)
    unpacker.feed(data)
    kind, here, start, count, records = None, 0, 0, None, []
    try:
        for item in unpacker:
            _demand(isinstance(item, Map), "not a map")
            _check_names(item)
            fields = dict(item)
            for value in (value for key, value in item if key != "id"):
                _check_value(value, 1)
            if "id" in fields:
                _demand(count is not None and isinstance(fields["id"], str), "record")
                _demand(len(fields["id"].encode()) <= 1024, "id")
                count += 1
                records.append({key: dict(value) if isinstance(value, Map) else value for key, value in item})
            elif "pleura" in fields:
                _check_header(fields)
                _demand(count is None and kind in (None, fields["kind"]), "place of a header")
                kind, count = fields["kind"], 0
            else:
                _demand(count is not None, "place of an end mark")
                mark = end_mark(count, xxhash.xxh3_64_intdigest(data[start:here]))
                _demand(data[here : unpacker.tell()] == mark, "end mark")
                start, count = unpacker.tell(), None
            here = unpacker.tell()
        _demand(kind is not None and count is None and start == len(data), "end")
    except (Illegal, ValueError, TypeError, RecursionError, msgpack.UnpackException, UnicodeDecodeError):
        return None
    return kind, records
