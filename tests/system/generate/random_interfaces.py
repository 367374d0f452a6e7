#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""random_interfaces: interfaces by chance, with names that are trouble; what is generated compiles, and twice the same

usage: random_interfaces.py TERN INCLUDE COMPILER...

TERN_TEST_LONG=1 tries many.
"""

import os
import random
import subprocess
import sys
import tempfile

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wstrict-prototypes",
          "-Wmissing-prototypes", "-Werror", "-fsyntax-only"]
# Few, so that they meet: with each other, with C, with what is made of them.
MEMBERS = ["Get", "GetNew", "GetReply", "GetArgs", "Get2", "A", "Aa", "AA", "AB", "Ab", "Item", "Serve", "Ops", "Server",
           "Interface", "Int", "Reply", "GetRead", "GetItem", "GetItemEntry", "Register", "X1", "XY", "Xy", "GetReplyRead"]
FIELDS = ["a", "A", "aa", "b", "item", "items", "n", "key", "value", "int", "class", "linux", "NULL", "v", "m", "r", "w",
          "e", "ret", "message", "reply", "args", "get", "opt", "user", "error", "bus", "call", "x_1", "x1", "text"]
KINDS = ["bool", "int", "uint", "float", "string", "bytes", "fd", "object", "any"]
NAMES = ["Mixer", "int", "get", "3d", "a-b", "X-", "-x", "Tern", "class", "bool", "HTTPThing", "serve", "put_a", "x"]

FAILED = []


class Maker:
    """One interface; types may name those that are said, and themselves through what may be missing."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.types = {}

    def fields(self, depth, is_state, n_most=6):
        names = self.chance.sample(FIELDS, self.chance.randrange(n_most + 1))
        return "(" + ", ".join(f"{name}: {self.type(depth + 1, is_state)}" for name in names) + ")"

    def words(self):
        return "(" + ", ".join(self.chance.sample(FIELDS, self.chance.randrange(1, 5))) + ")"

    def type(self, depth, is_state):
        before = self.chance.choice(["", "", "", "?", "[]", "[string]", "?[]", "?[string]"] if depth < 6 else [""])
        kind = self.chance.random()
        if kind < 0.2 and depth < 5:
            return before + self.fields(depth, is_state, 3)
        if kind < 0.3:
            return before + self.words()
        if kind < 0.5 and self.types:
            name = self.chance.choice(list(self.types))
            if not is_state or self.types[name]:
                return before + name
        if before and depth < 6 and self.chance.random() < 0.3:
            return before + ("" if before[0] == "?" else self.type(depth + 1, is_state).lstrip("?") or "int") \
                if before[0] != "?" else before + self.chance.choice(KINDS[:6])
        return before + self.chance.choice(KINDS[:6] if is_state else KINDS)

    def member(self, name):
        kind = self.chance.choice(["type", "type", "method", "method", "error", "event", "state"])
        if kind == "type":
            is_plain = self.chance.random() < 0.5  # may be in a state
            text = self.words() if self.chance.random() < 0.3 else self.fields(0, is_plain)
            self.types[name] = is_plain
            return f"type {name} {text}"
        if kind == "method":
            streams = self.chance.choice([("", ""), ("", ""), ("stream (x: int) ", ""), ("", "stream (y: bytes) ")])
            return f"method {name}{self.fields(0, False)} {streams[0]}-> {streams[1]}{self.fields(0, False)}"
        return f"{kind} {name} {self.fields(0, kind == 'state')}"

    def text(self):
        lines = [f"# */ /* ??/ %s \\\ninterface org.example.{self.chance.choice(NAMES)}\n"]
        for name in self.chance.sample(MEMBERS, self.chance.randrange(len(MEMBERS))):
            lines.append("# \u202e*/ says\n" + self.member(name) + "\n")
        return "\n".join(lines)


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def generate(tern, text, folder):
    """The files by name."""
    os.mkdir(folder)
    with open(f"{folder}/i.tern", "w", encoding="utf-8") as file:
        file.write(text)
    made = run(tern, "generate", "c", "i.tern", cwd=folder)
    if made.returncode != 0:
        FAILED.append(f"{made.stdout}\n{text}")
        return {}
    texts = {}
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            texts[name] = file.read()
    return texts


def try_one(tern, include, compilers, seed, folder):
    text = Maker(seed).text()
    first = generate(tern, text, f"{folder}/first")
    second = generate(tern, text, f"{folder}/second")
    if not first:
        return
    if first != second:
        FAILED.append(f"seed {seed}: not the same twice")
    source = next(name for name in first if name.endswith(".c"))
    header = source[:-1] + "h"
    for compiler in compilers:
        is_cxx = "++" in compiler
        if is_cxx:
            with open(f"{folder}/first/header.cc", "w", encoding="utf-8") as file:
                file.write(f'#include "{header}"\n')
        options = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"] if is_cxx else STRICT
        made = run(compiler, *options, f"-I{include}", "header.cc" if is_cxx else source, cwd=f"{folder}/first")
        if made.returncode != 0:
            FAILED.append(f"seed {seed}, {compiler}:\n{made.stdout[:2000]}\n{text}")


def main():
    tern, include, *compilers = sys.argv[1:]
    seeds = range(200) if os.environ.get("TERN_TEST_LONG") else range(4)
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="tern-generate-") as folder:
            try_one(os.path.abspath(tern), include, compilers, seed, folder)
    for text in FAILED:
        print(text)
    print(f"{len(seeds) - len(FAILED)} passed, {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
