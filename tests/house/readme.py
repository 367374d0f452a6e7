#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readme: the pages are true where a program can tell

The programs in README.md are the first two examples, compile and fit on a screen, what pages show is
run, links between pages lead somewhere, paths that pages name are there, and docs/environment.md has just the
variables that are read.
"""

import glob
import os
import re
import subprocess
import sys

from report import ROOT, check, finish, read, tracked

sys.path.insert(0, ROOT + "/tests/docs")
import blocks

SCREEN = 50
PATHS = re.compile(r"`((?:src|tests|docs|examples|tools|bench|include|man)/[\w./*-]*)`")
PLACEHOLDER = re.compile(r"(^|/)x(?=[-_./]|$)")  # x_test.c, corpus/x


def check_programs(compiler):
    programs = re.findall(r"^```c [^\n]*\n(.*?)^```$", read("README.md"), re.M | re.S)
    check(len(programs) == 2, "README.md has not two programs")
    for example, text in zip(("service", "client"), programs):
        source = read(f"examples/hello/{example}.c")
        check(text == source[source.index("#include"):], f"README.md and examples/hello/{example}.c differ")
    for number, text in enumerate(programs, 1):
        check(text.count("\n") <= SCREEN, f"program {number} does not fit on a screen")
        run = subprocess.run(
            compiler + ["-x", "c", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                        "-I", ROOT + "/include", "-"], input=text, stderr=subprocess.PIPE, text=True)
        check(run.returncode == 0, f"program {number} of README.md:\n{run.stderr}")


def check_links(page):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", read(page)):
        path = os.path.normpath(os.path.join(ROOT, os.path.dirname(page), target))
        check(os.path.exists(path), f"{page}: {target} leads nowhere")


def check_paths(page):
    for path in PATHS.findall(read(page)):
        if not PLACEHOLDER.search(path):
            check(glob.glob(f"{ROOT}/{path}"), f"{page}: there is no {path}")


def check_run(page):
    if blocks.blocks(page, read(page)):
        check(f"'{page}'" in read("tests/docs/meson.build"), f"{page}: what it shows is not run: tests/docs/meson.build")


def check_environment():
    told = set(re.findall(r"^\| `(\w+)` \|", read("docs/environment.md"), re.M))
    used = set()
    for path in tracked():
        if path.startswith(("src/", "examples/")) and path.endswith((".c", ".h")) and not path.endswith("_test.c"):
            used |= set(re.findall(r'\b(?:(?:secure_)?getenv|get_number|is_meant)\("(\w+)"', read(path)))
    for name in sorted(used | told):
        check(name in told, f"{name} is read, but not in docs/environment.md")
        check(name in used, f"{name} is in docs/environment.md, but nobody reads it")


def main():
    check_programs(sys.argv[1:])
    for page in tracked():
        if page.endswith(".md"):
            check_links(page)
            check_paths(page)
        if page.endswith(".md") or re.fullmatch(r"man/.*\.\d", page):
            check_run(page)
    check_environment()
    finish()


main()
