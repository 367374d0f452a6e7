#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_status: how the bus is, and its programs: tern status, tern top, tern doctor

    cli_status.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time

from tool import (LIMIT, NAME, NOBODY, SERVICE, TERN, TERND, a_bus, a_service, a_terminal, check, environment, expect, finished,
                  programs_for_all, run, same, stop, tern, value)

OTHER = "org.example.Other"


def lines_of(result):
    """What stands behind each word in front."""
    expect(result, 0)
    found = {}
    for line in result.stdout.split("\n\n")[0].splitlines():
        head = line[:10].strip()
        found[head or last] = found.get(head or last, "") + line[10:]
        last = head or last
    return found


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


@contextlib.contextmanager
def stopped(process):
    """Takes nothing in meanwhile."""
    process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + LIMIT
    while state_of(process.pid) != "T" and time.monotonic() < end:
        time.sleep(0.001)  # until it is
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def a_caller(bus, name=NAME):
    """Calls it, a hundred times a second."""
    process = subprocess.Popen([TERN, "ping", "-i", "10ms", "-n", "1000000", name], stdout=subprocess.DEVNULL,
                               env=environment(bus))
    try:
        yield process
    finally:
        stop(process)


def the_bus_tells():
    with a_bus() as (bus, daemon), a_service(bus):
        seen = lines_of(tern("status", bus=bus))
        same(seen["bus"], bus)
        check(f"process {daemon.pid} of" in seen["ternd"], seen["ternd"])
        check(seen["programs"].startswith("2 in 1"), seen["programs"])
        check(seen["names"].startswith("1,"), seen["names"])
        told = value(tern("status", "-j", bus=bus))
        same((told["pid"], told["address"], told["names"]), (daemon.pid, bus, 1))
        same(value(tern("status", "-j", "tern", bus=bus))["pid"], daemon.pid)
        expect(tern("status", bus="unix:/nowhere"), 3, "", "no bus runs")
        expect(tern("status", "--limits", NAME, bus=bus), 2, "", "one of them")


def a_program_tells():
    with a_bus() as (bus, _), a_service(bus, NAME) as service:
        expect(tern("ping", "-n", "3", "-i", "0", NAME, bus=bus), 0)
        seen = lines_of(tern("status", NAME, bus=bus))
        check(seen["program"].endswith(NAME), seen["program"])
        check(seen["process"].startswith(str(service.pid)), seen["process"])
        same(seen["names"], NAME)
        check(seen["served"].startswith("3 calls of 3"), seen["served"])
        check("half within" in seen["served"], seen["served"])
        told = value(tern("status", "-j", seen["peer"].split(",")[0], bus=bus))
        same((told["pid"], told["status"]["calls"]["answered"]), (service.pid, 3))
        expect(tern("status", ":5", bus=bus), 3, "", "no program :5")
        expect(tern("status", ":x", bus=bus), 3, "", "no program :x")
        expect(tern("status", "org.example.Eco", bus=bus), 3, "", "did you mean")
        with stopped(service):
            result = tern("status", "-t", "50ms", NAME, bus=bus)
            expect(result, 4, None, "has not taken in its messages for 50 ms")
            check(str(service.pid) in result.stdout, result.stdout)  # what ternd knows is told


def who_holds_what():
    with a_bus(arguments=("--limit", "names=10")) as (bus, _), a_service(bus), a_service(bus, OTHER) as other:
        told = value(tern("status", "--limits", "-j", bus=bus))
        same((told["limits"]["names"], told["users"][0]["used"]["names"]), (10, 2))
        table = [line.split() for line in expect(tern("status", "-l", bus=bus), 0).stdout.splitlines()]
        rows = {row[1]: row for row in table}
        same(rows["names"][2:], ["2", "10", "[limits]", "names", "=", "N"])
        same(rows["rules"][2:4], ["0", "16384"])
        check(int(rows["descriptors"][2]) < int(rows["descriptors"][3]), rows)
        rows = [line.split() for line in expect(tern("status", "-p", bus=bus), 0).stdout.splitlines()]
        same([row[1] for row in rows], ["cli-service", "cli-service", "tern"])
        same(rows[1][2], str(other.pid))
        same(len(value(tern("status", "-p", "-j", bus=bus))), 3)


