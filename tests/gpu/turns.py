"""Work in turns with others': the part of a command that tests/bench/turns.c starts."""
import sys
import time


def take_turns(work):
    """Does the work once for each line of stdin."""
    work()
    work()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(round(1000 * (time.perf_counter() - start), 4), flush=True)
