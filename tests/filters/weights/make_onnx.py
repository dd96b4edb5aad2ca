"""make_onnx.py OUT CASE: writes a model of ONNX, with Python's own library alone; what it is good for is in weights.bats.

A message of protobuf is fields one behind the other: the number and the kind of the field, then an integer, or bytes
with their length in front.
"""
import struct
import sys

FLOAT, INT64, DOUBLE, FLOAT16, BFLOAT16, COMPLEX64, STRING = 1, 7, 11, 10, 16, 14, 8


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """An integer, or a text, bytes or another message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, sides, kind, raw=None, *more):
    """`more`: fields that are put as they are."""
    out = b"".join(field(1, side) for side in sides) + field(2, kind) + b"".join(more) + field(8, name)
    return field(5, out + (field(9, raw) if raw is not None else b""))


def floats(name, sides, numbers):
    return tensor(name, sides, FLOAT, struct.pack(f"<{len(numbers)}f", *numbers))


def node(kind, inputs=(), outputs=(), more=b""):
    return field(1, b"".join(field(1, x) for x in inputs) + b"".join(field(2, y) for y in outputs) + field(4, kind) + more)


def model(graph, more=b""):
    return field(1, 8) + field(2, "by hand") + more + field(7, graph)


def prop(key, value):
    return field(14, field(1, key) + field(2, value))


def packed(number, form, *numbers):
    return field(number, struct.pack(f"<{len(numbers)}{form}", *numbers))


PLAIN = floats("bn1.weight", [3], [1, 2, 3]) + floats("conv1.weight", [3, 4], [i / 4 for i in range(12)])
KINDS = (tensor("bf16", [2], BFLOAT16, struct.pack("<2H", 0x3F80, 0xBE20))
         + tensor("bf16-list", [1], BFLOAT16, None, field(5, varint(0x4040)))
         + tensor("double", [2], DOUBLE, struct.pack("<2d", 0.5, -1.25))
         + tensor("double-list", [2], DOUBLE, None, packed(10, "d", 0.25, 3))
         + tensor("empty", [0, 3], FLOAT, b"")
         + tensor("float-list", [1, 2], FLOAT, None, packed(4, "f", 1.5, 2.5))
         + tensor("half", [2], FLOAT16, struct.pack("<2e", 1.5, -2.25))
         + tensor("half-list", [2], FLOAT16, None, field(5, varint(0x3C00) + varint(0xC000)))
         + floats("one", [], [7]))
FOREIGN = (tensor("complex", [1], COMPLEX64, bytes(8)) + tensor("text", [1], STRING, None, field(6, "x"))
           + tensor("whole", [1], INT64, bytes(8)) + floats("nine", [1] * 9, [1]) + tensor("unknown", [1], 99, b"x"))
OTHERS = (node("Identity", ["bn1.weight"], ["bn2.weight"]) + node("Identity", ["x"], ["y"]) + node("Identity")
          + node("Relu", ["bn1.weight"], ["z"]))
BEYOND = field(13, field(1, "location") + field(2, "../../etc/passwd")) + field(14, 1)

CASES = {
    "plain": model(PLAIN),
    "kinds": model(KINDS),
    "foreign": model(PLAIN + FOREIGN + field(15, field(1, b""))),
    "others": model(OTHERS + PLAIN),
    "prefix": model(floats("model.a", [1], [1]) + floats("model.b", [1], [2])),
    "named": model(PLAIN, prop("side", "64") + prop("network", "bisenet-resnet18")),
    "folded": model(PLAIN + node("Conv", ["x", "conv1.weight"], ["y"])),
    "normed": model(PLAIN + node("Conv", ["x", "conv1.weight"], ["y"]) + node("BatchNormalization", ["y"], ["z"])),
    "external": model(tensor("a", [4], FLOAT, None, BEYOND)),
    "short": model(tensor("a", [4], FLOAT, bytes(12))),
    "odd": model(tensor("a", [4], FLOAT, bytes(17))),
    "long": model(tensor("a", [1], FLOAT, bytes(8))),
    "less": model(tensor("a", [4], FLOAT, None, packed(4, "f", 1, 2, 3))),
    "both": model(tensor("a", [2], FLOAT, None, packed(10, "d", 1, 2))),
    "none": model(tensor("a", [4], FLOAT)),
    "negative": model(tensor("a", [-1], FLOAT, bytes(4))),
    "overflow": model(tensor("a", [1 << 32, 1 << 32], FLOAT, b"")),
    "wrapped": model(tensor("a", [1 << 62, 4, 4], FLOAT, b"")),
    "twice": model(PLAIN + PLAIN),
    "nameless": model(floats("", [1], [1])),
    "state": model(floats("state", [1], [1])),
    "no-graph": field(1, 8) + field(2, "by hand"),
    "no-tensors": model(node("Relu", ["x"], ["y"])),
}


def nested(levels):
    """A graph in an attribute of a node of a graph in an attribute ..., from the inside out."""
    parts, length = [], 0  # the innermost last
    for _ in range(levels):
        for tag in 0x32, 0x2A, 0x0A:  # an attribute's graph, a node's attribute, a graph's node
            head = bytes([tag]) + varint(length)
            parts.append(head)
            length += len(head)
    return model(PLAIN + b"".join(reversed(parts)))


def hostile():
    """Files that would cost more than they may, by name."""
    yield "nodes", model(field(1, b"") * (2 << 20))
    yield "tensors", model(field(5, b"") * (1 << 20))
    yield "strings", model(node("Relu", more=field(1, b"") * (2 << 20)))
    yield "unknown", model(field(99, b"") * (1 << 20))
    yield "properties", model(PLAIN, field(14, b"") * (1 << 20))
    yield "nested", nested(200000)
    yield "names", model(b"".join(floats(f"n{i}", [], [1]) for i in range(40000)))
    yield "copies", model(floats("a", [1 << 16], [1] * (1 << 16))
                          + b"".join(node("Identity", ["a"], [f"n{i}"]) for i in range(4000)))
    yield "identities", model(PLAIN + b"".join(node("Identity", ["bn1.weight"], [f"n{i}"]) for i in range(40000)))


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(CASES[sys.argv[2]])
