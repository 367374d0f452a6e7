#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_traffic: what is said on a bus, shown, kept and said again

    cli_traffic.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import json
import os
import re
import signal
import subprocess

from tool import (LIMIT, NAME, TERN, a_bus, a_service, a_terminal, check, environment, expect, finished, run, same, stop,
                  tern)


@contextlib.contextmanager
def a_listener(bus, *words, **more):
    """tern monitor or tern record, past the moment from which it misses nothing."""
    ready, theirs = os.pipe()
    process = subprocess.Popen([TERN, *words, "--ready-fd", str(theirs)], pass_fds=[theirs], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment(bus), **more)
    os.close(theirs)
    try:
        same(os.read(ready, 10), b"\n")
        yield process
    finally:
        os.close(ready)
        stop(process)


def lines(process, status=0, stderr=""):
    return [json.loads(line) for line in finished(process, status, stderr).splitlines()]


def some_traffic(bus):
    expect(tern("call", NAME, "Echo", "a=1", bus=bus), 0)
    expect(tern("call", NAME, "Nowhere", bus=bus), 1, stderr="NoSuchMember")
    expect(tern("publish", "news", "org.example.Echo.Changed", "-d", '{"n": 7}', bus=bus), 0)


def monitor_shows_all():
    with a_bus() as (bus, _), a_service(bus) as service, a_listener(bus, "monitor", "-j", "-n", "5") as monitor:
        some_traffic(bus)
        call, reply, wrong, error, event = lines(monitor)
        same([m["kind"] for m in (call, reply, wrong, error, event)], ["call", "reply", "call", "error", "event"])
        same((call["service"], call["member"], call["payload"]), (NAME, "Echo", {"a": 1}))
        same((reply["member"], reply["payload"], reply["pid"], reply["program"]), ("Echo", {"a": 1}, service.pid, "cli-service"))
        same((reply["to"], reply["from"], reply["serial"]), (call["from"], call["to"], call["serial"]))
        same(reply["took"], reply["stamp"] - call["stamp"])
        same((error["error"], error["member"]), ("tern.NoSuchMember", "Nowhere"))
        same((event["tags"], event["payload"]), (["news", "org.example.Echo.Changed"], {"n": 7}))
        check(call["time"] < reply["time"] < event["time"], "in the order of time")


def monitor_filters():
    with a_bus() as (bus, _), a_service(bus), a_service(bus, "org.example.Other"):
        with contextlib.ExitStack() as stack:
            def listen(*words):
                return stack.enter_context(a_listener(bus, "monitor", "-j", *words))
            calls = listen("-k", "call,error", "-n", "4")
            other = listen("-s", "org.example.Other", "-n", "2")
            nothing = listen("-m", "Nowhere", "-n", "2")
            changed = listen("-m", "Changed", "-n", "1")
            news = listen("news", "-n", "1")
            some_traffic(bus)
            expect(tern("call", "org.example.Other", "Echo", bus=bus), 0)
            same([m["kind"] for m in lines(calls)], ["call", "call", "error", "call"])
            same([(m["kind"], m["service"]) for m in lines(other)],
                 [("call", "org.example.Other"), ("reply", "org.example.Other")])
            same([m["kind"] for m in lines(nothing)], ["call", "error"])
            same([m["tags"][0] for m in lines(changed)], ["news"])
            same([m["tags"][0] for m in lines(news)], ["news"])


def monitor_for_people():
    with a_bus() as (bus, _), a_service(bus):
        with a_listener(bus, "monitor", "-n", "5") as monitor:
            some_traffic(bus)
            shown = finished(monitor, 0).splitlines()
        same(len(shown), 5)
        check(re.fullmatch(r"\S+ call   #1    \S+ -> org.example.Echo.Echo  \{\"a\":1\}", shown[0]), shown[0])
        check(re.fullmatch(r"\S+ reply  #1    org.example.Echo.Echo -> \S+ \+\d\S* [um]s  \{\"a\":1\}", shown[1]), shown[1])
        check(re.search(r"error  #2 .* tern.NoSuchMember  \{\"text\":", shown[3]), shown[3])
        check(re.search(r"event +\S+ news org.example.Echo.Changed  \{\"n\":7\}$", shown[4]), shown[4])
        with a_terminal(bus, "monitor") as terminal:
            while not re.search("call", terminal.shown):
                expect(tern("call", NAME, "Echo", bus=bus), 0)
                terminal.more(0)
            terminal.wait("reply")
            terminal.type("\003")
            sum_ = terminal.finish(0).splitlines()[-1]
            check(re.match(r"-- \d+\.\d s: \d+ calls?, \d+ (reply|replies)", sum_), sum_)


def monitor_of_large_and_strange():
    with a_bus() as (bus, _), a_service(bus), a_listener(bus, "monitor", "-j", "-n", "2") as monitor:
        expect(tern("call", NAME, "Echo", "-", bus=bus, stdin=json.dumps({"x": "y" * 200000})), 0)
        call, reply = lines(monitor)
        same((call["cut"], call["sizes"], "payload" in call), (True, [200008], False))
        same(reply["sizes"], [200008])


def monitor_ends():
    with a_bus() as (bus, daemon), a_service(bus):
        expect(tern("monitor", "-t", "50ms", bus=bus), 0, "")
        expect(tern("monitor", "-t", "50ms", "-n", "1", bus=bus), 4, "", "0 of 1 messages")
        with a_listener(bus, "monitor", "-j") as monitor:
            monitor.send_signal(signal.SIGINT)
            same(finished(monitor, 0), "")
        with a_listener(bus, "monitor", "-j") as monitor:
            some_traffic(bus)
            stop(daemon)
            kinds = []
            while monitor.poll() is None and len(kinds) < 5: # links go on
                kinds.append(json.loads(monitor.stdout.readline())["kind"])
            same(kinds, ["call", "reply", "call", "error", "event"])
    expect(tern("monitor", "--kind", "call,nonsense"), 2, "", "'nonsense' is no kind")
    expect(tern("monitor", "-k", "gap"), 2, "", "'gap' is no kind")


def private_is_not_shown():
    """What the tool itself asks is nothing that others want to see."""
    with a_bus() as (bus, _), a_service(bus), a_listener(bus, "monitor", "-j", "-t", "10s", "-n", "2") as monitor:
        expect(tern("call", NAME, "Echo", bus=bus), 0)
        same([m["member"] for m in lines(monitor)], ["Echo", "Echo"])


run([monitor_shows_all, monitor_filters, monitor_for_people, monitor_of_large_and_strange, monitor_ends,
     private_is_not_shown])
