#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sites.py PROGRAM FILE...: which calls of a program's code failed in a torture, and which were never made

PROGRAM is what was linked with inject.c; a FILE is what `torture -o` wrote. A site is an instruction that calls an
allocating function or a system call; free() is none.
"""

import collections
import re
import subprocess
import sys

CALL = re.compile(r"^\s*([0-9a-f]+):\s.*\bcall\s+[0-9a-f]+ <__wrap_(\w+)>")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def sites_of(program):
    """{address behind the call: (what is called, in which function)}"""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], stdout=subprocess.PIPE, check=True, text=True)
    sites, function, pending = {}, "?", None
    for line in listing.stdout.splitlines():
        found = FUNCTION.match(line)
        if found:
            function, pending = found[1], None
            continue
        address = re.match(r"^\s*([0-9a-f]+):", line)
        if pending and address:
            sites[int(address[1], 16)] = pending
        found = CALL.match(line)
        pending = (found[2], function) if found and found[2] != "free" else None
    return sites


def main():
    program, *files = sys.argv[1:]
    sites = sites_of(program)
    passed, failed, errors = set(), set(), 0
    for name in files:
        with open(name, encoding="ascii") as file:
            for line in file:
                address, n = line.split()
                passed.add(int(address, 16))
                errors += int(n)
                if int(n):
                    failed.add(int(address, 16))
    unknown = passed - set(sites)
    assert not unknown, f"not in {program}: {sorted(map(hex, unknown))}"
    missing = collections.Counter(sites[s] for s in sites if s not in failed)
    for (call, function), n in sorted(missing.items()):
        print(f"    not failed: {call} in {function}" + (f", {n} times" if n > 1 else ""))
    print(f"{len(failed)} of {len(sites)} sites failed, {errors} failures by site and errno")


if __name__ == "__main__":
    main()
