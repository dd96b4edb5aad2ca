#!/usr/bin/env python3
"""adding.py files PAGE HEADING...: puts the code blocks below these headings of docs/adding.md into the tree in the
current folder, and prints the files' names. adding.py commands PAGE HEADING: prints the shell blocks below the heading.

A block belongs to the file that the paragraph above it ends with: `FILE`, at the end: | `FILE`, behind `WORDS`: |
`FILE`, in place of `WORDS`: | `FILE`: (a new one). A shell block belongs to none."""
import os
import re
import sys

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
PLACE = re.compile(r"`(?P<file>[^`]+)`(, (?P<how>at the end|behind|in place of)( `(?P<words>[^`]+)`)?)?:\Z")


def blocks(page, heading):
    """The language, file, place and text of each block below a heading, up to the next heading."""
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", page, re.M | re.S)
    if section is None:
        sys.exit(f"{heading}: no such heading")
    end = 0
    for block in BLOCK.finditer(section[1]):
        above = " ".join(section[1][end:block.start()].split())
        end = block.end()
        yield block[1], PLACE.search(above), block[2]


def put(place, text):
    """Writes a block's text to its file."""
    path, how, words = place["file"], place["how"], place["words"]
    print(path)
    if how is None:
        if os.path.exists(path):
            sys.exit(f"{path} is there already")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lines = [text]
    else:
        lines = open(path, encoding="utf-8").readlines()
        found = [i for i, line in enumerate(lines) if words is not None and words in line]
        if words is not None and len(found) != 1:
            sys.exit(f"{path}: {len(found)} lines have {words}")
        first = len(lines) if words is None else found[0] + (how == "behind")
        lines[first:first + (how == "in place of")] = [text]
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)


def main():
    action, path, *headings = sys.argv[1:]
    page = open(path, encoding="utf-8").read()
    for heading in headings:
        for language, place, text in blocks(page, heading):
            if action == "commands" and language == "sh":
                print(text, end="")
            elif action == "files" and language != "sh":
                if place is None:
                    sys.exit(f"{heading}: a block of {language} belongs to no file")
                put(place, text)


main()
