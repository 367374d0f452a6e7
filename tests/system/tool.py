# SPDX-License-Identifier: MIT
"""tool: what the tests of the tool share

    X.py TERN TERND SERVICE LIBRARY [SCENARIO…]
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

TERN, TERND, SERVICE, LIBRARY = (os.path.abspath(a) for a in sys.argv[1:5])
LIMIT = 30 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER") or 1)  # s, for anything that is waited for
NAME = "org.example.Echo"
NOBODY = 65534
passed = failed = 0
signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here, and so by all that is started


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        frame = sys._getframe(1)
        while frame.f_code.co_name in ("check", "same", "expect"):
            frame = frame.f_back
        print(f"wrong: {frame.f_code.co_name}, line {frame.f_lineno}: {what}", flush=True)


def same(seen, wanted):
    check(seen == wanted, f"{seen!r} is not {wanted!r}")


def environment(bus):
    env = {k: v for k, v in os.environ.items() if k not in ("TERN_BUS", "XDG_RUNTIME_DIR", "TMPDIR")}
    if bus:
        env["TERN_BUS"] = bus
    return env


def tern(*words, bus=None, stdin="", env=None, **more):
    return subprocess.run([TERN, *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=LIMIT, env=env or environment(bus), **more)


def expect(result, status, stdout=None, stderr=None):
    """A run ended with this status, printed just this, and complained in these words (or not at all)."""
    words = " ".join(result.args[1:])
    check(result.returncode == status, f"{words}: status {result.returncode}, not {status}: {result.stderr}")
    if stdout is not None:
        check(result.stdout == stdout, f"{words}: printed {result.stdout!r}, not {stdout!r}")
    if stderr is None:
        check(result.stderr == "", f"{words}: complained: {result.stderr!r}")
    else:
        check(re.search(stderr, result.stderr), f"{words}: {result.stderr!r} does not say {stderr!r}")
        check(len(result.stderr.splitlines()) == 1, f"{words}: more than one line: {result.stderr!r}")
    return result


def value(result):
    """The JSON of a run that succeeded."""
    expect(result, 0)
    try:
        return json.loads(result.stdout)
    except ValueError:
        check(False, f"no JSON: {result.stdout!r}")
        return None


def completed(*words, bus=None):
    """What a word may become; asked again where the machine was too slow for the moment that this may take."""
    end = time.monotonic() + LIMIT
    while (result := tern("__complete", *words, bus=bus)).returncode == 4 and time.monotonic() < end:
        pass
    return expect(result, 0).stdout


def stop(process):
    if process.poll() is None:
        process.kill()
    process.wait(LIMIT)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


@contextlib.contextmanager
def a_bus(folder_mode=0o700, arguments=(), at=None):
    """A running ternd, or another one at the address of one that was killed; gives its address and process."""
    folder = tempfile.mkdtemp(prefix="tern-test-")
    os.chmod(folder, folder_mode)
    address = at or f"unix:{folder}/bus"
    ready, theirs = os.pipe()
    daemon = subprocess.Popen([TERND, "--address", address, "--ready-fd", str(theirs), *arguments],
                              pass_fds=[theirs], env=environment(None))
    os.close(theirs)
    try:
        check(os.read(ready, 1) != b"", "ternd does not start")
        yield address, daemon
    finally:
        os.close(ready)
        daemon.send_signal(signal.SIGCONT)
        stop(daemon)
        shutil.rmtree(folder)


@contextlib.contextmanager
def programs_for_all():
    """Copies of the tool and the library where any user can read them."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for path in (TERN, LIBRARY):
            shutil.copy(path, folder)
        os.symlink(os.path.basename(LIBRARY), folder + "/libtern.so.1")
        yield folder


@contextlib.contextmanager
def a_service(bus, name=NAME, *labels):
    process = subprocess.Popen([SERVICE, name, *labels], stdout=subprocess.PIPE, text=True, env=environment(bus))
    try:
        same(process.stdout.readline(), "serving\n")
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def a_subscriber(bus, *words):
    """tern subscribe, past the moment from which it misses nothing."""
    ready, theirs = os.pipe()
    process = subprocess.Popen([TERN, "subscribe", "--ready-fd", str(theirs), *words], pass_fds=[theirs],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(bus))
    os.close(theirs)
    try:
        same(os.read(ready, 10), b"\n")
        yield process
    finally:
        os.close(ready)
        stop(process)


def finished(process, status, stderr=""):
    out, err = process.communicate(timeout=LIMIT)
    check(process.returncode == status, f"status {process.returncode}, not {status}: {err}")
    check(re.search(stderr, err) if stderr else err == "", f"complained: {err!r}")
    return out


class Terminal:
    """What a program on a terminal of its own shows, and what is typed there."""

    def __init__(self, words, columns, env):
        self.fd, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self.shown = ""  # and not looked at yet

    def more(self, end):
        """Read something; False: the other end is closed, or the time is over."""
        if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            return False
        try:
            some = os.read(self.fd, 65536)
        except OSError:
            return False
        self.shown += some.decode("utf-8", "replace")
        return bool(some)

    def wait(self, what):
        """Until this is shown, a regular expression; what came before it is forgotten. Gives the match."""
        end = time.monotonic() + LIMIT
        while not (found := re.search(what, self.shown)):
            if not self.more(end):
                check(False, f"{what!r} is not shown, but {self.shown!r}")
                return None
        check(True, what)
        self.shown = self.shown[found.end():]
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def press(self, key, what):
        """Press a key, again and again, until this is shown."""
        end = time.monotonic() + LIMIT
        while not re.search(what, self.shown) and time.monotonic() < end:
            self.type(key)
            soon = time.monotonic() + 2
            while not re.search(what, self.shown) and self.more(soon):
                pass
        return self.wait(what)

    def finish(self, status=0):
        """Its end; gives all that was shown and not waited for, with \\n at the ends of lines."""
        end = time.monotonic() + LIMIT
        while self.more(end):
            pass
        same(self.process.wait(LIMIT), status)
        return self.shown.replace("\r\n", "\n")


def a_terminal(bus, *words, columns=80, env=None):
    """tern on a terminal that has colours."""
    return a_program([TERN, *words], env or {**environment(bus), "TERM": "xterm"}, columns)


@contextlib.contextmanager
def a_program(words, env, columns=80):
    """Any program on a terminal."""
    terminal = Terminal(words, columns, env)
    try:
        yield terminal
    finally:
        if terminal.fd >= 0:
            os.close(terminal.fd)
        stop(terminal.process)


def run(scenarios):
    """Those that the command line names, else all; and end."""
    chosen = sys.argv[5:]
    # Who starts the tests in the background has signals ignored, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for scenario in scenarios:
        if not chosen or scenario.__name__ in chosen:
            try:
                scenario()
            except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
                check(False, f"{scenario.__name__}: {problem!r}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
