#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""headers: each public header compiles alone, as C99 and as C++; adapters to loops where the loop's library is"""

import shutil
import subprocess
import sys

from report import ADAPTERS, ROOT, check, finish, public_headers, skip

WARN = ["-Wall", "-Wextra", "-Werror", "-pedantic-errors", "-fsyntax-only", "-I", ROOT + "/include"]
LANGUAGES = [("c", ["-std=c99"]), ("c", ["-std=c11"]), ("c++", ["-std=c++11"]), ("c++", ["-std=c++20"])]


def loop_flags(header):
    """What compiling a header takes besides, or None: that loop is not installed."""
    if header not in ADAPTERS:
        return []
    package = ADAPTERS[header][1]
    run = subprocess.run(["pkg-config", "--cflags", package], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    flags = [flag.replace("-I", "-isystem", 1) for flag in run.stdout.split()]
    return None if run.returncode else flags + ["-D_GNU_SOURCE"]  # which their headers need with -std=c99


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
        more = loop_flags(header)
        for language, flags in LANGUAGES if more is not None else ():
            compile_alone(cc if language == "c" else [cxx], language, flags + more, header)
    finish()


main()
