#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hello-test: the first programs a newcomer runs do what they say (hello-test.py TERND SERVICE CLIENT EVENT)"""

import os
import select
import subprocess
import sys
import tempfile
import time

ternd, service, client, event = sys.argv[1:]
LIMIT = 10  # seconds for any step
running = []


def start(*command):
    running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return running[-1]


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    return done.returncode, done.stdout


def line(process):
    """The next line it prints; byte by byte, so that nothing waits in a buffer that select() cannot see."""
    fd, text = process.stdout.fileno(), b""
    while not text.endswith(b"\n"):
        if not select.select([fd], [], [], LIMIT)[0]:
            raise AssertionError(f"no line within {LIMIT} s: {text!r}")
        byte = os.read(fd, 1)
        if not byte:
            raise AssertionError(f"the end instead of a line: {text!r}")
        text += byte
    return text.decode()


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def until(what, test):
    end = time.monotonic() + LIMIT
    while not test():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {LIMIT} s")
        time.sleep(0.02)


def main():
    status, text = run(client)
    expect("a client without a bus", (status, bool(text.strip())), (1, True))

    bus = start(ternd, "--address", os.environ["TERN_BUS"])
    until("ternd", lambda: os.path.exists(os.environ["TERN_BUS"][5:]))
    status, text = run(client)
    expect("a client without a service", (status, bool(text.strip())), (1, True))

    serving = start(service)
    until("the service", lambda: run(client) == (0, "Hello, world!\n"))
    expect("a name", run(client, "Ada"), (0, "Hello, Ada!\n"))

    expect("nobody", run(event, "say", "is anybody there?", "news"), (0, "nobody listens\n"))
    listener = start(event, "listen", "news", "weather")
    expect("a listener", line(listener), "listening\n")
    expect("other tags", run(event, "say", "no", "news"), (0, "nobody listens\n"))
    expect("these tags", run(event, "say", "rain", "weather", "today", "news"), (0, ""))
    expect("what was heard", line(listener), "rain\n")

    serving.kill()
    serving.wait()
    until("the name to go", lambda: run(client)[0] == 1)

    serving = start(service)
    until("the service", lambda: run(client)[0] == 0)
    bus.terminate()  # for good; where it is killed the next one is waited for
    text, _ = serving.communicate(timeout=LIMIT)
    expect("a service without a bus", (serving.returncode, "ternd is gone" in text), (1, True))


with tempfile.TemporaryDirectory() as folder:
    os.environ["TERN_BUS"] = f"unix:{folder}/bus"
    try:
        main()
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
