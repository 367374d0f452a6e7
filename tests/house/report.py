# SPDX-License-Identifier: MIT
"""report: how the tests of the tree itself count and tell"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
passed = failed = 0


def check(good, what):
    """Count one check; what was wrong is printed."""
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("wrong:", what)
    return good


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


def tracked():
    """Paths of the tree's own files; without git, all that is not built."""
    git = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if git.returncode == 0:
        return [p for p in git.stdout.splitlines() if os.path.isfile(os.path.join(ROOT, p))]
    paths = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(("build", ".", "__"))]
        paths += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return paths


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def public_headers():
    return sorted(p for p in tracked() if p.startswith("include/tern/") and p.endswith(".h"))


# Public headers that are for the loop of another library, which they include: that header, and pkg-config's name.
ADAPTERS = {
    "include/tern/glib.h": ("glib.h", "glib-2.0"),
    "include/tern/sd-event.h": ("systemd/sd-event.h", "libsystemd"),
    "include/tern/uv.h": ("uv.h", "libuv"),
}
