#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli: the tool as its users meet it, with their mistakes

    cli.py TERN TERND SERVICE LIBRARY [SCENARIO…]

Each scenario has a ternd of its own. Its functions read as what a user does and sees.
"""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

from tool import (LIMIT, NAME, NOBODY, SERVICE, TERN, TERND, a_bus, a_service, a_subscriber, check, environment, expect,
                  finished, programs_for_all, run, same, stop, tern, value)


# -------- without a bus --------

def help_is_there():
    commands = "list", "call", "ping", "publish", "subscribe", "get", "watch", "run", "check", "generate"
    for words in (["--help"], ["help"], ["-h"]):
        result = expect(tern(*words), 0)
        for command in commands:
            check(f"\n  {command} " in result.stdout, f"help does not list {command}")
    for command in commands:
        result = expect(tern(command, "--help"), 0)
        check(result.stdout.startswith(f"usage: tern {command} "), result.stdout)
        same(tern("help", command).stdout, result.stdout)
    expect(tern("--version"), 0, "tern 0.1.0\n")


def mistakes_are_told():
    for words, text in (
            ([], "--help"), (["lsit"], "did you mean 'list'"), (["zzzzzz"], "--help"), (["help", "cal"], "'call'"),
            (["--buss", "x"], "did you mean --bus"), (["--bus"], "--bus needs a value"),
            (["list", "x", "y"], "not also 'y'"), (["list", "--color=blue"], "not 'blue'"), (["list", "--lnog"], "did you mean --long"), (["list", "-x"], "'-x'"),
            (["call"], "SERVICE and MEMBER"), (["call", "a"], "MEMBER of a"),
            (["call", "a", "b", "-t", "1 year"], "no time"), (["publish"], "TAG"),
            (["ping"], "SERVICE"), (["ping", "a", "b"], "one SERVICE"),
            (["ping", "-n", "0", "a"], "no number"), (["ping", "-n", "9999999", "a"], "at most"),
            (["publish", "a", "-d", "[1"], "no JSON"),
            (["publish"] + ["t"] * 17, "16 tags"), (["subscribe", "-n", "0"], "no number"),
            (["subscribe", "-n", "x"], "no number"), (["subscribe", "-p", "maybe"], "no policy; drop-newest drop-oldest"),
            (["subscribe", "--queue", "65537"], "more than 65536"), (["subscribe", "--max-rate", "0"], "no number"),
            (["subscribe", "--ready-fd", "77"], "not open"), (["subscribe", "--timeout"], "needs a value"),
            (["get"], "SERVICE and NAME"), (["get", "a"], "NAME of a value of a"), (["get", "a", "b", "c"], "not also 'c'"),
            (["watch", "-n", "0", "a", "b"], "no number"), (["watch", "a", "--latset"], "did you mean --latest"),
            (["wait"], "SERVICE"), (["wait", ":5"], "wait for names"), (["completion"], "which SHELL"),
            (["completion", "tcsh"], "'tcsh' is not"), (["help", "call", "list"], "not also 'list'"),
            (["run"], "COMMAND"), (["run", "-j", "true"], "unknown option"),
            (["--bus", "unix:/x", "run", "true"], "no --bus"),
            (["check"], "needs a FILE"), (["check", "-p", "-j", "-"], "--json is not"), (["check", "--prnt"], "--print"),
            (["generate"], "generate what"), (["generate", "json-shema", "-"], "did you mean 'json-schema'"),
            (["generate", "wsdl", "-"], "cannot be generated; c and json-schema can"),
            (["generate", "json-schema"], "needs a FILE"), (["generate", "json-schema", "a", "b"], "one FILE"),
            (["status", "a", "b"], "one SERVICE at a time"), (["status", "--limts"], "did you mean --limits"),
            (["completion", "bash", "zsh"], "not also 'zsh'"),
            (["subscribe"] + ["t"] * 17, "16 tags")):
        expect(tern(*words), 2, "", text)


def no_bus_is_told():
    nowhere = "unix:/nowhere/bus"
    for words in (["list"], ["call", "a", "b"], ["call", "a.b"], ["ping", "a"], ["publish", "a"], ["subscribe"], ["get", "a", "b"],
                  ["watch", "a", "b"]):
        expect(tern(*words, bus=nowhere), 3, "", "no bus runs at unix:/nowhere/bus, as TERN_BUS says.*tern run --")
        expect(tern("--bus", nowhere, *words), 3, "", "no bus runs at unix:/nowhere/bus, as --bus says")
        expect(tern(*words, "--bus", nowhere), 3, "", "no bus runs at unix:/nowhere/bus, as --bus says")
    env = environment(None)
    env["XDG_RUNTIME_DIR"] = "/nowhere/else"
    expect(tern("list", env=env), 3, "", "no bus runs at unix:/nowhere/else/tern/bus; ")
    for address in ("tcp:host", "unix:", "/a/path", ""):
        expect(tern("list", "--bus", address), 2, "", "no address of a bus")
    expect(tern("list", "--bus", "unix:/" + "x" * 200), 2, "", "no address of a bus.*107 bytes")
    env["XDG_RUNTIME_DIR"] = ""
    check("unix:/tern" not in tern("list", env=env).stderr, "an empty XDG_RUNTIME_DIR is no folder")


def want_of_descriptors_is_told():
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))

    with a_bus() as (bus, _):
        expect(tern("list", bus=bus, preexec_fn=few), 6, "", "no descriptors are left.*ulimit -n")


# -------- interfaces --------

GOOD = """\
# Keeps things.
interface org.example.Keeper

