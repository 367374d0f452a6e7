#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""units: what systemd makes of ours, and ternd with no more than they leave to it

    units.py TERND BUILD UNIT…

The filter of system calls and the loss of all capabilities are put on for real, around the ternd of other
tests: a call that is not in the filter kills it.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "house"))
from report import ROOT, check, finish, skip  # noqa: E402

MOST_EXPOSED = 2.0
TESTS = ("daemon-bus", "daemon-again", "daemon-replace", "daemon-managed")
DENIED = {"@resources"}  # answered EPERM, as by systemd; ternd can do without

# As linux/filter.h, linux/seccomp.h and linux/prctl.h have them.
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, KILL, ERRNO_EPERM = 0x7FFF0000, 0x80000000, 0x00050001

WRAPPER = """#!{python} -SE
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
code = open({filter!r}, "rb").read()
class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("code", ctypes.c_char_p)]
for capability in range(64):
    if capability != 19:  # SYS_PTRACE: without it nobody is of one trust domain with root, which the tests want to see
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
program = Program(len(code) // 8, code)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):  # NO_NEW_PRIVS, SECCOMP
    sys.exit("no seccomp")
os.execv({ternd!r}, sys.argv)
"""


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], env=dict(os.environ, XDG_RUNTIME_DIR="/run"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def names_in(group):
    """The system calls of a group, and of the groups in it."""
    names = set()
    for line in analyze("syscall-filter", group).stdout.splitlines():
        word = line.strip()
        if word.startswith("@") and word != group:
            names |= names_in(word)
        elif word and not word.startswith(("#", "@")):
            names.add(word)
    return names


def filter_of(unit):
    """(allowed, answered EPERM)"""
    allowed, denied = set(), set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        for group in line.lstrip("~").split():
            if not line.startswith("~"):
                allowed |= names_in(group)
                continue
            allowed -= names_in(group)
            denied |= names_in(group) if group in DENIED else set()
    return allowed, denied


def numbers():
    """Of this machine's system calls, by name."""
    defined = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", defined, re.M)}


def program_of(allowed, denied):
    number = numbers()
    code = struct.pack("<HBBI", LOAD, 0, 0, 0)
    for names, verdict in (allowed, ALLOW), (denied, ERRNO_EPERM):
        for name in sorted(names):
            if name in number:
                code += struct.pack("<HBBI", JUMP_EQUAL, 0, 1, number[name]) + struct.pack("<HBBI", RETURN, 0, 0, verdict)
    return code + struct.pack("<HBBI", RETURN, 0, 0, KILL)


def check_units(units, ternd, folder):
    """Returns the text of the system's service."""
    for unit in units:
        kind = os.path.basename(unit).split("-")[0]
        os.mkdir(f"{folder}/{kind}")
        shutil.copy(f"{ROOT}/share/systemd/{kind}/ternd.socket", f"{folder}/{kind}/")
        with open(unit, encoding="utf-8") as file:
            text = file.read()
        with open(f"{folder}/{kind}/ternd.service", "w", encoding="utf-8") as file:
            file.write(re.sub(r"^ExecStart=\S+", f"ExecStart={ternd}", text, flags=re.M))
        done = analyze("verify", "--man=no", "--recursive-errors=no", "--user" if kind == "user" else "--system",
                       f"{folder}/{kind}/ternd.service", f"{folder}/{kind}/ternd.socket")
        check(done.returncode == 0 and "ternd." not in done.stdout, f"{kind}: {done.stdout}")
    done = analyze("security", "--offline=true", f"{folder}/system/ternd.service")
    exposed = re.search(r"Overall exposure level for ternd.service: ([\d.]+)", done.stdout)
    check(exposed and float(exposed[1]) <= MOST_EXPOSED, f"the service of the system: {done.stdout[-200:]}")
    print(exposed[0] if exposed else "not rated")
    with open(f"{folder}/system/ternd.service", encoding="utf-8") as file:
        return file.read()


def check_restricted(unit, build, folder):
    with open(f"{folder}/filter", "wb") as file:
        file.write(program_of(*filter_of(unit)))
    ternd = f"{build}/tests/system/ternd-impatient"
    with open(f"{folder}/ternd", "w", encoding="utf-8") as file:
        file.write(WRAPPER.format(python=sys.executable, filter=f"{folder}/filter", ternd=ternd))
    os.chmod(f"{folder}/ternd", 0o755)
    env = dict(os.environ, TERND=f"{folder}/ternd", TERND_IMPATIENT=f"{folder}/ternd")
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # by ptrace(), which the unit denies
    for name in TESTS:
        done = subprocess.run([f"{build}/tests/system/{name}-test"], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        check(done.returncode == 0, f"{name}, restricted: {done.stdout}")


def main():
    ternd, build, *units = map(os.path.abspath, sys.argv[1:])
    if not shutil.which("systemd-analyze"):
        skip("no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        unit = check_units(units, ternd, folder)
        check_restricted(unit, build, folder)
    finish()


main()