def what_others_make_it_hold():
    if os.getuid() != 0:
        return
    with programs_for_all() as folder, a_bus(0o755, ["--allow-uid", str(NOBODY)]) as (bus, _), a_service(bus):
        def users():
            return value(tern("status", "-j", NAME, bus=bus))["status"]["users"]
        same(users(), [])
        env = {**environment(bus), "LD_LIBRARY_PATH": folder}
        call = subprocess.Popen([folder + "/tern", "call", NAME, "Never"], env=env, user=NOBODY, group=NOBODY, extra_groups=[],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        try:
            end = time.monotonic() + LIMIT
            while not users() and time.monotonic() < end:
                time.sleep(0.01)  # until the call has come
            (user,) = users()
            same((user["uid"], user["used"]["calls"], user["used"]["streams"]), (NOBODY, 1, 0))
            shown = expect(tern("status", NAME, bus=bus), 0).stdout.split("\n\n")[-1]
            same([line.split()[1:] for line in shown.splitlines()], [["calls", "not", "answered", "1", str(user["allowed"]["calls"])]])
            held = {line.split()[0] for line in expect(tern("status", "-l", bus=bus), 0).stdout.splitlines()}
            same(len(held), 2)
        finally:
            stop(call)


def sample(bus, *processes):
    """What top says; longer where programs, or the machine, are too slow to say something in half of its time."""
    for seconds in (0.5, 2, 8, 30):
        rows = {row["pid"]: row for row in value(tern("top", "-j", "-n", "1", "-d", str(seconds), bus=bus))}
        if all(rows.get(process.pid, {}).get("made" if process is processes[-1] else "served") for process in processes):
            break
    return rows


def rates_are_told():
    with a_bus() as (bus, _), a_service(bus) as service, a_service(bus, OTHER) as other, a_caller(bus) as caller:
        with stopped(other):
            rows = sample(bus, service, caller)
        same(set(rows), {service.pid, other.pid, caller.pid})
        same((rows[service.pid]["state"], rows[other.pid]["state"]), ("good", "busy"))
        check(rows[service.pid]["served"] > 0, rows)
        check(rows[caller.pid]["made"] > 0, rows)
        check(0 < rows[service.pid]["half_ns"] <= rows[service.pid]["most_ns"], rows)
        lines = expect(tern("top", "-n", "2", "-d", "200ms", bus=bus), 0).stdout.splitlines()
        same(len(lines), 6)
        check(lines[0].split()[0] in (NAME, "tern"), lines)
        expect(tern("top", "-d", "1ms", bus=bus), 2, "", "between 100ms and an hour")
        expect(tern("top", "x", bus=bus), 2, "", "takes no 'x'")


def a_page_on_a_terminal():
    with a_bus() as (bus, _), a_service(bus) as service:
        plain = {**environment(bus), "TERM": "dumb"}
        with a_terminal(bus, "top", "-d", "200ms", columns=120, env=plain) as terminal:
            terminal.wait("\033\\[\\?1049h")
            terminal.wait(r"1 programs on")
            terminal.wait(rf"{NAME} +{service.pid} .* good")
            with a_service(bus, OTHER):
                terminal.wait(OTHER)
            fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 40, 0, 0))
            terminal.wait(r"\033\[2J")
            terminal.type("q")
            check(terminal.finish(0).endswith("\033[?25h\033[?1049l"), "the terminal is given back")
        for number in (signal.SIGINT, signal.SIGTERM):
            with a_terminal(bus, "top", columns=120, env=plain) as terminal:
                terminal.wait("1 programs on")
                terminal.process.send_signal(number)
                check(terminal.finish(0).endswith("\033[?25h\033[?1049l"), "the terminal is given back")


def a_terminal_that_vanishes():
    with a_bus() as (bus, _), a_service(bus):
        with a_terminal(bus, "top", "-d", "200ms") as terminal:
            terminal.wait("1 programs on")
            os.close(terminal.fd)
            terminal.fd = -1
            check(terminal.process.wait(LIMIT) in (0, 6), terminal.process.returncode)


