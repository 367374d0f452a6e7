#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_shell: tern shell, by somebody who types

    cli_shell.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
import time

from tool import (LIMIT, NAME, TERND, a_bus, a_service, a_terminal, check, environment, expect, run, same, stop, tern)

PROMPT = "tern> "


@contextlib.contextmanager
def a_shell(bus, term="xterm", columns=80):
    """A shell that is ready, with a home of its own; gives its terminal and the path of its history."""
    with tempfile.TemporaryDirectory() as home:
        env = {**environment(bus), "TERM": term, "HOME": home, "XDG_STATE_HOME": home + "/state", "NO_COLOR": "1"}
        with a_terminal(bus, "shell", env=env, columns=columns) as terminal:
            terminal.wait("Tab tell what there is")
            terminal.wait(PROMPT)
            yield terminal, home + "/state/tern/history"


def lines_are_run():
    with a_bus() as (bus, _), a_service(bus), a_shell(bus) as (terminal, history):
        terminal.type("list\r")
        terminal.wait(NAME)
        terminal.wait(PROMPT)
        terminal.type("  tern call " + NAME + " Echo 'two words'  # a habit\r")
        terminal.wait(r"two words\r\n")
        terminal.wait(PROMPT)
        terminal.type("call org.nowhere X\r")
        terminal.wait("no service org.nowhere")
        terminal.wait(PROMPT)
        terminal.type("lsit 'x\r")
        terminal.wait("a quote is not closed")
        terminal.wait(PROMPT)
        terminal.type("lsit\r")
        terminal.wait("did you mean 'list'")
        terminal.wait(PROMPT)
        terminal.type("help\r")
        terminal.wait("in the shell:")
        terminal.wait(PROMPT)
        terminal.type("exit 7\r")
        terminal.finish(7)
        with open(history, encoding="utf-8") as file:
            lines = file.read().splitlines()
        same(lines[0], "list")
        check("lsit" in lines and not any("habit" in line for line in lines), f"{lines}")
        same(stat.S_IMODE(os.stat(history).st_mode), 0o600)


def lines_are_remembered():
    with tempfile.TemporaryDirectory() as home, a_bus() as (bus, _):
        env = {**environment(bus), "TERM": "xterm", "XDG_STATE_HOME": home, "NO_COLOR": "1"}
        for typed, seen in (("list --no-legend\r", ""), ("\x1b[A\r", "list --no-legend"), ("\x10\r", "list --no-legend")):
            with a_terminal(bus, "shell", env=env) as terminal:
                terminal.wait(PROMPT)
                terminal.type(typed)
                terminal.wait(seen + r".*\r\n")
                terminal.wait(PROMPT)
                terminal.type("\x04")
                terminal.finish()


def tab_completes():
    with a_bus() as (bus, _), a_service(bus), a_shell(bus) as (terminal, _):
        terminal.type("cal\t")
        terminal.wait("cal.*l ")
        terminal.type("org.ex")
        terminal.press("\t", "org.ex.*ample.Echo ")
        terminal.type("Text\r")
        terminal.wait(r"two\r\nlines")
        terminal.wait(PROMPT)
        terminal.type("w\t")
        terminal.wait("w.*a")
        terminal.type("\t")
        terminal.wait("wait  .*\r\n.*watch|watch  .*\r\n.*wait")
        terminal.type("\x15ex\t\r")
        terminal.wait("ex.*it ")
        terminal.finish()


def events_are_shown_while_typing():
    for term in ("xterm", "dumb"):
        with a_bus() as (bus, _), a_shell(bus, term) as (terminal, _):
            terminal.type("subscribe lamp &\r")
            terminal.wait(r"\[1\] subscribe lamp &\r\n")
            terminal.wait(PROMPT)
            terminal.type("publish half")
            terminal.wait("publish half")
            until_heard(bus, terminal)
            terminal.wait(PROMPT)
            terminal.wait("publish half")
            terminal.type("-typed\r")
            terminal.wait(PROMPT)
            terminal.type("jobs\r")
            terminal.wait(r"\[1\] subscribe lamp &\r\n")
            terminal.wait(PROMPT)
            terminal.type("stop 1\r")
            terminal.wait(r"\[1\] ended with 143")
            terminal.type("stop 1\r")
            terminal.wait("no job 1")
            terminal.type("exit\r")
            terminal.finish(2)


