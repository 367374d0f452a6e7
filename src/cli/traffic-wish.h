/* SPDX-License-Identifier: MIT */
#pragma once

/* traffic-wish: what of the traffic is asked for on the command line, and for how long */

#include "cli/command.h"
#include "cli/traffic.h"

struct traffic_wish {
	struct traffic_filter filter;
	uint64_t count;	     /* end after so many; 0: never */
	uint64_t timeout_ns; /* end after so long */
	int ready_fd;	     /* -1: none */
};

#define TRAFFIC_WISH_INIT ((struct traffic_wish){.timeout_ns = UINT64_MAX, .ready_fd = -1})

/* Their ids; a command's own begin behind them. */
enum {
	OPTION_KIND = OPTION_OWN,
	OPTION_SERVICE,
	OPTION_MEMBER,
	OPTION_COUNT,
	OPTION_TIMEOUT,
	OPTION_READY,
	OPTION_TRAFFIC_OWN,
};

#define OPTIONS_OF_FILTER                                                                                                \
	{OPTION_KIND, 'k', "kind", "KIND[,KIND…]", "only call, reply, error, event, part, end, cancel",                  \
		"call reply error event part end cancel"},                                                               \
		{OPTION_SERVICE, 's', "service", "NAME", "only calls to it, answers to them, and events of its owner"},  \
	{                                                                                                                \
		OPTION_MEMBER, 'm', "member", "MEMBER", "only calls of it, answers to them, and events of this name"     \
	}
#define OPTIONS_OF_TRAFFIC                                                                                               \
	OPTIONS_OF_FILTER, {OPTION_COUNT, 'n', "count", "COUNT", "end after so many messages"},                          \
		{OPTION_TIMEOUT, 't', "timeout", "TIME", "end after this time: 2, 250ms, 1h"},                           \
	{                                                                                                                \
		OPTION_READY, 0, "ready-fd", "FD", "write a newline there, and close it, once nothing can be missed"     \
	}

/* traffic_wish_read() - an option of these, or an operand: a tag. Return: STATUS_*; if not 0 it is said why. */
int traffic_wish_read(struct cli *cli, int id, struct traffic_wish *wish);

/* traffic_wish_tag() - one more tag, borrowed. Return: the same. */
int traffic_wish_tag(const struct cli *cli, struct traffic_wish *wish, const char *tag);

/* traffic_wish_ready() - nothing can be missed now: say so where it was asked for */
void traffic_wish_ready(struct traffic_wish *wish);
