#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_traffic: what is said on a bus, shown, kept and said again

    cli_traffic.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from tool import (LIMIT, NAME, TERN, a_bus, a_service, a_terminal, check, environment, expect, finished, run, same, stop,
                  tern)

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6 # blocks of pcapng
DISSECTOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../share/wireshark/tern.lua")
KINDS = (None, "call", "reply", "error", "event", "cancel", "part", "end", "gap")


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


def monitor_marks_what_does_not_fit():
    text = "interface org.example.Typed\nmethod Set (value: int) -> (was: int)\n"
    with a_bus() as (bus, _), a_folder() as file:
        with open(file("it"), "w", encoding="utf-8") as it:
            it.write(text)
        with a_listener(bus, "monitor", "-j", "-k", "call") as monitor:
            serve = subprocess.Popen([TERN, "serve", "org.example.Typed", file("it"), "-a", 'Set={"was": 1}'],
                                     stdout=subprocess.DEVNULL, env=environment(bus))
            try:
                expect(tern("wait", "org.example.Typed", bus=bus), 0)
                seen = None
                for _ in range(100): # until the monitor has been told of the interface, for which nobody waits
                    tern("call", "-r", "org.example.Typed", "Set", "value=much", bus=bus)
                    seen = json.loads(monitor.stdout.readline())
                    if "fault" in seen:
                        break
                check("value: expected int, found" in seen.get("fault", ""), seen)
                tern("call", "-r", "org.example.Typed", "Set", "value=3", bus=bus)
                same("fault" in json.loads(monitor.stdout.readline()), False)
            finally:
                stop(serve)


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
    with a_bus() as (bus, _), a_service(bus), a_listener(bus, "monitor", "-j", "-t", f"{LIMIT}s", "-n", "2") as monitor:
        expect(tern("call", NAME, "Echo", bus=bus), 0)
        same([m["member"] for m in lines(monitor)], ["Echo", "Echo"])


def blocks(path):
    """The blocks of a pcapng file: (type, body); nothing else may be in it."""
    with open(path, "rb") as file:
        data = file.read()
    at, found = 0, []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        check(size % 4 == 0 and size >= 12 and at + size <= len(data), f"block of {size} bytes at {at} of {len(data)}")
        same(struct.unpack_from("<I", data, at + size - 4)[0], size)
        found.append((kind, data[at + 8:at + size - 4]))
        at += size
    return found


def packets(path):
    """Kinds of the messages that it has, but for those of ternd."""
    return [KINDS[body[21]] for kind, body in blocks(path) if kind == PACKET and struct.unpack_from("<Q", body, 28)[0] != 1]


@contextlib.contextmanager
def a_folder():
    with tempfile.TemporaryDirectory(prefix="tern-test-") as folder:
        yield lambda name: os.path.join(folder, name)


def record(bus, path, *words):
    with a_listener(bus, "record", path, "-n", "6", "-k", "call,reply,error,event", *words) as recorder:
        some_traffic(bus)
        expect(tern("publish", "more", bus=bus), 0)
        same(finished(recorder, 0), "")


def record_is_pcapng():
    with a_bus() as (bus, _), a_service(bus), a_folder() as file:
        before = time.time()
        with a_listener(bus, "record", file("all")) as recorder:
            some_traffic(bus)
            time.sleep(0.1)
            recorder.send_signal(signal.SIGINT)
            same(finished(recorder, 0), "")
        same(packets(file("all")), ["call", "reply", "call", "error", "event"])
        kinds = [kind for kind, _ in blocks(file("all"))]
        same((kinds[0], kinds[1], kinds[-1]), (SECTION, INTERFACE, STATISTICS))
        head = blocks(file("all"))[0][1]
        same(struct.unpack_from("<IHHq", head), (0x1a2b3c4d, 1, 0, -1))
        same(struct.unpack_from("<HHI", blocks(file("all"))[1][1]), (147, 0, 0))
        for kind, body in blocks(file("all")):
            if kind == PACKET:
                _, high, low, size, whole = struct.unpack_from("<5I", body)
                check(before - 1 < (high << 32 | low) / 1e9 < time.time() + 1, "not now")
                same((len(body) - 20) // 4, (size + 3) // 4)
                same(size, whole)
        same(os.stat(file("all")).st_mode & 0o777, 0o600)
        piped = subprocess.run([TERN, "record", "-", "-t", "50ms"], stdout=subprocess.PIPE, timeout=LIMIT,
                               env=environment(bus))
        same((piped.returncode, piped.stdout[:4]), (0, b"\x0a\x0d\x0d\x0a"))


def record_filters():
    with a_bus() as (bus, _), a_service(bus), a_folder() as file:
        with a_listener(bus, "record", file("news"), "news", "-n", "1") as recorder:
            some_traffic(bus)
            finished(recorder, 0)
        same(packets(file("news")), ["event"])
        with a_listener(bus, "record", file("cut"), "-s", NAME, "-n", "2", "--size", "100") as recorder:
            expect(tern("call", NAME, "Echo", "x=" + "y" * 1000, bus=bus), 0)
            finished(recorder, 0)
        for kind, body in blocks(file("cut"))[2:-1]:
            _, _, _, size, whole = struct.unpack_from("<5I", body)
            check(whole - size > 900, f"{size} of {whole}")
        done = tern("replay", file("cut"), "-j", bus=bus)
        same(json.loads(done.stdout)["skipped"], 1)


def record_on_a_full_disk():
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000)) # more than its own segments take

    with a_bus() as (bus, _), a_service(bus), a_folder() as file:
        with a_listener(bus, "record", file("full"), preexec_fn=limit) as recorder:
            for _ in range(4):
                expect(tern("call", NAME, "Echo", "x=" + "y" * 50000, bus=bus), 0)
            finished(recorder, 6, "full cannot be written: File too large; what came before that is in it")
        seen = packets(file("full"))
        check(seen[:2] == ["call", "reply"], f"{seen}")
        check(100000 < os.stat(file("full")).st_size <= 300000, "not as much as there was room for")
        same(json.loads(tern("replay", file("full"), "-j", bus=bus).stdout)["calls"], seen.count("call"))
        expect(tern("record", "/dev/full", "-t", "1s", bus=bus), 6, "", "/dev/full cannot be written: No space left")
        expect(tern("record", file("no/such"), bus=bus), 6, "", "no/such cannot be written")
    expect(tern("record"), 2, "", "which FILE")
    expect(tern("record", "x", "--size", "99999999999"), 2, "", "at most")


