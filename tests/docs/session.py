# SPDX-License-Identifier: MIT
"""session: a shell that believes to write to a terminal, and is typed to by a page

What background jobs write belongs to the command before it; so a command is over when it said so and what
should have come has come. Nothing may come that the page does not show.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

LIMIT = 10  # seconds for what must come
ROWS, COLUMNS = 40, 100


class Session:
    def __init__(self, folder, env):
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.shell = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, env=env, stdin=subprocess.PIPE,
                                      stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""  # what came and belongs to no command yet
        self.n_typed = 0
        self.is_stuck = False  # nothing that is typed from here on is read

    def read(self, end):
        """Take in what comes until then. Returns False when nothing came."""
        if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # nobody has the other end any more
            piece = b""
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def type(self, text):
        self.shell.stdin.write(text.encode() + b"\n")
        self.shell.stdin.flush()

    def run(self, typed, pattern):
        """Type a command. Returns whether what came is as expected, and what came."""
        end = time.monotonic() + LIMIT
        self.n_typed += 1
        over = f"\001{self.n_typed}\001\n"
        self.type(typed)
        self.type(f"printf '\\001%d\\001\\n' {self.n_typed}")
        while over not in self.text and self.read(end):
            pass
        is_over = over in self.text
        self.is_stuck = not is_over
        self.text = self.text.replace(over, "", 1)
        while is_over and not pattern.fullmatch(self.text) and self.read(end if pattern.pattern else 0):
            pass
        came, self.text = self.text, ""
        return is_over and bool(pattern.fullmatch(came)), came

    def close(self):
        """End the shell and what it started; what that says is no part of the page."""
        self.shell.stdin.close()
        try:
            self.shell.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.shell.pid, signal.SIGKILL)  # background jobs, which may be alone now
        except ProcessLookupError:
            pass
        self.shell.wait()
        os.close(self.master)
