#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man: the manual pages are well-formed mdoc, are installed, and refer to pages that are there; each function has one

usage: man.py             check
       man.py --write     write the prototypes of the headers into the pages of section 3

Which functions a page is about its SYNOPSIS says, by `.Fo NAME`; the prototypes there are those of the headers.
"""

import os
import re
import shutil
import subprocess
import sys

from report import ROOT, check, finish, public_headers, read, skip, tracked

PROTOTYPE = re.compile(r"^([A-Za-z][\w *]*[ *])(tern_\w+)\(([^()]*)\)(?:;|\s*\{)", re.M)
SYNOPSIS = re.compile(r"(?<=^\.Sh SYNOPSIS\n).*?(?=^\.Sh )", re.M | re.S)
FUNCTION = re.compile(r"(?:^\.Ft [^\n]*\n)?^\.Fo (tern_\w+)\n.*?^\.Fc\n", re.M | re.S)
INNER = re.compile(r"_(dispatch|ready|closed)$")  # of adapters: what the loops call


def declared():
    """name: how it stands in a SYNOPSIS, for all functions of the public headers"""
    found = {}
    for header in public_headers():
        text = re.sub(r"/\*.*?\*/", "", read(header), flags=re.S)
        text = re.sub(r"^static inline ([^\n]*)\n", r"\1 ", text, flags=re.M)
        for result, name, arguments in PROTOTYPE.findall(text):
            if not result.startswith(("typedef", "static")) and not INNER.search(name):
                lines = [f".Ft {result.strip()}", f".Fo {name}"]
                lines += [f'.Fa "{" ".join(a.split())}"' for a in arguments.split(",")]
                found[name] = "\n".join(lines) + "\n.Fc\n"
    return found


def pages():
    return [p for p in tracked() if re.fullmatch(r"man/.*\.\d", p)]


def synopsis(text):
    found = SYNOPSIS.search(text)
    return found[0] if found else ""


def check_page(page, all_pages, functions):
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", f"{ROOT}/{page}"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    found = [line for line in lint.stdout.splitlines() if "outdated mandoc.db" not in line]
    check(not found, "\n".join(found))
    text = read(page)
    name, section = page[len("man/"):].rsplit(".", 1)
    check(f".Dt {name.upper()} {section}\n" in text, f"{page}: its title is another")
    for other, number in re.findall(r"^\.Xr (\S+) (\d)", text, re.M):
        known = f"man/{other}.{number}" in all_pages or (number == "3" and other in functions)
        check(not other.startswith("tern") or known, f"{page}: there is no {other}({number})")
    check(f"'{page[len('man/'):]}'" in read("man/meson.build"), f"{page} is not in man/meson.build")


def check_functions(all_pages, functions):
    told = {}
    for page in all_pages:
        if page.endswith(".3"):
            text = read(page)
            for shown in FUNCTION.finditer(synopsis(text)):
                name = shown[1]
                check(name not in told, f"{name} is in {page} and in {told.get(name)}")
                told[name] = page
                check(shown[0] == functions.get(name), f"{page}: {name}(): not as in the headers: tests/house/man.py --write")
                check(f".Nm {name}\n" in text or f".Nm {name} ,\n" in text, f"{page}: {name} is not among its names")
    for name in functions:
        check(name in told, f"{name}() is in no page of section 3: add \".Fo {name}\", \".Fc\" to one, "
              "then tests/house/man.py --write")


def write():
    functions = declared()
    for page in pages():
        if page.endswith(".3"):
            text = read(page)
            names = FUNCTION.findall(synopsis(text))
            text = SYNOPSIS.sub(lambda s: FUNCTION.sub(lambda f: functions.get(f[1], f[0]), s[0]), text)
            listed = " ,\n".join(f".Nm {name}" for name in names)
            text = re.sub(r"(?<=^\.Sh NAME\n)(\.Nm tern_[^\n]*\n)+", lambda _: listed + "\n", text, flags=re.M)
            with open(os.path.join(ROOT, page), "w", encoding="utf-8") as file:
                file.write(text)


def main():
    if sys.argv[1:] == ["--write"]:
        return write()
    if not shutil.which("mandoc"):
        skip("no mandoc")
    all_pages, functions = pages(), declared()
    for page in all_pages:
        check_page(page, all_pages, functions)
    check_functions(all_pages, functions)
    finish()


main()
