#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""format: what docs/shm-format.md says of the structures is what the compiler says

A heading "struct NAME · HEADER · N bytes" is followed by a table of offset, size and
field. The fields must have those offsets and sizes, follow each other without
a gap, fill the structure, and be all of them.
"""

import re
import subprocess
import sys

from report import ROOT, check, finish, read

PAGE = "docs/shm-format.md"
HEADING = re.compile(r"^#+ struct (\w+) · ([\w/.-]+) · (\d+) bytes$")
ROW = re.compile(r"^\| (\d+) \| (\d+) \| (\w+) \|")


def structures():
    """[(name, header, size, [(offset, size, field)])] as on the page"""
    found = []
    for line in read(PAGE).splitlines():
        heading, row = HEADING.match(line), ROW.match(line)
        if line.startswith("#"):
            current = None
        if heading:
            current = (heading[1], heading[2], int(heading[3]), [])
            found.append(current)
        elif row and current:
            current[3].append((int(row[1]), int(row[2]), row[3]))
    return found


def fields_in_code(name, header):
    body = re.search(r"^struct %s \{\n(.*?)^\}" % name, read("src/" + header), re.M | re.S)
    if not body:
        return []
    code = re.sub(r"/\*.*?\*/|alignas\(\w+\)", "", body[1], flags=re.S)
    return re.findall(r"(\w+)(?:\[[^\]]*\])?;", code)


def compiles(cc, header, assertion):
    source = f'#include <stddef.h>\n#include "{header}"\n_Static_assert({assertion}, "");\n'
    command = cc + ["-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-I", ROOT + "/src",
                    "-I", ROOT + "/include", "-x", "c", "-"]
    return subprocess.run(command, input=source, text=True, stderr=subprocess.DEVNULL).returncode == 0


def main():
    cc = sys.argv[1:] or ["cc"]
    found = structures()
    check(found, f"{PAGE} has structures")
    for name, header, size, fields in found:
        end = 0
        assertions = [f"sizeof(struct {name}) == {size}"]
        for offset, length, field in fields:
            check(offset == end, f"{name}.{field}: begins at {offset}, not at {end}")
            end = offset + length
            assertions.append(f"offsetof(struct {name}, {field}) == {offset}")
            assertions.append(f"sizeof(((struct {name} *)0)->{field}) == {length}")
        check(end == size, f"{name}: its fields end at {end}, not at {size}")
        check([f for _, _, f in fields] == fields_in_code(name, header),
              f"{name}: the page has {[f for _, _, f in fields]}, "
              f"the code {fields_in_code(name, header)}")
        if not compiles(cc, header, " && ".join(assertions)):
            for assertion in assertions:
                check(compiles(cc, header, assertion), assertion)
    finish()


main()
