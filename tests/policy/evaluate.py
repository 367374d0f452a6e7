#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""evaluate: what ternd.conf(5) says against what ternd does, in random cases

usage: evaluate.py JUDGE [CASES [SEED]]

The evaluator here is written from the manual page. It reads the text of each file itself. JUDGE (judge.c)
asks the code. A case is one question that both answer.
"""

import random
import subprocess
import sys

NO_ID, NO_HEAR = 1, 4
OWN_UID = 100
USERS = {f"u{i}": 100 + i for i in range(6)}
GROUPS = {f"g{i}": 200 + i for i in range(6)}
RIGHTS = ("own", "call", "hear", "tap")
A_RUN = 20000


# --- the page, once more ---

class Broken(Exception):
    pass


def who(value, in_policy):
    """the words of a list, as (kind, number)"""
    words = value.replace(",", " ").replace("\t", " ").split()
    if not words or ("none" in words and len(words) > 1):
        raise Broken
    found = set()
    for word in words:
        kind, colon, name = word.partition(":")
        if word == "none":
            continue
        if word == "*" or (word == "same-user" and not in_policy):
            found.add((word, 0))
        elif colon and kind in ("user", "group") and name:
            numbers = USERS if kind == "user" else GROUPS
            if name in numbers:
                found.add((kind, numbers[name]))
            elif name.isascii() and name.isdigit() and int(name) < 4294967295:
                found.add((kind, int(name)))
            else:
                raise Broken
        else:
            raise Broken
    return found


def is_name(text):
    parts = text.split(".")
    return (0 < len(text) < 256 and parts[0] != "tern"
            and all(p and all(c.isascii() and (c.isalnum() or c in "_-") for c in p) for p in parts))


def is_pattern(text):
    return text == "*" or is_name(text[:-2] if text.endswith(".*") else text)


def parse(text, is_system):
    """(connect, {pattern: {right: who}}); Broken with the line"""
    connect, sections = set(), {}
    here, said = None, set()
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t")
        try:
            if not line or line[0] in ";#":
                continue
            if line[0] == "[":
                inside, end, rest = line[1:].partition("]")
                rest = rest.strip(" \t")
                words = inside.split()
                if not end or (rest and rest[0] not in ";#"):
                    raise Broken
                if words == ["policy"]:
                    here = "policy"
                elif len(words) == 2 and words[0] == "name" and is_pattern(words[1]) and words[1] not in sections:
                    here = sections[words[1]] = {}
                else:
                    raise Broken
                said = set()
                continue
            for at in range(1, len(line)):
                if line[at] == ";" and line[at - 1] in " \t":
                    line = line[:at]
                    break
            key, equals, value = line.partition("=")
            key = key.strip(" \t")
            if not equals or here is None or key in said:
                raise Broken
            said.add(key)
            if here == "policy":
                if key != "connect":
                    raise Broken
                connect |= who(value, True)
            elif key in RIGHTS:
                here[key] = who(value, False)
            else:
                raise Broken
        except Broken:
            raise Broken(number) from None
    if "*" not in sections:
        sections["*"] = {} if is_system else {
            "own": {("*", 0)}, "call": {("*", 0)}, "hear": {("*", 0)}, "tap": {("same-user", 0), ("user", 0)}}
    return connect, sections


class Program:
    def __init__(self, uid, groups, names):
        self.uid, self.groups, self.names = uid, groups, names


def meant(words, program, same):
    return any(kind == "*" or (kind == "same-user" and program.uid == same)
               or (kind == "user" and program.uid == number) or (kind == "group" and number in program.groups)
               for kind, number in words)


def section_of(sections, name):
    if name is None:
        return sections["*"]
    best = sections["*"]
    if name in sections:
        return sections[name]
    length = -1
    for pattern, section in sections.items():
        prefix = pattern[:-1]  # with its dot
        if pattern.endswith(".*") and name.startswith(prefix) and len(name) > len(prefix) > length:
            best, length = section, len(prefix)
    return best


def may(sections, right, program, name, same):
    return meant(section_of(sections, name).get(right, ()), program, same)


def withheld(sections, program, other):
    all_names = other.names or [None]
    bits = 0
    if not all(may(sections, "call", program, n, other.uid) for n in all_names):
        bits |= NO_ID
    if not all(may(sections, "hear", program, n, other.uid) for n in all_names):
        bits |= NO_HEAR
    return bits


def may_tap(sections, program, uid):
    return all(meant(s.get("tap", ()), program, uid) for s in sections.values())


def linked(sections, a, b):
    for one, other in ((a, b), (b, a)):
        if withheld(sections, one, other) != NO_ID | NO_HEAR or may_tap(sections, one, other.uid):
            return True
        if any(may(sections, "call", one, n, other.uid) for n in other.names):
            return True
    return False


# --- random cases ---

def some_name(rng):
    return ".".join(rng.choice("abc") for _ in range(rng.choice((1, 2, 2, 3, 3, 4))))


def some_list(rng, in_policy=False):
    if rng.random() < 0.1:
        return "none"
    words = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.random()
        if kind < 0.1:
            words.append("*")
        elif kind < 0.3 and not in_policy:
            words.append("same-user")
        elif kind < 0.65:
            words.append("user:" + rng.choice([*USERS, "100", "103", "7"]))
        else:
            words.append("group:" + rng.choice([*GROUPS, "200", "204", "100"]))
    return rng.choice((" ", ", ", ",", "\t", "  ")).join(words)


BROKEN = ["[polcy]", "[name]", "[name a b]", "[name a", "[name a..b]", "[name *.a]", "[name a*]", "[name tern.x]", "[] ",
          "[policy x]", "own = user:u9", "own = group:u1", "own =", "own", "own = user:", "own = u1", "owns = *",
          "own = none *", "own = user:4294967295", "own = same-user user:-1", "[name a] x", "= *", "own = user:u1x"]


def some_file(rng):
    lines = []
    if rng.random() < 0.5:
        lines += ["[policy]", "connect = " + some_list(rng, True)]
    patterns = {some_name(rng) + rng.choice(("", "", ".*", ".*")) for _ in range(rng.randrange(6))}
    if rng.random() < 0.6:
        patterns.add("*")
    patterns = sorted(patterns)
    rng.shuffle(patterns)
    for pattern in patterns:
        lines.append(f"[name {pattern}]" + rng.choice(("", " ; a name", "  ")))
        rights = [r for r in RIGHTS if rng.random() < 0.75]
        rng.shuffle(rights)
        for right in rights:
            lines.append(rng.choice(("", "  ", "\t")) + right + rng.choice((" = ", "=", " =  ")) + some_list(rng)
                         + rng.choice(("", "", " ; why", "  ")))
        if rng.random() < 0.2:
            lines.append(rng.choice(("", "# a line", "; own = *", "   ")))
    if rng.random() < 0.1:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(BROKEN))
    return "\n".join(lines) + rng.choice(("", "\n"))


def some_program(rng):
    uid = rng.choice((0, 100, 101, 102, 103, 104, 105, 7, 8))
    groups = rng.sample((200, 201, 202, 203, 204, 205, 100, 300), rng.randrange(4))
    names = sorted({some_name(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))})
    return Program(uid, groups, names)


def questions(rng, sections, connect, programs):
    """(command, what the page says)"""
    for k in (0, 1):
        me, other = programs[k], programs[1 - k]
        for _ in range(4):
            name = some_name(rng)
            yield f"own {k} {name}", may(sections, "own", me, name, OWN_UID)
            yield f"call {k} {name}", may(sections, "call", me, name, other.uid)
        for name in other.names:
            yield f"call {k} {name}", may(sections, "call", me, name, other.uid)
        yield f"withheld {k}", withheld(sections, me, other)
        yield f"tap {k}", may_tap(sections, me, other.uid)
        yield f"connect {k}", meant(connect, me, None)
    yield "link", linked(sections, *programs)


def make_run(rng, n_cases):
    """the commands of a run, and what is to be answered"""
    commands, expected = [], []
    n = 0
    while n < n_cases:
        text, is_system = some_file(rng), rng.random() < 0.5
        size = len(text.encode())
        commands.append(f"policy {size} {'system' if is_system else 'session'}\n{text}")
        n += 1
        try:
            connect, sections = parse(text, is_system)
        except Broken as line:
            expected.append((f"bad {line}", text, ""))
            continue
        expected.append(("ok", text, ""))
        for _ in range(3):
            programs = [some_program(rng), some_program(rng)]
            programs[1].names = [n for n in programs[1].names if n not in programs[0].names]
            for k, program in enumerate(programs):
                commands.append(f"peer {k} {program.uid} {','.join(map(str, program.groups))}".rstrip() + "\n")
                expected.append(("ok", text, ""))
            for k, program in enumerate(programs):
                commands.append(f"names {k} {' '.join(program.names)}\n")
                expected.append(("ok", text, ""))
            for command, answer in questions(rng, sections, connect, programs):
                commands.append(command + "\n")
                who_asks = [(p.uid, p.groups, p.names) for p in programs]
                expected.append((str(int(answer)), text, f"{command} of {who_asks}"))
                n += 1
    return "".join(commands), expected, n


def main():
    judge = sys.argv[1]
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    total = granted = broken = 0
    while total < wanted:
        commands, expected, n = make_run(rng, min(A_RUN, wanted - total))
        answers = subprocess.run([judge], input=commands.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
        answers = answers.split("\n")[:-1]
        for (want, text, question), answer in zip(expected, answers):
            if want != answer:
                print(f"{text}\n---\n{question}: ternd says {answer}, the page {want} (seed {seed})")
                sys.exit(1)
            granted += question != "" and answer == "1"
            broken += want.startswith("bad")
        assert len(answers) == len(expected)
        total += n
    assert granted and broken
    print(f"{total} cases, {granted} of them granted, {broken} files refused: no difference (seed {seed})")


main()
