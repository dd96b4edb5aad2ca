"""What each program must not accept, said a second time: each rule takes the records of a stream that is legal as such."""

import struct

FLOATS = {"<f2": "e", "<f4": "f", "<f8": "d"}
MOST_PIXELS = 2**28


def _part(tensor, name):
    value = tensor.get(name.encode(), tensor.get(name))
    return value.decode() if isinstance(value, bytes) and name == "type" else value


def _plane(record, name, types):
    """A tensor of rank 2 and of these types, with pixels but not too many: its bytes; else None."""
    tensor = record.get(name)
    if not isinstance(tensor, dict):
        return None
    shape = _part(tensor, "shape")
    if _part(tensor, "type") not in types or len(shape) != 2 or not 0 < shape[0] * shape[1] <= MOST_PIXELS:
        return None
    return _part(tensor, "data") if max(shape) < 2**16 else None


def _finite(record, name):
    """Whether all numbers of a plane are; a number that is not has all bits of its exponent set."""
    data = _plane(record, name, FLOATS)
    if data is None:
        return False
    form = FLOATS[_part(record[name], "type")]
    numbers = struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data)
    return all(number - number == 0 for number in numbers)


def _unique(records):
    return len({record["id"] for record in records}) == len(records)


def probabilities(kind, records):
    return kind == "probabilities" and _unique(records) and all(_finite(record, "probability") for record in records)


def masks(kind, records):
    planes = [_plane(record, "mask", {"|u1"}) for record in records]
    return kind == "samples" and _unique(records) and all(plane is not None and max(plane) <= 1 for plane in planes)


def encodable(kind, records):
    """rle-encode's."""
    ids = all(record["id"] != "" and "\0" not in record["id"] for record in records)
    return ids and (probabilities(kind, records) or masks(kind, records))


def decisions(kind, records):
    """Of rle-encode --decisions with images a and b."""
    def good(record):
        area, keep = record.get("area"), record.get("keep")
        return type(area) is int and type(keep) is int and keep in (0, 1) and keep <= area <= MOST_PIXELS

    return kind == "decisions" and sorted(record["id"] for record in records) == ["a", "b"] and all(map(good, records))


def rule(kind, records):
    """Of classify --rule and rle-encode --rule."""
    def number(name, most):
        value = records[0].get(name)
        return type(value) is float and 0 <= value <= most

    if kind != "rule" or len(records) != 1 or ("area" in records[0]) == ("ratio" in records[0]):
        return False
    whole = number("area", MOST_PIXELS) and records[0]["area"].is_integer()
    return number("decide", 1) and number("mask", 1) and (whole or number("ratio", 1))


def samples(kind, records):
    return kind == "samples" and all(_plane(record, "image", {"|u1"}) is not None for record in records)


def shards(kind, records):
    return samples(kind, records) and _unique(records)


def any_stream(kind, records):
    return True


def _same(record, other, names):
    return all(name in record and type(record[name]) is type(other[name]) and record[name] == other[name] for name in names)


def index(good):
    """shard --verify's: the values that a good index has, in its order."""
    def rule(kind, records):
        return kind == "index" and len(records) == len(good) and all(_same(*pair, pair[1]) for pair in zip(records, good))

    return rule


def places(good):
    """Of those that read by the index: any of a good one's entries, each once; lesion and size are not the record's bytes."""
    by_id = {record["id"]: record for record in good}

    def rule(kind, records):
        return kind == "index" and _unique(records) and all(
            record["id"] in by_id and _same(record, by_id[record["id"]], ("shard", "offset", "length", "xxh3"))
            for record in records)

    return rule


def finite(kind, records):
    """merge's: no tensor holds a number that is not finite."""
    for record in records:
        for value in record.values():
            if isinstance(value, dict) and _part(value, "type") in FLOATS:
                form = FLOATS[_part(value, "type")]
                data = _part(value, "data")
                numbers = struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data)
                if not all(number - number == 0 for number in numbers):
                    return False
    return True
