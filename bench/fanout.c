/* SPDX-License-Identifier: MIT */

/* fanout: 64 B events to many subscriber processes; at full speed, and to sleepers */

#include "stream.h"

static const struct subject *const few[] = {
	&tern_stream,
	&tern_fanout_polling,
	&stream_sdbus_dbus_broker,
	&stream_sdbus_dbus_daemon,
	&stream_libdbus_dbus_broker,
	&stream_libdbus_dbus_daemon,
	&fanout_zeromq,
	&fanout_nng,
	NULL,
};

/* So many pollers would only take the processors from each other. */
static const struct subject *const many[] = {
	&tern_stream,
	&stream_sdbus_dbus_broker,
	&stream_sdbus_dbus_daemon,
	&stream_libdbus_dbus_broker,
	&stream_libdbus_dbus_daemon,
	&fanout_zeromq,
	&fanout_nng,
	NULL,
};

/* NNG has a dozen threads a process: so many did not get connected in a minute. */
static const struct subject *const very_many[] = {
	&tern_stream,
	&stream_sdbus_dbus_broker,
	&stream_sdbus_dbus_daemon,
	&stream_libdbus_dbus_broker,
	&stream_libdbus_dbus_daemon,
	&fanout_zeromq,
	NULL,
};

static const struct subject *const asleep[] = {
	&tern_fanout_asleep,
	&limit_bells,
	NULL,
};

#define FANOUT(variable, n, who)                                                                   \
	const struct workload variable = {                                                         \
		.name = "fanout-" #n,                                                              \
		.what = "64 B events to " #n " subscriber processes, none lost",                   \
		.is_one_way = true,                                                                \
		.n_servers = (n),                                                                  \
		.subjects = (who),                                                                 \
	}

#define FANOUT_ASLEEP(variable, n)                                                                 \
	const struct workload variable = {                                                         \
		.name = "fanout-asleep-" #n,                                                       \
		.what = "one 64 B event to " #n " sleeping processes: processor time to send it",  \
		.is_one_way = true,                                                                \
		.is_paced = true,                                                                  \
		.n_servers = (n),                                                                  \
		.subjects = asleep,                                                                \
	}

FANOUT(workload_fanout_1, 1, few);
FANOUT(workload_fanout_10, 10, few);
FANOUT(workload_fanout_100, 100, many);
FANOUT(workload_fanout_1000, 1000, very_many);
FANOUT_ASLEEP(workload_fanout_asleep_1, 1);
FANOUT_ASLEEP(workload_fanout_asleep_10, 10);
FANOUT_ASLEEP(workload_fanout_asleep_100, 100);
FANOUT_ASLEEP(workload_fanout_asleep_1000, 1000);
