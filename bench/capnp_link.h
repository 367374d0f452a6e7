/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * capnp_link: Cap'n Proto's two-party RPC over a connected socket, callable from C
 */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAPNP_REPLY_SIZE 64

struct capnp_client;

/* What the server does; the bytes are borrowed. Return: 0, or a negative errno, which ends it. */
struct capnp_server {
	int (*call)(void *userdata, const void *request, size_t size, void *ret_reply);
	int (*event)(void *userdata, const void *event, size_t size);
	void *userdata;
};

/* capnp_serve() - until one of its functions fails or the other end is gone; consumes @fd */
int capnp_serve(int fd, const struct capnp_server *server);

/* capnp_connect() - consumes @fd. Return: NULL on any failure. */
struct capnp_client *capnp_connect(int fd);

/* capnp_call() - call and wait. Return: 0 or -EIO. */
int capnp_call(struct capnp_client *client, const void *request, size_t size, void *ret_reply);

/* capnp_send() - an event; waits while too much is under way. Return: 0 or -EIO. */
int capnp_send(struct capnp_client *client, const void *event, size_t size);

/* capnp_flush() - wait until all events were taken. Return: 0 or -EIO. */
int capnp_flush(struct capnp_client *client);

void capnp_close(struct capnp_client *client);

#ifdef __cplusplus
}
#endif