# @deprecated use any other
type Kind (round, flat)

# One of them.
type Thing (
  name: string,
  # What it is like.
  kind: ?Kind,
  size: uint,
  weight: float,
  data: ?bytes,
  more: [string][]int
)

method Put(
  thing: Thing,
  at: (x: int, y: ?int),
  file: fd
) stream (chunk: bytes) -> (id: int)

method Watch() -> stream (thing: Thing)

event Gone (
  id: int,
  why: (
    lost,
    # By its owner.
    taken
  )
)
"""
WRONG = "interface a.b\n\tmethod \u00fc() -> ()\nerror E (s: strng)\nmethod M()\n# and\nmetod N() -> ()\n"


def interfaces_are_checked():
    with tempfile.TemporaryDirectory() as folder:
        good, wrong = folder + "/org.example.Keeper.tern", folder + "/wrong.tern"
        for path, text in ((good, GOOD), (wrong, WRONG)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        expect(tern("check", good), 0, "")
        expect(tern("check", good, good, "-", stdin=GOOD), 0, "")
        same(value(tern("check", "-j", good)), [])
        told = expect(tern("check", good, wrong), 1).stdout
        same(told, f"{wrong}:2:9: expected a name, found '\u00fc'\n    \tmethod \u00fc() -> ()\n    \t       ^\n"
                   f"{wrong}:3:13: there is no type 'strng'; did you mean 'string'?\n    error E (s: strng)\n"
                   f"                ^^^^^\n"
                   f"{wrong}:4:11: expected '->' and the results: -> () for none, found 'metod'\n    method M()\n"
                   f"              ^\n")
        faults = json.loads(expect(tern("check", "-j", wrong, good), 1).stdout)
        same([(f["file"], f["line"], f["column"], f["size"]) for f in faults],
             [(wrong, 2, 9, 2), (wrong, 3, 13, 5), (wrong, 4, 11, 0)])
        same(faults[1]["text"], "there is no type 'strng'; did you mean 'string'?")
        expect(tern("check", "-", stdin="inter\x1b[2Jface"), 1, "-:1:6: a byte 1b, which is no UTF-8 here, or a control "
               "character\n    inter\\x1b[2Jface\n         ^\n")
        expect(tern("check", "-", stdin=""), 1, "-:1:1: expected 'interface' and its name first; here the text ends\n"
               "    \n    ^\n")
        expect(tern("check", folder + "/none", good), 6, "", "none cannot be read: No such file")
        expect(tern("check", folder), 6, "", "cannot be read: Is a directory")
        check("and 2 more\n" in tern("check", "-", stdin="interface a.b\n" + "type a ()\n" * 10).stdout, "no count")
        told = expect(tern("check", "-", stdin="interface a.b" + " " * (256 << 10)), 1).stdout
        check(told.startswith("-:1:1: more than 256 KiB of text\n"), told[:100])


def examples_are_right():
    """The page and the manual page have the same example, written as tern writes it."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    with open(root + "/docs/interface.md", encoding="utf-8") as page:
        text = re.search(r"^```[^\n]*\n(# A mixer.*?)^```$", page.read(), re.M | re.S).group(1)
    with open(root + "/man/tern-interface.5", encoding="utf-8") as page:
        same(re.search(r"^\.Bd .*?\n(.*?)^\.Ed$", page.read(), re.M | re.S).group(1), text)
    expect(tern("check", "--print", "-", stdin=text), 0, text)


def interfaces_are_printed():
    printed = expect(tern("check", "--print", "-", stdin=GOOD), 0, GOOD).stdout
    expect(tern("check", "-p", "-", stdin=printed), 0, printed)
    expect(tern("check", "-p", "-", stdin="interface a.b method M ( a:int )->( ) # why"), 0,
           "interface a.b\n\n# why\nmethod M(a: int) -> ()\n")
    expect(tern("check", "-p", "-", stdin=WRONG), 1)


