/* SPDX-License-Identifier: MIT */

/*
 * bus-fuzz: any sequence of requests to the bus, against a small model of it
 *
 * Two bytes are a request: who, what, and about which of a few names. The model
 * knows each name's queue; the bus must answer as it does, name the same
 * owner, tell its host of each change of owner, and end with nothing left.
 */

#include "bus/bus.h"
#include "bus/link.h"
#include "bus/name.h"
#include "bus/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	N_PEERS = 4,
	N_NAMES = 4,
};

struct place {
	int peer; /* index */
	uint32_t flags;
};

struct model {
	struct bus bus;
	struct bus_peer *peers[N_PEERS];
	struct place queues[N_NAMES][N_PEERS];
	int n_queues[N_NAMES];
	uint64_t told[N_NAMES]; /* owner, as the host was told */
};

static const char *const names[N_NAMES] = {"a", "a.b", "a.b.c", "z"};

static int
name_index(const struct bus_name *name)
{
	for (int i = 0; i < N_NAMES; i++)
		if (strlen(names[i]) == name->size && !memcmp(names[i], name->text, name->size))
			return i;
	abort();
}

/* --- the host --- */

static void
name_changed(void *user, const struct bus_name *name)
{
	struct model *model = user;
	struct bus_owner *owner = bus_name_owner(name);

	model->told[name_index(name)] = owner ? owner->peer->id : 0;
}

static void
name_event(void *user, struct bus_peer *peer, const struct control_event *event)
{
	assert(event->tags.n >= 2);
}

static void
owner_news(void *user, struct bus_peer *peer, const struct bus_name *name)
{
}

static const struct bus_host host = {name_changed, name_event, owner_news, owner_news};

/* --- the model --- */

static int
find_place(const struct model *model, int name, int peer)
{
	for (int i = 0; i < model->n_queues[name]; i++)
		if (model->queues[name][i].peer == peer)
			return i;
	return -1;
}

static void
drop_place(struct model *model, int name, int at)
{
	struct place *queue = model->queues[name];

	memmove(queue + at, queue + at + 1,
		(size_t)(--model->n_queues[name] - at) * sizeof(*queue));
}

static void
insert_place(struct model *model, int name, int at, struct place place)
{
	struct place *queue = model->queues[name];

	memmove(queue + at + 1, queue + at,
		(size_t)(model->n_queues[name]++ - at) * sizeof(*queue));
	queue[at] = place;
}

static int
model_own(struct model *model, int name, int peer, uint32_t flags)
{
	struct place *queue = model->queues[name], mine = {peer, flags};
	int at = find_place(model, name, peer);

	if (at == 0 || model->n_queues[name] == 0) {
		model->n_queues[name] += at != 0;
		queue[0] = mine;
		return 0;
	}
	if ((flags & CONTROL_OWN_REPLACE) && (queue[0].flags & CONTROL_OWN_REPLACEABLE)) {
		if (at > 0)
			drop_place(model, name, at);
		if (!(queue[0].flags & CONTROL_OWN_QUEUE))
			drop_place(model, name, 0);
		insert_place(model, name, 0, mine);
		return 0;
	}
	if (!(flags & CONTROL_OWN_QUEUE)) {
		if (at > 0)
			drop_place(model, name, at);
		return BUS_E_TAKEN;
	}
	if (at > 0)
		queue[at] = mine;
	else
		insert_place(model, name, model->n_queues[name], mine);
	return BUS_E_QUEUED;
}

static int
model_disown(struct model *model, int name, int peer)
{
	int at = find_place(model, name, peer);

	if (at < 0)
		return BUS_E_NOT_OWNER;
	drop_place(model, name, at);
	return 0;
}

static void
compare(struct model *model)
{
	for (int i = 0; i < N_NAMES; i++) {
		struct control_text text = {names[i], strlen(names[i])};
		struct bus_name *name = bus_find_name(&model->bus, &text);
		uint64_t owner =
			model->n_queues[i] ? model->peers[model->queues[i][0].peer]->id : 0;

		assert((name ? bus_name_owner(name)->peer->id : 0) == owner);
		assert(model->told[i] == owner);
	}
}

/* --- requests --- */

static void
connect_peer(struct model *model, int peer)
{
	struct bus_identity identity = {.uid = (uint32_t)peer / 2, .userns = 1};
	int r = bus_connect(&model->bus, &identity, &model->peers[peer]);

	assert(r == 0);
}

static void
disconnect_peer(struct model *model, int peer)
{
	model->peers[peer] = bus_disconnect(model->peers[peer]);
	for (int i = 0; i < N_NAMES; i++)
		(void)model_disown(model, i, peer); /* where it was */
}

static void
add_rule(struct bus_peer *peer, uint8_t byte)
{
	struct control_rule_add spec = {.rule = byte & 3};
	struct bus_rule *rule;

	if (byte & 4)
		spec.sender = (struct control_text){"tern", 4};
	if (byte & 8)
		spec.tags.items[spec.tags.n++] = (struct control_text){"new", 3};
	if (byte & 16)
		spec.tags.items[spec.tags.n++] = (struct control_text){"a", 1};
	if (bus_rule_add(peer, &spec, &rule) == 0)
		bus_rule_tell(rule);
}

static void
own(struct model *model, int peer, int name, uint32_t flags)
{
	struct control_own request = {{names[name], strlen(names[name])}, flags};
	int r;

	if (flags & 1)
		request.labels.items[request.labels.n++] = (struct control_text){"label", 5};
	r = bus_own(model->peers[peer], &request);
	assert(r == model_own(model, name, peer, flags));
}

static void
disown(struct model *model, int peer, int name)
{
	struct control_text text = {names[name], strlen(names[name])};
	int r = bus_disown(model->peers[peer], &text);

	assert(r == model_disown(model, name, peer));
}

static void
introduce(struct model *model, struct bus_peer *peer, struct bus_peer *other, bool is_end)
{
	struct bus_link *link;

	if (is_end && peer->links)
		bus_unlink(peer, other ? other->id : 5, peer->links->link->number);
	else if (other)
		(void)bus_introduce(peer, other, &link); /* any answer */
}

static void
request(struct model *model, uint8_t what, uint8_t about)
{
	int peer = what % N_PEERS, name = about % N_NAMES;

	if (!model->peers[peer])
		connect_peer(model, peer);
	switch (what / N_PEERS % 8) {
	case 0:
		disconnect_peer(model, peer);
		break;
	case 1:
		disown(model, peer, name);
		break;
	case 2:
		add_rule(model->peers[peer], about);
		break;
	case 3:
		(void)bus_rule_free(bus_rule_find(model->peers[peer], about & 3)); /* always NULL */
		break;
	case 4:
		introduce(model, model->peers[peer], model->peers[name], about & 128);
		break;
	default:
		own(model, peer, name, about / N_NAMES % 8);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = {0};

	bus_init(&model.bus, 1, &host, &model);
	for (size_t i = 0; i + 1 < size; i += 2) {
		request(&model, data[i], data[i + 1]);
		compare(&model);
	}
	for (int i = 0; i < N_PEERS; i++)
		disconnect_peer(&model, i);
	compare(&model);
	bus_deinit(&model.bus);
	return 0;
}
