/* SPDX-License-Identifier: MIT */

/* rpc_payload: a request of some size, a reply of 64 B; built in place, or copied in */

#include "rpc.h"

static const struct subject *const subjects[] = {
	&tern_payload,
	&tern_payload_copied,
	&limit_touch,
	&limit_touch_memcpy,
	&limit_unix_socket,
	&limit_pipe,
	&peer_zeromq,
	&peer_nng,
	&peer_capnp,
	NULL,
};

#define RPC_PAYLOAD(variable, called, text, bytes)                                                 \
	const struct workload variable = {                                                         \
		.name = (called),                                                                  \
		.what = (text),                                                                    \
		.size = (bytes),                                                                   \
		.subjects = subjects,                                                              \
	}

RPC_PAYLOAD(workload_rpc_payload_64, "rpc-payload-64",
	"64 B call and 64 B reply, both ends polling: what to take off the larger ones", 64);
RPC_PAYLOAD(workload_rpc_payload_4k, "rpc-payload-4k",
	"4 KiB call and 64 B reply, both ends polling", 4u << 10);
RPC_PAYLOAD(workload_rpc_payload_64k, "rpc-payload-64k",
	"64 KiB call and 64 B reply, both ends polling", 64u << 10);
RPC_PAYLOAD(workload_rpc_payload_1m, "rpc-payload-1m",
	"1 MiB call and 64 B reply, both ends polling", 1u << 20);
RPC_PAYLOAD(workload_rpc_payload_16m, "rpc-payload-16m",
	"16 MiB call and 64 B reply, both ends polling", 16u << 20);
