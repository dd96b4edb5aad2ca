"""make_pth.py OUT CASE [PROTOCOL] [zip|old]: writes what torch.save writes for CASE, with Python's own library alone.

The pickles name PyTorch's functions, for which modules without content stand in here; nothing of PyTorch is needed.
"""
import argparse
import array
import collections
import datetime
import functools
import io
import pathlib
import pickle
import struct
import sys
import types
import zipfile

MAGIC, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001


def stand_in(module, *names):
    """Functions MODULE.NAME for pickles to name."""
    made = sys.modules.setdefault(module, types.ModuleType(module))
    for name in names:
        function = type(name, (), {"__module__": module, "__qualname__": name})
        setattr(made, name, function)
    return made


TYPES = {"f": "FloatStorage", "d": "DoubleStorage", "q": "LongStorage", "i": "IntStorage", "h": "ShortStorage",
         "b": "CharStorage", "B": "ByteStorage", "?": "BoolStorage", "e": "HalfStorage", "c": "ComplexFloatStorage",
         "Q8": "QInt8Storage"}
torch = stand_in("torch", *TYPES.values(), "Size", "device", "float16", "float8_e4m3fn", "uint16", "Tensor")
stand_in("torch.storage", "UntypedStorage")
utils = stand_in("torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter", "_rebuild_qtensor",
                 "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage")
tensors = stand_in("torch._tensor", "_rebuild_from_type_v2")
elsewhere = stand_in("elsewhere", "wrap", "Network")
stand_in("numpy")
stand_in("numpy.core")
numpy = stand_in("numpy.core.multiarray", "scalar", "_reconstruct")


class Storage:
    count = 0

    def __init__(self, code, numbers):
        self.code, self.key = code, str(Storage.count)
        Storage.count += 1
        self.bytes = numbers if isinstance(numbers, bytes) else struct.pack(f"<{len(numbers)}{code}", *numbers)
        self.size = {"c": 8, "Q8": 1, "u": 1}.get(code) or struct.calcsize(code)
        module = sys.modules["torch.storage"] if code == "u" else torch
        self.type = getattr(module, "UntypedStorage" if code == "u" else TYPES[code])


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def strides(shape):
    made, step = [], 1
    for side in reversed(shape):
        made.insert(0, step)
        step *= side
    return tuple(made)


def tensor(code, numbers, shape, stride=None, offset=0, storage=None, function=utils._rebuild_tensor_v2, more=()):
    storage = storage or Storage(code, numbers)
    return Call(function, storage, offset, tuple(shape), stride or strides(shape), False, collections.OrderedDict(),
                *more)


def floats(numbers, *shape):
    return tensor("f", numbers, shape or (len(numbers),))


def weights(prefix=""):
    """What most cases hold: conv1.weight (3, 4) = 0, 0.25 ... 2.75 and bn1.weight = 1, 2, 3."""
    return collections.OrderedDict({
        prefix + "conv1.weight": Call(utils._rebuild_parameter, floats([i / 4 for i in range(12)], 3, 4), True,
                                      collections.OrderedDict()),
        prefix + "bn1.weight": floats([1, 2, 3])})


class Settings:
    def __init__(self):
        self.rate, self.hidden = 1e-3, floats([7, 8])


def beside():
    """What trainers save besides."""
    marked = Settings()
    return {
        "epoch": 12, "loss": 0.25, "none": None, "flag": True, "large": 2**80, "text": "caf\u00e9", "bytes": b"x" * 300,
        "array": bytearray(b"y" * 10), "set": {1, "two"}, "frozenset": frozenset([3]), "tuple": (1, 2, 3, 4),
        "losses": [0.5] * 3000, "namespace": argparse.Namespace(rate=1e-3), "settings": marked, "again": marked,
        "path": pathlib.PurePosixPath("/data"), "when": datetime.datetime(2026, 11, 25), "part": functools.partial(print, 1),
        "counter": collections.Counter("hello"), "defaults": collections.defaultdict(list, {1: [2]}),
        "numbers": array.array("d", [1, 2]), "function": print, "range": range(3), "complex": 1j,
        "scalar": Call(numpy.scalar, "f8", b"\0" * 8), "device": Call(torch.device, "cuda", 0), "dtype": torch.float16,
        "shape": Call(torch.Size, (2, 3)),
        "optimizer": {"state": {0: {"step": floats([3]), "exp_avg": floats([1, 2])}}, "param_groups": [{"params": [0]}]},
    }