def a_bus_that_vanishes():
    with a_bus() as (bus, daemon), a_service(bus):
        process = subprocess.Popen([TERN, "top", "-j", "-d", "200ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=environment(bus))
        same(len(json.loads(process.stdout.readline())), 1)
        daemon.kill()
        finished(process, 5, "gone|bus")


def diagnosed(status, *checks, bus=None, env=None, **more):
    """What doctor finds wrong, by the words for programs; each with its why and what to do."""
    result = tern("doctor", "-j", bus=bus, env=env, **more)
    expect(result, status)
    wrong = [finding for finding in json.loads(result.stdout) if finding["wrong"]]
    same([finding["check"] for finding in wrong], list(checks))
    for finding in wrong:
        check(finding["what"] and finding["why"] and finding["do"], finding)
    return wrong


def a_sound_setup():
    with a_bus() as (bus, _), a_service(bus):
        diagnosed(0, bus=bus)
        result = expect(tern("doctor", bus=bus), 0)
        check("nothing is wrong" in result.stdout, result.stdout)
        expect(tern("doctor", "x", bus=bus), 2, "", "takes no 'x'")


def a_place_without_a_bus():
    diagnosed(1, "address", bus="tcp:1.2.3.4")
    diagnosed(1, "address", bus="unix:relative")
    diagnosed(1, "address", bus="unix:/" + "x" * 108)
    diagnosed(1, "socket", bus="unix:/nowhere/bus")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/bus"
        with open(path, "w", encoding="utf-8"):
            diagnosed(1, "socket", bus=f"unix:{path}")
        os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
            left.bind(path)
        found = diagnosed(1, "ternd", bus=f"unix:{path}")
        check("was killed" in found[0]["what"], found)
        env = environment(None)
        diagnosed(1, "runtime-directory", "socket", env={**env, "XDG_RUNTIME_DIR": f"{folder}/none"})
        diagnosed(1, "socket", env={**env, "XDG_RUNTIME_DIR": folder})
        os.chmod(folder, 0o777)
        diagnosed(1, "runtime-directory", "socket", env={**env, "XDG_RUNTIME_DIR": folder})
    result = tern("doctor", bus="unix:/nowhere/bus")
    expect(result, 1)
    check(re.match("wrong: no bus is at /nowhere.*\n  why: .*TERN_BUS.*\n  do:  ", result.stdout), result.stdout)


def a_bus_that_ails():
    with a_bus(arguments=("--limit", "names=2")) as (bus, daemon), a_service(bus), a_service(bus, OTHER) as other:
        diagnosed(1, "quota", bus=bus)
        with stopped(other):
            found = diagnosed(1, "quota", "silent", bus=bus)
            check(f"process {other.pid}" in found[1]["what"], found)
        with stopped(daemon):
            found = diagnosed(1, "ternd", bus=bus)
            check(f"kill -CONT {daemon.pid}" in found[0]["do"], found)
    with a_bus() as (bus, _):
        few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        diagnosed(1, "descriptors", bus=bus, preexec_fn=few)


def notes_of_the_machine():
    with a_bus() as (bus, _), a_service(bus), tempfile.TemporaryDirectory() as folder:
        def noted(**more):
            told = json.loads(expect(tern("doctor", "-j", **more), 0).stdout)
            check(all(finding["what"] and finding["why"] and finding["do"] for finding in told), told)
            return {finding["check"]: finding["what"] for finding in told if not finding["wrong"]}
        env = {**environment(bus), "TMPDIR": folder}
        usual = noted(env=env)
        check("left-over" not in usual, usual)
        for i in range(2):
            os.mkdir(f"{folder}/tern-run-{i}")
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
                left.bind(f"{folder}/tern-run-{i}/bus")
            words = "1 private bus was left" if i == 0 else "2 private buses were left"
            check(words in noted(env=env)["left-over"], words)
        if len(os.sched_getaffinity(0)) > 1:
            one = {min(os.sched_getaffinity(0))}
            check("may use one" in noted(bus=bus, preexec_fn=lambda: os.sched_setaffinity(0, one))["processors"], "one")
    diagnosed(1, "socket", "space", bus="unix:/proc/bus")  # a file system without room


def write_service(folder, name, text):
    with open(f"{folder}/{name}.service", "w", encoding="utf-8") as file:
        file.write("[Service]\n" + text)


def services_that_are_started():
    with tempfile.TemporaryDirectory(prefix="tern-test-") as folder:
        os.chmod(folder, 0o755)
        for name, program in ("org.example.Good", f"{SERVICE} org.example.Good"), ("org.example.Wrong", "/nothing-there"):
            write_service(folder, name, f"Exec={program}\n")
        with a_bus(arguments=["--services", folder]) as (bus, _):
            good, wrong = value(tern("list", "-a", "-j", bus=bus))
            same((good["name"], wrong["name"]), ("org.example.Good", "org.example.Wrong"))
            same((good["file"], good.get("pid", 0)), (f"{folder}/org.example.Good.service", 0))
            resting = good["state"]
            expect(tern("call", "org.example.Good", "Echo", "1", bus=bus), 0)
            check(tern("call", "org.example.Wrong", "Echo", bus=bus).returncode != 0, "nothing was started, and yet it answers")
            good, wrong = value(tern("list", "-a", "-j", bus=bus))
            same((good["state"], wrong["state"]), ("running", "failed"))
            check(resting != "running", "it ran before anybody called it")
            check(good["pid"] > 0 and "/nothing-there" in wrong["fault"], (good, wrong))
            shown = expect(tern("list", "-a", bus=bus), 0).stdout.splitlines()
            check(re.match(rf"org.example.Good +running +{good['pid']} +{folder}", shown[-2]), shown)
            check(re.match(r"org.example.Wrong +failed .*/nothing-there", shown[-1]), shown)
            expect(tern("list", "-a", "-n", "org.example.W", bus=bus), 0, "org.example.Wrong\n")
            os.kill(good["pid"], signal.SIGTERM)  # it would go on, with this test's output
        with a_bus(arguments=["--services", folder + "/none"]) as (bus, _):
            same(value(tern("list", "-a", "-j", bus=bus)), [])
            expect(tern("list", "-a", "-u", bus=bus), 2, "", "no --unique or --label")


def services_that_fail():
    with tempfile.TemporaryDirectory() as folder, a_bus(arguments=("--services", folder)) as (bus, _):
        write_service(folder, OTHER, "Exec=/bin/false\n")
        diagnosed(0, bus=bus)  # nobody called it
        expect(tern("call", OTHER, "Echo", bus=bus), 5, "", "exit status 1")
        expect(tern("ping", OTHER, bus=bus), 5, "", "exit status 1")
        found = diagnosed(1, "service", bus=bus)
        check("exit status 1" in found[0]["what"] and f"{folder}/{OTHER}.service" in found[0]["do"], found)


def files_looked_at(folder, *words):
    """What ternd --check says, with these files alone."""
    return subprocess.run([TERND, "--check", "--address", "unix:/nowhere/bus", "--services", folder, *words],
                          capture_output=True, text=True, env=environment(None), timeout=LIMIT, check=False)


def files_checked_before_they_are_used():
    with tempfile.TemporaryDirectory() as folder:
        conf = f"{folder}/ternd.conf"
        with open(conf, "w", encoding="utf-8") as file:
            file.write("[limits]\nnames = 10\n")
        write_service(folder, OTHER, f"Exec=/bin/sh -c true\nWorkingDirectory={folder}\nUser=root\n")
        expect(files_looked_at(folder, "--config", conf), 0, "")
        write_service(folder, OTHER, "Exec=/bin/sh-not-there\nWorkingDirectory=/etc/passwd\nUser=nobody-of-this-name\n")
        write_service(folder, NAME, "Exec=/etc/passwd\n")
        write_service(folder, "org.example.Wrong", "Exek=/bin/sh\n")
        with open(conf, "w", encoding="utf-8") as file:
            file.write("[limits]\nname = 10\n")
        result = files_looked_at(folder, "--config", conf)
        same(result.returncode, 1)
        for said in ("ternd.conf:2:", f"{OTHER}.service: Exec=/bin/sh-not-there: No such file",
                     f"{OTHER}.service: WorkingDirectory=/etc/passwd: not a folder",
                     f"{OTHER}.service: User=nobody-of-this-name: there is no such user",
                     f"{NAME}.service: Exec=/etc/passwd: not a program", "Wrong.service:2: .*did you mean Exec"):
            check(re.search(said, result.stderr), result.stderr)
        same(len(result.stderr.splitlines()), 6)


run([a_sound_setup, a_place_without_a_bus, a_bus_that_ails, notes_of_the_machine, services_that_are_started, services_that_fail, files_checked_before_they_are_used,
     the_bus_tells, a_program_tells, who_holds_what, what_others_make_it_hold, rates_are_told, a_page_on_a_terminal, a_terminal_that_vanishes,
     a_bus_that_vanishes])
