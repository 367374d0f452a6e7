#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sites.py SIDE PROGRAM FILE...: which calls of a program's code failed in a torture, and why the others did not

PROGRAM is what was linked with inject.c, SIDE is client or ternd; a FILE is what `torture -o` wrote. A site is an
instruction that calls an allocating function or a system call; free() is none. unreached.txt says of sites why they do
not fail. Ends with 1 if of one nobody does.
"""

import collections
import pathlib
import re
import subprocess
import sys

CALL = re.compile(r"^\s*([0-9a-f]+):\s.*\bcall\s+[0-9a-f]+ <__wrap_(\w+)>")
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
COUNTING = re.compile(r"^(__llvm_|lprof|orderfile|parseAndSetFilename$|writeFile$)|[pP]rofile|ForContinuousMode$")


def sites_of(program):
    """{address behind the call: (what is called, in which function)}, and the addresses in what counts for `make coverage`"""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], stdout=subprocess.PIPE, check=True, text=True)
    sites, counting, function, pending = {}, set(), "?", None
    for line in listing.stdout.splitlines():
        found = FUNCTION.match(line)
        if found:
            function, pending = found[1], None
            continue
        address = re.match(r"^\s*([0-9a-f]+):", line)
        if address and COUNTING.search(function):
            counting.add(int(address[1], 16))
            continue
        if pending and address:
            sites[int(address[1], 16)] = pending
        found = CALL.match(line)
        pending = (found[2], function) if found and found[2] != "free" else None
    return sites, counting


def reasons_of(side):
    """{(what is called, in which function): why it does not fail}"""
    reasons, reason = {}, None
    for line in pathlib.Path(__file__).with_name("unreached.txt").read_text(encoding="ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            reason = line.rstrip(":")
            continue
        sides, call, function = line.split()
        if sides in (side, "both"):
            reasons[call, function] = reason
    return reasons


def main():
    side, program, *files = sys.argv[1:]
    reasons = reasons_of(side)
    sites, counting = sites_of(program)
    passed, failed, errors = set(), set(), 0
    for name in files:
        with open(name, encoding="ascii") as file:
            for line in file:
                address, n = line.split()
                if int(address, 16) in counting:
                    continue
                passed.add(int(address, 16))
                errors += int(n)
                if int(n):
                    failed.add(int(address, 16))
    unknown = passed - set(sites)
    assert not unknown, f"not in {program}: {sorted(map(hex, unknown))}"
    missing = collections.Counter((call, function.split(".")[0]) for at, (call, function) in sites.items() if at not in failed)
    unknown = {site: n for site, n in missing.items() if site not in reasons}
    for (call, function), n in sorted(unknown.items()):
        print(f"    not failed, and nobody says why: {call} in {function}" + (f", {n} times" if n > 1 else ""))
    for reason, n in collections.Counter(reasons[site] for site in missing.elements() if site in reasons).items():
        print(f"    {n} not failed: {reason}")
    print(f"{side}: {len(failed)} of {len(sites)} sites failed, {errors} failures by site and errno, {sum(unknown.values())} unexplained")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
