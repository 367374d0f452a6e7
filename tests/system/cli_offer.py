#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_offer: the tool and services that say what they offer; those that exist on paper only

    cli_offer.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

from tool import (LIMIT, NAME, TERN, a_bus, a_service, a_terminal, check, completed, environment, expect, finished, run,
                  same, stop, tern, value)

KEEPER = "org.example.Keeper"
TEXT = """\
# Keeps things.
interface org.example.Keeper

type Kind (round, flat)
type Thing (name: string, kind: ?Kind, size: uint)

# Puts a thing somewhere.
method Put(thing: Thing, count: int, loud: ?bool, data: ?bytes) -> (id: int)
method List() -> (things: []Thing)
method Clear() -> ()
# Says whether there is such a one.
method Has(kind: Kind) -> (has: bool)
method Read(file: fd) -> (text: string)

# It is not here any more.
event Gone (id: int)
state Total (n: int)
"""


@contextlib.contextmanager
def a_mock(bus, *words, text=TEXT):
    """tern serve, when it serves; gives its process, whose output tells of calls."""
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/keeper.tern", "w", encoding="utf-8") as file:
            file.write(text)
        process = subprocess.Popen([TERN, "serve", KEEPER, folder + "/keeper.tern", *words], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(bus),
                                   cwd=folder)
        try:
            check(KEEPER in process.stdout.readline(), "it does not serve")
            yield process
        finally:
            stop(process)


# -------- what the interface says of the words --------

def words_are_read_as_the_interface_says():
    with a_bus() as (bus, _), a_mock(bus, "-j", "-x", "echo '{\"id\": 7}'") as mock:
        for words, seen in (
                (["thing.name=5", "thing.size=3", "count=-2"], {"thing": {"name": "5", "size": 3}, "count": -2}),
                (['thing={"name":"x","size":1}', "count=0x10", "loud=on"],
                 {"thing": {"name": "x", "size": 1}, "count": 16, "loud": True}),
                (['{"thing":{"name":"x","size":1},"count":1}'], {"thing": {"name": "x", "size": 1}, "count": 1}),
                (["thing.name=x", "thing.size=1", "thing.kind=flat", "count=1", "data=hex:00ff"],
                 {"thing": {"name": "x", "size": 1, "kind": "flat"}, "count": 1, "data": {"$bytes": "AP8"}})):
            same(value(tern("call", "-j", KEEPER, "Put", *words, bus=bus)), {"id": 7})
            same(json.loads(mock.stdout.readline()), {"kind": "call", "member": "Put", "payload": seen})
            same(json.loads(mock.stdout.readline())["kind"], "reply")
        same(value(tern("call", "-j", KEEPER + ".Put", "-", bus=bus,
                        stdin='{"thing":{"name":"x","size":1},"count":1}')), {"id": 7})


def mistakes_are_told_before_the_call():
    with a_bus() as (bus, _), a_mock(bus, "-n", "1") as mock:
        for words, status, text in (
                (["Put"], 2, r"Put needs thing \(Thing\), count \(int\); "), (["Put", "cuont=1"], 2, "did you mean 'count'"),
                (["Put", "thing.nam=x"], 2, "thing takes no 'nam'; did you mean 'name'"),
                (["Put", "count=many"], 2, "'count' takes int, not 'many'"), (["Has", "kind=flot"], 2, "did you mean 'flat'"),
                (["List", "x=1"], 2, "List takes no arguments"), (["List", "x"], 2, "'x' is no KEY=VALUE"),
                (["Put", '{"count":1}'], 2, "Put needs thing"), (["Putt"], 1, "no method 'Putt'; did you mean Put"),
                (["Zzzzzz"], 1, "no method 'Zzzzzz'; 'tern introspect"), (["Gone"], 1, "is no method, but: event"),
                (["Read", "file=/etc/passwd"], 2, "@FILE")):
            expect(tern("call", KEEPER, *words, bus=bus), status, "", text)
        expect(tern("call", KEEPER + ".Putt", bus=bus), 1, "", "did you mean Put")
        expect(tern("call", KEEPER, bus=bus), 2, "", f"MEMBER of {KEEPER} is missing")
        expect(tern("call", "--raw", KEEPER, "List", "x=1", bus=bus), 1, "", "tern.InvalidArgument: ")
        expect(tern("call", KEEPER, "List", bus=bus), 1, "", "tern.NotImplemented")
        finished(mock, 0)