def kinds():
    """Tensors of every type, and those that are views."""
    base = Storage("f", [i / 8 for i in range(24)])
    return {
        "double": tensor("d", [0.5, -1.25], (2,)), "half": tensor("e", [1.5, -2.25], (2,)),
        "long": tensor("q", [-7], ()), "int": tensor("i", [70000], (1,)), "short": tensor("h", [-300], (1,)),
        "char": tensor("b", [-3], (1,)), "byte": tensor("B", [250], (1,)),
        "bool": tensor("?", b"\1\0\2", (3,)), "empty": tensor("f", [], (0, 3)),
        "uint16": tensor("u", struct.pack("<2H", 60000, 1), (2,), function=utils._rebuild_tensor_v3,
                         more=(torch.uint16,)),
        "whole": tensor("f", None, (2, 3, 4), storage=base),
        "turned": tensor("f", None, (4, 3, 2), (1, 4, 12), storage=base),
        "part": tensor("f", None, (2, 2), (12, 2), 5, storage=base),
        "expanded": tensor("f", [2.5], (3, 2), (0, 0)),
        "attribute": Call(tensors._rebuild_from_type_v2, utils._rebuild_tensor_v2, torch.Tensor,
                          floats([4, 5]).arguments, {"tag": 1}),
    }


def foreign():
    """One tensor that is read, and others that are not."""
    complex_numbers = tensor("c", bytes(16), (2,))
    negated = tensor("f", [1, 2], (2,), more=({"neg": True},))
    return {
        "good": floats([1, 2]), "complex": complex_numbers, "negated": negated,
        "quantized": Call(utils._rebuild_qtensor, Storage("Q8", bytes(2)), 0, (2,), (1,)),
        "sparse": Call(utils._rebuild_sparse_tensor, 0, (floats([1]), floats([1]), (2, 2))),
        "meta": Call(utils._rebuild_meta_tensor_no_storage, torch.float16, (2,), (1,), False),
        "eight": tensor("u", bytes(2), (2,), function=utils._rebuild_tensor_v3, more=(torch.float8_e4m3fn,)),
        "nine": floats([1], *[1] * 9), "wrapped": Call(elsewhere.wrap, floats([9])), "none": None, "number": 3,
    }


CASES = {
    "plain": weights,
    "kinds": kinds,
    "foreign": foreign,
    "nested": lambda: {"epoch": 1, "model": {"state_dict": weights(), "arguments": {1, 2}}},
    "unusual": lambda: {"epoch": 1, "my_net": weights(), "head": {"a": floats([1])}},
    "two": lambda: {"ema": {"a": floats([1])}, "model": weights(), "net": {"b": floats([2])}},
    "timm": lambda: {"epoch": 1, "arch": "resnet18", "state_dict": weights(), "state_dict_ema": {"a": floats([7])},
                     "callbacks": {"swa": {"best": floats([9]), "model": {"module.c": floats([3])}}, 5: 1}, "none": {}},
    "stray": lambda: {"best": floats([0.5], ), "state_dict": weights()},
    "mixed": lambda: {"module.a": floats([1]), "b": floats([2])},
    "averaged": lambda: {"n_averaged": tensor("q", [5], ()), **weights("module.")},
    "control": lambda: {"a\x1b[2Jb\nc": 1, "x\u202ey": 2},
    "network": lambda: {"epoch": 1, "model": Call(elsewhere.Network)},
    "object": lambda: Call(elsewhere.Network),
    "tensor": lambda: floats([1]),
    "list": lambda: [weights()],
    "state": lambda: {"state": floats([1])},
    "small": lambda: {"weight": floats([1]), "bias": floats([2])},
}


def make(case):
    if case.startswith("key:"):
        return {**beside(), case[4:]: weights()}
    if case.startswith("prefix:"):
        return {"state_dict": weights(case[7:])}
    return CASES[case]()


def dump(item, protocol, storages, old):
    stream = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, Storage):
                return None
            storages[item.key] = item
            pid = ("storage", item.type, item.key, "cpu", len(item.bytes) // item.size)
            return pid + (None,) if old else pid

    Pickler(stream, protocol).dump(item)
    return stream.getvalue()


def write_zip(item, protocol):
    storages, stream = {}, io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", dump(item, protocol, storages, False))
        archive.writestr("archive/byteorder", "little")
        for key, storage in storages.items():
            archive.writestr(f"archive/data/{key}", storage.bytes)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def write_old(item, protocol):
    storages = {}
    machine = {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": {"short": 2}}
    made = b"".join(pickle.dumps(part, protocol) for part in (MAGIC, PROTOCOL_VERSION, machine))
    made += dump(item, protocol, storages, True) + pickle.dumps(sorted(storages), protocol)
    for key in sorted(storages):
        made += struct.pack("<q", len(storages[key].bytes) // storages[key].size) + storages[key].bytes
    return made


def save(out, case, protocol="2", form="zip"):
    Storage.count = 0
    made = (write_old if form == "old" else write_zip)(make(case), int(protocol))
    with open(out, "wb") as file:
        file.write(made)


if __name__ == "__main__":
    save(*sys.argv[1:])
