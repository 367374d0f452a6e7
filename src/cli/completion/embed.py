#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed: texts as C strings

    embed.py OUTPUT FILE…      FILE is x.NAME, its text SCRIPT_NAME
"""

import sys

with open(sys.argv[1], "w", encoding="ascii") as out:
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
        out.write(f"static const char SCRIPT_{path.rsplit('.', 1)[1]}[] =\n")
        for line in lines:
            text = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\?' else f"\\{c:03o}" for c in line)
            out.write(f'\t"{text}"\n')
        out.write(";\n")
