/* SPDX-License-Identifier: MIT */

/* stream: 64 B events one way, each sent by itself, none lost */

#include "stream.h"

int
stream_drive(struct bench_run *run, stream_send_fn *send, void *link)
{
	struct payload event = {0};
	uint64_t serial = 0;
	int r;

	run_ready(run);
	while (run_phase(run) != PHASE_STOP) {
		payload_make(&event, PAYLOAD_EVENT, ++serial);
		r = send(link, &event);
		if (unlikely(r < 0))
			return run_fail_at(run, r, "event", serial);
	}
	store_rel(&run->shared->sent, serial);
	return 0;
}

const struct workload workload_stream = {
	.name = "stream",
	.what = "64 B events to one subscriber, each sent by itself, none lost",
	.is_one_way = true,
	.subjects =
		(const struct subject *const[]){
			&tern_stream,
			&limit_ring,
			&limit_ring_fenced,
			&stream_sdbus_dbus_broker,
			&stream_sdbus_dbus_daemon,
			&stream_libdbus,
			NULL,
		},
};
