#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tree: nothing in the tree names a place of one machine; every source says its licence"""

import re

from report import check, finish, read, tracked

# A path of somebody's machine, or a host that packages come from: neither helps a reader.
PLACES = re.compile(r"(?<![\w.$}*-])/(?:work|root|home)/\w"
                    r"|registry\.npmjs|pypi\.org|pythonhosted|crates\.io|proxy\.golang|deb\.debian\.org")
SOURCES = (".c", ".h", ".py", ".sh")
BANNED_NAMES = re.compile(r"(^|/)(util|utils|misc|common|helpers?)\.(c|h)$")


def check_file(path):
    if path == "tests/house/tree.py":
        return
    text = read(path)
    for number, line in enumerate(text.split("\n"), 1):
        found = PLACES.search(line)
        if found:
            check(False, f"{path}:{number}: {found.group()}")
    if path.endswith(SOURCES):
        head = "\n".join(text.split("\n")[:2])
        check("SPDX-License-Identifier: MIT" in head, f"{path}: no SPDX line on top")
        check(not BANNED_NAMES.search(path), f"{path}: a file is called after what is in it")


def main():
    for path in tracked():
        if not path.endswith((".wav", ".bin", ".png")):
            check_file(path)
    finish()


main()
