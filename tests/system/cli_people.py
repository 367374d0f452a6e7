#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_people: the tool on terminals: tables, colours, what is typed

    cli_people.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from tool import (LIMIT, NAME, SERVICE, TERN, a_bus, a_program, a_service, a_terminal, check, completed, environment, expect, finished, run,
                  same, tern, value)

ESCAPE = "\033"


def shown(bus, *words, columns=80, env=None, status=0):
    with a_terminal(bus, *words, columns=columns, env=env) as terminal:
        return terminal.finish(status)


def tables_have_headings():
    with a_bus() as (bus, _), a_service(bus, NAME, "loud") as service:
        plain = {**environment(bus), "TERM": "dumb"}
        lines = shown(bus, "list", "-l", env=plain).splitlines()
        same(lines[0].split(), ["NAME", "PROGRAM", "PID", "USER", "OWNER", "QUEUE", "LABELS"])
        same(lines[1].split()[:3], [NAME, "cli-service", str(service.pid)])
        same(lines[2:], ["", f"1 name on {bus}"])
        lines = shown(bus, "list", "--no-legend", env=plain).splitlines()
        same((len(lines), lines[0].split()[0]), (1, NAME))
        same(tern("list", "--no-legend", bus=bus).stdout, tern("list", bus=bus).stdout)
        same(shown(bus, "list", "org.example.X", env=plain), f"no such name is owned on {bus}\n")


def who_waits_is_listed():
    with a_bus() as (bus, _), a_service(bus), a_service(bus, NAME, "--says", "first") as first, \
            a_service(bus, NAME, "--says", "second") as second:
        waiting = [f":{peer['id']}" for pid in (first.pid, second.pid)
                   for peer in value(tern("list", "-ju", bus=bus)) if peer["pid"] == pid]
        same([n["queue"] for n in value(tern("list", "-j", bus=bus))], [waiting])
        same(tern("list", "-l", bus=bus).stdout.split()[-3:], waiting + ["-"])
        first.kill()
        expect(tern("wait", NAME, bus=bus), 0)
        first.wait(LIMIT)
        while value(tern("list", "-j", bus=bus))[0].get("queue") != waiting[1:]:
            time.sleep(0.01)  # until ternd has seen it


def programs_are_listed():
    with a_bus() as (bus, _), a_service(bus) as service, a_service(bus, "org.example.A") as other:
        rows = [line.split() for line in expect(tern("list", "-u", bus=bus), 0).stdout.splitlines()]
        for process, name in ((service, NAME), (other, "org.example.A")):
            check(any(row[1:3] == ["cli-service", str(process.pid)] and row[4] == name for row in rows), f"{rows}")
        check(any(row[1] == "tern" and row[4] == "-" for row in rows), f"not itself: {rows}")
        pids = [peer["pid"] for peer in value(tern("list", "-ju", bus=bus))]
        check(service.pid in pids and other.pid in pids, f"{pids}")
        expect(tern("list", "-un", bus=bus), 2, "", "--unique lists programs")


def write_service(folder, name, command):
    with open(f"{folder}/{name}.service", "w", encoding="utf-8") as file:
        file.write(f"[Service]\nExec={command}\n")


def services_that_may_be_started_are_listed():
    failing, resting = "org.example.Failing", "org.example.Resting"
    with tempfile.TemporaryDirectory(prefix="tern-test-") as first, tempfile.TemporaryDirectory(prefix="tern-test-") as second:
        write_service(first, NAME, f"{SERVICE} {NAME}")
        write_service(second, NAME, "/bin/false")  # the first folder decides
        write_service(second, failing, "/bin/false")
        write_service(second, resting, f"{SERVICE} {resting}")
        for passed_over in (".service", "no name.service", "tern.service", "org.example.Note"):
            write_service(second, passed_over.removesuffix(".service"), "/bin/false")
        os.rename(f"{second}/org.example.Note.service", f"{second}/org.example.Note")
        with a_bus(arguments=("--services", first, "--services", second)) as (bus, _):
            same(expect(tern("list", "-an", bus=bus), 0).stdout.split(), [NAME, failing, resting])
            same(tern("list", bus=bus).stdout, "")
            expect(tern("call", failing, "Echo", bus=bus), 5, "", "exit status 1")
            expect(tern("call", NAME, "Echo", bus=bus), 0)
            echo, failed, other = value(tern("list", "-aj", bus=bus))
            same((echo["name"], echo["state"], echo["file"]), (NAME, "running", f"{first}/{NAME}.service"))
            same(value(tern("list", "-ju", bus=bus))[-1]["pid"] > 0 and echo["pid"] > 0, True)
            same((failed["name"], failed["state"], "pid" in failed), (failing, "failed", False))
            check("exit status 1" in failed["fault"], failed)
            check(0 < failed["rests"] <= 60 * 10**9, failed)
            same(other, {"name": resting, "file": f"{second}/{resting}.service", "state": "resting"})
            rows = [line.split() for line in expect(tern("list", "-a", bus=bus), 0).stdout.splitlines()]
            same([row[:3] for row in rows[:1]], [[NAME, "running", str(echo["pid"])]])
            same([row[:2] for row in rows[1:]], [[failing, "failed"], [resting, "resting"]])
            same(value(tern("list", "-aj", resting, bus=bus)), [other])
            os.unlink(f"{first}/{NAME}.service")
            same(value(tern("list", "-aj", NAME, bus=bus))[0]["file"], f"{second}/{NAME}.service")
            expect(tern("list", "-au", bus=bus), 2, "", "no --unique or --label")
            os.kill(echo["pid"], signal.SIGTERM)