def descriptors_travel():
    with a_bus() as (bus, _), a_mock(bus, "-a", 'Read={"text": "read"}') as mock:
        expect(tern("call", KEEPER, "Read", "file=@keeper.tern", bus=bus, cwd="/"), 2, "", "keeper.tern cannot be opened")
        expect(tern("call", KEEPER, "Read", "file=@/etc/passwd", bus=bus), 0, "text: read\n")
        lines = [mock.stdout.readline() for _ in range(1)]
        check("1952805486" in lines[0], f"no descriptor came: {lines}")


def members_are_completed():
    with a_bus() as (bus, _), a_mock(bus):
        def words_of(*words):
            return dict((line.split("\t") + [""])[:2] for line in completed(*words, bus=bus).splitlines())

        same(words_of("call", KEEPER, "P"), {"Put": "Puts a thing somewhere."})
        same(list(words_of("call", KEEPER, "")), ["Put", "List", "Clear", "Has", "Read"])
        same(words_of("call", KEEPER, "Put", "count=1", ""), {"thing=": "Thing", "loud=": "?bool", "data=": "?bytes"})
        same(words_of("call", KEEPER, "Has", "kind=f"), {"kind=flat": ""})
        same(list(words_of("call", KEEPER, "Put", "loud=")), ["loud=true", "loud=false"])
        same(words_of("call", KEEPER, "Put", "data=@"), {":file": ""})
        same(list(words_of("get", KEEPER, "")), ["Total"])
        same(words_of("subscribe", KEEPER + "."), {KEEPER + ".Gone": "It is not here any more."})
        same(list(words_of("publish", "org.exa")), [KEEPER])


# -------- services on paper --------

def answers_are_fixed():
    with a_bus() as (bus, _), a_mock(bus, "-a", 'List={"things":[]}', "--answer=Has={\"has\":true}", "-e",
                                     "Clear=org.example.Keeper.Locked:not now", "-s", 'Total={"n":5}'):
        same(value(tern("call", "-j", KEEPER, "List", bus=bus)), {"things": []})
        same(value(tern("call", "-j", KEEPER, "Has", "kind=flat", bus=bus)), {"has": True})
        expect(tern("call", KEEPER, "Clear", bus=bus), 1, "", "org.example.Keeper.Locked: not now")
        same(value(tern("get", "-j", KEEPER, "Total", bus=bus)), {"n": 5})
        expect(tern("serve", KEEPER, "-", bus=bus, stdin=TEXT), 3, "", "another program's already")


def wrong_answers_are_refused():
    with a_bus() as (bus, _):
        for words, status, text in (
                (["-a", "Lst={}"], 2, "no method 'Lst'; did you mean List"), (["-a", "List"], 2, "no MEMBER=VALUE"),
                (["-a", "List={}"], 2, "the answer of List: things"), (["-a", "List={"], 2, "no JSON"),
                (["-a", 'List={"things":[{"name":1}]}'], 2, r"things\[0\].name: expected string"),
                (["-a", "Gone={}"], 2, "no method 'Gone'"), (["-e", "Clear="], 2, "no name of an error"),
                (["-e", "Clear=not now"], 2, "no name of an error"), (["-e", "Clear=:not now"], 2, "no name of an error"),
                (["-p", "List={}"], 2, "List has no parts before its answer"),
                (["-s", "Totl={}"], 2, "no state 'Totl'"), (["-s", 'Total={"n":"x"}'], 2, "the value of Total: n: expected"),
                (["extra"], 2, "not also 'extra'"), (["-n", "0"], 2, "no number")):
            expect(tern("serve", KEEPER, "-", *words, bus=bus, stdin=TEXT), status, None, text)
        expect(tern("serve", bus=bus), 2, "", "NAME and FILE")
        expect(tern("serve", KEEPER, bus=bus), 2, "", "the FILE with the interface")
        expect(tern("serve", KEEPER, "/nowhere/x", bus=bus), 6, "", "/nowhere/x cannot be read")
        result = tern("serve", KEEPER, "-", bus=bus, stdin="interface a.b\nmethod X\n")
        same(result.returncode, 1)
        check(re.match("-:2:9: ", result.stderr), result.stderr)


