#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""figures: docs/bench.md and its plots, from the rows of tern-bench --tsv

Usage: figures.py ROWS PAGE PLOTS

What stands in PAGE between the two markers is replaced; PLOTS is a folder of
SVG files, drawn where gnuplot is there. What was not measured is told as that.
"""

import datetime
import os
import platform
import re
import shutil
import subprocess
import sys

BEGIN = "<!-- figures: written by make bench -->\n"
END = "<!-- end of figures -->\n"


class Target:
    """A figure, what it is held against and what is taken off it, and the bound, if there is one."""

    def __init__(self, row, text, figure, against=None, minus=0, at_most=None, at_least=None):
        self.row, self.text, self.figure, self.against, self.minus = row, text, figure, against, minus
        self.at_most, self.at_least = at_most, at_least

    def bound(self):
        if self.at_most is None and self.at_least is None:
            return "told"
        sign, bound = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        return f"{sign} {bound:g}" + (" ×" if self.against else "")

    def verdict(self, value):
        if self.bound() == "told":
            return ""
        return "met" if self.is_met(value) else "**missed**"

    def is_met(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least


def of(workload, subject="tern", metric="p50", pin="free"):
    return workload, subject, pin, metric


def targets():
    yield Target("P1", "rpc-hot p50, to limit:spin", of("rpc-hot", pin="cross"),
                 of("rpc-hot", "limit:spin", pin="cross"), at_most=2.0)
    yield Target("P1", "rpc-hot p99, to its p50", of("rpc-hot", metric="p99", pin="cross"),
                 of("rpc-hot", pin="cross"), at_most=4)
    yield Target("P1", "with 5,000 other links, to with none", of("rpc-links", "tern@5000", pin="cross"),
                 of("rpc-hot", pin="cross"), at_most=1.5)
    for pin in ("same", "cross"):
        yield Target("P2", "rpc-blocking p50, to limit:eventfd-epoll", of("rpc-blocking", pin=pin),
                     of("rpc-blocking", "limit:eventfd-epoll", pin=pin), at_most=1.10)
    yield Target("P3", "rpc-default p50, to peer:sdbus-dbus-broker", of("rpc-default"),
                 of("rpc-default", "peer:sdbus-dbus-broker"), at_most=0.02)
    yield Target("P3", "rpc-default cpu, to peer:sdbus-dbus-broker", of("rpc-default", metric="cpu"),
                 of("rpc-default", "peer:sdbus-dbus-broker", "cpu"), at_most=0.2)
    for pin in ("same", "one"):
        yield Target("P3", "rpc-default p50, to rpc-blocking", of("rpc-default", pin=pin),
                     of("rpc-blocking", pin=pin), at_most=1.2)
    for size in ("4k", "64k", "1m", "16m"):
        yield Target("P4", f"{size} request p50 over one of 64 B, to limit:touch", of(f"rpc-payload-{size}", pin="cross"),
                     of(f"rpc-payload-{size}", "limit:touch", pin="cross"),
                     minus=of("rpc-payload-64", pin="cross"), at_most=1.15)
        yield Target("P4", "the same copied, to limit:touch-memcpy",
                     of(f"rpc-payload-{size}", "tern:copied", pin="cross"),
                     of(f"rpc-payload-{size}", "limit:touch-memcpy", pin="cross"),
                     minus=of("rpc-payload-64", "tern:copied", pin="cross"), at_most=1.15)
    yield Target("P5", "stream rate, to limit:ring-fenced", of("stream", metric="rate", pin="cross"),
                 of("stream", "limit:ring-fenced", "rate", "cross"), at_least=0.5)
    yield Target("P5", "stream-batch rate, to limit:ring", of("stream-batch", metric="rate", pin="cross"),
                 of("stream-batch", "limit:ring", "rate", "cross"), at_least=0.4)
    for workload in ("stream", "stream-batch"):
        yield Target("P5", workload + " rate, to peer:zeromq", of(workload, metric="rate", pin="cross"),
                     of("stream", "peer:zeromq", "rate", "cross"), at_least=2)
    yield Target("P6", "bulk rate, to limit:touch", of("bulk", metric="rate", pin="cross"),
                 of("bulk", "limit:touch", "rate", "cross"), at_least=0.9)
    for peer, bound in (("sdbus-dbus-broker", 10), ("sdbus-dbus-daemon", 10), ("zeromq", 1.5)):
        yield Target("P7", f"fanout-100 rate, to peer:{peer}", of("fanout-100", metric="rate"),
                     of("fanout-100", "peer:" + peer, "rate"), at_least=bound)
    for n in (1, 10):
        yield Target("P7", f"publisher by each of {n} who never sleep, ns", of(f"fanout-{n}", "tern:polling", "cpu-client"),
                     at_most=100)
    for n in (1, 10, 100, 1000):
        yield Target("P7", f"one event to {n:,} asleep, publisher, to limit:eventfds", of(f"fanout-asleep-{n}"),
                     of(f"fanout-asleep-{n}", "limit:eventfds"), at_most=1.2)
    yield Target("P8", "has_listeners, ns", of("unheard", "tern:has-listeners"), at_most=15)
    yield Target("P8", "publish to nobody on a topic, ns", of("unheard", "tern:publish"), at_most=60)
    yield Target("P8", "the same from bare strings, ns", of("unheard", "tern:bare-strings"), at_most=150)
    for form in ("one-topic", "1000-topics"):
        yield Target("P9", f"{form} with 100,000 rules, to with 10", of("match-scale", f"tern:{form}@100000"),
                     of("match-scale", f"tern:{form}@10"), at_most=1.2)
    yield Target("P9", "first publish of a topic with two tags, over 1 µs, to limit:random-3-lines",
                 of("match-scale", "tern:new-topic@100000"), of("lookup-scale", "limit:random-3-lines@100000"),
                 minus=1000, at_most=2.67)  # four misses a tag
    yield Target("P10", "look-up of a hot name of 100,000, ns", of("lookup-scale", "tern:hot@100000"), at_most=40)
    yield Target("P10", "of any of them, to limit:random-3-lines", of("lookup-scale", "tern:random@100000"),
                 of("lookup-scale", "limit:random-3-lines@100000"), at_most=1.5)
    yield Target("P11", "connect p50, to peer:sdbus-dbus-broker", of("connect"),
                 of("connect", "peer:sdbus-dbus-broker"), at_most=1.2)
    yield Target("P11", "whole program p50, to busctl", of("connect-program"),
                 of("connect-program", "peer:busctl-dbus-broker"), at_most=1)
    yield Target("P12", "ternd by client of 8,000, B", of("clients", "tern@8000", "ternd"), at_most=2048)
    yield Target("P12", "ternd and tables by client of 8,000, B", of("clients", "tern@8000", "all"), at_most=2048)
    yield Target("P12", "shared memory of an idle link, B", of("clients", "tern@8000", "link"), at_most=40960)
    yield Target("P12", "memory of a client, B", of("clients", "tern@8000", "private"), at_most=65536)
    yield Target("P12", "connect of the last, to the first", of("clients", "tern@8000", "connect-last"),
                 of("clients", "tern@8000", "connect-first"), at_most=1.5)
    yield Target("P13", "publish p99 in churn, to quiet", of("churn", "tern:churn", "p99"),
                 of("churn", "tern:quiet", "p99"), at_most=2)
    yield Target("P13", "look-ups begun again, of a million, where all names are replaced all the time",
                 of("churn", "tern:table", "retries"))
    yield Target("P13", "look-ups that gave up, of a million", of("churn", "tern:table", "busy"), at_most=0)
    yield Target("P14", "wake-ups of who has nothing to do", of("idle", "tern@500", "wakes"), at_most=0)
    yield Target("P15", "spin-tax cpu, to blocking", of("spin-tax", metric="cpu"),
                 of("spin-tax", "tern:blocking", "cpu"), at_most=1.3)
    for form in ("idle", "busy"):
        yield Target("P16", f"reading a value, its writer {form}: p50, ns", of("state-read", f"tern:{form}", pin="cross"),
                     at_most=40)
        yield Target("P16", "the same, p99", of("state-read", f"tern:{form}", "p99", "cross"), at_most=300)
    for n in (1, 64, 1000):
        yield Target("P17", f"call in order, to without, {n:,} links", of("order-tax", f"tern:on@{n}", pin="cross"),
                     of("order-tax", f"tern:off@{n}", pin="cross"), at_most=1.15)
    yield Target("P18", "checked call, to unchecked", of("checked", "tern:checked", pin="cross"),
                 of("checked", "tern:unchecked", pin="cross"), at_most=1.3)
    yield Target("P19", "libtern.so, B", of("footprint", "tern", "size"), at_most=160 * 1024)
    for peer in ("libdbus", "libsystemd"):
        yield Target("P19", f"time to load, to {peer}", of("footprint"), of("footprint", "peer:" + peer), at_most=1)


def read_rows(path):
    figures = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            workload, subject, pin, metric, value, _ = line.rstrip("\n").split("\t")
            figures[workload, subject, pin, metric] = float(value)
    for key in [k for k in figures if k[3] == "ternd"]:
        tables = figures.get((*key[:3], "tables"))
        if tables is not None:
            figures[(*key[:3], "all")] = figures[key] + tables
    return figures


# -------- the table --------

def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table_line(figures, target):
    figure = figures.get(target.figure)
    against = figures.get(target.against) if target.against else None
    cells = [target.row, target.text, target.figure[2], target.bound()]
    minus = figures.get(target.minus) if isinstance(target.minus, tuple) else target.minus
    if figure is None or minus is None or (target.against and not against):
        return cells + ["", "", "", "not measured"]
    figure -= minus
    ratio = figure / against if against else figure
    return cells + [number(figure), number(against) if against else "", f"{ratio:.2f}" if against else "",
                    target.verdict(ratio)]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"^model name\s*: (.*)$", f.read(), re.M)
    return (f"{len(os.sched_getaffinity(0))} x {model.group(1) if model else 'a processor'}, "
            f"Linux {platform.release().partition('-')[0]}, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}")


def page(figures, plots, load):
    yield f"Measured on {machine()}; load before it {load}. Times are ns, rates by second; medians over the repeats.\n\n"
    yield "| | what | pin | target | tern | beside it | ratio | |\n|---|---|---|---|---|---|---|---|\n"
    for target in targets():
        yield "| " + " | ".join(table_line(figures, target)) + " |\n"
    yield "\n"
    for name, text in plots:
        yield f"![{text}](plots/{name}.svg)\n"


def rewrite(path, lines):
    with open(path, encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN)
    _, after = rest.split(END)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(before + BEGIN + "".join(lines) + END + after)
    os.replace(path + ".new", path)


# -------- the plots --------

SIZES = {"64": 64, "4k": 4 << 10, "64k": 64 << 10, "1m": 1 << 20, "16m": 16 << 20}


def by_subject(figures, workload, metric, pin="free"):
    """{form: [(n, value)]} of the subjects FORM@N."""
    series = {}
    for (w, subject, p, m), value in figures.items():
        form, at, n = subject.rpartition("@")
        if (w, p, m) == (workload, pin, metric) and at:
            series.setdefault(form, []).append((int(n), value))
    return series


def by_workload(figures, prefix, metric, pin, numbers):
    """{subject: [(n, value)]} of the workloads PREFIX-N."""
    series = {}
    for text, n in numbers.items():
        for (w, subject, p, m), value in figures.items():
            if (w, p, m) == (f"{prefix}-{text}", pin, metric):
                series.setdefault(subject, []).append((n, value))
    return series


def by_share(figures, workload, pin):
    """{subject: [(calls in a thousand that take longer, time)]}"""
    shares = {"p50": 500, "p99": 10, "p999": 1}
    series = {}
    for (w, subject, p, m), value in figures.items():
        if (w, p) == (workload, pin) and m in shares:
            series.setdefault(subject, []).append((1000 / shares[m], value))
    return series


def all_plots(figures):
    """(file, title, x axis, y axis, series)"""
    yield ("latency", "64 B call: time that so many calls exceed", "one call in …", "ns",
           by_share(figures, "rpc-default", "free"))
    yield ("latency-blocking", "64 B call, both sides asleep", "one call in …", "ns",
           by_share(figures, "rpc-blocking", "same"))
    yield "payload", "Call with a request of so many bytes", "bytes", "ns", by_workload(
        figures, "rpc-payload", "p50", "cross", SIZES)
    yield "fanout", "64 B events to so many subscribers", "subscribers", "delivered by second", by_workload(
        figures, "fanout", "rate", "free", {str(n): n for n in (1, 10, 100, 1000)})
    yield "rules", "Publish with so many rules, 4 matching", "rules", "ns", by_subject(figures, "match-scale", "p50")
    yield "names", "Look-up with so many names", "names", "ns", by_subject(figures, "lookup-scale", "p50")
    clients = by_subject(figures, "clients", "all").get("tern", [])
    yield "clients", "ternd and its tables by client", "clients", "B", {"tern": clients} if clients else {}
    connects = {name: by_subject(figures, "clients", name).get("tern", [])
                for name in ("connect-first", "connect-last")}
    yield "connects", "Connect, of the first and the last of so many", "clients", "ns", {
        k: v for k, v in connects.items() if v}


def draw(folder, name, title, x, y, series):
    """Blocks of points, one a series, straight into gnuplot."""
    lines = [f"set terminal svg size 720,420 noenhanced font 'sans,11'; set output '{folder}/{name}.svg'",
             f"set title '{title}'; set xlabel '{x}'; set ylabel '{y}'; set logscale xy; set grid",
             "set key outside right; set format x '%.0f'; set format y '%.0f'"]
    plots = [f"'-' with linespoints linewidth 2 title '{subject}'" for subject in series]
    lines.append("plot " + ", ".join(plots))
    for points in series.values():
        lines += [f"{n} {value}" for n, value in sorted(points)] + ["e"]
    subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", text=True, check=True)


def draw_all(figures, folder):
    """Draws what was measured; gives (file, text) of what is there afterwards."""
    os.makedirs(folder, exist_ok=True)
    there = []
    for name, title, x, y, series in all_plots(figures):
        series = {s: [(n, v) for n, v in p if v > 0] for s, p in series.items()}
        series = {s: p for s, p in series.items() if p}
        if series and shutil.which("gnuplot"):
            draw(folder, name, title, x, y, series)
        if os.path.exists(f"{folder}/{name}.svg"):
            there.append((name, title))
    return there


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    rows, path, folder = sys.argv[1:]
    figures = read_rows(rows)
    load = os.environ.get("LOAD_BEFORE") or "unknown"
    rewrite(path, page(figures, draw_all(figures, folder), load))


if __name__ == "__main__":
    main()
