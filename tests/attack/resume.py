#!/usr/bin/python3
"""resume.py [--part N]: gives train-fold --resume, and predict-fold, checkpoints whose digest is right and whose content no
run has left. Each must be refused, in one line, and the folder stay as it is. Prints counts; ends with 1 where one was
taken. --part N: every Nth only.
"""

import argparse
import copy
import os
import struct
import subprocess
import sys
import tempfile

import msgpack
import xxhash

import hostile
import streams
from streams import Map, pack

TRAIN = ["train-fold", "-q", "-n", "bisenet-resnet18_w16", "--batch", "2", "--accumulate", "2", "--iterations", "4"]


def load(path):
    """The header and the records of a checkpoint, as if it were one stream."""
    with open(path, "rb") as file:
        unpacker = msgpack.Unpacker(file, max_buffer_size=0, object_pairs_hook=Map, strict_map_key=False)
        items = [Map([list(pair) for pair in item]) for item in unpacker]
    return items[0], [item for item in items if item[0][0] == "id"]


def save(path, header, records, packed):
    """`packed` holds the bytes of records that are as they were, by their identity."""
    digest = xxhash.xxh3_64()
    with open(path, "wb") as file:
        for item in [header, *records]:
            data = packed.get(id(item)) or pack(item)
            digest.update(data)
            file.write(data)
        file.write(streams.end_mark(len(records), digest.intdigest()))


def number_in(record, field, number):
    """The record with another first number in the field's tensor."""
    made = copy.deepcopy(record)
    tensor = next(pair[1] for pair in made if pair[0] == field)
    for i, (key, value) in enumerate(tensor):
        if key in ("data", b"data"):
            tensor[i] = [key, struct.pack("<f", number) + value[4:]]
    return made


def reshaped(record, field, change):
    made = copy.deepcopy(record)
    tensor = next(pair[1] for pair in made if pair[0] == field)
    for i, (key, value) in enumerate(tensor):
        tensor[i] = [key, change(key if isinstance(key, str) else key.decode(), value)]
    return made


def flat(key, value):
    if key != "shape":
        return value
    count = 1
    for side in value:
        count *= side
    return [count]


def named(record, name):
    return Map([["id", name], *record[1:]])


def with_field(record, name, *value):
    """The record with another value, or without the field."""
    return Map([pair for pair in record if pair[0] != name] + [[name, one] for one in value])


class Checkpoint:
    def __init__(self, path):
        self.header, self.records = load(path)
        ids = [record[0][1] for record in self.records]
        self.state = ids.index("state")
        self.remembered = next(i for i, name in enumerate(ids) if name.startswith("optimizer/"))
        self.variance = next(i for i, name in enumerate(ids) if name.endswith("running_var"))

    def replaced(self, place, *records):
        return self.records[:place] + list(records) + self.records[place + 1 :]

    def of_weights(self):
        """Cases of which predict-fold takes none either."""
        first = self.records[0]
        for number in (hostile.NAN, hostile.INFINITY, -hostile.INFINITY):
            yield f"a weight of {number}", self.replaced(0, number_in(first, "value", number))
        yield "a negative running variance", self.replaced(
            self.variance, number_in(self.records[self.variance], "value", -1.0))
        yield "one twice, one missing", self.replaced(1, first)
        yield "one twice", self.replaced(1, first, self.records[1])
        yield "one missing", self.records[1:]
        yield "another shape", self.replaced(0, reshaped(first, "value", flat))
        yield "a number in place of a tensor", self.replaced(0, with_field(first, "value", 1))
        yield "no value", self.replaced(0, with_field(first, "value"))
        yield "a NUL in a name", self.replaced(0, named(first, first[0][1] + "\0x"))
        yield "a long name", self.replaced(0, named(first, first[0][1] + "x" * 500))
        yield "control characters in a name", self.replaced(0, named(first, "\x1b[2J\n" + first[0][1]))

    def of_runs(self):
        first, memory, state = self.records[0], self.records[self.remembered], self.records[self.state]
        name = memory[0][1]
        yield "a surplus field", self.replaced(0, Map([*first, ["more", 1]]))
        yield "moments twice, others missing", self.replaced(self.remembered + 1, memory)
        yield "moments missing", self.replaced(self.remembered)
        yield "moments of what is not learned", self.replaced(
            self.remembered, named(memory, "optimizer/" + self.records[self.variance][0][1]))
        yield "a NUL in the moments' name", self.replaced(self.remembered, named(memory, name + "\0"))
        for field, number in (("mean", hostile.NAN), ("variance", hostile.NAN), ("variance", -1e-30), ("gradient", hostile.INFINITY)):
            yield f"{field} of {number}", self.replaced(self.remembered, number_in(memory, field, number))
        for field in ("mean", "variance", "gradient"):
            yield f"{field} of another shape", self.replaced(self.remembered, reshaped(memory, field, flat))
            yield f"no {field}", self.replaced(self.remembered, with_field(memory, field))
        yield "no state", self.replaced(self.state)
        yield "the state twice", self.replaced(self.state, state, state)
        yield "a surplus value in the state", self.replaced(self.state, Map([*state, ["more", 1]]))
        for key, value in state[1:]:
            if isinstance(value, str):
                others = ["", value + " ", value + "\0", "\x1b[2J", 1]
            elif isinstance(value, int):
                others = [-1, value + 1, 2**62, -(2**63), 2**64 - 1, str(value), float(value)]
            else:
                others = [hostile.NAN, hostile.INFINITY, -1.5, 11.0, 1]
            if key == "best_iteration":
                others.remove(value + 1)  # another evaluation may have been the best
            for other in others:
                yield f"{key} {other!r:.20}", self.replaced(self.state, with_field(state, key, other))
            yield f"no {key}", self.replaced(self.state, with_field(state, key))