def any_number_of_services_is_listed():
    names = sorted(f"org.example.Service{'x' * 150}{i}" for i in range(700))
    with tempfile.TemporaryDirectory(prefix="tern-test-") as folder:
        for name in names:
            write_service(folder, name, "/bin/false")
        with a_bus(arguments=("--services", folder)) as (bus, _):
            same([service["name"] for service in value(tern("list", "-aj", bus=bus))], names)
        with a_bus(arguments=("--services", f"{folder}/nothing")) as (bus, _):
            same(value(tern("list", "-aj", bus=bus)), [])


def tables_fit():
    with a_bus() as (bus, _), a_service(bus, NAME, *("label-" + "x" * 100 + str(i) for i in range(4))):
        for columns in (80, 200):
            for line in shown(bus, "list", "-l", columns=columns, env={**environment(bus), "TERM": "dumb"}).splitlines():
                check(len(line) <= columns or line.startswith("1 name"), f"{columns}: {line}")
        check("x" * 100 + "3" in tern("list", "-l", bus=bus).stdout, "cut where there is no terminal")


def labels_play_no_tricks():
    with a_bus() as (bus, _), a_service(bus, NAME, "\033[31m\x9b", "é"):
        check("\\x1b[31m\\x9b é\n" in tern("list", "-l", bus=bus).stdout, tern("list", "-l", bus=bus).stdout)
        env = {**environment(bus), "LC_ALL": "C"}
        check("\\x1b[31m\\x9b é\n" in tern("list", "-l", env=env).stdout, "another locale, another text")


def colours_are_for_terminals():
    with a_bus() as (bus, _), a_service(bus):
        env = environment(bus)
        check(ESCAPE in shown(bus, "list"), "no colours on a terminal")
        check(ESCAPE not in tern("list", env={**env, "TERM": "xterm"}).stdout, "colours in a pipe")
        check(ESCAPE in tern("list", "--color=always", bus=bus).stdout, "no colours though asked for")
        check(ESCAPE in tern("--color=always", "list", bus=bus).stdout, "no colours though asked for before")
        for words, more in ((["--color=never"], {"TERM": "xterm"}), ([], {"TERM": "dumb"}), ([], {"TERM": ""}),
                            ([], {"TERM": "xterm", "NO_COLOR": "1"})):
            check(ESCAPE not in shown(bus, "list", *words, env={**env, **more}), f"colours with {words} {more}")
        check(ESCAPE in shown(bus, "list", env={**env, "TERM": "xterm", "NO_COLOR": ""}), "an empty NO_COLOR is none")
        seen = shown(bus, "call", NAME, "Echo", "a=1", "b=x")
        check(re.fullmatch("\033\\[36ma\033\\[0m: \033\\[33m1\033\\[0m\n.*: \033\\[32mx\033\\[0m\n", seen), repr(seen))
        expect(tern("--color=red", "list", bus=bus), 2, "", "not 'red'")


# -------- what words become --------

def words_of(bus, *words):
    """What the last word may become, and what each is said to be."""
    return dict((line.split("\t") + [""])[:2] for line in completed(*words, bus=bus).splitlines())


def words_are_completed():
    with a_bus() as (bus, _), a_service(bus), a_service(bus, "org.example.Other"):
        same(list(words_of(bus, "li")), ["list"])
        check("subscribe" in words_of(bus, ""), "an empty word becomes nothing")
        same(words_of(bus, "call", "org.example.E"), {NAME: "cli-service"})
        same(list(words_of(bus, "--bus", bus, "call", "org.example.")), [NAME, "org.example.Other"])
        same(list(words_of("unix:/nowhere", "call", "-j", "--bus", bus, "org.example.E")), [NAME])
        same(list(words_of(bus, "call", "--tim")), ["--timeout"])
        same(list(words_of(bus, "--bu")), ["--bus"])
        same(list(words_of(bus, "list", "--color=a")), ["--color=auto", "--color=always"])
        same(list(words_of(bus, "list", "--color", "n")), ["never"])
        same(list(words_of(bus, "subscribe", "-s", "org.example.O")), ["org.example.Other"])
        same(list(words_of(bus, "generate", "json")), ["json-schema"])
        same(list(words_of(bus, "help", "wa")), ["watch", "wait"])
        same(words_of(bus, "check", ""), {":file": ""})
        same(words_of(bus, "run", ""), {":program": ""})
        same(words_of(bus, "run", "cat", "--"), {":file": ""})
        for words in (["call", NAME, ""], ["call", NAME, "Echo", "x"], ["call", "org.nowhere", ""], ["call", "-t", ""],
                      ["lsit", ""], ["list", "--zzz", "--colr="], [], ["call", "\x1b\xff", ""]):
            same(words_of(bus, *words), {})


