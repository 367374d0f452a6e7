#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""page: docs/hostile.md has the tables that the program has (--write: put them there)

usage: page.py [--write] PROGRAM PAGE
"""

import subprocess
import sys

MARK = "<!-- below: hostile --table -->\n"


def main(arguments):
    write = arguments[0] == "--write"
    program, page = arguments[write:]
    tables = subprocess.run([program, "--table"], stdout=subprocess.PIPE, text=True, check=True).stdout
    with open(page, encoding="utf-8") as file:
        text = file.read()
    wanted = text[:text.index(MARK)] + MARK + tables
    if write:
        with open(page, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif wanted != text:
        sys.exit(f"{page} is not what the program says: run `make hostile-page`")


main(sys.argv[1:])