def refused(command):
    """Whether a command ends with 1 and one line without control characters; and what it said."""
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return done.returncode == 1 and len(lines) == 1 and lines[0].isprintable(), done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=1)
    every = parser.parse_args().part
    tried = {"train-fold --resume": 0, "predict-fold": 0}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        samples, run, last = f"{folder}/samples.mpk", f"{folder}/run", f"{folder}/run/last.mpk"
        with open(samples, "wb") as file:
            stream = hostile.augmented()
            stream.records = stream.records * 4
            stream.write(file)
        train = [*TRAIN, run, samples, "--resume"]
        subprocess.run([*train, "--val", samples, "--eval-every", "2"], check=True)
        train = [*train, "--val", samples, "--eval-every", "2"]
        checkpoint = Checkpoint(last)
        packed = {id(record): pack(record) for record in checkpoint.records}
        log = f"{run}/log.jsonl"
        before = os.stat(log).st_mtime_ns, os.stat(f"{run}/best.mpk").st_mtime_ns
        cases = [(name, records, True) for name, records in checkpoint.of_weights()]
        cases += [(name, records, False) for name, records in checkpoint.of_runs()]
        for name, records, of_weights in cases[::every]:
            save(last, checkpoint.header, records, packed)
            written = os.stat(last).st_mtime_ns
            commands = [("train-fold --resume", train)]
            if of_weights:
                commands.append(("predict-fold", ["predict-fold", "-q", "-m", last, samples, "-o", f"{folder}/p.mpk"]))
            for program, command in commands:
                good, done = refused(command)
                tried[program] += 1
                if not good or os.path.exists(f"{folder}/p.mpk"):
                    wrong.append(f"{program}: {name}: status {done.returncode}: {done.stderr!r:.300}")
            after = os.stat(log).st_mtime_ns, os.stat(f"{run}/best.mpk").st_mtime_ns, os.stat(last).st_mtime_ns
            if after != (*before, written):
                wrong.append(f"train-fold --resume: {name}: files were changed")
        save(last, checkpoint.header, checkpoint.records, packed)
        done = subprocess.run(train, capture_output=True, check=False)
        if done.returncode != 0:
            wrong.append(f"the good checkpoint: {done.stderr!r}")
    for program, count in tried.items():
        print(f"{program}: {count} checkpoints")
    print(*wrong, sep="\n", file=sys.stderr, end="\n" if wrong else "")
    print(f"{sum(tried.values())} runs, {len(wrong)} not as promised")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
