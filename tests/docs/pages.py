#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pages: what the pages show is what happens

usage: pages.py [--record] BUILD PAGE...

Sessions are typed to a shell in an empty folder, with the tools of BUILD, a bus of its own and a terminal; what
comes must be what the page shows, where … is anything, and alone on a line any lines. Programs compile
without warnings, interfaces are right. blocks.py says which blocks these are. --record writes into a
markdown page what came instead, but where it was as shown.
"""

import os
import re
import subprocess
import sys
import tempfile

import blocks
import session

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only", "-I", ROOT + "/include"]

LOOPS = {"tern/glib.h": "glib-2.0", "tern/uv.h": "libuv", "tern/sd-event.h": "libsystemd"}

# What a piece of a program may use without saying where it comes from.
PRELUDE = """
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tern/tern.h>
extern tern_bus *bus;
extern tern_message *m, *reply;
extern tern_call *call;
extern tern_topic *topic;
extern tern_service *service;
extern tern_state *state;
extern tern_subscription *s;
extern struct tern_error error;
extern int r;
"""


class Page:
    def __init__(self, build, path, record):
        self.path, self.record = path, record
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.env = self.environment(build)
        self.shell = None
        self.prelude = ""
        self.passed = self.failed = 0
        self.came = []  # (first line, last line, what came instead)

    def environment(self, build):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TERN_", "XDG_"))}
        tools = [f"{build}/{folder}" for folder in
                 ("src/cli", "src/daemon", "examples/mixer", "examples/hello")] + [f"{ROOT}/examples/mixer"]
        env.update(PATH=":".join(tools + [env["PATH"]]), TERM="dumb", LC_ALL="C.UTF-8", MIXER=f"{ROOT}/examples/mixer", PS1="", PS2="",
                   LD_LIBRARY_PATH=f"{build}/src", PKG_CONFIG_PATH=f"{build}/meson-uninstalled")
        return env

    def check(self, good, line, what):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"{os.path.relpath(self.path, ROOT)}:{line}: {what}")

    def command(self, block, *command, text=None):
        run = subprocess.run(command, env=self.env, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.check(run.returncode == 0, block.line, run.stdout)

    def compile(self, folder, block):
        text = "\n".join(block.lines) + "\n"
        if not block.name and not re.search(r"^#include", text, re.M):
            if not re.search(r"^\{", text, re.M):
                text = "int fragment(void);\nint\nfragment(void)\n{\n" + text + "return 0;\n}\n"
            text = PRELUDE + self.prelude + text
        needed = [package for header, package in LOOPS.items() if f"<{header}>" in text]
        more = subprocess.run(["pkg-config", "--cflags", "tern", *needed], env=self.env, stdout=subprocess.PIPE, text=True)
        self.command(block, os.environ.get("CC", "cc"), *FLAGS, *more.stdout.split(), "-I", folder, "-x", "c", "-", text=text)

    def play(self, folder, block):
        self.shell = self.shell or session.Session(folder, self.env)
        for step in blocks.steps(block):
            good, came = self.shell.run(step.typed, blocks.pattern(step.expected))
            if good or not self.record:
                shown = "\n".join(step.expected)
                self.check(good, step.line, f"{step.typed}\n--- shown\n{shown}\n--- came\n{came}")
            else:
                self.came.append((block.line + step.first, block.line + step.last, came))
            if self.shell.is_stuck:
                raise RuntimeError(f"{self.path}:{step.line}: this does not end: {step.typed}")

    def run_block(self, folder, block):
        text = "\n".join(block.lines) + "\n"
        if block.name:
            with open(f"{folder}/{block.name}", "w", encoding="utf-8") as file:
                file.write(text)
        if block.kind == "sh":
            self.play(folder, block)
        elif block.kind == "prelude":
            self.prelude = text
        elif block.kind == "c":
            self.compile(folder, block)
        elif block.kind == "tern":
            if not re.search(r"^interface ", text, re.M):
                text = "interface org.example.Piece\n" + text
            self.command(block, "tern", "check", "-", text=text)

    def run(self):
        with tempfile.TemporaryDirectory() as folder:
            self.env["TERN_BUS"] = f"unix:{folder}/.bus"
            self.env["HOME"] = folder
            ready, told = os.pipe()
            bus = subprocess.Popen(["ternd", "--ready-fd", str(told)], env=self.env, pass_fds=[told])
            os.close(told)
            with os.fdopen(ready) as ready:
                ready.readline()
            try:
                for block in blocks.blocks(self.path, self.text):
                    self.run_block(folder, block)
            finally:
                if self.shell:
                    self.shell.close()
                bus.terminate()
                bus.wait()
        if self.came:
            self.write()

    def write(self):
        lines = self.text.split("\n")
        for first, last, came in reversed(self.came):
            lines[first:last] = came.rstrip("\n").split("\n") if came else []
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


def main():
    arguments = sys.argv[1:]
    record = arguments[:1] == ["--record"]
    build, *paths = arguments[record:]
    passed = failed = 0
    for path in paths:
        page = Page(os.path.abspath(build), os.path.abspath(path), record)
        page.run()
        passed, failed = passed + page.passed, failed + page.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
