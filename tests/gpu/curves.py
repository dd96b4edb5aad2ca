#!/usr/bin/env python3
"""Compares training runs that learn has written.

usage: curves.py near SHARE A B               each loss of B within SHARE of A's
       curves.py spread RUN... -- OTHER...    the others' mean loss at the end between the runs' least and greatest
"""
import json
import math
import sys


def losses(path):
    with open(path, encoding="utf-8") as file:
        found = json.load(file)["losses"]
    if not found or not all(math.isfinite(loss) for loss in found):
        sys.exit(f"{path}: losses are not numbers")
    return found


def end(path):
    """The mean of the last quarter, and that of the first iterations."""
    found = losses(path)
    some = max(1, len(found) // 4)
    return sum(found[-some:]) / some, sum(found[:some]) / some


def near(share, first, second):
    a, b = losses(first), losses(second)
    worst = max(abs(y / x - 1) for x, y in zip(a, b))
    print(f"# losses {a[0]:.4f} ... {a[-1]:.4f}, off by {worst:.2e} at most")
    return len(a) == len(b) and worst <= float(share)


def spread(paths):
    at = paths.index("--")
    here, there = [end(path) for path in paths[:at]], [end(path) for path in paths[at + 1:]]
    low, high = min(last for last, _ in here), max(last for last, _ in here)
    mean = sum(last for last, _ in there) / len(there)
    print(f"# mean loss at the end {low:.4f} ... {high:.4f}, of the others {mean:.4f}")
    learned = all(last < first for last, first in here + there)
    return learned and low <= mean <= high


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "near":
        good = near(*sys.argv[2:])
    elif "--" in sys.argv[3:-1] and sys.argv[1] == "spread":
        good = spread(sys.argv[2:])
    else:
        sys.exit(__doc__)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