def until_heard(bus, terminal):
    """Whoever subscribes in the background is not there at once."""
    end = time.monotonic() + LIMIT
    while "lamp  1" not in terminal.shown and time.monotonic() < end:
        expect(tern("publish", "lamp", "-d", "1", bus=bus), 0, "")
        terminal.more(time.monotonic() + 0.05)
    check("lamp  1" in terminal.shown, "no event is shown")


def long_lines_stay_whole():
    with a_bus() as (bus, _), a_shell(bus, columns=40) as (terminal, _):
        terminal.type("subscribe lamp &\r")
        terminal.wait(PROMPT)
        terminal.type("publish " + "x" * 60)
        terminal.wait("x{10}")
        until_heard(bus, terminal)
        terminal.wait("x{10}")
        terminal.type("\r")
        terminal.wait(PROMPT)
        terminal.type("exit\r")
        terminal.finish()


def ctrl_c_drops_a_line():
    with a_bus() as (bus, _), a_service(bus), a_shell(bus) as (terminal, _):
        terminal.type("exit 9")
        terminal.wait("exit 9")
        terminal.type("\x03")
        terminal.wait(r"\^C\r\n")
        terminal.wait(PROMPT)
        terminal.type("call " + NAME + " Never\r")
        terminal.wait(r"Never\r\n")
        terminal.press("\x03", PROMPT)  # again where it was pressed before anything ran
        terminal.type("\x04")
        terminal.wait("exit")
        terminal.finish(130)


def a_terminal_that_vanishes():
    with a_bus() as (bus, _), a_shell(bus) as (terminal, history):
        terminal.type("subscribe lamp &\r")
        terminal.wait(r"\[1\]")
        terminal.wait(PROMPT)
        os.close(terminal.fd)
        terminal.fd = -1
        same(terminal.process.wait(LIMIT), 0)
        with open(history, encoding="utf-8") as file:
            same(file.read(), "subscribe lamp &\n")
    with a_bus() as (bus, _), a_shell(bus) as (terminal, _):
        terminal.process.send_signal(signal.SIGTERM)
        terminal.finish()


def a_bus_goes_and_comes_back():
    with a_bus() as (bus, daemon), a_shell(bus) as (terminal, _):
        terminal.type("li")
        terminal.wait("li")
        daemon.kill()
        terminal.wait(f"-- the bus at {bus} is gone")
        terminal.wait(PROMPT + "li")
        terminal.type("st\r")
        terminal.wait("no bus runs at")
        terminal.wait(PROMPT)
        ready, theirs = os.pipe()
        second = subprocess.Popen([TERND, "--address", bus, "--ready-fd", str(theirs)], pass_fds=[theirs])
        os.close(theirs)
        try:
            os.read(ready, 1)
            terminal.wait(f"-- the bus at {bus} is back")
            terminal.wait(PROMPT)
            terminal.type("list -n\r")
            terminal.wait(PROMPT)
            terminal.type("exit\r")
            terminal.finish()
        finally:
            os.close(ready)
            stop(second)


def scripts_are_run():
    with a_bus() as (bus, _), a_service(bus):
        script = f"# a script\n\ncall -j {NAME} Echo 'a b'  \ncall -j {NAME} Echo \"c\\\"d\" e\\ f\n"
        expect(tern("shell", bus=bus, stdin=script), 0, '"a b"\n["c\\"d","e f"]\n')
        expect(tern("shell", bus=bus, stdin="list -n\nexit 3\nlist\n"), 3, NAME + "\n")
        expect(tern("shell", bus=bus, stdin="zzz\nlist -n"), 0, NAME + "\n", "no command 'zzz'")
        expect(tern("shell", bus=bus, stdin="list -n\nzzz"), 2, NAME + "\n", "no command 'zzz'")
        expect(tern("shell", "list", bus=bus), 2, "", "not 'list'")
        expect(tern("shell", bus=bus), 0, "")


run([lines_are_run, lines_are_remembered, tab_completes, events_are_shown_while_typing, long_lines_stay_whole,
     ctrl_c_drops_a_line, a_terminal_that_vanishes, a_bus_goes_and_comes_back, scripts_are_run])