COUNTER = "interface " + KEEPER + """
# @settable
state Place (at: int)
state Fixed (at: int)
method Count(to: int) -> stream (n: int) (sum: int)
method Sum() stream (n: int) -> (sum: int)
method Echo() stream (n: int) -> stream (n: int)
event Moved (at: int)
"""


def streams_are_mocked():
    script = "read -r arguments; cat; test $TERN_MEMBER != Sum || exit 3"
    with a_bus() as (bus, _), a_mock(bus, "-j", "-p", 'Count={"n":1}', "-p", 'Count={"n":2}', "-a", 'Count={"sum":3}',
                                     "-x", script, text=COUNTER) as mock:
        def called(member, *words, status=0, stderr="", stdin=None):
            result = tern("call", "-j", KEEPER, member, *words, bus=bus, stdin=stdin)
            check((result.returncode, stderr in result.stderr) == (status, True), result)
            return [json.loads(line) for line in result.stdout.splitlines()]

        def told(n):
            said = [json.loads(mock.stdout.readline()) for _ in range(n)]
            return [(m["kind"], m.get("payload", m.get("error"))) for m in said]

        same(called("Count", "to=2"), [{"n": 1}, {"n": 2}, {"sum": 3}])
        same(told(4), [("call", {"to": 2}), ("part", {"n": 1}), ("part", {"n": 2}), ("reply", {"sum": 3})])
        same(called("Echo", stdin="n=4\nn=5\n"), [{"n": 4}, {"n": 5}, {}])
        same(told(6), [("call", None), *2 * [("part", {"n": 4}), ("part", {"n": 5})], ("reply", {})])
        same(called("Sum", status=1, stderr="the script ended with status 3", stdin="n=1\n"), [])
        same(told(3)[-1], ("error", "tern.Failed"))
        expect(tern("call", "--raw", KEEPER, "Echo", bus=bus), 1, "", "tern.NeedsStream|streams")
        same(told(2)[-1], ("error", "tern.NeedsStream"))
        many = "".join(f"n={n}\n" for n in range(5000))  # more than the caller's library takes at once
        threading.Thread(target=mock.stdout.read, daemon=True).start()
        same(called("Echo", stdin=many), [{"n": n} for n in range(5000)] + [{}])


def values_of_mocks_are_set():
    with a_bus() as (bus, _), a_mock(bus, "-j", "-s", 'Place={"at":1}', "-s", 'Fixed={"at":1}', text=COUNTER) as mock:
        expect(tern("set", KEEPER, "Place", "at=5", bus=bus), 0, "")
        same(json.loads(mock.stdout.readline()), {"kind": "set", "member": "Place", "payload": {"at": 5}})
        same(value(tern("get", "-j", KEEPER, "Place", bus=bus)), {"at": 5})
        expect(tern("set", KEEPER, "Fixed", "at=5", bus=bus), 1, "", "tern.ReadOnly")


