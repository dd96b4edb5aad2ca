#!/usr/bin/env python3
"""files.py: makes files of weights and reads them, for all of a test: Python takes longer to begin than for any of it.

Asked on stdin: the number of words, a command and its arguments; answers on stdout: a status, and what the command says. A NUL
ends each of these.
    pth FILE CASE [PROTOCOL] [zip|old]   see make_pth.py
    safetensors FILE NAME=SIDES...       zeros of float32; SIDES are separated by commas
    raw FILE HEADER N                    safetensors of a header as it is, and of the bytes 1 to N
    values FILE                          of safetensors: lines of NAME SIDES = NUMBERS, in the names' order"""
import json
import math
import struct
import sys
import traceback

import make_pth


def framed(path, header, numbers=b"", count=0):
    """A header, numbers, and so many bytes of 0 more, which take no room on the disk."""
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + numbers)
        file.truncate(file.tell() + count)


def safetensors(path, *tensors):
    header, at = {}, 0
    for tensor in tensors:
        name, sides = tensor.rsplit("=", 1)
        shape = [int(side) for side in sides.split(",") if side]
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    framed(path, json.dumps(header).encode(), count=at)


def raw(path, header, count):
    framed(path, header.encode(), bytes(range(1, int(count) + 1)))


def values(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    lines = []
    for name in sorted(header):
        start, end = header[name]["data_offsets"]
        numbers = struct.unpack(f"<{(end - start) // 4}f", data[8 + length + start:8 + length + end])
        lines.append(" ".join([name, "x".join(map(str, header[name]["shape"])) or "1", "=", *("%g" % number for number in numbers)]))
    return "".join(line + "\n" for line in lines)


COMMANDS = {"pth": make_pth.save, "safetensors": safetensors, "raw": raw, "values": values}


def words():
    """The next one, up to its NUL."""
    word = bytearray()
    while byte := sys.stdin.buffer.read(1):
        if byte == b"\0":
            yield word.decode()
            word.clear()
        else:
            word += byte


def main():
    asked = words()
    for count in asked:
        command, *arguments = [next(asked) for _ in range(int(count))]
        status, said = 0, ""
        try:
            said = COMMANDS[command](*arguments) or ""
        except Exception:  # is the test's to tell
            status = 1
            traceback.print_exc()
        sys.stdout.buffer.write(f"{status}\0{said}\0".encode())
        sys.stdout.buffer.flush()


main()
