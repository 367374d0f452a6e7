#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""doxygen: the comments of the public headers make pages without a warning, and docs/headers.md has all headers"""

import shutil
import subprocess
import tempfile

from report import ROOT, check, finish, public_headers, read, skip


def main():
    table = read("docs/headers.md")
    for header in public_headers():
        check(f"`{header[len('include/'):]}`" in table, f"{header} is not in docs/headers.md")
    if not shutil.which("doxygen"):
        skip("no doxygen (tools/deps docs)")
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["doxygen", "-"], cwd=ROOT, input=f'{read("docs/Doxyfile")}\nOUTPUT_DIRECTORY = "{folder}"\n',
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(run.returncode == 0, run.stdout)
    finish()


main()
