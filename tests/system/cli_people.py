#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cli_people: the tool on terminals: tables, colours, what is typed

    cli_people.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""



from tool import NAME, a_bus, a_service, a_terminal, check, environment, expect, run, same, tern

ESCAPE = "\033"


def shown(bus, *words, columns=80, env=None, status=0):
    with a_terminal(bus, *words, columns=columns, env=env) as terminal:
        return terminal.finish(status)


def tables_have_headings():
    with a_bus() as (bus, _), a_service(bus, NAME, "loud") as service:
        plain = {**environment(bus), "TERM": "dumb"}
        lines = shown(bus, "list", "-l", env=plain).splitlines()
        same(lines[0].split(), ["NAME", "PROGRAM", "PID", "USER", "OWNER", "LABELS"])
        same(lines[1].split()[:3], [NAME, "cli-service", str(service.pid)])
        same(lines[2:], ["", f"1 name on {bus}"])
        lines = shown(bus, "list", "--no-legend", env=plain).splitlines()
        same((len(lines), lines[0].split()[0]), (1, NAME))
        same(tern("list", "--no-legend", bus=bus).stdout, tern("list", bus=bus).stdout)
        same(shown(bus, "list", "org.example.X", env=plain), f"no such name is owned on {bus}\n")


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
        expect(tern("--color=red", "list", bus=bus), 2, "", "not 'red'")


run([tables_have_headings, tables_fit, labels_play_no_tricks, colours_are_for_terminals])