def events_are_what_the_interface_says():
    with a_bus() as (bus, _), a_mock(bus, text=COUNTER):
        moved = KEEPER + ".Moved"
        for words, text in ((["-d", "at=x"], "'at' takes int, not 'x'"), ([], r"Moved needs at \(int\)"),
                            (["-d", "ot=1"], "did you mean 'at'"), (["-d", '{"at":"x"}'], "Moved: at")):
            expect(tern("publish", moved, *words, bus=bus), 2, "", text)
        listener = subprocess.Popen([TERN, "subscribe", "-j", moved, "-n", "3"], stdout=subprocess.PIPE, text=True,
                                    env=environment(bus))
        try:
            while tern("status", "-j", bus=bus).stdout.count('"rules":0') == 1:
                time.sleep(0.01)
            for words in (["-d", "at=4"], ["-d", '{"at":5}'], ["--raw", "-d", "six"]):
                expect(tern("publish", moved, "more", *words, bus=bus), 0, "")
            same([json.loads(listener.stdout.readline())["payload"] for _ in range(3)], [{"at": 4}, {"at": 5}, "six"])
        finally:
            stop(listener)


def ternd_is_found_by_its_interface():
    with a_bus() as (bus, _):
        same(tern("introspect", "org.tern.Bus", bus=bus).stdout, tern("introspect", "tern", bus=bus).stdout)
        check(tern("tree", bus=bus).stdout.startswith("tern  org.tern.Bus\n"), "it is not in the tree")
        check("instance" in value(tern("call", "-j", "org.tern.Bus.Status", bus=bus)), "no status")
        expect(tern("serve", "org.tern.Bus", "-", bus=bus, stdin=TEXT.replace(KEEPER, "org.tern.Bus")), 2, "", "ternd itself")


def scripts_answer():
    script = """
        case $TERN_MEMBER in
        Put) test "$TERN_SERVICE" = org.example.Keeper && grep -q '"count":4' && echo '{"id": 4}' ;;
        Has) echo '{"error": "org.example.Keeper.Blind", "text": "too dark"}'; exit 1 ;;
        List) echo 'no JSON' ;;
        Read) echo '{"id": 1}' ;;
        esac
    """
    with a_bus() as (bus, _), a_mock(bus, "-x", script) as mock:
        same(value(tern("call", "-j", KEEPER, "Put", "thing.name=x", "thing.size=1", "count=4", bus=bus)), {"id": 4})
        expect(tern("call", KEEPER, "Put", "thing.name=x", "thing.size=1", "count=5", bus=bus), 1, "",
               "tern.Failed: the script ended with status 1")
        expect(tern("call", KEEPER, "Has", "kind=flat", bus=bus), 1, "", "org.example.Keeper.Blind: too dark")
        expect(tern("call", KEEPER, "List", bus=bus), 1, "", "tern.Failed: the script printed no JSON")
        expect(tern("call", KEEPER, "Read", "file=@/dev/null", bus=bus), 1, "", '"id" is no field here')
        expect(tern("call", KEEPER, "Clear", bus=bus), 0, "")
        mock.send_signal(signal.SIGTERM)
        finished(mock, 0, "printed no JSON")


def scripts_are_few():
    """More calls than may run wait; more than may wait are told; those whose callers are gone are ended."""
    with a_bus() as (bus, _), a_mock(bus, "-x", "echo $$ >>pids; exec sleep 1000") as mock:
        callers = [subprocess.Popen([TERN, "call", "-t", "1000", KEEPER, "Clear"], env=environment(bus), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(80)]
        try:
            told = [mock.stdout.readline() for _ in range(80 + 8)]
            same(sum(line.startswith("error") for line in told), 8)
            with open(f"/proc/{mock.pid}/cwd/pids", encoding="utf-8") as file:
                pids = [int(line) for line in file]
            check(1 <= len(pids) <= 8, f"{len(pids)} scripts run")
        finally:
            for caller in callers:
                stop(caller)
        while "gone" not in (line := mock.stdout.readline()):
            check(line != "", "it ended")
        for pid in pids:
            wait_gone(pid)


def wait_gone(pid):
    """Until a script has ended."""
    end = time.monotonic() + LIMIT
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.01)
    check(not os.path.exists(f"/proc/{pid}"), f"script {pid} still runs")


