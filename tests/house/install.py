#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""install: what `make install` leaves is complete: programs are built against it alone

usage: install.py BUILD COMPILER...

Into an empty folder, then with pkg-config's flags and nothing of the tree: a program that uses
the umbrella header, shared and static, the hello examples, and the service and the client of
README.md, which then talk through the installed ternd.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import time

from report import ROOT, check, finish, public_headers, read, skip

PROGRAM = r"""
#include <errno.h>
#include <stdio.h>
#include <tern/tern.h>
int main(void)
{
	tern_bus *bus = NULL;
	int r = tern_open("unix:/nonexistent/tern", &bus);
	printf("%d %s\n", r, tern_last_error()->name);
	return r == -ENOENT && !bus ? 0 : 1;
}
"""


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def find(folder, name):
    return sorted(glob.glob(f"{folder}/**/{name}", recursive=True))


def pkg_config(root, folder, *options):
    env = dict(os.environ, PKG_CONFIG_LIBDIR=folder, PKG_CONFIG_SYSROOT_DIR=root)
    return subprocess.run(["pkg-config", *options, "tern"], env=env, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()


def build_and_run(compiler, source, target, flags, folder, env):
    built = run(compiler + ["-std=gnu11", "-Wall", "-Werror", "-o", target, source] + flags, cwd=folder)
    if check(built.returncode == 0, f"{os.path.basename(target)} does not build:\n{built.stdout}") and env is not None:
        ran = run([target], env=env)
        check(ran.returncode == 0, f"{os.path.basename(target)} says: {ran.stdout}")


def check_files(root):
    for header in public_headers():
        check(find(root, header[len("include/"):]), f"{header} is not installed")
    for name in "libtern.so", "libtern.so.1", "libtern.a", "tern.pc", "bin/tern", "bin/ternd", \
            "systemd/system/ternd.service", "systemd/system/ternd.socket", "systemd/user/ternd.service", \
            "systemd/user/ternd.socket", "sysusers.d/tern.conf":
        check(find(root, name), f"{name} is not installed")
    for page in glob.glob(f"{ROOT}/man/*.[1-8]") + glob.glob(f"{ROOT}/docs/*.md"):
        check(find(root, os.path.basename(page)), f"{os.path.basename(page)} is not installed")


def build_readme(compiler, flags, root):
    """The two programs of README.md; returns their paths, service first."""
    programs = re.findall(r"^```c [^\n]*\n(.*?)^```$", read("README.md"), re.M | re.S)
    targets = [f"{root}/readme-service", f"{root}/readme-client"]
    for target, text in zip(targets, programs):
        with open(target + ".c", "w", encoding="utf-8") as file:
            file.write(text)
        build_and_run(compiler, target + ".c", target, flags, root, None)
    return targets


def check_readme(root, service, client, env):
    """Start a bus and the service, and call it as soon as it is there."""
    env = dict(env, TERN_BUS=f"unix:{root}/bus")
    ready, told = os.pipe()
    with os.fdopen(ready) as ready:
        ternd = subprocess.Popen([find(root, "bin/ternd")[0], "--ready-fd", str(told)], env=env, pass_fds=[told])
        os.close(told)
        check(ready.readline(), "ternd does not say that it is ready")
    server = subprocess.Popen([service], env=env)
    try:
        for _ in range(200):
            ran = run([client, "you"], env=env, timeout=10)
            if ran.returncode == 0:
                break
            time.sleep(0.05)
        check(ran.stdout == "Hello, you!\n", f"the client of README.md prints: {ran.stdout}")
    finally:
        for process in server, ternd:
            process.terminate()
            process.wait()
    ran = run([client], env=env)
    check(ran.returncode == 1 and "bus" in ran.stdout, f"without a bus the client of README.md prints: {ran.stdout}")


def main():
    build, compiler = sys.argv[1], sys.argv[2:]
    if not glob.glob(f"{ROOT}/src/client/*.c"):
        skip("there is no client library yet")
    with tempfile.TemporaryDirectory() as root:
        installed = run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", root])
        check(installed.returncode == 0, installed.stdout)
        check_files(root)
        pc = os.path.dirname(find(root, "tern.pc")[0])
        library = os.path.dirname(find(root, "libtern.so")[0])
        flags = pkg_config(root, pc, "--cflags", "--libs")
        static = pkg_config(root, pc, "--cflags") + [f"{library}/libtern.a", "-pthread"]
        env = dict(os.environ, LD_LIBRARY_PATH=library)

        with open(f"{root}/use.c", "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        build_and_run(compiler, f"{root}/use.c", f"{root}/use-shared", flags, root, env)
        build_and_run(compiler, f"{root}/use.c", f"{root}/use-static", static, root, env)
        for example in sorted(glob.glob(f"{ROOT}/examples/hello/*.c")):
            target = f"{root}/{os.path.basename(example)[:-2]}"
            build_and_run(compiler, example, target, flags, root, None)
        check_readme(root, *build_readme(compiler, flags, root), env)
    finish()


main()
