#!/usr/bin/env python3
# SPDX-License-Identifier: MIT

"""verify: compute the mix from the recordings and the events alone, and compare

    verify.py EVENTS.jsonl MIX.wav PLAYER=FILE.wav[,FILE.wav...]...

Shares no code with the mixer; mixer.md is what both are written from. Exit
status: 0 equal, sample for sample; 1 different; 2 the input makes no sense.
"""

import array
import json
import sys
import wave

BLOCK = 480
UNITY = 32768


class Nonsense(Exception):
    """The record or a recording contradicts mixer.md."""


def read_wav(path):
    with wave.open(path, "rb") as w:
        if (w.getnchannels(), w.getsampwidth(), w.getframerate()) != (1, 2, 48000):
            raise Nonsense(f"{path}: not mono, 16 bits, 48000 Hz")
        samples = array.array("h", w.readframes(w.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def read_recordings(arguments):
    recordings = {}
    for argument in arguments:
        player, _, files = argument.partition("=")
        recordings[player] = array.array("h")
        for path in files.split(","):
            recordings[player].extend(read_wav(path))
    return recordings


class Run:
    """What a player played from `started` to `ended`."""

    def __init__(self, event, samples):
        self.player = event["player"]
        self.start = event["position"]
        self.offset = event["offset"]
        self.samples = samples
        self.frames = None

    def end(self, event):
        self.frames = event["frames"]
        if event["position"] != self.start + self.frames:
            raise Nonsense(f"{self.player} ended at {event['position']}, "
                           f"which is not {self.start} + {self.frames}")
        if self.offset + self.frames > len(self.samples):
            raise Nonsense(f"{self.player} played more than there is in its recordings")


class Record:
    """The events: runs, and for each name its (position, volume) in the order they were told."""

    def __init__(self, recordings):
        self.recordings = recordings
        self.runs = []
        self.playing = {}
        self.played = {}
        self.volumes = {}

    def started(self, event):
        player = event["player"]
        if event["position"] % BLOCK or player in self.playing:
            raise Nonsense(f"{player} cannot start here")
        if player not in self.recordings:
            raise Nonsense(f"no recordings of {player} are given")
        if event["offset"] not in (0, self.played.get(player, 0)):
            raise Nonsense(f"{player} left something out")
        self.playing[player] = Run(event, self.recordings[player])
        self.runs.append(self.playing[player])

    def volume(self, event):
        changes = self.volumes.setdefault(event["player"], [])
        if event["position"] % BLOCK or (changes and changes[-1][0] > event["position"]):
            raise Nonsense("a volume at a wrong position")
        changes.append((event["position"], event["value"]))

    def ended(self, event):
        run = self.playing.pop(event["player"], None)
        if not run:
            raise Nonsense(f"{event['player']} ended and had not started")
        run.end(event)
        self.played[run.player] = run.offset + run.frames

    def gap(self, event):
        raise Nonsense(f"events were lost ({event['lost']})")

    def watching(self, event):
        """The first line of a record; says nothing of the mix."""

    def read(self, path):
        kinds = ("started", "volume", "ended", "gap", "watching")
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                event = json.loads(line)
                try:
                    if event["event"] not in kinds:
                        raise Nonsense(f"what is {event['event']!r}?")
                    getattr(self, event["event"])(event)
                except Nonsense as error:
                    raise Nonsense(f"{path}, line {number}: {error}") from None
        if self.playing:
            raise Nonsense(f"the record stops while {', '.join(sorted(self.playing))} still played")


def volume_at(changes, position):
    """The volume told last of those that act at a position; as recorded before any."""
    value = UNITY
    for at, volume in changes:
        if at > position:
            break
        value = volume
    return value


def compute(runs, volumes):
    length = max((run.start + run.frames for run in runs), default=0)
    length = (length + BLOCK - 1) // BLOCK * BLOCK
    sums = [0] * length
    for run in runs:
        changes = volumes.get(run.player, [])
        for begin in range(0, run.frames, BLOCK):
            volume = volume_at(changes, run.start + begin)
            for i in range(begin, min(begin + BLOCK, run.frames)):
                sums[run.start + i] += run.samples[run.offset + i] * volume
    mix = array.array("h", bytes(2 * length))
    for begin in range(0, length, BLOCK):
        volume = volume_at(volumes.get("all", []), begin)
        for i in range(begin, begin + BLOCK):
            mix[i] = max(-32768, min(32767, (sums[i] * volume + (1 << 29)) >> 30))
    return mix


def compare(mix, written):
    """None, or where and how two mixes differ."""
    if mix == written:
        return None
    for i, (expected, found) in enumerate(zip(mix, written)):
        if expected != found:
            n = sum(a != b for a, b in zip(mix, written))
            return (f"first difference at frame {i} (block {i // BLOCK}): "
                    f"{found} written, {expected} computed; {n} frames differ")
    return f"{len(written)} frames written, {len(mix)} computed"


def main(arguments):
    if len(arguments) < 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        record = Record(read_recordings(arguments[2:]))
        record.read(arguments[0])
        mix = compute(record.runs, record.volumes)
        written = read_wav(arguments[1])
    except (Nonsense, OSError, EOFError, ValueError, KeyError, wave.Error) as error:
        print(f"verify: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    difference = compare(mix, written)
    if difference:
        print(f"verify: different: {difference}")
        return 1
    print(f"verify: equal, sample for sample: {len(mix)} frames ({len(mix) / 48000:.2f} s), "
          f"{sum(1 for x in mix if x)} of them not silent, "
          f"{sum(x in (-32768, 32767) for x in mix)} saturated; "
          f"{len(record.runs)} runs, {sum(map(len, record.volumes.values()))} volumes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
