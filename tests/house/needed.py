#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""needed: libtern.so asks for libc and nothing else, and calls itself libtern.so.1"""

import re
import subprocess
import sys

from report import check, finish, skip

LIBC = re.compile(r"^(libc\.so\.\d+|ld-linux.*\.so\.\d+)$")


def main():
    library, sanitize = sys.argv[1:3]
    if sanitize != "none":
        skip("sanitizers bring libraries of their own")
    dynamic = subprocess.run(["readelf", "-dW", library], stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        check(LIBC.match(name), f"{library} needs {name}")
    check(re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == ["libtern.so.1"], "soname is not libtern.so.1")
    check("TEXTREL" not in dynamic, "text relocations")
    check("RPATH" not in dynamic and "RUNPATH" not in dynamic, "a run path")

    segments = subprocess.run(["readelf", "-lW", library], stdout=subprocess.PIPE, text=True, check=True).stdout
    stack = re.search(r"GNU_STACK.*", segments)
    check(stack and "RWE" not in stack.group(), "an executable stack")
    finish()


main()
