#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""headers: each public header compiles alone, as C99 and as C++"""

import shutil
import subprocess
import sys

from report import ROOT, check, finish, public_headers, skip

WARN = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-fsyntax-only", "-I", ROOT + "/include"]
LANGUAGES = [("c", ["-std=c99"]), ("c", ["-std=c11"]), ("c++", ["-std=c++11"]), ("c++", ["-std=c++20"])]


def compile_alone(compiler, language, flags, header):
    name = header[len("include/"):]
    source = f"#include <{name}>\n#include <{name}>\nint unused_;\n"
    command = compiler + ["-x", language] + WARN + flags + ["-"]
    run = subprocess.run(command, input=source, stderr=subprocess.PIPE, text=True)
    check(run.returncode == 0, f"{name} as {flags[0]}:\n{run.stderr}")


def main():
    cc = sys.argv[1:] or ["cc"]
    cxx = shutil.which("g++") or shutil.which("clang++")
    if not cxx:
        skip("no C++ compiler")
    for header in public_headers():
        for language, flags in LANGUAGES:
            compile_alone(cc if language == "c" else [cxx], language, flags, header)
    finish()


main()
