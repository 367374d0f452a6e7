#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fences: the released objects have the fences that docs/memory-model.md argues with

A missing fence is seen on hardware once in many thousand runs, so it is looked up in the machine code:
edges A1 to A4 and T8 (a locked instruction between store and load), H (lfence after the clock). x86-64 only. libtern.so is
compiled apart, and as a whole, so that nobody can say where a function went: there they are counted all together.
"""

import platform
import re
import subprocess
import sys

from report import check, finish, skip

FENCE = re.compile(r"\block or[lqb]?\s+\$0x0,-0x8\(%rsp\)|\bmfence\b")
ORDERED = re.compile(r"\blfence\b")
OBJECT = re.compile(r"^(\S+\.o):\s+file format[^\n]*\n(.*?)(?=^\S+\.o:\s+file format|\Z)", re.M | re.S)

# object, what for, pattern, how many at least
WANTED = (
    ("client_send.c.o", "A1: after one push, after many, after the commit", FENCE, 3),
    ("client_take-doze.c.o", "A2: after dozing, and after cold, was announced", FENCE, 2),
    ("link_link-send.c.o", "A3: after the room word", FENCE, 1),
    ("link_link-receive.c.o", "A4: after consumed or released", FENCE, 1),
    ("client_state.c.o", "T8: after a value was stored", FENCE, 1),
    ("client_take.c.o", "H: after the clock", ORDERED, 1),
)


def disassembled(path):
    return subprocess.run(["objdump", "-d", "--no-show-raw-insn", path],
                          stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    archive, shared, sanitize = sys.argv[1:4]
    if platform.machine() != "x86_64" or sanitize != "none":
        skip("known for x86-64, as released")
    code = disassembled(archive)
    objects = {name.rsplit("/", 1)[-1]: text for name, text in OBJECT.findall(code)}
    for name, what, pattern, least in WANTED:
        n = len(pattern.findall(objects.get(name, "")))
        check(n >= least, f"{name}: {what}: {n} found, {least} wanted")
    code = disassembled(shared)
    for pattern in FENCE, ORDERED:
        n, least = len(pattern.findall(code)), sum(w[3] for w in WANTED if w[2] is pattern)
        check(n >= least, f"{shared}: {pattern.pattern}: {n} found, {least} wanted")
    finish()


main()