def record_when_the_bus_goes():
    with a_bus() as (bus, daemon), a_folder() as file:
        with a_listener(bus, "record", file("gone")) as recorder:
            expect(tern("publish", "news", bus=bus), 0)
            daemon.terminate()
            finished(recorder, 5, "the bus at .* is gone")
        same(packets(file("gone")), ["event"])


def replay_says_it_again():
    with a_bus() as (bus, _), a_folder() as file:
        with a_service(bus):
            record(bus, file("it"))
            with a_listener(bus, "monitor", "-j", "-n", "6") as monitor:
                done = json.loads(expect(tern("replay", file("it"), "--compare", "-j", bus=bus), 0).stdout)
                again = lines(monitor)
            same(done, {"events": 2, "calls": 2, "parts": 0, "skipped": 0, "replies": 1, "errors": 1, "failed": 0, "same": 2,
                        "different": 0})
            same([m["kind"] for m in again if m["kind"] in ("call", "event")], ["call", "call", "event", "event"])
            same([m.get("payload") for m in again if m["kind"] == "call"], [{"a": 1}, None])
            same([m["tags"] for m in again if m["kind"] == "event"], [["news", "org.example.Echo.Changed"], ["more"]])
            begin = time.monotonic()
            expect(tern("replay", file("it"), "--as-fast", bus=bus), 0)
            check(time.monotonic() - begin < LIMIT / 2, "not fast")
            done = json.loads(expect(tern("replay", file("it"), "-j", "-k", "event", "news", bus=bus), 0).stdout)
            same((done["events"], done["calls"]), (1, 0))
        with a_service(bus, "org.example.Other"):
            done = json.loads(expect(tern("replay", file("it"), "-j", "--to", "org.example.Other", bus=bus), 0).stdout)
            same((done["calls"], done["errors"]), (2, 1))
        result = tern("replay", file("it"), "-j", "--compare", bus=bus)
        same(result.returncode, 1)
        first, second, done = [json.loads(line) for line in result.stdout.splitlines()]
        same((first["then"], first["now"]), ({"payload": {"a": 1}}, {"error": "tern.NoSuchService", "payload": None}))
        same((done["calls"], done["failed"], done["different"]), (0, 2, 2))
        with open(file("it"), "rb") as it:
            result = subprocess.run([TERN, "replay", "-", "--compare"], stdin=it, stdout=subprocess.PIPE,
                                    text=True, timeout=LIMIT, env=environment(bus))
            check("is answered in another way\n  then {\"a\":1}\n  now  tern.NoSuchService\n" in result.stdout, result.stdout)


def replay_of_streams():
    text = "interface org.example.Count\nmethod Echo() stream (n: int) -> stream (n: int)\nmethod Never() -> stream (n: int)\n"

    @contextlib.contextmanager
    def a_counter(bus, script):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/it.tern", "w", encoding="utf-8") as file:
                file.write(text)
            process = subprocess.Popen([TERN, "serve", "org.example.Count", folder + "/it.tern", "-x", script],
                                       stdout=subprocess.PIPE, text=True, env=environment(bus))
            try:
                process.stdout.readline()
                yield process
            finally:
                stop(process)

    with a_bus() as (bus, _), a_folder() as file:
        with a_counter(bus, "test $TERN_MEMBER = Echo && { read -r a; cat; } || exec sleep 60"):
            with a_listener(bus, "record", file("it"), "-n", "9") as recorder:
                expect(tern("call", "org.example.Count", "Echo", bus=bus, stdin="n=1\nn=2\n"), 0)
                never = subprocess.Popen([TERN, "call", "org.example.Count", "Never"], env=environment(bus))
                finished(recorder, 0)
            done = json.loads(expect(tern("replay", file("it"), "-j", "--compare", bus=bus), 0).stdout)
            same((done["calls"], done["parts"], done["same"], done["failed"]), (2, 2, 1, 0))
            check("given up: 1 streams" in tern("replay", file("it"), bus=bus).stdout, "an endless stream was waited for")
            stop(never)
        with a_counter(bus, "echo '{\"n\":7}'"):
            result = tern("replay", file("it"), "--compare", bus=bus)
            same(result.returncode, 1)
            check('then "{\\"n\\": 1}, {\\"n\\": 2}, {}"' in result.stdout, result.stdout)
        expect(tern("replay", file("it"), "--to", "org.example.Nobody", bus=bus), 3, None, "no service org.example.Nobody")


