#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man: the manual pages are well-formed mdoc, are installed, and refer to pages that are there"""

import re
import shutil
import subprocess

from report import ROOT, check, finish, read, skip, tracked


def check_page(page, pages):
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", f"{ROOT}/{page}"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    found = [line for line in lint.stdout.splitlines() if "outdated mandoc.db" not in line]
    check(not found, "\n".join(found))
    text = read(page)
    name, section = page[len("man/"):].rsplit(".", 1)
    check(f".Dt {name.upper()} {section}\n" in text, f"{page}: its title is another")
    for other, number in re.findall(r"^\.Xr (\S+) (\d)", text, re.M):
        check(not other.startswith("tern") or f"man/{other}.{number}" in pages, f"{page}: there is no {other}({number})")
    check(f"'{page[len('man/'):]}'" in read("man/meson.build"), f"{page} is not in man/meson.build")


def main():
    if not shutil.which("mandoc"):
        skip("no mandoc")
    pages = [p for p in tracked() if re.fullmatch(r"man/.*\.\d", p)]
    for page in pages:
        check_page(page, pages)
    finish()


main()