def a_mock_that_dies_leaves_nothing():
    with a_bus() as (bus, daemon):
        for number in (signal.SIGINT, signal.SIGKILL):
            with a_mock(bus, "-x", "echo $$ >&2; exec sleep 1000") as mock:
                caller = subprocess.Popen([TERN, "call", "-t", "1000", KEEPER, "Clear"], env=environment(bus),
                                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    pid = int(mock.stderr.readline())
                    mock.send_signal(number)
                    mock.wait(LIMIT)
                    wait_gone(pid)
                finally:
                    stop(caller)
        with a_mock(bus) as mock:
            daemon.terminate()
            finished(mock, 5, "the bus at .* is gone")


# -------- the manual page --------

def examples_are_run():
    """All of tern(1), in turn, in one shell; `...`, jq and make stand for something else there."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with open(root + "/man/tern.1", encoding="utf-8") as page:
        text = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh", page.read(), re.M | re.S).group(1)
    lines = "".join(re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", text, re.M | re.S)).replace("\\e\n", "\\\n")
    lines = lines.replace("\\&.", ".").replace("do ...;", "do :;")
    check(lines.count("tern ") > 12, lines)
    with tempfile.TemporaryDirectory() as folder, a_bus() as (bus, _):
        os.symlink(root + "/examples/mixer/org.example.Mixer.tern", folder + "/org.example.Mixer.tern")
        for name, script in (("jq", "exec cat"), ("make", "exit 0"), ("tern", f'exec {TERN} "$@"')):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{script}\n")
            os.chmod(f"{folder}/{name}", 0o755)
        env = environment(bus)
        env["PATH"] = f"{folder}:{env['PATH']}"
        result = subprocess.run(["bash", "-e", "-c", lines + "\nkill %1; wait %1\n"], env=env, cwd=folder, text=True,
                                timeout=LIMIT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        same((result.returncode, result.stderr), (0, ""))
        for shown in ("players", "position: 0", "value: 65536", "100 answers", "org.example.Mixer  tern"):
            check(shown in result.stdout, f"{shown!r} is not in {result.stdout!r}")


def services_without_interface_are_as_before():
    with a_bus() as (bus, _), a_service(bus):
        same(value(tern("call", "-j", NAME, "Echo", "a=1", "b=x", bus=bus)), {"a": 1, "b": "x"})
        same(completed("call", NAME, "", bus=bus), "")


# -------- what services offer, shown --------

def services_are_described():
    with a_bus() as (bus, _), a_mock(bus):
        expect(tern("introspect", "--raw", KEEPER, bus=bus), 0, TEXT)
        check("# Puts a thing somewhere.\nmethod Put(" in tern("introspect", KEEPER, bus=bus).stdout, "Put is not shown")
        expect(tern("introspect", KEEPER, "Has", bus=bus), 0,
               "# Says whether there is such a one.\nmethod Has(kind: Kind) -> (has: bool)\n")
        check("\033[" in tern("introspect", "--color=always", KEEPER, "Has", bus=bus).stdout, "no colours")
        whole = value(tern("introspect", "-j", KEEPER, bus=bus))
        same((whole["name"], whole["docs"], len(whole["members"])), (KEEPER, "Keeps things.", 9))
        same(value(tern("introspect", "-j", KEEPER, "Gone", bus=bus)),
             {"kind": "event", "name": "Gone", "docs": "It is not here any more.",
              "type": {"type": "struct", "fields": [{"name": "id", "type": {"type": "int"}}]}})
        kind = whole["members"][1]["type"]["fields"][1]
        same(kind, {"name": "kind", "type": {"type": "named", "optional": True, "name": "Kind"}})
        expect(tern("introspect", KEEPER, "Gon", bus=bus), 1, "", "has no 'Gon'; did you mean Gone")
        expect(tern("introspect", KEEPER, "Zzzzzz", bus=bus), 1, "", "has no 'Zzzzzz'")
        expect(tern("introspect", "org.example.Keepr", bus=bus), 3, "", "org.example.Keeper")
        expect(tern("introspect", bus=bus), 2, "", "SERVICE is missing")
        expect(tern("introspect", KEEPER, "Has", "x", bus=bus), 2, "", "one too many: 'x'")
        expect(tern("introspect", "--raw", "-j", KEEPER, bus=bus), 2, "", "--raw")


def trees_are_shown():
    with a_bus() as (bus, _), a_mock(bus), a_service(bus):
        shown = tern("tree", bus=bus).stdout
        check(KEEPER + "\n├─ type Kind (round, flat)\n" in shown, shown)
        check("├─ method Put(thing: Thing, count: int, loud: ?bool, data: ?bytes) -> (id: int)  Puts a thing somewhere.\n"
              in shown, shown)
        check("└─ state Total (n: int)\n" in shown, shown)
        check(NAME + "  (says nothing)\n" in shown, shown)
        same(tern("tree", NAME, bus=bus).stdout, NAME + "  (says nothing)\n")
        services = value(tern("tree", "-j", bus=bus))
        check({"service": NAME, "interface": None} in services, services)
        same([s["interface"]["name"] for s in services if s["service"] == KEEPER], [KEEPER])
        expect(tern("tree", "org.example.Keepr", bus=bus), 3, "", "org.example.Keeper")


def texts_of_others_are_harmless():
    """What a service says of itself goes to a terminal, whoever it is."""
    bell = "interface a.b\n# \x1b]0;title\x07\nmethod X() -> ()\n"
    with a_bus() as (bus, _):
        for text, words in ((bell, ("line 2, column", "no interface")), ("interface", ("no interface", "--raw")),
                            ("interface a.b\n" + "type A (a: A)\n" * 8000, ("no interface",)),
                            ("interface a.b\ntype A (a: " + "(" * 100, ("no interface",))):
            with a_service(bus, NAME, "--says", text):
                for word in words:
                    expect(tern("introspect", NAME, bus=bus), 1, "", word)
                check("says what is no interface" in tern("tree", NAME, bus=bus).stdout, "no tree")
                with a_terminal(bus, "introspect", "--raw", NAME) as terminal:
                    check("\x1b" not in terminal.finish(), "an escape came through")


def values_are_set():
    with a_bus() as (bus, _), a_service(bus), a_mock(bus, "-s", 'Total={"n":5}'):
        expect(tern("set", NAME, "level", "dB=-3.5", "on=true", bus=bus), 0, "")
        same(value(tern("get", "-j", NAME, "level", bus=bus)), {"dB": -3.5, "on": True})
        expect(tern("set", NAME, "level", "null", bus=bus), 1, "", "tern.Failed")
        expect(tern("set", NAME, "unset", "5", bus=bus), 1, "", "tern.ReadOnly: its service alone")
        expect(tern("set", NAME, "levl", "5", bus=bus), 1, "", "tern.NoSuchState")
        expect(tern("set", KEEPER, "Total", "n=6", bus=bus), 1, "", "tern.ReadOnly")
        expect(tern("set", KEEPER, "Total", "n=six", bus=bus), 2, "", "'n' takes int, not 'six'")
        expect(tern("set", KEEPER, "Totl", "n=6", bus=bus), 1, "", "no state 'Totl'; did you mean Total")
        expect(tern("set", KEEPER, "Total", bus=bus), 2, "", "VALUE")
        expect(tern("set", "org.example.Nobody", "Total", "1", bus=bus), 3, "", "org.example.Nobody")


run([words_are_read_as_the_interface_says, mistakes_are_told_before_the_call, descriptors_travel, members_are_completed,
     answers_are_fixed, wrong_answers_are_refused, streams_are_mocked, values_of_mocks_are_set,
     events_are_what_the_interface_says, ternd_is_found_by_its_interface, scripts_answer, scripts_are_few, a_mock_that_dies_leaves_nothing,
     examples_are_run, services_without_interface_are_as_before, services_are_described, trees_are_shown,
     texts_of_others_are_harmless, values_are_set])
