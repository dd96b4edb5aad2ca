#!/usr/bin/python3
"""attack.py [--part N] [--kind KIND]... [--lenient]: runs all programs of the PATH on hostile streams and checks what they say and leave.

Of each run is demanded: status 0 or 1; with 1 one line on stderr, without control characters; nothing where an output was
to be; at most 64 MiB, or four times the input, more than a run on a good stream needs; at most a second of processor time
for each megabyte and one more. What docs/stream.md forbids, or rules.py, must be refused. Prints how many runs each
program saw, refused, and accepted; ends with 1 where a demand was not met. --part N: every Nth stream only. --lenient: memory and
time are not judged, as under the sanitizers.
"""

import argparse
import collections
import concurrent.futures
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile

import hostile
import rules
import streams

MEMORY = 64 << 10  # KiB
CONTROL = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]")
# What a program reads of another kind, or more of it than we know to judge, it may refuse or not.
Command = collections.namedtuple("Command", "name arguments rule every normally", defaults=[None, 1, {0}])
Run = collections.namedtuple("Run", "status lines memory seconds left")


def commands(kind, index=()):
    """H: the hostile file, F: its folder, G: a good one of its kind, O: where an output goes, M: a model, S: samples,
    P: probabilities, D: decisions, T: the truth of images a and b."""
    every = {
        "inspect": Command("inspect", "H", rules.any_stream),
        "inspect --json": Command("inspect", "--json H -o O", rules.any_stream),
        "inspect --check": Command("inspect", "--check H", rules.any_stream),
        "merge": Command("merge", "H -o O", rules.finite),
        "merge 2": Command("merge", "G H -o O", rules.any_stream),
        "merge twice": Command("merge", "H H --type f4 -o O", rules.finite),
    }
    of_all_samples = {
        "rle-encode": Command("rle-encode", "H -o O", rules.encodable),
        "overlay": Command("overlay", "H -o O", rules.samples, 1, {1}),  # for one sample
        "overlay -d": Command("overlay", "-d O H", rules.shards),
        "predict-fold": Command("predict-fold", "-m M H -o O", rules.samples, 7),
        "train-fold": Command("train-fold", "-n bisenet-resnet18_w16 --batch 2 --iterations 1 O H", None, 23),
    }
    of_samples = {
        **of_all_samples,
        "rle-encode": Command("rle-encode", "H -o O", rules.encodable, 1, {1}),  # for masks
        "shard": Command("shard", "O H", rules.shards),
        "augment": Command("augment", "--plain --side 32 H -o O", rules.samples),
        "augment catalog": Command("augment", "--side 32 --samples 3 H -o O", rules.shards),
    }
    of_augmented = {
        **of_all_samples,
        "overlay -p": Command("overlay", "S -p H -d O", rules.masks),
        "train-fold --val": Command(
            "train-fold", "-n bisenet-resnet18_w16 --batch 2 --iterations 1 --val H O S", None, 23),
    }
    of_probabilities = {
        "classify --area": Command("classify", "--area 3 H -o O", rules.probabilities),
        "classify --ratio": Command("classify", "--ratio 0.5 H -o O", rules.probabilities),
        "rle-encode": Command("rle-encode", "H -o O", rules.encodable),
        "calibrate": Command("calibrate", "T H -o O"),
        "rle-encode -d": Command("rle-encode", "--decisions D H -o O", rules.encodable),
        "overlay -p": Command("overlay", "S -p H -d O", rules.probabilities),
    }
    of_weights = {
        "weights": Command("weights", "H -o O.safetensors"),
        "weights -o .mpk": Command("weights", "H -o O.mpk"),
        "predict-fold": Command("predict-fold", "-n bisenet-resnet18_w16 -m H S -o O", None, 7, {1}),
        "train-fold --init": Command("train-fold", "-n bisenet-resnet18_w16 --batch 2 --iterations 1 --init H O S", None, 23, {1}),
    }
    own = {
        "samples": of_samples,
        "augmented": of_augmented,
        "probabilities": of_probabilities,
        "rule": {
            "classify --rule": Command("classify", "--rule H P -o O", rules.rule),
            "rle-encode --rule": Command("rle-encode", "--rule H P -o O", rules.rule),
        },
        "decisions": {"rle-encode -d": Command("rle-encode", "--decisions H P -o O", rules.decisions)},
        "weights": of_weights,
        "index": {
            "shard --verify": Command("shard", "--verify F", rules.index(index)),
            "shard": Command("shard", "O F", rules.places(index)),
            "augment": Command("augment", "F --side 32 -o O", rules.places(index)),
            # What is left out is not read, and so not judged.
            "augment --fold": Command("augment", "F --side 32 --fold 0/2 --split train --lesion-only --samples 3 -o O"),
            "inspect": Command("inspect", "--check F", rules.places(index)),
            "overlay": Command("overlay", "F -d O", rules.places(index)),
            "predict-fold": Command("predict-fold", "-m M F -o O", rules.places(index), 7),
        },
    }
    return {**every, **own[kind]}


