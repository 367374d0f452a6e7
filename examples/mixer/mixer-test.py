#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mixer-test: the three programs on a real bus, as people and accidents use them

    mixer-test.py TERND MIXD MIXPLAY MIXCTL [SCENARIO...]
"""

import array
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import wave

TERND, MIXD, MIXPLAY, MIXCTL = map(os.path.abspath, sys.argv[1:5])
VERIFY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "verify.py")
LIMIT = 20  # seconds for any step
BLOCK = 480


class Scene:
    """A folder, a bus in it, and the programs started there; all gone at the end."""

    def __init__(self, bus=True):
        self.folder = tempfile.TemporaryDirectory()
        self.running = []
        self.recordings = {}
        self.address = f"unix:{self.folder.name}/bus"
        if bus:
            self.ternd = self.start(TERND, "--address", self.address)
            until("ternd", lambda: os.path.exists(self.path("bus")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def start(self, *command, stdout=subprocess.PIPE):
        self.running.append(subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, text=True,
            stderr=subprocess.STDOUT if stdout == subprocess.PIPE else subprocess.DEVNULL,
            env={**os.environ, "TERN_BUS": self.address}))
        return self.running[-1]

    def run(self, *command, text=""):
        done = subprocess.run(
            command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=LIMIT, env={**os.environ, "TERN_BUS": self.address})
        return done.returncode, done.stdout

    def ctl(self, *words):
        status, text = self.run(MIXCTL, *words)
        expect(f"mixctl {' '.join(words)}: {text}", status, 0)
        return text

    def mixd(self, *options):
        process = self.start(MIXD, "-o", self.path("mix.wav"), *options)
        until("mixd", lambda: self.run(MIXCTL, "list")[0] == 0)
        return process

    def record(self):
        with open(self.path("events.jsonl"), "w", encoding="utf-8") as output:
            process = self.start(MIXCTL, "watch", "-j", "-1", stdout=output)
        until("the recorder", lambda: "watching" in self.events_text())
        return process

    def recording(self, name, n_frames, seed):
        """A recording of noise, not too loud."""
        noise = random.Random(seed)
        samples = array.array("h", (noise.randrange(-9000, 9000) for _ in range(n_frames)))
        with wave.open(self.path(name), "wb") as w:
            w.setparams((1, 2, 48000, 0, "NONE", ""))
            w.writeframes(samples.tobytes())
        return self.path(name)

    def player(self, name, n_frames, *options):
        if name not in self.recordings:
            self.recordings[name] = self.recording(name + ".wav", n_frames, name)
        return self.start(MIXPLAY, *options, self.recordings[name])

    def events_text(self):
        with open(self.path("events.jsonl"), encoding="utf-8") as record:
            return record.read()

    def events(self, kind):
        events = map(json.loads, self.events_text().splitlines())
        return [event for event in events if event["event"] == kind]

    def verify(self):
        status, text = self.run(
            sys.executable, VERIFY, self.path("events.jsonl"), self.path("mix.wav"),
            *(f"{name}={path}" for name, path in self.recordings.items()))
        expect(f"verify: {text}", status, 0)


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def expect_in(text, wanted):
    if wanted not in text:
        raise AssertionError(f"{text!r} does not say {wanted!r}")


def expect_end(what, process, status):
    try:
        found = process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{what}: did not end") from None
    expect(f"{what}: {process.stdout.read() if process.stdout else ''}", found, status)


def until(what, test):
    end = time.monotonic() + LIMIT
    while not test():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {LIMIT} s")
        time.sleep(0.02)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def other_formats_are_refused():
    with Scene(bus=False) as s:
        def refused(words, channels, size, rate):
            with wave.open(s.path("x.wav"), "wb") as w:
                w.setparams((channels, size, rate, 0, "NONE", ""))
                w.writeframes(bytes(channels * size * 10))
            good = s.recording("good.wav", 10, 1)
            status, text = s.run(MIXPLAY, good, s.path("x.wav"))
            expect(text, status, 1)
            expect_in(text, f"x.wav: is {words}; the mixer takes mono, 16 bits, 48000 Hz, PCM")

        refused("PCM, stereo, 16 bits, 48000 Hz", 2, 2, 48000)
        refused("PCM, mono, 16 bits, 44100 Hz", 1, 2, 44100)
        refused("PCM, mono, 8 bits, 48000 Hz", 1, 1, 48000)
        refused("PCM, 6 channels, 24 bits, 96000 Hz", 6, 3, 96000)
        with open(s.path("x.wav"), "wb") as f:
            f.write(b"OggS" + bytes(100))
        expect_in(s.run(MIXPLAY, s.path("x.wav"))[1], "is an Ogg file")
        with open(s.path("x.wav"), "wb") as f:
            f.write(b"RIFF" + struct.pack("<I", 1000) + b"WAVEdata" + struct.pack("<I", 900) + bytes(10))
        expect_in(s.run(MIXPLAY, s.path("x.wav"))[1], "does not say its format")
        expect_in(s.run(MIXPLAY, s.path("none.wav"))[1], "No such file")


def wrong_usage_is_told():
    with Scene() as s:
        s.mixd()
        for words, hint in (
                ([], "--help"), (["louder"], "no command 'louder'"), (["set", "a"], "usage: set"),
                (["set", "a", "loud"], "number between 0 and 2"), (["set", "a", "2.1"], "number between"),
                (["set", "--at", "a", "1"], "--at takes a position"), (["shift", "a", "x"], "+0.1 or -10%"),
                (["wait", "soon"], "wait POSITION"), (["wait", "people", "3"], "wait players NUMBER"),
                (["pause", "-1"], "pause [POSITION]"), (["ping", "0"], "ping [TIMES]"),
                (["watch", "-x"], "watch [-j]"), (["get", "a", "b"], "usage: get")):
            status, text = s.run(MIXCTL, *words)
            expect(f"mixctl {' '.join(words)}: {text}", status, 2)
            expect_in(text, hint)
        for program, *words in (
                (MIXD,), (MIXD, "-o"), (MIXD, "--grace", "x", "-o", "/dev/null"), (MIXD, "x"),
                (MIXPLAY,), (MIXPLAY, "--window", "17", "x.wav"), (MIXPLAY, "--what")):
            expect(f"{program} {words}", s.run(program, *words)[0], 2)
        for program in (MIXD, MIXPLAY, MIXCTL):
            status, text = s.run(program, "--help")
            expect(text, status, 0)
            expect_in(text, "Exit status")


def nobody_is_there():
    with Scene(bus=False) as s:
        good = s.recording("good.wav", 10, 1)
        for command in ((MIXD, "-o", s.path("mix.wav")), (MIXPLAY, good), (MIXCTL, "list")):
            status, text = s.run(*command)
            expect(f"{command} without a bus: {text}", status, 3)
            expect_in(text, ": ")
    with Scene() as s:
        good = s.recording("good.wav", 10, 1)
        for command in ((MIXPLAY, good), (MIXCTL, "list"), (MIXCTL, "wait", "1"), (MIXCTL, "watch", "-1")):
            status, text = s.run(*command)
            expect(f"{command} without a mixer: {text}", status, 3)
            expect_in(text, "start mixd")
        s.mixd()
        status, text = s.run(MIXD, "-o", s.path("other.wav"))
        expect(f"a second mixd: {text}", status, 3)
        expect_in(text, "org.example.Mixer")


def volumes_are_set():
    with Scene() as s:
        s.mixd("--paused")
        a, b = s.player("a", 4800), s.player("b", 4800)
        s.ctl("wait", "players", "2")
        expect("as recorded", s.ctl("get", "a"), "1.00000\n")
        expect("set", s.ctl("set", "a", "0.5"), "from 0\n")
        expect("shift", s.ctl("shift", "a", "-10%"), "from 0\n")
        expect("both", s.ctl("get", "a"), "0.39999\n")  # Q15: 16384 - 3277
        s.ctl("shift", "a", "-2")
        expect("not below silence", s.ctl("get", "a"), "0.00000\n")
        s.ctl("set", "all", "200%")
        expect("all", s.ctl("get"), "2.00000\n")
        expect("planned", s.ctl("set", "--at", "481", "b", "0.25"), "from 960\n")
        expect("not yet", s.ctl("get", "b"), "1.00000\n")
        listed = {row.split()[0]: row.split()[1:] for row in s.ctl("list").splitlines()[1:]}
        expect("list", listed, {
            "a": ["ready", "0.00000", "0", str(a.pid)], "b": ["ready", "1.00000", "0", str(b.pid)]})
        for words in (("get", "c"), ("set", "c", "1"), ("shift", "c", "+1")):
            status, text = s.run(MIXCTL, *words)
            expect(text, status, 1)
            expect_in(text, "c: no such player")
        s.ctl("pause", "960")
        s.ctl("wait", "960")
        expect("then", s.ctl("get", "b"), "0.25000\n")
        s.ctl("resume")
        expect_end("a", a, 0)
        expect_end("b", b, 0)
        s.ctl("wait", "4800")
        expect("gone", s.run(MIXCTL, "get", "a")[0], 1)


def commands_come_from_standard_input():
    with Scene() as s:
        s.mixd()
        status, text = s.run(MIXCTL, "-", text=(
            "# softer\nset all 50%\n\nget all # what is it now?\nlouder\nget nobody\n" + "x" * 2000 + "\nget all"))
        expect(text, status, 2)
        expect("all lines were done", text.count("0.50000"), 2)
        for words in ("line 5: no command 'louder'", "line 6: nobody: no such player", "line 7: longer"):
            expect_in(text, words)
        expect("nothing to do", s.run(MIXCTL, "-"), (0, ""))


def names_are_told_apart():
    with Scene() as s:
        s.mixd("--paused")
        players = [s.player("same", 480) for _ in range(3)]
        odd = s.start(MIXPLAY, s.recording("odd name!.wav", 480, 1))
        bad = s.start(MIXPLAY, "--name", "all", s.recording("x.wav", 480, 1))
        expect_end("a player called all", bad, 1)
        s.ctl("wait", "players", "4")
        names = {row.split()[0] for row in s.ctl("list").splitlines()[1:]}
        expect("names", names, {"same", "same-2", "same-3", "odd-name-"})
        s.ctl("resume")
        for player in players + [odd]:
            expect_end("a player", player, 0)


def stopped_player_goes_on_where_it_was():
    with Scene() as s:
        mixd = s.mixd("--paused", "--once", "--grace", "50")
        record = s.record()
        a, b = s.player("a", 200 * BLOCK + 7), s.player("b", 100 * BLOCK)
        s.ctl("wait", "players", "2")
        s.ctl("pause", str(20 * BLOCK))
        s.ctl("wait", str(20 * BLOCK))
        a.send_signal(signal.SIGSTOP)
        s.ctl("resume")
        expect_end("b", b, 0)
        s.ctl("set", "all", "0.7")
        a.send_signal(signal.SIGCONT)
        expect_end("a", a, 0)
        expect_end("mixd", mixd, 0)
        expect_end("the recorder", record, 0)
        runs = s.events("ended")
        expect("runs", sorted(run["player"] for run in runs), ["a", "a", "b"])
        expect("frames of a", sum(run["frames"] for run in runs if run["player"] == "a"), 200 * BLOCK + 7)
        s.verify()


def killed_mixer_is_noticed():
    with Scene() as s:
        mixd = s.mixd()
        a = s.player("a", 50 * BLOCK)
        expect_end("a", a, 0)
        s.ctl("pause", "0")
        b = s.player("b", 50 * BLOCK)
        waiting = s.start(MIXCTL, "wait", "100000000")
        watching = s.start(MIXCTL, "watch", "-j", "-1")
        expect("ready", line(watching), '{"event":"watching"}\n')
        s.ctl("wait", "players", "1")
        mixd.kill()
        expect_end("b", b, 4)
        waiting.wait(LIMIT)
        expect("a controller that waits", waiting.returncode in (3, 4), True)  # 3: it came too late
        expect_end("a watcher", watching, 0)
        with wave.open(s.path("mix.wav")) as w:
            expect("what is on disk", w.getnframes(), 50 * BLOCK)
        until("the name to be free", lambda: s.run(MIXCTL, "list")[0] == 3)
        s.mixd()


def mixer_is_ended_in_the_middle():
    with Scene() as s:
        mixd = s.mixd("--paused")
        record = s.record()
        a = s.player("a", 100 * BLOCK)
        waiting = s.start(MIXCTL, "wait", "100000000")
        s.ctl("wait", "players", "1")
        s.ctl("pause", str(30 * BLOCK))
        s.ctl("wait", str(30 * BLOCK))
        mixd.terminate()
        expect_end("mixd", mixd, 0)
        expect_end("the recorder", record, 0)
        a.wait(LIMIT)
        waiting.wait(LIMIT)
        expect("neither came to its end",
               (a.returncode in (1, 4), waiting.returncode in (1, 3, 4)), (True, True))
        expect("ended", s.events("ended"),
               [{"event": "ended", "player": "a", "position": 30 * BLOCK, "frames": 30 * BLOCK}])
        s.verify()


def music_plays_on_without_ternd():
    with Scene() as s:
        mixd = s.mixd("--paused")
        record = s.record()
        players = s.player("a", 400 * BLOCK), s.player("b", 300 * BLOCK + 1)
        control = s.start(MIXCTL, "-")

        def ctl(command, wanted):
            control.stdin.write(command + "\n")
            control.stdin.flush()
            expect(command, line(control), wanted + "\n")

        ctl("wait players 2", "at 0")
        ctl(f"pause {100 * BLOCK}", f"pause {100 * BLOCK}")
        ctl(f"wait {100 * BLOCK}", f"at {100 * BLOCK}")
        s.ternd.kill()
        s.ternd.wait()
        ctl("set b 0.5", f"from {100 * BLOCK}")
        ctl(f"pause {200 * BLOCK}", f"pause {200 * BLOCK}")
        ctl(f"wait {200 * BLOCK}", f"at {200 * BLOCK}")
        time.sleep(0.3)
        spent = cpu_seconds(mixd.pid)
        time.sleep(0.7)
        expect("a paused mixer without a bus is idle", cpu_seconds(mixd.pid) - spent < 0.2, True)
        ctl("resume", f"resume {200 * BLOCK}")
        for player in players:
            expect_end("a player", player, 0)
        mixd.terminate()  # without a bus it stays as long as somebody is linked to it
        expect_end("the mixer", mixd, 0)
        expect_end("the recorder", record, 0)
        s.verify()


def watchers_choose():
    with Scene() as s:
        s.mixd("--paused")
        everything, only_b = s.start(MIXCTL, "watch"), s.start(MIXCTL, "watch", "-j", "b")
        expect("ready", line(only_b), '{"event":"watching"}\n')
        players = s.player("a", 480), s.player("b", 481)
        s.ctl("wait", "players", "2")
        s.ctl("set", "b", "0.5")
        s.ctl("resume")
        for wanted in (
                {"event": "volume", "player": "b", "position": 0, "value": 16384},
                {"event": "started", "player": "b", "position": 0, "offset": 0},
                {"event": "volume", "player": "b", "position": 0, "value": 16384},
                {"event": "ended", "player": "b", "position": 481, "frames": 481}):
            expect("b's events", json.loads(line(only_b)), wanted)
        expect_in(line(everything), "volume 0.50000")
        for player in players:
            expect_end("a player", player, 0)


def slow_recorder_is_told_what_it_lost():
    with Scene() as s:
        mixd = s.mixd("--paused")
        record = s.record()
        control = s.start(MIXCTL, "-")

        def took():
            began = time.monotonic()
            control.stdin.write("shift all +0.001\n")
            control.stdin.flush()
            expect("shift", line(control), "from 0\n")
            return time.monotonic() - began

        took()
        record.send_signal(signal.SIGSTOP)
        n = 1
        while took() < 0.5:  # until its queue is full, and the mixer waits for it
            n += 1
            if n > 5000:
                raise AssertionError("nobody waits for the recorder")
        record.send_signal(signal.SIGCONT)
        until("the record of the gap", lambda: s.events("gap"))
        mixd.terminate()
        expect_end("mixd", mixd, 0)
        expect_end("the recorder", record, 4)
        expect("told or lost", len(s.events("volume")) + sum(gap["lost"] for gap in s.events("gap")), n + 1)
        expect("verify", s.run(sys.executable, VERIFY, s.path("events.jsonl"), s.path("mix.wav"))[0], 2)


def any_may_be_killed_at_any_time():
    chance = random.Random(int(os.environ.get("SEED", "7")))
    with Scene() as s:
        mixd = s.mixd("--paused", "--once", "--grace", "100")
        record = s.record()
        players = [s.player(f"p{i}", chance.randrange(1, 300 * BLOCK)) for i in range(10)]
        s.ctl("wait", "players", "10")
        s.ctl("pause", str(150 * BLOCK))
        for i in range(30):
            dice = chance.randrange(4)
            if dice == 0:
                chance.choice(players).kill()
            elif dice == 1:
                s.run(MIXCTL, "set", f"p{chance.randrange(10)}", str(chance.random()))
            elif dice == 2:
                victim = s.start(MIXCTL, *chance.choice((["watch"], ["wait", "99999999"], ["ping", "100000"])))
                time.sleep(chance.random() * 0.05)
                victim.kill()
            else:
                s.run(MIXCTL, "shift", "all", f"{chance.random() - 0.5:+.3f}")
            if i == 20:
                s.ctl("resume")
        expect_end("mixd", mixd, 0)
        expect_end("the recorder", record, 0)
        s.verify()


SCENARIOS = (
    other_formats_are_refused,
    wrong_usage_is_told,
    nobody_is_there,
    volumes_are_set,
    commands_come_from_standard_input,
    names_are_told_apart,
    stopped_player_goes_on_where_it_was,
    killed_mixer_is_noticed,
    mixer_is_ended_in_the_middle,
    music_plays_on_without_ternd,
    watchers_choose,
    slow_recorder_is_told_what_it_lost,
    any_may_be_killed_at_any_time,
)


def main():
    wanted = sys.argv[5:]
    failed = passed = 0
    for scenario in SCENARIOS:
        if wanted and scenario.__name__ not in wanted:
            continue
        try:
            scenario()
            passed += 1
        except Exception:
            failed += 1
            print(f"FAILED {scenario.__name__}")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
