#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""smoke: tern-bench runs, its rows are well formed, and it leaves nothing behind

Usage: smoke_test.py TERN-BENCH

Nothing here depends on how fast anything is; the times are only long enough
for one message to go through.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BENCH = None
CALL_METRICS = ["p50", "p99", "p999", "rate", "cpu", "min", "max"]
EVENT_METRICS = ["rate", "cpu", "cpu-client", "min", "max"]
PACED_METRICS = ["p50", "p99", "p999", "rate", "cpu", "cpu-client", "min", "max"]
LIMITS = {
    "rpc-hot": ["spin"],
    "rpc-blocking": ["futex", "eventfd", "eventfd-epoll", "unix-socket", "pipe"],
    "rpc-default": ["spin", "eventfd-epoll", "unix-socket", "pipe"],
    "stream": ["ring", "ring-fenced", "unix-socket", "pipe"],
    "stream-batch": ["ring"],
    "bulk": ["touch", "unix-socket", "pipe"],
    "stream-call": ["ring", "unix-socket", "pipe"],
    "bulk-call": ["touch", "unix-socket", "pipe"],
    **{f"rpc-payload-{size}": ["touch", "touch-memcpy", "unix-socket", "pipe"]
       for size in ["64", "4k", "64k", "1m", "16m"]},
    **{f"fanout-{n}": [] for n in [1, 10, 100, 1000]},
    **{f"fanout-asleep-{n}": ["eventfds"] for n in [1, 10, 100, 1000]},
}
EVENTS = ("stream", "bulk", "fanout")
# Workloads whose subjects are no answers to one question: all of them, in their order.
FORMS = {
    "unheard": ["tern:has-listeners", "tern:publish", "tern:bare-strings", "limit:loads"],
    "match-scale": ["tern:one-topic@10", "tern:1000-topics@10", "tern:new-topic@10"],
    "clients": ["tern@10"],
    "connect": ["tern", "peer:sdbus-dbus-broker", "peer:sdbus-dbus-daemon"],
    "connect-program": ["tern", "limit:true", "peer:busctl-dbus-broker"],
    "churn": ["tern:quiet", "tern:churn", "tern:table"],
    "footprint": ["tern", "limit:nothing", "peer:libdbus", "peer:libsystemd"],
    "spin-tax": ["tern", "tern:blocking", "limit:eventfd-epoll", "peer:sdbus-dbus-broker"],
    "order-tax": ["tern:on@1", "tern:off@1"],
    "checked": ["tern:checked", "tern:unchecked"],
    "state-read": ["tern:idle", "tern:busy", "limit:seqlock-idle", "limit:seqlock-busy"],
    "idle": ["tern@500"],
    "rpc-links": ["tern@0", "tern@64"],
    "rpc-busy": ["tern@1", "tern@16", "tern@128"],
    "lookup-scale": ["tern:hot@10", "tern:random@10", "limit:random-3-lines@10"],
}
DBUS_PEERS = ["sdbus-dbus-broker", "sdbus-dbus-daemon", "libdbus-dbus-broker",
              "libdbus-dbus-daemon"]
SOCKET_PEERS = ["zeromq", "nng"]
PEERS = DBUS_PEERS + SOCKET_PEERS


