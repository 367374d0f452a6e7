#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cancel: libtern calls no cancellation point with cancellation on

A thread that was cancelled ends in one of these functions of libc (pthreads(7)), whatever it holds. So each function
of the library that calls one has cancellation off first (src/base/cancel.h).
"""

import re

from report import check, finish, read, tracked

POINTS = """accept accept4 close connect creat epoll_pwait epoll_wait fallocate fclose fdatasync fflush fgets fopen fputs
    fprintf fread fscanf fsync fwrite getdelim getline getrandom msync nanosleep open openat pause poll ppoll pread
    printf pthread_cond_timedwait pthread_cond_wait pthread_join pwrite read readv recv recvfrom recvmsg select sem_wait
    send sendmsg sendto sleep syslog system usleep wait waitpid write writev""".split()
CALL = re.compile(r"(?<![\w.>])(?:%s)\(" % "|".join(POINTS))
OFF = "_cleanup_(cancel_backp) int cancel = cancel_off();"
FOLDERS = ("src/base/", "src/shm/", "src/wire/", "src/io/", "src/link/", "src/client/", "src/interface/")
# What ternd and the tool have alone, and what only tests have in it.
OTHERS = {
    "src/base/hook.c", "src/base/schedule.h", "src/base/standard.h", "src/io/journal.c", "src/io/loop.c",
    "src/io/notify.c", "src/shm/segment-twin.c", "src/shm/table_writer.c",
}
FUNCTION = re.compile(r"^(\w+)\(.*?^\{\n(.*?)^\}", re.M | re.S)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def main():
    n = 0
    for path in tracked():
        if not path.startswith(FOLDERS) or path.endswith("_test.c") or path in OTHERS:
            continue
        if not path.endswith((".c", ".h")):
            continue
        for name, body in FUNCTION.findall(COMMENT.sub("", read(path))):
            call = CALL.search(body)
            if not call:
                continue
            n += 1
            check(OFF in body[:call.start()], f"{path}: {name}() calls {call[0]}) with cancellation on")
    check(n > 10, "this test does not see the calls any more")
    finish()


main()
