/* SPDX-License-Identifier: MIT */

/*
 * old-kernel: run a program as if Linux were 5.15
 *
 *     old-kernel PROGRAM [ARGUMENT…]
 *
 * What came later, and io_uring, which many containers forbid, answers as a kernel
 * answers that does not know it. So the ways around are tested on a new kernel, too.
 */

#include "base/attribute.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* A system call of which argument @argument, or some bits of it, has @value; ALWAYS: whatever. */
struct unknown {
	uint32_t number;
	uint32_t argument;
	uint32_t mask;
	uint32_t value;
	uint32_t error;
};

#define ALWAYS 0, 0, 0

static const struct unknown unknown[] = {
	{SYS_memfd_create, 1, 0x08, 0x08, EINVAL},	  /* MFD_NOEXEC_SEAL, 6.3 */
	{SYS_memfd_create, 1, 0x10, 0x10, EINVAL},	  /* MFD_EXEC, 6.3 */
	{SYS_getsockopt, 2, UINT32_MAX, 77, ENOPROTOOPT}, /* SO_PEERPIDFD, 6.5 */
	{SYS_getsockopt, 2, UINT32_MAX, 76, ENOPROTOOPT}, /* SO_PASSPIDFD, 6.5 */
	{SYS_setsockopt, 2, UINT32_MAX, 76, ENOPROTOOPT},
	{SYS_setsockopt, 2, UINT32_MAX, 83, ENOPROTOOPT}, /* SO_PASSRIGHTS, 6.16 */
	{SYS_futex_waitv, ALWAYS, ENOSYS},		  /* 5.16 */
	{SYS_mseal, ALWAYS, ENOSYS},			  /* 6.10 */
	{SYS_io_uring_setup, ALWAYS, ENOSYS},
};

#define PER_CALL 6

/* Each entry: is it this call, has the argument this value, then the error; else the next. */
static void
make_filter(struct sock_filter *filter)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++, filter += PER_CALL) {
		const struct unknown *u = &unknown[i];
		/* The low half of an argument, on little-endian machines. */
		uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8 * u->argument;

		filter[0] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
		filter[1] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, u->number, 0, 4);
		filter[2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		filter[3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, u->mask);
		filter[4] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, u->value, 0, 1);
		filter[5] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | u->error);
	}
	*filter = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

int
main(int argc, char **argv)
{
	struct sock_filter filter[ARRAY_SIZE(unknown) * PER_CALL + 1];
	struct sock_fprog program = {.len = ARRAY_SIZE(filter), .filter = filter};
	int fd;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: old-kernel PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	make_filter(filter);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("old-kernel: seccomp");
		return 77;
	}
	fd = (int)syscall(SYS_memfd_create, "tern-old-kernel", 0x08u | 0x01u);
	if (fd >= 0 || errno != EINVAL) {
		(void)fprintf(stderr, "old-kernel: the filter does not work\n");
		return 1;
	}
	(void)execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 1;
}
