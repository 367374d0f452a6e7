#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""growth: how costs grow, fitted to the rows of tern-bench --tsv, into docs/performance.md

Usage: growth.py ROWS PAGE

cost = a + b * n, by least squares of the relative error, so that a fifth too much counts the same at n = 1 and
at n = 1,000. What stands in PAGE between the two markers is replaced; a cost that was not measured is left out.
"""

import os
import sys

BEGIN = "<!-- growth: written by make bench -->\n"
END = "<!-- end of growth -->\n"


def at(figures, workload, form, metric, pin):
    """[(n, cost)] of the subjects FORM@n."""
    points = []
    for (w, subject, p, m), value in figures.items():
        name, sign, n = subject.rpartition("@")
        if (w, p, m, name) == (workload, pin, metric, form) and sign:
            points.append((int(n), value))
    return sorted(points)


def to_many(figures, workload, metric, scale):
    """[(n, cost)] of the workloads WORKLOAD-n; scale: the cost is of each of the n."""
    points = []
    for (w, subject, p, m), value in figures.items():
        name, _, n = w.rpartition("-")
        if (name, subject, p, m) == (workload, "tern", "free", metric):
            points.append((int(n), value * (int(n) if scale else 1)))
    return sorted(points)


def all_costs(figures):
    """(what costs, what n is, unit, [(n, cost)])"""
    yield ("a call and its answer, polling", "links of the server that are busy, up to 64", "ns",
           [p for p in at(figures, "rpc-busy", "tern", "p50", "cross") if p[0] <= 64])
    yield ("the same", "links of the server that are idle", "ns", at(figures, "rpc-links", "tern", "p50", "cross"))
    yield ("an event, processor time of its publisher", "subscribers, up to 100", "ns",
           [p for p in to_many(figures, "fanout", "cpu-client", True) if p[0] <= 100])
    yield ("the same, all of them asleep", "subscribers, up to 100", "ns",
           [p for p in to_many(figures, "fanout-asleep", "p50", False) if p[0] <= 100])
    for form, what in (("one-topic", "a publish on a topic"), ("new-topic", "the first publish on a topic")):
        yield what, "rules, 4 of which match", "ns", at(figures, "match-scale", "tern:" + form, "p50", "free")
    yield "a look-up of any name", "names", "ns", at(figures, "lookup-scale", "tern:random", "p50", "free")
    yield "to connect", "clients", "ns", at(figures, "clients", "tern", "connect-last", "free")
    yield ("memory of ternd and its tables", "clients", "B", sorted(
        (n, n * (value + dict(at(figures, "clients", "tern", "tables", "free")).get(n, 0)))
        for n, value in at(figures, "clients", "tern", "ternd", "free")))


def fit(points):
    """a, b of the least sum of ((a + b n) / cost - 1)², neither below zero; and the worst of these errors."""
    weights = [(n, cost, 1 / (cost * cost)) for n, cost in points]
    s, sn = sum(w for _, _, w in weights), sum(w * n for n, _, w in weights)
    snn = sum(w * n * n for n, _, w in weights)
    sc, snc = sum(w * c for _, c, w in weights), sum(w * n * c for n, c, w in weights)
    b = (s * snc - sn * sc) / (s * snn - sn * sn)
    a = (sc - b * sn) / s
    if b < 0:
        a, b = sc / s, 0.0
    if a < 0:
        a, b = 0.0, snc / snn
    return a, b, max(abs((a + b * n) / cost - 1) for n, cost in points)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def table(figures):
    yield "| what | n | measured at n = | a | b | off by at most |\n|---|---|---|---|---|---|\n"
    for what, n_is, unit, points in all_costs(figures):
        if len(points) < 3:
            continue
        a, b, worst = fit(points)
        yield (f"| {what} | {n_is} | {', '.join(f'{n:,}' for n, _ in points)} | {number(a)} {unit} | "
               f"{number(b)} {unit} | {worst:.0%} |\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    figures = {}
    with open(sys.argv[1], encoding="utf-8") as f:
        for line in f:
            workload, subject, pin, metric, value, _ = line.rstrip("\n").split("\t")
            figures[workload, subject, pin, metric] = float(value)
    with open(sys.argv[2], encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN)
    _, after = rest.split(END)
    with open(sys.argv[2] + ".new", "w", encoding="utf-8") as f:
        f.write(before + BEGIN + "".join(table(figures)) + END + after)
    os.replace(sys.argv[2] + ".new", sys.argv[2])


if __name__ == "__main__":
    main()