class Attack:
    """A folder with good files, in which one program after the other runs."""

    def __init__(self, folder, model, lenient):
        self.folder = folder
        self.model = model
        self.lenient = lenient
        self.normal = {}
        with open(f"{folder}/truth.csv", "w", encoding="utf-8") as file:
            file.write("ImageId,EncodedPixels\na,5 3\nb,-1\n")
        for name, make in hostile.KINDS.items():
            if name == "index":
                subprocess.run(["shard", "-q", "shards", "samples.mpk"], cwd=folder, check=True)
                os.chdir(folder)
            with open(f"{folder}/{name}.mpk", "wb") as file:
                make().write(file)

    @staticmethod
    def hostile(kind):
        return "shards/index.mpk" if kind == "index" else "hostile.mpk"

    def run(self, kind, command):
        """Runs a command on the hostile file."""
        out = f"{self.folder}/out"
        os.mkdir(out)
        places = {
            "H": self.hostile(kind), "F": "shards", "G": f"{kind}.mpk", "S": "augmented.mpk", "P": "probabilities.mpk", "D": "decisions.mpk",
            "T": "truth.csv", "M": self.model, "O": "out/x", "O.safetensors": "out/x.safetensors", "O.mpk": "out/x.mpk",
        }
        arguments = [places.get(word, word) for word in command.arguments.split()]
        line = ["/usr/bin/time", "-o", "time", "-f", "%M %U %S", command.name, "-q", *arguments]
        try:
            done = subprocess.run(line, cwd=self.folder, capture_output=True, timeout=60, check=False)
            status, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired as late:
            status, said = "does not end", late.stderr or b""
        with open(f"{self.folder}/time", encoding="utf-8") as file:
            used = (file.read().splitlines() or ["0 0 0"])[-1].split()
        left = [os.path.join(at, name) for at, _, names in os.walk(out) for name in names]
        left = [path for path in left if not path.endswith("log.jsonl")]
        shutil.rmtree(out)
        lines = said.decode("utf-8", "replace").splitlines(keepends=True)
        return Run(status, lines, int(used[0]), float(used[1]) + float(used[2]), left)

    def learn(self, kind, name, command):
        """What a run on the good file needs: memory and time of several threads differ by some MiB, so the most of three."""
        if (kind, name) not in self.normal:
            shutil.copy(f"{self.folder}/{kind}.mpk", f"{self.folder}/{self.hostile(kind)}")
            runs = [self.run(kind, command) for _ in range(3)]
            self.normal[kind, name] = runs[0]._replace(
                memory=max(run.memory for run in runs), seconds=max(run.seconds for run in runs))
        return self.normal[kind, name]

    def faults(self, kind, name, command, data, legal):
        """The run, and what is wrong with it."""
        normal = self.learn(kind, name, command)
        with open(f"{self.folder}/{self.hostile(kind)}", "wb") as file:
            file.write(data)
        run = self.run(kind, command)
        wrong = []
        if run.status not in (0, 1):
            wrong.append(f"status {run.status}")
        # weights tells what does not fit a network by kind, in a line each.
        if run.status == 1 and not 1 <= len(run.lines) <= (4 if command.name == "weights" else 1):
            wrong.append(f"{len(run.lines)} lines")
        if any(CONTROL.search(line.rstrip("\n")) for line in run.lines):
            wrong.append("control characters")
        if run.status != 0 and run.left:
            wrong.append(f"left {run.left}")
        if not self.lenient and run.memory > normal.memory + max(MEMORY, len(data) >> 8):
            wrong.append(f"{run.memory} KiB, normally {normal.memory}")
        if not self.lenient and run.seconds > normal.seconds + 1 + len(data) / 1e6:
            wrong.append(f"{run.seconds} s, normally {normal.seconds}")
        if run.status == 0 and command.rule is not None and (legal is None or not command.rule(*legal)):
            wrong.append("accepted")
        return run, wrong


def attack(work):
    """Part of the streams of a kind: counts by program, and what was wrong."""
    kind, model, part, of, every, lenient = work
    counts, wrong = collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        scene = Attack(folder, model, lenient)
        with open("index.mpk", "rb") as file:
            all_commands = commands(kind, streams.read(file.read())[1])
        for number, (name, stream) in enumerate(hostile.hostile(hostile.KINDS[kind]())):
            if number % (of * every) != part * every:
                continue
            made = io.BytesIO()
            stream.write(made)
            data = made.getvalue()
            legal = streams.read(data)
            for title, command in all_commands.items():
                if number // (of * every) % command.every != 0:
                    continue
                run, faults = scene.faults(kind, title, command, data, legal)
                counts[command.name, "tried"] += 1
                counts[command.name, "refused" if run.status == 1 else "accepted"] += 1
                if faults:
                    wrong.append(f"{kind}: {title}: {name}: {', '.join(faults)}: {''.join(run.lines).strip()[:200]}")
        for title, command in all_commands.items():
            if scene.learn(kind, title, command).status not in command.normally:
                wrong.append(f"{kind}: {title}: the good stream: {scene.normal[kind, title]}")
    return counts, wrong


def make_model(folder):
    """Trains for one step."""
    with open(f"{folder}/samples.mpk", "wb") as file:
        hostile.augmented().write(file)
    subprocess.run(
        ["train-fold", "-q", "-n", "bisenet-resnet18_w16", "--batch", "2", "--iterations", "1", f"{folder}/model",
         f"{folder}/samples.mpk"], check=True)
    return f"{folder}/model/last.mpk"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("--kind", action="append", choices=hostile.KINDS)
    options = parser.parse_args()
    jobs = os.cpu_count() or 1
    counts, wrong = collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(folder)
        work = [(kind, model, part, jobs, options.part, options.lenient)
                for kind in options.kind or hostile.KINDS for part in range(jobs)]
        with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
            for some, faults in pool.map(attack, work):
                counts.update(some)
                wrong += faults
    print("program         tried   refused  accepted")
    for program in sorted({program for program, _ in counts}):
        print(f"{program:12}", *(f"{counts[program, what]:9}" for what in ("tried", "refused", "accepted")))
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{sum(n for (_, what), n in counts.items() if what == 'tried')} runs, {len(wrong)} not as promised")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