def replay_of_what_is_none():
    with a_bus() as (bus, _), a_service(bus), a_folder() as file:
        record(bus, file("it"))
        with open(file("it"), "rb") as it:
            good = it.read()

        def wrong(data, words):
            with open(file("bad"), "wb") as bad:
                bad.write(data)
            result = tern("replay", file("bad"), "--as-fast", bus=bus)
            check(result.returncode == 6 and re.search(words, result.stderr), f"{words}: {result.returncode} {result.stderr}")
        wrong(b"", "the file is empty, at byte 0")
        wrong(b"hello, this is a text", "no pcapng file")
        wrong(good[:-1], "ends in the middle of a block, at byte ")
        wrong(good[:200], "ends in the middle of a block, at byte ")
        wrong(good[:8] + b"\x1a\x2b\x3c\x4d" + good[12:], "other byte order")
        at = [m.start() for m in re.finditer(re.escape(struct.pack("<I", PACKET)), good)][0]
        wrong(good[:at + 4] + b"\xfc\xff\xff\x7f" + good[at + 8:], f"no block has 2147483644 bytes, at byte {at + 4}")
        wrong(good[:at + 28] + b"\x63" + good[at + 29:], f"the record at byte {at} is not one of tern's: it is of another")
        expect(tern("replay", file("none"), bus=bus), 6, "", "none cannot be read")
        expect(tern("replay", bus=bus), 2, "", "which FILE")
        expect(tern("replay", "x", "--speed", "fast", bus=bus), 2, "", "'fast' is no speed")


def tshark(path, *words):
    """What the dissector makes of a file, as lines of fields."""
    env = {**os.environ, "HOME": os.path.dirname(path), "LC_ALL": "C"}
    result = subprocess.run(["tshark", "-2", "-X", f"lua_script:{DISSECTOR}", "-r", path, *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=2 * LIMIT, env=env)
    same(result.returncode, 0)
    check("Lua" not in result.stderr and "Lua Error" not in result.stdout, result.stderr + result.stdout)
    return [line.split("\t") for line in result.stdout.splitlines()]


def wireshark_shows_it():
    if not shutil.which("tshark"):
        print("no tshark here: the dissector was not tried")
        return
    with a_bus() as (bus, _), a_service(bus), a_folder() as file:
        record(bus, file("it"), "--size", "60")
        with open(file("it"), "rb") as it:
            good = it.read()
        fields = ("tern.kind", "tern.service", "tern.member", "tern.error", "tern.tag", "tern.request_in",
                  "tern.response_in", "cbor.type.textstring", "_ws.col.Info", "tern.response_time")
        shown = tshark(file("it"), "-Y", "tern.from != 1", "-T", "fields", *(w for f in fields for w in ("-e", f)))
        times = [line.pop() for line in shown]
        first = int(shown[1][5])
        same(shown[0], ["1", NAME, "Echo", "", "", "", str(first + 1), "a", f"Call {NAME}.Echo"])
        same(shown[1], ["2", NAME, "Echo", "", "", str(first), "", "a", f"Reply {NAME}.Echo"])
        same(shown[3][:6], ["3", NAME, "Nowhere", "tern.NoSuchMember", "", str(first + 2)])
        same(shown[4][4], "news,org.example.Echo.Changed")
        same([bool(t) for t in times], [False, True, False, True, False, False])
        check(all(0 < float(t) < LIMIT for t in times if t), f"{times}")
        # Bytes of others: not one may end in an error of the script.
        at = [m.start() for m in re.finditer(re.escape(struct.pack("<I", PACKET)), good)][1]
        bad = bytearray()
        for i in range(28, 28 + 88 + 40):
            packet = bytearray(good[at:at + struct.unpack_from("<I", good, at + 4)[0]])
            packet[i] ^= 0xff
            bad += packet
        with open(file("bad"), "wb") as out:
            out.write(good + bad)
        kinds = [kind for kind, _ in blocks(file("it"))]
        same(len(tshark(file("bad"), "-Y", "tern", "-T", "fields", "-e", "tern.kind")), kinds.count(PACKET) + 88 + 40)


run([monitor_shows_all, monitor_filters, monitor_for_people, monitor_of_large_and_strange,
     monitor_marks_what_does_not_fit, monitor_ends,
     private_is_not_shown, record_is_pcapng, record_filters, record_on_a_full_disk, record_when_the_bus_goes,
     replay_says_it_again, replay_of_streams, replay_of_what_is_none, wireshark_shows_it])
