# SPDX-License-Identifier: MIT
"""blocks: what a page shows that can be run

In markdown, fenced blocks by their first words:

    ```sh            a session: what is typed behind "$ ", then what comes
    ```c NAME.c      a program, which the session of the same page may compile
    ```c             a piece of one: statements, or functions; it compiles
    ```tern [NAME]   an interface, or members of one; `tern check` finds nothing wrong; with a name it is there for
                     the session
    ```file NAME     a file for the session

Others are only read. A comment "<!-- sh" with a session in it runs, too, and is not shown; what is in
a comment "<!-- prelude" comes before the pieces of programs.
In manual pages, ".Bd -literal" behind a line '.\\" example: sh' (or c, tern, file) is such a block.
"""

import collections
import re

RUN = ("sh", "c", "tern", "file", "prelude")

Block = collections.namedtuple("Block", "kind name line lines")  # line: the number of its first one

FENCE = re.compile(r"^```(\w+)(?: +(\S+))?$")
HIDDEN = re.compile(r"^<!-- (sh|prelude)()$")
MARK = re.compile(r'^\.\\" example: (\w+)(?: +(\S+))?$')

ESCAPES = {r"\e": "\\", r"\(dq": '"', r"\(aq": "'", r"\-": "-", r"\&": "", r"\[u2026]": "…", r"\(bs": "\\"}
ESCAPE = re.compile("|".join(re.escape(e) for e in ESCAPES))


def markdown(text):
    """Blocks of a markdown page, in order."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        head = FENCE.match(lines[number]) or HIDDEN.match(lines[number])
        fenced = lines[number].startswith("```")
        number += 1
        if not head and not fenced:
            continue
        end = number
        while end < len(lines) and lines[end] != ("```" if fenced else "-->"):
            end += 1
        if head and head[1] in RUN:
            yield Block(head[1], head[2] or "", number, lines[number:end])
        number = end + 1


def unescape(line):
    """A literal line of mdoc as it is shown."""
    return ESCAPE.sub(lambda found: ESCAPES[found[0]], line)


def manual(text):
    """Blocks of a manual page, in order."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        head = MARK.match(line)
        if not head or not lines[number + 1].startswith(".Bd -literal"):
            continue
        end = lines.index(".Ed", number)
        yield Block(head[1], head[2] or "", number + 2, [unescape(l) for l in lines[number + 2:end]])


def blocks(path, text):
    return list(markdown(text) if path.endswith(".md") else manual(text))


Step = collections.namedtuple("Step", "typed line expected first last")  # expected are lines[first:last] of the block

PROMPT = re.compile(r"^\$ (.*)$")


def steps(block):
    """What is typed in a session, and what should come of it; "> " goes on with what is typed."""
    found, lines = [], block.lines
    number = 0
    while number < len(lines):
        head = PROMPT.match(lines[number])
        if not head:
            raise ValueError(f"line {block.line + number + 1}: a session begins with \"$ \"")
        typed, begin = [head[1]], number
        number += 1
        while number < len(lines) and re.match(r"^>( |$)", lines[number]):
            typed.append(lines[number][2:])
            number += 1
        first = number
        while number < len(lines) and not PROMPT.match(lines[number]):
            number += 1
        found.append(Step("\n".join(typed), block.line + begin + 1, lines[first:number], first, number))
    return found


def pattern(expected):
    """A regular expression for lines in which … is anything, and alone on a line any lines."""
    parts = []
    for line in expected:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append("[^\n]*?".join(re.escape(piece.rstrip() if last else piece) for piece, last in
                                        ((p, i == line.count("…")) for i, p in enumerate(line.split("…")))) + r"[ \t]*\n")
    return re.compile("".join(parts))