def processes_with(text):
    """The processes that have text in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if text.encode() in f.read():
                    found.append(pid)
        except OSError:
            pass  # gone, or not ours
    return found


class Smoke(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory(prefix="smoke-")
        self.env = dict(os.environ, TMPDIR=self.tmp.name)

    def tearDown(self):
        left = os.listdir(self.tmp.name)
        running = processes_with("TMPDIR=" + self.tmp.name)
        self.tmp.cleanup()
        self.assertEqual(left, [], "files left")
        self.assertEqual(running, [], "processes left")

    def bench(self, *arguments, status=0):
        done = subprocess.run([BENCH, *arguments], env=self.env, timeout=100,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout

    def rows(self, *arguments):
        """{subject: {metric: value}}, with everything about the form checked."""
        figures = {}
        for line in self.bench("--seconds", "0.04", "--tsv", *arguments).splitlines():
            workload, subject, pin, metric, value, unit = line.split("\t")
            self.assertIn(workload, [*LIMITS, *FORMS])
            self.assertIn(pin, ["cross", "same", "one", "free"])
            if metric in [*CALL_METRICS, "missing"]:
                self.assertEqual(unit, {"missing": "-", "rate": "1/s"}.get(
                    metric, "1/s" if metric in ["min", "max"] and self.is_rate(workload) else "ns"))
            self.assertNotIn(metric, figures.setdefault(subject, {}))
            figures[subject][metric] = float(value)
        return figures

    @staticmethod
    def is_rate(workload):
        return workload.startswith(EVENTS) and "asleep" not in workload

    def check_workload(self, workload, *options, peers=PEERS):
        figures = self.rows("--repeats", "1", *options, workload)
        metrics = (EVENT_METRICS if self.is_rate(workload) else
                   PACED_METRICS if "asleep" in workload else CALL_METRICS)
        self.assertEqual(list(figures["tern"]), metrics)
        for limit in LIMITS[workload]:
            self.assertEqual(list(figures["limit:" + limit]), metrics)
        for peer in peers:
            self.assertIn(list(figures["peer:" + peer]), [metrics, ["missing"]])
        for subject, values in figures.items():
            for name, value in values.items():  # a short run may be over before the kernel has counted its time
                self.assertTrue(value > 0 or value == 0 and name.startswith("cpu"), f"{subject}: {values}")
            if "p50" in values:
                self.assertLessEqual(values["p50"], values["p99"])
                self.assertLessEqual(values["p99"], values["p999"])

    def check_forms(self, workload, *options):
        """Each subject is there with all figures of a call, or is a peer that is missing."""
        figures = self.rows("--repeats", "1", *options, workload)
        self.assertEqual(list(figures), FORMS[workload])
        for subject, values in figures.items():
            if subject.startswith("peer:") and list(values) == ["missing"]:
                continue
            self.assertEqual(list(values)[:len(CALL_METRICS)], CALL_METRICS, subject)
            self.assertTrue(all(v >= 0 for v in values.values()), f"{subject}: {values}")
        return figures

    def test_unheard(self):
        self.check_forms("unheard")

    def test_tables(self):
        self.check_forms("match-scale", "--only", "*@10")
        self.check_forms("lookup-scale", "--only", "*@10")

    def test_clients(self):
        values = self.check_forms("clients", "--only", "*@10")["tern@10"]
        for name in ["ternd", "tables", "private", "link", "connect-first", "connect-last"]:
            self.assertGreater(values[name], 0, name)

    def test_short_lives(self):
        self.check_forms("connect")
        self.check_forms("connect-program")

    def test_changes(self):
        figures = self.check_forms("churn")
        self.assertGreater(figures["tern:churn"]["changes"], 0)
        self.assertIn("retries", figures["tern:table"])

    def test_footprint(self):
        figures = self.check_forms("footprint")
        self.assertGreater(figures["tern"]["size"], 0)

    def test_taxes(self):
        self.check_forms("spin-tax")
        self.check_forms("order-tax", "--only", "*@1")

    def test_idle(self):
        figures = self.rows("--repeats", "1", "idle")
        self.assertEqual(list(figures), FORMS["idle"])
        self.assertEqual(figures["tern@500"]["wakes"], 0)

    def test_rpc_hot(self):
        self.check_workload("rpc-hot")

    def test_rpc_blocking(self):
        self.check_workload("rpc-blocking")

    def test_rpc_default(self):
        self.check_workload("rpc-default", "--pin", "same", peers=PEERS + ["capnp"])

    def test_rpc_links(self):
        self.check_forms("rpc-links", "--only", "tern@[06]*")

    def test_rpc_busy(self):
        self.check_forms("rpc-busy", "--only", "tern@1*")

    def test_rpc_payload(self):
        self.check_workload("rpc-payload-4k", peers=SOCKET_PEERS)
        figures = self.rows("--repeats", "1", "--only", "tern*", "rpc-payload-16m")
        self.assertEqual(list(figures), ["tern", "tern:copied"])

    def test_stream(self):
        self.check_workload("stream", "--pin", "one", peers=PEERS + ["capnp"])

    def test_stream_batch_and_bulk(self):
        self.check_workload("stream-batch", peers=SOCKET_PEERS)
        self.check_workload("bulk", peers=SOCKET_PEERS)

    def test_stream_and_bulk_of_a_call(self):
        self.check_workload("stream-call", peers=["zeromq"])
        self.check_workload("bulk-call", peers=["zeromq"])

    def test_fanout(self):
        self.check_workload("fanout-10")
        self.check_workload("fanout-asleep-10", peers=[])

    def test_range_is_over_the_repeats(self):
        for values in self.rows("--repeats", "3", "--only", "[tl]*", "rpc-hot").values():
            if "p50" in values:
                self.assertLessEqual(values["min"], values["p50"])
                self.assertLessEqual(values["p50"], values["max"])

    def test_peers_that_are_not_installed_are_missing(self):
        self.env["PATH"] = "/nonexistent"
        figures = self.rows("--repeats", "2", "--only", "peer:*", "rpc-hot")
        for peer in DBUS_PEERS:
            self.assertEqual(figures["peer:" + peer], {"missing": 1.0})

    def test_list(self):
        names = [line.split()[0] for line in self.bench("--list").splitlines()]
        self.assertEqual(sorted(names), sorted([*LIMITS, *FORMS]))

    def test_table(self):
        text = self.bench("--seconds", "0.05", "--repeats", "1", "rpc-hot")
        self.assertIn("limit:spin", text)
        self.assertIn("p50 min..max", text)

    def test_table_has_figures_of_its_own(self):
        text = self.bench("--seconds", "0.05", "--repeats", "1", "--only", "tern", "footprint")
        self.assertRegex(text, r"size \d+")

    def test_wrong_usage(self):
        for arguments in [["no-such-workload"], ["--pin", "moon", "stream"],
                          ["--seconds", "0", "stream"], ["--seconds", "1x", "stream"],
                          ["--seconds", "nan", "stream"], ["--repeats", "0", "stream"],
                          ["--repeats", "101", "stream"], ["--bogus", "stream"]]:
            with self.subTest(arguments):
                self.assertEqual(self.bench(*arguments, status=2), "")

    def stop(self, sig):
        with subprocess.Popen([BENCH, "--seconds", "60", "--repeats", "1", "rpc-default"],
                              env=self.env, stdout=subprocess.DEVNULL) as bench:
            for _ in range(1000):  # until a run is under way
                if os.listdir(self.tmp.name):
                    break
                time.sleep(0.01)
            bench.send_signal(sig)
            return bench.wait(timeout=30)

    def test_stopped(self):
        self.assertEqual(self.stop(signal.SIGINT), 130)
        self.assertEqual(self.stop(signal.SIGTERM), 130)


if __name__ == "__main__":
    # Who starts the tests in the background has signals ignored, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    BENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
