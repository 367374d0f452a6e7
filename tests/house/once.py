#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""once: what another may write meanwhile is read once

MIN() and MAX() name their arguments twice: a load within them would be two, and the one that is compared need not be
the one that counts.
"""

import re

from report import check, finish, read, tracked

CHOICE = re.compile(r"\b(?:MIN|MAX)\(")
LOAD = re.compile(r"\b(?:load_\w+|atomic_\w+)\(")


def arguments(text, at):
    """From behind an opening bracket up to its closing one."""
    depth = 1
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[at:i]
    return text[at:]


def main():
    n = 0
    for path in tracked():
        if not path.startswith(("src/", "include/")) or not path.endswith((".c", ".h")):
            continue
        text = read(path)
        for found in CHOICE.finditer(text):
            inside = arguments(text, found.end())
            n += 1
            check(not LOAD.search(inside), f"{path}: {found.group()}{inside}) may read a word twice: read it into a variable")
    check(n > 50, f"{n} uses of MIN() and MAX(): this test does not see them any more")
    finish()


main()