def completion_never_hangs():
    with a_bus() as (bus, daemon):
        daemon.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        expect(tern("__complete", "call", "", bus=bus), 4, "")
        check(time.monotonic() - began < LIMIT / 3, "a bus that hangs is waited for")
    same(words_of("unix:/nowhere", "call", ""), {})
    same(words_of("nonsense", "call", ""), {})


def bash(bus, line):
    """What bash would offer for a line, by the script that tern prints."""
    script = tern("completion", "bash").stdout + """
compopt() { echo "compopt $*"; }
COMP_LINE=$1 COMP_POINT=${#1}
_tern
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = environment(bus)
    env["PATH"] = os.path.dirname(TERN) + ":" + env["PATH"]
    for _ in range(5):  # nothing is what comes, too, where tern was too slow
        result = subprocess.run(["bash", "--norc", "-c", script, "bash", line], env=env, text=True, timeout=LIMIT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        same((result.returncode, result.stderr), (0, ""))
        if result.stdout != "\n":
            break
    return result.stdout.split("\n")[:-1]


def bash_asks_tern():
    with a_bus() as (bus, _), a_service(bus):
        same(bash(bus, "tern li"), ["list"])
        same(bash(bus, "tern call org.example."), [NAME])
        same(bash("unix:/nowhere", f"tern --bus {bus} call org.ex"), [NAME])
        same(bash(bus, "tern list --color=al"), ["always"])
        check("compopt -o default" in bash(bus, "tern check "), "no files for check")
        check("true" in bash(bus, "tern run tru"), "no programs for run")
        same(bash(bus, "tern call nothing.at.all x"), [""])


def a_person_presses_tab():
    with a_bus() as (bus, _), a_service(bus):
        env = {**environment(bus), "TERM": "dumb", "PS1": "ready> ", "HISTFILE": "", "INPUTRC": "/dev/null"}
        env["PATH"] = os.path.dirname(TERN) + ":" + env["PATH"]
        with a_program(["bash", "--norc", "--noprofile", "-i"], env) as terminal:
            terminal.type("PS1='ready> '; . <(tern completion bash)\r")
            terminal.wait(r"\nready> ")
            terminal.type("tern call org.exa")
            terminal.press("\t", re.escape(f"tern call {NAME} "))
            terminal.type("Text\r")
            terminal.wait(r"two\r\nlines\r\n")
            terminal.type("exit\r")
            terminal.finish()


def scripts_are_shells():
    for shell, words in (("bash", "complete -F _tern tern"), ("zsh", "#compdef tern\n"), ("fish", "complete -c tern ")):
        script = expect(tern("completion", shell), 0).stdout
        check(words in script and " __complete " in script, f"{shell}: {script}")
        if shutil.which(shell):
            result = subprocess.run([shell, "-n"], input=script, text=True, timeout=LIMIT, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
            same((result.returncode, result.stdout), (0, ""))


# -------- waiting --------

def services_are_waited_for():
    with a_bus() as (bus, daemon):
        expect(tern("wait", NAME, "-t", "0.01", bus=bus), 4, "", f"{NAME} is not there yet")
        waiting = start(bus, "wait", NAME, "org.example.Other")
        with a_service(bus), a_service(bus, "org.example.Other"):
            same(finished(waiting, 0), "")
            expect(tern("wait", NAME, "org.example.Other", bus=bus), 0, "")
            expect(tern("wait", "--gone", NAME, "-t", "10ms", bus=bus), 4, "", "still there")
            leaving = start(bus, "wait", "--gone", NAME, "org.example.Other")
        same(finished(leaving, 0), "")
        waiting = start(bus, "wait", NAME)
        end = time.monotonic() + LIMIT
        while "memfd:" not in read(f"/proc/{waiting.pid}/maps") and time.monotonic() < end:
            time.sleep(0.01)  # until it is on the bus
        daemon.terminate()
        finished(waiting, 5, ".")
    expect(tern("wait", NAME, bus="unix:/nowhere"), 3, "", "no bus runs")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def start(bus, *words):
    return subprocess.Popen([TERN, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=environment(bus))


run([tables_have_headings, who_waits_is_listed, programs_are_listed, services_that_may_be_started_are_listed,
     any_number_of_services_is_listed, tables_fit, labels_play_no_tricks, colours_are_for_terminals, words_are_completed,
     completion_never_hangs, bash_asks_tern, a_person_presses_tab, scripts_are_shells, services_are_waited_for])
