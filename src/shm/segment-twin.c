/* SPDX-License-Identifier: MIT */

/* segment-twin: a list of the segments that this process owns; see the header */

#include "shm/segment-twin.h"

#if defined(TERN_TEST) && (defined(__SANITIZE_THREAD__) || defined(TERN_SCHEDULE))

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#ifdef TERN_SCHEDULE
#include "base/schedule.h"
#endif

struct twin {
	struct twin *next;
	ino_t inode; /* all memfds are of one device */
	pid_t pid;   /* a forked child has the list, but not the mappings */
	void *base;
	unsigned int n_users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct twin *twins;

static struct stat
stat_of(int fd)
{
	struct stat st;
	int r = fstat(fd, &st);

	assert(r == 0);
	return st;
}

static ino_t
inode_of(int fd)
{
	return stat_of(fd).st_ino;
}

void
twin_add(int fd, void *base)
{
	struct twin *twin = malloc(sizeof(*twin));

	assert(twin);
	*twin = (struct twin){
		.inode = inode_of(fd), .pid = getpid(), .base = base, .n_users = 1};
	pthread_mutex_lock(&lock);
	twin->next = twins;
	twins = twin;
	pthread_mutex_unlock(&lock);
#ifdef TERN_SCHEDULE
	schedule_share(base, (size_t)stat_of(fd).st_size);
#endif
}

void *
twin_take(int fd)
{
	ino_t inode = inode_of(fd);
	struct twin *twin;
	void *base = NULL;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return NULL; /* could not be mapped */
	pthread_mutex_lock(&lock);
	for (twin = twins; twin; twin = twin->next) {
		if (twin->inode != inode || twin->pid != getpid())
			continue;
		twin->n_users++;
		base = twin->base;
		break;
	}
	pthread_mutex_unlock(&lock);
	return base;
}

bool
twin_drop(void *base)
{
	struct twin **link, *twin;
	bool last = true;

	pthread_mutex_lock(&lock);
	for (link = &twins; (twin = *link) != NULL; link = &twin->next) {
		if (twin->base != base || twin->pid != getpid())
			continue;
		last = --twin->n_users == 0;
		if (last) {
			*link = twin->next;
			free(twin);
		}
		break;
	}
	pthread_mutex_unlock(&lock);
#ifdef TERN_SCHEDULE
	if (last)
		schedule_unshare(base);
#endif
	return last;
}

#else
typedef int twin_empty; /* ISO C wants a declaration */
#endif
