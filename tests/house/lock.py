#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lock: libtern takes the lock of a handle in one place

What the clock said under the lock holds until it is let go (bus_clock()). So only bus_lock() takes it, and who waits
on a condition, which lets it go and takes it again, forgets the time in the same function.
"""

import re

from report import check, finish, read, tracked

TAKE = re.compile(r"pthread_mutex_(?:try|timed|clock)?lock\s*\([^;]*?\bbus->lock\b")
WAIT = re.compile(r"pthread_cond_\w*wait\s*\([^;]*?\bbus->lock\b")
FORGET = re.compile(r"\bbus->clock = 0;")
LOCKER = ("src/client/bus.h", "bus_lock")


def function_around(text, at):
    """Name of the function that holds this place, and what it does from there on."""
    return re.findall(r"^(\w+)\(", text[:at], re.M)[-1], text[at:text.index("\n}", at)]


def main():
    n_takes = n_waits = 0
    for path in tracked():
        if not path.startswith("src/client/") or not path.endswith((".c", ".h")):
            continue
        text = read(path)
        for found in TAKE.finditer(text):
            name, rest = function_around(text, found.start())
            n_takes += 1
            check((path, name) == LOCKER, f"{path}: {name}() takes the lock of a handle; bus_lock() does")
            check(FORGET.search(rest), f"{path}: {name}() keeps the time of who had the lock before")
        for found in WAIT.finditer(text):
            name, rest = function_around(text, found.start())
            n_waits += 1
            check(FORGET.search(rest), f"{path}: {name}() keeps the time from before it waited")
    check(n_takes == 1, f"the lock of a handle is taken in {n_takes} places, not in one")
    check(n_waits, "nobody waits: this test does not see the waits any more")
    finish()


main()
