/* SPDX-License-Identifier: MIT */

/* introduce: ternd makes a socket pair and gives an end to each of two peers */

#include "bus/access.h"
#include "daemon/introduce.h"
#include "daemon/rights.h"
#include "daemon/start.h"
#include "io/socket.h"

static int
refuse_gone(const struct control_text *name, struct refusal *refusal)
{
	return refusal_set(refusal, ENXIO, "tern.NoSuchPeer", "there is no peer %s (any more)",
		quote(name).text);
}

int
introduce_resolve(struct client *client, const struct control_text *name, struct bus_peer **ret,
	struct refusal *refusal)
{
	struct bus_peer *peer;
	int r = bus_resolve(&client->server->bus, name, &peer);

	if (r == BUS_E_NO_SUCH_NAME)
		return start_refuse(client, name, refusal);
	if (r || !client_is_there(peer->client))
		return refuse_gone(name, refusal);
	*ret = peer;
	return 0;
}

/* @whose: the peer that the other one is told of */
static void
describe(const struct bus_link *link, unsigned int whose, struct control_link *ret)
{
	const struct bus_peer *peer = link->peers[whose];

	*ret = (struct control_link){
		.peer = peer->id,
		.link = link->number,
		.uid = peer->uid,
		.gid = peer->gid,
		.pid = peer->pid,
		.label = {peer->domain->key.label, strlen(peer->domain->key.label)},
		.same_domain = link->peers[0]->domain == link->peers[1]->domain,
		.initiator = whose == 1,
		.withheld = link->withheld[whose],
	};
	access_denied(peer, link->peers[!whose], &ret->denied);
}

static int
tell_target(const struct bus_link *link, int fd, const struct control_text *name,
	struct refusal *refusal)
{
	struct client *target = link->peers[1]->client;
	struct control control = {.type = CONTROL_LINK};
	int r;

	describe(link, 0, &control.link);
	r = client_send(target, &control, &fd, 1, CLIENT_NOW);
	if (r == CLIENT_E_BUSY)
		return refusal_set(refusal, EAGAIN, "tern.Busy",
			"peer %llu (process %u) does not read what ternd sends: try again later",
			(unsigned long long)link->peers[1]->id, link->peers[1]->pid);
	return r ? refuse_gone(name, refusal) : 0;
}

static int
refuse_link(
	struct client *client, const struct bus_peer *target, int error, struct refusal *refusal)
{
	int r;

	switch (error) {
	case BUS_E_ITSELF:
		r = refusal_set(refusal, EINVAL, "tern.Itself", "a peer needs no link to itself");
		refusal->peer = target->id;
		return r;
	case BUS_E_LINKED:
		r = refusal_set(refusal, EALREADY, "tern.AlreadyLinked",
			"there is a link with peer %llu already: it came before this answer",
			(unsigned long long)target->id);
		refusal->peer = target->id;
		return r;
	case BUS_E_QUOTA:
		return refusal_set_quota(refusal, &client->server->bus);
	default:
		return refusal_set_errno(refusal, error);
	}
}

static int
connect_both(struct bus_link *link, const struct control_text *name, int *ret_fd,
	struct refusal *refusal)
{
	int pair[2];
	int r = socket_pair(pair);

	if (r)
		return refusal_set_errno(refusal, r);
	r = tell_target(link, pair[1], name, refusal);
	pair[1] = fd_close(pair[1]);
	if (r) {
		pair[0] = fd_close(pair[0]);
		return r;
	}
	*ret_fd = pair[0];
	return 0;
}

int
introduce(struct client *client, const struct control_text *name, struct control_link *ret,
	int *ret_fd, struct refusal *refusal)
{
	struct bus_peer *target;
	struct bus_link *link;
	int r;

	r = introduce_resolve(client, name, &target, refusal);
	if (r)
		return r;
	r = bus_introduce(client->peer, target, &link);
	if (r == BUS_E_DENIED)
		return rights_refuse_link(client, target, name, refusal);
	if (r)
		return refuse_link(client, target, r, refusal);
	r = connect_both(link, name, ret_fd, refusal);
	if (r) {
		(void)bus_link_free(link); /* always NULL */
		return r;
	}
	describe(link, 1, ret);
	return 0;
}