def schemas_are_generated():
    schema = value(tern("generate", "json-schema", "-", stdin=GOOD))
    same(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
    same((schema["title"], schema["description"]), ("org.example.Keeper", "Keeps things."))
    defs = schema["$defs"]
    same(sorted(defs), ["Gone", "Kind", "Put.in", "Put.in.stream", "Put.out", "Thing", "Watch.in", "Watch.out",
                        "Watch.out.stream", "bytes", "fd", "float"])
    same(defs["Kind"], {"enum": ["round", "flat"], "description": "@deprecated use any other", "deprecated": True})
    same(defs["Thing"]["required"], ["name", "size", "weight", "more"])
    same(defs["Thing"]["properties"]["kind"], {"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}],
                                               "description": "What it is like."})
    same(defs["Thing"]["properties"]["size"], {"type": "integer", "minimum": 0, "maximum": 2 ** 64 - 1})
    same(defs["Put.in"]["properties"]["at"]["properties"]["x"],
         {"type": "integer", "minimum": -2 ** 63, "maximum": 2 ** 63 - 1})
    check(defs["Put.in"]["additionalProperties"] is False, "arguments that are not there are let pass")
    check("additionalProperties" not in defs["Put.out"], "results may not grow")
    same(defs["Gone"]["properties"]["why"]["oneOf"],
         [{"const": "lost"}, {"const": "taken", "description": "By its owner."}])
    result = tern("generate", "json-schema", "-", stdin=WRONG)
    same((result.returncode, result.stdout), (1, ""))
    check("-:3:13: there is no type 'strng'" in result.stderr, result.stderr)
    expect(tern("generate", "json-schema", "/nowhere/x"), 6, "", "/nowhere/x cannot be read")
    for option in ("-o.", "-px"):
        expect(tern("generate", "json-schema", option, "-", stdin=GOOD), 2, "", "-o and -p are for C")
    schemas_are_valid(schema)


def names_of_c_begin_as_wished():
    with tempfile.TemporaryDirectory(prefix="tern-test-") as folder:
        for prefix in ("a", "keep_1", "x" * 32):
            expect(tern("generate", "c", "-o", folder, "-p", prefix, "-", stdin=GOOD), 0)
            with open(f"{folder}/{prefix}-tern.h", encoding="utf-8") as file:
                check(f"{prefix}_serve" in file.read(), prefix)
        for prefix in ("", "1a", "A", "aB", "a__b", "a_", "a-b", "tern", "int", "x" * 300):
            expect(tern("generate", "c", "-o", folder, "-p", prefix, "-", stdin=GOOD), 2, "", "cannot begin names of C")
        expect(tern("generate", "c", "-o", f"{folder}/nothing", "-", stdin=GOOD), 6, "", "cannot be written")


def schemas_are_valid(schema):
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.Draft202012Validator.check_schema(schema)

    def takes(name, what):
        at = {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
        return jsonschema.Draft202012Validator(at).is_valid(what)

    thing = {"name": "a", "size": 2 ** 64 - 1, "weight": 1, "more": {"x": [1, -2]}}
    put = {"thing": thing, "at": {"x": 1}, "file": {"$tag": 1952805486, "value": 0}}
    for name, what in (("Thing", thing), ("Thing", {**thing, "kind": None, "data": {"$bytes": "AQ"}, "new": 1}),
                       ("Thing", {**thing, "weight": {"$float": "NaN"}, "kind": "flat"}), ("Put.in", put),
                       ("Gone", {"id": 1, "why": "taken"})):
        check(takes(name, what), f"{name} does not take {what}")
    for name, what in (("Thing", {**thing, "size": -1}), ("Thing", {**thing, "kind": "square"}), ("Thing", {}),
                       ("Thing", {**thing, "data": "AQ"}), ("Thing", {**thing, "more": {"x": ["1"]}}),
                       ("Put.in", {**put, "new": 1}), ("Put.in", {**put, "at": {"x": 1, "z": 1}}),
                       ("Gone", {"id": 1, "why": "found"})):
        check(not takes(name, what), f"{name} takes {what}")


# -------- list --------

def names_are_listed():
    with a_bus() as (bus, _):
        expect(tern("list", bus=bus), 0, "")
        expect(tern("list", "-j", bus=bus), 0, "[]\n")
        with a_service(bus, NAME, "loud", "round") as service, a_service(bus, "org.example.A"):
            expect(tern("list", "-n", bus=bus), 0, f"org.example.A\n{NAME}\n")
            names = value(tern("list", "-j", bus=bus))
            same([n["name"] for n in names], ["org.example.A", NAME])
            check(re.fullmatch(r":\d+", names[1].pop("owner")), "no owner's number")
            same(names[1], {"name": NAME, "pid": service.pid, "uid": os.getuid(), "program": "cli-service",
                            "labels": ["loud", "round"]})
            row = expect(tern("list", bus=bus), 0).stdout.splitlines()[1].split()
            same(row[:3], [NAME, "cli-service", str(service.pid)])
            row = expect(tern("list", "-l", bus=bus), 0).stdout.splitlines()[1].split()
            same(row[-2:], ["loud", "round"])
            expect(tern("list", "-n", "org.example.E", bus=bus), 0, f"{NAME}\n")
            expect(tern("list", "-n", "--label=round", "--label", "loud", bus=bus), 0, f"{NAME}\n")
            expect(tern("list", "-n", "--label=square", bus=bus), 0, "")
            same([n["name"] for n in value(tern("list", "-j", "org.example.A", bus=bus))], ["org.example.A"])
        expect(tern("list", "-n", bus=bus), 0, "")


# -------- call --------

def values_come_back():
    texts = ['0', '-1', '18446744073709551615', '-9223372036854775808', '{"$int":"-18446744073709551616"}', '1.0',
             '0.1', '-0.0', '{"$float":"NaN"}', '{"$float":"-Infinity"}', 'true', 'null', '""', '"a\\u0000b"', '"é😀"',
             '{"$bytes":"AP8"}', '[]', '[[],[1,[2,{}]]]', '{}', '{"b":1,"a":{"":null}}', '{"$map":[[1,"x"]]}',
             '{"$simple":23}', '{"$tag":32,"value":"x:y"}', json.dumps("x" * 100000)]
    with a_bus() as (bus, _), a_service(bus):
        for text in texts:
            expect(tern("call", "-j", NAME, "Echo", text, bus=bus), 0, text + "\n")
        expect(tern("call", "-j", NAME, "Echo", "-", bus=bus, stdin='{"a": 1}\n'), 0, '{"a":1}\n')
        big = json.dumps(list(range(300000)), separators=(",", ":"))
        expect(tern("call", "-j", NAME, "Echo", "-", bus=bus, stdin=big), 0, big + "\n")


def arguments_are_taken():
    with a_bus() as (bus, _), a_service(bus):
        for words, text in (
                ([], 'null'), (["a=1", "b=x", "c:=[1]", "d==5"], '{"a":1,"b":"x","c":[1],"d":"5"}'),
                (["x", "5", "-5"], '["x",5,-5]'), (["--", "-x"], '"-x"'), (["five"], '"five"')):
            expect(tern("call", "-j", NAME, "Echo", *words, bus=bus), 0, text + "\n")
            expect(tern("call", "-j", "--raw", NAME + ".Echo", *words, bus=bus), 0, text + "\n")
        for words, text in (
                (["{x"], "no JSON"), (["x=1", "y"], "not both"), (["@/nowhere"], "/nowhere cannot be read")):
            expect(tern("call", NAME, "Echo", *words, bus=bus), 2, "", text)
        expect(tern("call", NAME, "Echo", "-", stdin="{]", bus=bus), 2, "", "standard input is no JSON")
        expect(tern("call", NAME, bus=bus), 2, "", f"MEMBER of {NAME} is missing")
        expect(tern("call", "--no-reply", NAME, "Never", bus=bus), 0, "")


def answers_are_shown():
    with a_bus() as (bus, _), a_service(bus):
        for words, text in (
                (["Echo", "a=1", "b=[1,2]", "c={\"d\":\"x y\"}"], "a: 1\nb:\n  - 1\n  - 2\nc:\n  d: x y\n"),
                (["Echo", "plain text"], "plain text\n"), (["Nothing"], ""), (["Text"], "two\nlines\n"),
                (["Json"], "a:\n  - 1\n"), (["Raw"], "h'fffe'\n")):
            expect(tern("call", NAME, *words, bus=bus), 0, text)
        expect(tern("call", "-j", NAME, "Nothing", bus=bus), 0, "null\n")
        expect(tern("call", "-j", NAME, "Text", bus=bus), 0, '"two\\nlines"\n')
        expect(tern("call", "-j", NAME, "Json", bus=bus), 0, '{"a":[1]}\n')
        expect(tern("call", "-j", NAME, "Raw", bus=bus), 0, '{"$bytes":"__4"}\n')
        expect(tern("call", "-j", NAME, "Two", bus=bus), 0, "1\n", "more parts")


def errors_are_told():
    with a_bus() as (bus, _), a_service(bus):
        expect(tern("call", NAME, "Fail", bus=bus), 1, "",
               r"^tern: org.example.Unwilling: not \\x1b\[31mtoday$")
        result = tern("call", "-j", NAME, "Fail", bus=bus)
        same((result.returncode, result.stdout), (1, ""))
        same(json.loads(result.stderr), {"error": "org.example.Unwilling", "text": "not \x1b[31mtoday"})
        expect(tern("call", NAME, "Wordy", bus=bus), 1, "", "org.example.Wordy: €{85}$")
        same(json.loads(tern("call", "-j", NAME, "Wordy", bus=bus).stderr)["text"], "€" * 85)
        expect(tern("call", NAME, "NoSuch", bus=bus), 1, "", "NoSuch")
        expect(tern("call", "org.example.Ecoh", "Echo", bus=bus), 3, "", f"did you mean {NAME}")
        expect(tern("call", "echo", "Echo", bus=bus), 3, "", f"did you mean {NAME}")
        expect(tern("call", "com.elsewhere.Clock", "Tick", bus=bus), 3, "", "no service.*'tern list'")
        expect(tern("call", "bad name", "Echo", bus=bus), 2, "", "bad name.* character")
        expect(tern("call", NAME, "", bus=bus), 2, "", "")
        expect(tern("call", ":99", "Echo", bus=bus), 3, "", "no program :99")
        expect(tern("call", NAME, "Echo", '{"$bytes":1}', bus=bus), 2, "", "base64url")
        began = time.monotonic()
        expect(tern("call", "-t", "200ms", NAME, "Never", bus=bus), 4, "", "did not answer Never in time")
        check(0.2 <= time.monotonic() - began < 15, "the timeout took too long, or too short")
        expect(tern("call", "-t", "0", NAME, "Never", bus=bus), 4, "", "in time")
        check(time.monotonic() - began < 15, "no time was a long time")
        owner = value(tern("list", "-j", bus=bus))[0]["owner"]
        expect(tern("call", owner, "Echo", "5", bus=bus), 0, "5\n")
        began = time.monotonic()
        expect(tern("call", NAME, "Die", bus=bus), 5, "", "died before it answered Die")
        check(time.monotonic() - began < 15, "a death was told late")
        expect(tern("call", NAME, "Echo", bus=bus), 3, "", "there is none at all")


def answers_are_timed():
    with a_bus() as (bus, _), a_service(bus):
        result = expect(tern("ping", NAME, bus=bus), 0)
        check(re.fullmatch(r"answer 1 in \d+\.\d{3} ms\n", result.stdout), result.stdout)
        lines = expect(tern("ping", "-n", "3", "-i", "0", NAME, bus=bus), 0).stdout.splitlines()
        same(len(lines), 4)
        check(re.fullmatch(r"3 answers: least [\d.]+, median [\d.]+, most [\d.]+ ms", lines[3]), lines[3])
        owner = value(tern("list", "-j", bus=bus))[0]["owner"]
        lines = expect(tern("ping", "-j", "-n", "2", "-i", "1us", owner, bus=bus), 0).stdout.splitlines()
        same([json.loads(line)["n"] for line in lines], [1, 2])
        check(all(json.loads(line)["ns"] > 0 for line in lines), lines)
        expect(tern("ping", "org.example.Ecoh", bus=bus), 3, "", f"did you mean {NAME}")
        expect(tern("ping", ":99", bus=bus), 3, "", "no program :99")
        pid = value(tern("list", "-j", bus=bus))[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            expect(tern("ping", "-t", "200ms", NAME, bus=bus), 4, "", "did not answer in time")
        finally:
            os.kill(pid, signal.SIGCONT)


# -------- publish and subscribe --------

def events_are_heard():
    with a_bus() as (bus, _), a_subscriber(bus, "-j", "-n", "3", "lamp", "kitchen") as s:
        expect(tern("publish", "lamp", "cellar", "-d", "1", bus=bus), 0, "")
        expect(tern("publish", "kitchen", "lamp", "x y", "-d", '{"on":true}', bus=bus), 0, "")
        first = json.loads(s.stdout.readline())  # before the end: each line is written at once
        expect(tern("publish", "lamp", "kitchen", bus=bus), 0, "")
        expect(tern("publish", "lamp", "kitchen", "-d", "-", bus=bus, stdin='{"$bytes":"AQ"}'), 0, "")
        lines = [first] + [json.loads(line) for line in finished(s, 0).splitlines()]
        same([(line["kind"], line["tags"], line.get("payload", "none")) for line in lines],
             [("event", ["kitchen", "lamp", "x y"], {"on": True}), ("event", ["lamp", "kitchen"], "none"),
              ("event", ["lamp", "kitchen"], {"$bytes": "AQ"})])
        check(all(re.fullmatch(r":\d+", line["sender"]) for line in lines), lines)
        check(lines[0]["stamp"] < lines[1]["stamp"] < lines[2]["stamp"], "stamps do not grow")


def events_are_shown():
    with a_bus() as (bus, _), a_subscriber(bus, "-n", "1") as s:
        expect(tern("publish", "lamp", "-d", '{"on":true}', bus=bus), 0, "")
        out = finished(s, 0)
        check(re.fullmatch(r'\d\d:\d\d:\d\d\.\d{3} \S+ lamp  \{"on":true\}\n', out), out)


def who_speaks_once_is_heard():
    """Each event comes from a program that is gone at once."""
    with a_bus() as (bus, _), a_subscriber(bus, "-j", "-n", "40", "lamp") as s:
        for i in range(40):
            expect(tern("publish", "lamp", "-d", str(i), bus=bus), 0, "")
        same([json.loads(line)["payload"] for line in finished(s, 0).splitlines()], list(range(40)))


def losses_are_told():
    with a_bus() as (bus, _), a_service(bus), a_subscriber(bus, "-j", "noise") as s:
        s.send_signal(signal.SIGSTOP)
        expect(tern("call", NAME, "Flood", "n=3000", bus=bus), 0, "")
        s.send_signal(signal.SIGCONT)
        seen = lost = 0
        while seen + lost < 3000:
            line = json.loads(s.stdout.readline())
            if line["kind"] == "gap":
                lost += line["lost"]
                check(re.fullmatch(r":\d+", line["sender"]), line)
            else:
                same(line["payload"], seen)  # what was dropped is the newest
                seen += 1
        check(seen > 0 and lost > 0, f"{seen} seen, {lost} lost")


def losses_are_shown():
    with a_bus() as (bus, _), a_service(bus) as service, a_subscriber(bus, "noise") as s:
        s.send_signal(signal.SIGSTOP)
        expect(tern("call", NAME, "Flood", "n=3000", bus=bus), 0, "")
        s.send_signal(signal.SIGCONT)
        for line in s.stdout:
            if line.startswith("--"):
                check(re.fullmatch(rf"-- up to \d+ events of cli-service\[{service.pid}\] were lost\n", line), line)
                break


def who_asks_to_wait_loses_nothing():
    with a_bus() as (bus, _), a_service(bus), a_subscriber(bus, "-j", "--policy", "wait", "-n", "3000", "noise") as s:
        flood = subprocess.Popen([TERN, "call", NAME, "Flood", "n=3000"], env=environment(bus))
        same([json.loads(line).get("payload") for line in finished(s, 0).splitlines()], list(range(3000)))
        same(flood.wait(LIMIT), 0)


def policies_are_chosen():
    """Of 20,000 that were published while nobody read: the newest are kept, or nothing comes after the first loss."""
    with a_bus() as (bus, _), a_service(bus):
        for policy in ("drop-oldest", "latest", "disconnect"):
            with a_subscriber(bus, "-j", "-p", policy, "noise") as listener:
                listener.send_signal(signal.SIGSTOP)
                expect(tern("call", NAME, "Flood", "n=20000", bus=bus), 0, "")
                listener.send_signal(signal.SIGCONT)
                if policy == "disconnect":
                    lines = finished(listener, 5, "hears no more").splitlines()
                else:
                    lines = list(up_to(listener, '"payload":19999}'))
                heard = [e["payload"] for e in map(json.loads, lines) if e["kind"] == "event"]
                check(0 < len(heard) < 20000, f"{policy}: {len(heard)} were heard")
                check(policy == "latest" or heard == sorted(heard), f"{policy}: out of order: {heard}")
                check(policy != "disconnect" or heard == list(range(len(heard))), f"{policy}: {heard[:9]}")


def up_to(process, what):
    for line in process.stdout:
        yield line
        if what in line:
            return
    check(False, f"{what} does not come")


def events_go_on_without_a_bus():
    with a_bus() as (bus, daemon), a_service(bus) as service, a_subscriber(bus, "-j", "noise") as s:
        expect(tern("call", NAME, "Tick", bus=bus), 0, "")
        json.loads(s.stdout.readline())
        daemon.terminate()
        daemon.wait(LIMIT)
        for _ in range(10):
            same(json.loads(s.stdout.readline())["kind"], "event")
        stop(service)  # and now nobody is left
        finished(s, 5, f"the bus at {bus} is gone")


def nobody_listening_is_fine():
    with a_bus() as (bus, _):
        expect(tern("publish", "lamp", bus=bus), 0, "")
        expect(tern("publish", "lamp", "on=1", "x=2", bus=bus), 0, "", "'on=1' .* tag; values go with -d")
        expect(tern("publish", "lamp", "on=1", "-d", "1", bus=bus), 0, "")  # who knows -d means a tag
        expect(tern("publish", "=", bus=bus), 0, "")
        expect(tern("publish", "", bus=bus), 2, "", "")
        expect(tern("publish", "x" * 256, bus=bus), 6, "", "")
        expect(tern("subscribe", "x" * 256, bus=bus), 6, "", "")


def waiting_has_an_end():
    with a_bus() as (bus, _):
        began = time.monotonic()
        expect(tern("subscribe", "--timeout", "0.2", bus=bus), 0, "")
        expect(tern("subscribe", "--timeout", "200ms", "-n", "1", bus=bus), 4, "", "0 of 1 events")
        check(0.4 <= time.monotonic() - began < 10, "the time was not kept")
        with a_subscriber(bus) as s:
            s.send_signal(signal.SIGINT)
            same(finished(s, -signal.SIGINT), "")


def values_are_read():
    with a_bus() as (bus, _), a_service(bus) as service:
        expect(tern("get", NAME, "level", bus=bus), 0, "dB: -6.0\non: true\n")
        same(value(tern("get", "-j", NAME, "level", bus=bus)), {"dB": -6.0, "on": True})
        for seen in ({"a": [1, "x", None]}, 7, "text", ["long"] * 500):
            expect(tern("call", NAME, "Set", "-", bus=bus, stdin=json.dumps(seen)), 0)
            same(value(tern("get", "-j", NAME, "level", bus=bus)), seen)
        expect(tern("get", NAME, "other", bus=bus), 1, "", f"{NAME} has no value 'other'")
        expect(tern("get", NAME, "unset", bus=bus), 1, "", f"{NAME} has not set 'unset' yet")
        expect(tern("get", "org.example.Ecko", "level", bus=bus), 3, "", NAME)
        expect(tern("get", NAME, "", bus=bus), 2, "", "1 to 255 bytes")
        service.send_signal(signal.SIGSTOP)
        expect(tern("get", "-t", "50ms", NAME, "level", bus=bus), 4, "", "did not answer in time")


@contextlib.contextmanager
def a_watcher(bus, *words):
    process = subprocess.Popen([TERN, "watch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment(bus))
    try:
        yield process
    finally:
        stop(process)


def values_are_watched():
    with a_bus() as (bus, _), a_service(bus) as service:
        expect(tern("watch", "-n", "1", NAME, "level", bus=bus), 0, '{"dB":-6.0,"on":true}\n')
        expect(tern("watch", "-t", "50ms", NAME, "unset", bus=bus), 0, "")
        expect(tern("watch", "-t", "50ms", "-n", "1", NAME, "unset", bus=bus), 4, "", "0 of 1 values")
        expect(tern("watch", NAME, "other", bus=bus), 1, "", "no value 'other'")
        with a_watcher(bus, "-j", NAME, "level") as watcher:
            same(json.loads(watcher.stdout.readline()), {"version": 1, "value": {"dB": -6.0, "on": True}})
            for version in range(2, 6):
                expect(tern("call", NAME, "Set", str(version), bus=bus), 0)
                same(json.loads(watcher.stdout.readline()), {"version": version, "value": version})
            service.kill()
            same(finished(watcher, 5, f"{NAME} is gone"), "")


def values_too_fast_to_watch():
    """Of many at once some are lost, which is said; with --latest it is not, and the newest comes all the same."""
    for words in (["-j"], ["-j", "--latest"]):
        with a_bus() as (bus, _), a_service(bus), a_watcher(bus, *words, NAME, "level") as watcher:
            same(json.loads(watcher.stdout.readline())["version"], 1)
            watcher.send_signal(signal.SIGSTOP)
            expect(tern("call", NAME, "Burst", "n=20000", bus=bus), 0)
            watcher.send_signal(signal.SIGCONT)
            lost, version = 0, 1
            while version < 20001:
                line = json.loads(watcher.stdout.readline())
                lost += line.get("lost", 0)
                check(line.get("version", version + 1) > version, f"{line} after version {version}")
                version = line.get("version", version)
            same(version, 20001)
            check(lost < 20000, f"{lost} lost")
            check((lost > 0) == (words == ["-j"]), f"{lost} lost with {words}")


def senders_are_chosen():
    with a_bus() as (bus, _):
        with a_subscriber(bus, "-j", "--sender", "tern", "new", "-n", "1") as s:
            expect(tern("publish", "new", "-d", "fake", bus=bus), 0, "")
            with a_service(bus, NAME, "loud"):
                line = json.loads(finished(s, 0))
                same(line["payload"]["name"], NAME)
                same(sorted(line["tags"]), sorted(["new", NAME, "org", "org.example", "loud", "org.tern.Bus.New"]))
                same(line["sender"], ":1")
        expect(tern("subscribe", "--sender", "bad name", "-n", "1", bus=bus), 2, "", "")


def a_bus_that_ends_is_told():
    with a_bus() as (bus, daemon), a_subscriber(bus, "-n", "1") as s:
        daemon.terminate()
        out = finished(s, 5, f"the bus at {bus} is gone")
        same(out, "")


def a_bus_that_is_killed_comes_back():
    with a_bus() as (bus, daemon), a_subscriber(bus, "-j", "lamp") as s:
        daemon.kill()
        daemon.wait(LIMIT)
        with a_bus(at=bus):
            expect(tern("publish", "lamp", bus=bus), 0, "")
            same(json.loads(s.stdout.readline())["kind"], "event")


# -------- run --------

def a_command_has_its_bus():
    check(re.fullmatch(r"unix:/tmp/tern-run-\w+/bus\n", tern("run", "sh", "-c", "echo $TERN_BUS").stdout), "TERN_BUS")
    with tempfile.TemporaryDirectory() as folder:  # of its own: others may run a bus meanwhile
        env = environment(None)
        env["TMPDIR"] = folder
        expect(tern("run", "--", "sh", "-c", "echo $TERN_BUS", env=env), 0)
        expect(tern("run", TERN, "list", "-j", env=env), 0, "[]\n")
        expect(tern("run", TERN, "run", TERN, "list", "-j", env=env), 0, "[]\n")
        expect(tern("run", "cat", stdin="in to out", env=env), 0, "in to out")
        expect(tern("run", "sh", "-c", "exit 7", env=env), 7, "")
        expect(tern("run", "sh", "-c", "kill -9 $$", env=env), 128 + 9, "")
        expect(tern("run", "no-such-program", env=env), 127, "", "no-such-program")
        expect(tern("run", "/tmp", env=env), 126, "", "/tmp")
        same(os.listdir(folder), [])


def a_parent_that_ignores_its_children():
    result = tern("run", "sh", "-c", "exit 7", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    expect(result, 7, "")


def a_folder_elsewhere():
    with tempfile.TemporaryDirectory() as folder:
        env = environment(None)
        env["TMPDIR"] = folder
        check(f"unix:{folder}/" in tern("run", "sh", "-c", "echo $TERN_BUS", env=env).stdout, "not in TMPDIR")
        same(os.listdir(folder), [])
        env["TMPDIR"] = folder + "/" + "x" * 100
        check("unix:/tmp/" in tern("run", "sh", "-c", "echo $TERN_BUS", env=env).stdout, "not in /tmp")


def start_run(script):
    """tern run of a shell script that says when it has begun."""
    process = subprocess.Popen([TERN, "run", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment(None), start_new_session=True)
    folder = process.stdout.readline().strip().removeprefix("unix:").removesuffix("/bus")
    check(os.path.isdir(folder), f"no folder {folder}")
    return process, folder


def daemon_of(folder):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            words = file.read().split("\0")
            if words[0] == "ternd" and f"unix:{folder}/bus" in words:
                return int(pid)
    return 0


def gone(folder):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not os.path.exists(folder) and not daemon_of(folder):
            return True
        time.sleep(0.02)
    return False


def signals_reach_the_command():
    for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2"):
        process, folder = start_run(f"trap 'echo {name}; exit 3' {name}; echo $TERN_BUS; while :; do sleep 0.05; done")
        process.send_signal(getattr(signal, "SIG" + name))
        same(finished(process, 3), name + "\n")
        check(gone(folder), "something is left")


def ctrl_c_is_for_the_command():
    process, folder = start_run("trap 'test -S ${TERN_BUS#unix:} && echo alive; exit 3' INT; echo $TERN_BUS; "
                                "while :; do sleep 0.05; done")
    check(os.getsid(daemon_of(folder)) != process.pid, "ternd would get Ctrl-C too")
    os.killpg(process.pid, signal.SIGINT)
    check(finished(process, 3).startswith("alive\n"), "the bus went first")
    check(gone(folder), "something is left")


def a_killed_run_leaves_nothing():
    process, folder = start_run("echo $TERN_BUS; exec sleep 60")
    check(daemon_of(folder), "no ternd")
    process.kill()
    check(gone(folder), "something is left")
    finished(process, -signal.SIGKILL)  # its outputs end: the command is gone too


def a_killed_bus_is_told():
    process = subprocess.Popen([TERN, "run", "sh", "-c", "echo $TERN_BUS; read line; exit 4"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(None))
    folder = process.stdout.readline().strip().removeprefix("unix:").removesuffix("/bus")
    os.kill(daemon_of(folder), signal.SIGKILL)
    check(re.search("private bus at .* died", process.stderr.readline()), "its death is not told")
    out, err = process.communicate("go\n", timeout=LIMIT)
    same((process.returncode, out, err), (4, "", ""))
    check(gone(folder), "something is left")


def another_ternd(folder, script):
    """A shell script in the place of ternd: $2 is its address, and $4 what it tells that it is ready."""
    path = f"{folder}/ternd"
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + script)
    os.chmod(path, 0o755)


def ternd_is_found():
    with programs_for_all() as programs, tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as folder:
        def run_with(path, *words, start=subprocess.run, **more):
            env = {**environment(None), "LD_LIBRARY_PATH": programs, "TMPDIR": folder}
            env.pop("PATH")
            if path is not None:
                env["PATH"] = path
            return start([programs + "/tern", "run", *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, **more)
        for path in (None, "", "/nowhere", f"/nowhere:{place}", f":{folder}:", "/" + "x" * 5000):
            expect(run_with(path, "/bin/true", timeout=LIMIT), 125, "", "no ternd beside this program, nor in PATH")
        another_ternd(place, "trap '' TERM; eval \"echo >&$4\"; while :; do /bin/sleep 0.1; done")
        deaf = run_with(place, "/bin/true", start=subprocess.Popen)
        same(finished(deaf, 0, "did not end in time and is killed"), "")
        another_ternd(place, "exit 3")
        expect(run_with(place, "/bin/true", timeout=LIMIT), 125, "", "the private bus at .*/bus ended with status 3")
        another_ternd(place, "kill -9 $$")
        expect(run_with(place, "/bin/true", timeout=LIMIT), 125, "", "the private bus at .*/bus died: Killed")
        another_ternd(place, "trap 'exit 5' TERM; eval \"echo >&$4\"; while :; do /bin/sleep 0.01; done")
        expect(run_with(place, "/bin/true", timeout=LIMIT), 0, "", "ended with status 5")
        os.unlink(f"{place}/ternd")
        os.symlink(TERND, f"{place}/ternd")
        expect(run_with(f"/nowhere::{place}:/bin", programs + "/tern", "list", "-j", timeout=LIMIT), 0, "[]\n")
        same(os.listdir(folder), [])


# -------- other users, and outputs that fail --------

def strangers_are_told():
    if os.getuid() != 0:
        return
    with programs_for_all() as folder:
        def as_nobody(bus):
            env = environment(bus)
            env["LD_LIBRARY_PATH"] = folder
            return subprocess.run([folder + "/tern", "list"], env=env, user=NOBODY, group=NOBODY, extra_groups=[],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=LIMIT, cwd="/")
        with a_bus() as (bus, _):
            expect(as_nobody(bus), 3, "", f"user {NOBODY} may not use the socket of {bus}")
        with a_bus(0o755) as (bus, _):
            os.chmod(bus.removeprefix("unix:"), 0o666)
            expect(as_nobody(bus), 3, "", "allow-uid")
        with a_bus(0o755, ["--allow-uid", str(NOBODY)]) as (bus, _):
            expect(as_nobody(bus), 0, "")


def limits_are_as_asked_for():
    with a_bus(0o700, ["--limit", "names=1"]) as (bus, _), a_service(bus):
        second = subprocess.run([SERVICE, NAME + "2"], env=environment(bus), text=True, timeout=LIMIT,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        check(second.returncode != 0, "a name more than the limit")
    for wrong in ("names", "names=", "names=0", "names=1x", "name=1", "descriptors=9", "=1", f"bytes={2 ** 40 + 1}"):
        result = subprocess.run([TERND, "--limit", wrong], text=True, timeout=LIMIT, env=environment(None),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        same(result.returncode, 2)
        check("--limit" in result.stderr, result.stderr)


def a_full_disk_is_told():
    with a_bus() as (bus, _), a_service(bus), open("/dev/full", "w", encoding="utf-8") as full:
        for words in (["list", "-n"], ["call", NAME, "Text"], ["--help"], ["check", "-p", "-"]):
            result = subprocess.run([TERN, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=LIMIT,
                                    env=environment(bus), input=GOOD)
            same(result.returncode, 6)
            check("standard output cannot be written" in result.stderr, result.stderr)


SCENARIOS = [
    help_is_there, mistakes_are_told, no_bus_is_told, want_of_descriptors_is_told,
    interfaces_are_checked, examples_are_right, interfaces_are_printed, schemas_are_generated, names_of_c_begin_as_wished, names_are_listed,
    values_come_back, arguments_are_taken,
    answers_are_shown, errors_are_told, answers_are_timed, events_are_heard, events_are_shown, who_speaks_once_is_heard,
    losses_are_told, losses_are_shown, who_asks_to_wait_loses_nothing, policies_are_chosen, events_go_on_without_a_bus, nobody_listening_is_fine,
    waiting_has_an_end, values_are_read, values_are_watched, values_too_fast_to_watch, senders_are_chosen, a_bus_that_ends_is_told, a_bus_that_is_killed_comes_back, a_command_has_its_bus, a_parent_that_ignores_its_children, a_folder_elsewhere, ternd_is_found,
    signals_reach_the_command, ctrl_c_is_for_the_command, a_killed_run_leaves_nothing, a_killed_bus_is_told,
    strangers_are_told, limits_are_as_asked_for, a_full_disk_is_told,
]


run(SCENARIOS)
