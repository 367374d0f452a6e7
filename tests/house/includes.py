#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""includes: who may include whom (docs/architecture.md has the same table, and the reasons)"""

import re

from report import ADAPTERS, check, finish, public_headers, read, tracked

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)

CODEC = "tern/cbor.h tern/error.h"  # the contract of wire's codec, which is public

# folder: the folders of src/ it may use besides itself, and whether the public headers
MAY_USE = {
    "src/base": ("", False),
    "src/shm": ("base", False),
    "src/wire": ("base", CODEC),
    "src/io": ("base", False),
    "src/link": ("io shm wire base", CODEC),
    "src/client": ("interface link io shm wire base", True),
    "src/bus": ("wire base", CODEC),
    "src/interface": ("wire base", CODEC),
    "src/daemon": ("bus link io shm wire base", CODEC),
    "src/cli": ("interface base io", True),
    "src/gate": ("base io", True),
    "src/bridge": ("", True),
    "compat": ("", True),
    "bindings": ("", True),
    "examples": ("", True),
}
OURS = {folder[4:] for folder in MAY_USE if folder.startswith("src/")} | {"tern"}
assert OURS >= {"base", "shm", "client", "tern"}


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "src" else parts[0]


def allowed(path, name):
    folder = folder_of(path)
    others, public = MAY_USE[folder]
    target = name.split("/")[0]
    if target == "tern":
        return public is True or (public and name in public.split())
    return "src/" + target == folder or target in others.split()


def check_file(path):
    free = path.endswith("_test.c") or "/fuzz/" in path
    for quote, name in INCLUDE.findall(read(path)):
        if "../" in name:
            check(False, f"{path}: {name}: includes are rooted at src/")
        elif free or "/" not in name or name.split("/")[0] not in OURS:
            continue  # libc's, the kernel's, or a neighbour in an example's folder
        else:
            check(allowed(path, name), f"{path} may not include {name}")
        if quote == '"' and "/" not in name and path.startswith("src/"):
            check(False, f'{path}: "{name}": includes name their folder')


def check_public(path):
    for quote, name in INCLUDE.findall(read(path)):
        check(quote == "<", f'{path}: "{name}": public headers include with <>')
        loop = ADAPTERS.get(path, ("",))[0]
        check("/" not in name or name.split("/")[0] in ("tern", "sys", "linux") or name == loop,
              f"{path} may include libc and <tern/…> only, not {name}")


def main():
    for path in tracked():
        if path.endswith((".c", ".h")) and folder_of(path) in MAY_USE:
            check_file(path)
        elif path.startswith("src/") and path.endswith((".c", ".h")):
            check(False, f"{path}: a folder the table does not know")
    for path in public_headers():
        check_public(path)
    finish()


main()
