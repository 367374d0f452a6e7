#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""size: no function over 100 lines, 95 % of them within 60; no file over 1000 lines"""

import json
import shutil
import subprocess

from report import ROOT, check, finish, read, skip, tracked

MOST_LINES = 100
USUAL_LINES = 60
USUAL_SHARE = 0.95
FILE_LINES = 1000


def functions(paths):
    """(path, name, lines) of every function."""
    tags = subprocess.run(
        ["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne", "--output-format=json",
         "-L", "-", "-f", "-"], cwd=ROOT, input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True)
    for line in tags.stdout.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            yield tag["path"], tag["name"], tag["end"] - tag["line"] + 1


def main():
    ctags = shutil.which("ctags")
    version = subprocess.run(["ctags", "--version"], stdout=subprocess.PIPE, text=True).stdout if ctags else ""
    if "Universal" not in version or "+json" not in version:
        skip("no universal-ctags with JSON")
    sources = [p for p in tracked() if p.endswith((".c", ".h"))]
    n_all = n_long = 0
    for path, name, lines in functions(sources):
        check(lines <= MOST_LINES, f"{path}: {name}() has {lines} lines")
        n_all += 1
        n_long += lines > USUAL_LINES
    check(n_all, "no functions found")
    check(n_long <= n_all * (1 - USUAL_SHARE), f"{n_long} of {n_all} functions have over {USUAL_LINES} lines")
    for path in sources:
        lines = read(path).count("\n")
        check(lines <= FILE_LINES, f"{path} has {lines} lines")
    finish()


main()
