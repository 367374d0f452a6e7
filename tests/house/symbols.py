#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""symbols: what the library shows is what src/client/libtern.sym lists and the headers declare

usage: symbols.py LIBTERN.so LIBTERN.a     check
       symbols.py --write                  make the list from the headers
"""

import re
import subprocess
import sys

from report import ROOT, check, finish, public_headers, read, tracked

SYM = "src/client/libtern.sym"


def declared():
    """Names of the functions in the public headers, which declare nothing else at that depth but inline ones."""
    names = set()
    for header in public_headers():
        text = re.sub(r"/\*.*?\*/", "", read(header), flags=re.S)
        text = re.sub(r"^\s*#.*(\\\n.*)*", "", text, flags=re.M)
        text = re.sub(r"^typedef[^;{]*;", "", text, flags=re.M)
        text = re.sub(r"^static inline[^{]*", "", text, flags=re.M)
        names |= set(re.findall(r"^[a-z][^;{}()]*?\b(tern_\w+)\s*\(", text, flags=re.M))
    return names


def write():
    body = "".join(f"\t{name};\n" for name in sorted(declared()))
    with open(f"{ROOT}/{SYM}", "w", encoding="utf-8") as file:
        file.write("TERN_1 {\nglobal:\n" + body + "local:\n\t*;\n};\n")


def exported(path, *options):
    """Defined global names; the version node itself (A) is not one."""
    lines = subprocess.run(["nm", *options, "--defined-only", "--extern-only", path],
                           stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {line.split()[2].split("@")[0] for line in lines
            if len(line.split()) == 3 and line.split()[1] != "A"}


def compare(one, other, text):
    for name in sorted(one - other):
        check(False, f"{name} {text}")
    for _ in one & other:
        check(True, "")


def main():
    if sys.argv[1:] == ["--write"]:
        return write()
    shared, static = sys.argv[1:3]
    listed = re.findall(r"^\t(tern_\w+);$", read(SYM), re.M)
    names = set(listed)
    check(listed == sorted(names), f"{SYM}: not sorted, or a name twice: tests/house/symbols.py --write")
    compare(declared(), names, f"is declared, but not in {SYM}: tests/house/symbols.py --write")
    compare(names, declared(), f"is in {SYM}, but no public header declares it")

    built = any(p.startswith("src/client/") and p.endswith(".c") for p in tracked())
    for path, options in (shared, ["-D"]), (static, []):
        symbols = exported(path, *options)
        compare(symbols, names, f"is visible in {path}, but not in {SYM}")
        if built:
            compare(names, symbols, f"is not in {path}: not written, or without _public_")
    finish()


main()
