#!/usr/bin/env python3
"""Makes tables of bench.sh's lines.

usage: document.py LINES [DOCUMENT]    to stdout, or between the marks of DOCUMENT
"""
import json
import os
import sys

BEGIN, END = "<!-- speed: by tests/gpu/document.py -->", "<!-- end of speed -->"
LABELS = {"train": "training step", "predict": "prediction", "alone": "its forward pass alone"}


def read(path):
    """The limits, or None; and of each (network, task) its lines by who ran it. Ours ran twice: the slower counts."""
    limits, runs = None, {}
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["what"] == "limits":
                limits = line
                continue
            who = line["what"] if line["what"] == "bound" else line.get("how", "ours")
            at = runs.setdefault((line["network"], line["task"]), {})
            if who not in at or line.get("ms", 0) > at[who].get("ms", 0):
                at[who] = line
    return limits, runs


def best_compiled(run, key):
    """The faster of PyTorch's two ways to compile."""
    there = [run[how] for how in ("graphs", "tuned") if how in run]
    return min(there, key=lambda line: line[key], default=None)


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def ratio(a, b):
    return None if a is None or not b else a / b


def columns(run, key):
    """Ours, eager, compiled."""
    lines = run.get("ours"), run.get("eager"), best_compiled(run, key)
    return [None if line is None else line.get(key) for line in lines]


def what(task, line):
    return f"{LABELS[task]}, {line['batch']} of {line['side']} x {line['side']}"


def time_row(network, task, run):
    key = "device_ms" if task == "alone" else "ms"
    ours, eager, compiled = columns(run, key)
    line = run.get("ours") or run["bound"]
    least = line["bound_ms"]
    return [network, what(task, line), number(ours), number(eager), number(compiled),
            number(ratio(eager, ours)), number(ratio(compiled, ours)), number(least), number(ratio(least, ours))]


def memory_row(network, task, run):
    ours, eager, compiled = columns(run, "taken_mib")
    allocated = [run.get("eager"), best_compiled(run, "ms")]
    return [network, LABELS[task], number(ours, 0), number(eager, 0), number(compiled, 0),
            *(number(None if line is None else line.get("allocated_mib"), 0) for line in allocated),
            number(ratio(eager, ours)), number(ratio(compiled, ours))]


def table(head, rows):
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def arithmetic_row(network, task, line):
    return [network, what(task, line), f"{line['gflop']:,.0f}", f"{line['gigabytes']:.2f}",
            number(line["gflop"] / line["tflops"]), number(line["gigabytes"] / line["tbs"]), number(line["bound_ms"])]


def heading(limits, runs):
    if not any("ours" in run for run in runs.values()):
        line = next(iter(runs.values()))["bound"]
        return ["Not yet run on a GPU. The bounds are counted, for a device of "
                f"{line['tflops']:g} TFLOP/s in bf16 and {line['tbs']:g} TB/s."]
    device = "the device's rates were not measured" if limits is None else (
        f"{limits['device']}: {limits['bf16_tflops']:.0f} TFLOP/s in bf16, {limits['f32_tflops']:.1f} in float32, "
        f"a copy moves {limits['copy_tbs']:.2f} TB/s")
    rivals = sorted({line["who"] for run in runs.values() for line in run.values() if "how" in line})
    precision = next(run["ours"]["precision"] for run in runs.values() if "ours" in run)
    return [f"Measured in one run on {device}. {', '.join(rivals) or 'No rival'}; {precision}."]


def document(limits, runs):
    rows, memory, arithmetic = [], [], []
    for (network, task), run in sorted(runs.items(), key=lambda item: (item[0][1] != "train", item[0])):
        if "ours" not in run and "bound" not in run:
            continue
        line = run.get("ours") or run["bound"]
        arithmetic.append(arithmetic_row(network, task, line))
        if "ours" in run:
            rows.append(time_row(network, task, run))
            memory.append(memory_row(network, task, run))
            if task == "predict":
                rows.append(time_row(network, "alone", run))
    made = [*heading(limits, runs), ""]
    made += table(["network", "a batch", "GFLOP", "GB", "arithmetic, ms", "traffic, ms", "bound, ms"], arithmetic)
    if rows:
        made += ["", *table(["network", "milliseconds", "Pleura", "eager", "compiled", "eager / Pleura",
                             "compiled / Pleura", "bound", "bound / Pleura"], rows)]
    if any(set(row[2:]) != {"-"} for row in memory):
        made += ["", *table(["network", "MiB of the device", "Pleura", "eager", "compiled", "allocated by eager",
                             "by compiled", "eager / Pleura", "compiled / Pleura"], memory)]
    return made


def put(path, text):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"document.py: {path}: has no line '{BEGIN}' with '{END}' behind it")
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}\n{END}{after}")
    os.replace(path + ".new", path)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    limits, runs = read(sys.argv[1])
    if not runs:
        sys.exit(f"document.py: {sys.argv[1]}: no network was timed")
    text = "\n".join(document(limits, runs))
    if len(sys.argv) == 3:
        put(sys.argv[2], text)
    else:
        print(text)


if __name__ == "__main__":
    main()
