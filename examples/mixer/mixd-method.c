/* SPDX-License-Identifier: MIT */

/*
 * mixd-method: the calls, as mixer.md describes them
 *
 * Each takes its arguments out, asks the mixer, answers, and lets the mixer
 * run. A negative result answers for us; a MIXER_E_* becomes an error with a
 * name of ours.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "mixd.h"

enum { N_PLAYER_MAP = 5 /* members that List tells of a player */ };

static int
mixd_refuse(tern_call *call, int answer, const char *about)
{
	static const struct {
		const char *name, *text;
	} errors[] = {
		[MIXER_E_NO_PLAYER] = {"NoSuchPlayer", "no such player; List tells who plays"},
		[MIXER_E_NAME] = {"BadName",
			"a player's name is 1 to 64 letters, digits, '_', '-', "
			"'.', and not \"all\""},
		[MIXER_E_CROWDED] = {"Crowded", "there is no more room"},
		[MIXER_E_FULL] = {"Full", "16 blocks wait already; wait for an answer first"},
		[MIXER_E_ENDED] = {"Ended", "the last block was sent already"},
		[MIXER_E_SIZE] = {"BadBlock",
			"a block is 480 frames of 2 bytes, the last 1 to 480"},
		[MIXER_E_RANGE] = {"BadVolume", "a volume is 0 to 65536; 32768 is as recorded"},
	};
	char name[64], text[256];

	(void)snprintf(name, sizeof(name), MIXD_SERVICE ".%s", errors[answer].name);
	(void)snprintf(text, sizeof(text), "%.64s: %s", about, errors[answer].text);
	return tern_reply_error(call, name, text);
}

static int
mixd_join(tern_call *call, tern_message *m, void *user)
{
	struct mixer_player *player;
	struct mixd *d = user;
	const char *name;
	int r;

	r = tern_message_unpack(m, "{name:s}", &name);
	if (r < 0)
		return r;
	r = mixer_join(d->mixer, name, tern_call_sender(call), &player);
	if (r > 0)
		return mixd_refuse(call, r, name);
	if (r < 0)
		return r;
	d->seen = true;
	return tern_reply(call, "{id:u,player:s}", player->id, player->name);
}

static int
mixd_play(tern_call *call, tern_message *m, void *user)
{
	struct mixer_block block = {0};
	struct mixd *d = user;
	uint64_t id;
	size_t size;
	bool last;
	int r;

	r = tern_message_unpack(m, "{id:u,last:b}", &id, &last);
	if (r < 0)
		return r;
	r = tern_message_part(m, 1, &block.samples, &size);
	if (r == -ENOENT || (!r && size % 2))
		return mixd_refuse(call, MIXER_E_SIZE, "Play");
	if (r < 0)
		return r;
	block.n_frames = size / 2;
	block.token = mixd_block_new(call, m);
	if (!block.token)
		return -ENOMEM;
	r = mixer_push(d->mixer, id, tern_call_sender(call), &block, last);
	if (r) {
		mixd_block_free(block.token);
		return mixd_refuse(call, r, "Play");
	}
	mixd_run(d);
	return 0;
}

static int
mixd_get(tern_call *call, tern_message *m, void *user)
{
	struct mixd *d = user;
	const char *name;
	uint32_t volume;
	int r;

	r = tern_message_unpack(m, "{player:s}", &name);
	if (r < 0)
		return r;
	r = mixer_get(d->mixer, name, &volume);
	if (r)
		return mixd_refuse(call, r, name);
	return tern_reply(
		call, "{volume:u,position:u}", (uint64_t)volume, mixer_position(d->mixer));
}

static int
mixd_change(tern_call *call, struct mixd *d, const struct mixer_change *change)
{
	uint64_t position;
	int r;

	r = mixer_change(d->mixer, change, &position);
	if (r > 0)
		return mixd_refuse(call, r, change->name);
	if (r < 0)
		return r;
	r = tern_reply(call, "{position:u}", position);
	mixd_run(d);
	return r;
}

static int
mixd_set(tern_call *call, tern_message *m, void *user)
{
	struct mixer_change change = {0};
	uint64_t volume;
	int r;

	r = tern_message_unpack(m, "{player:s,volume:u,?at:u}", &change.name, &volume, &change.at);
	if (r < 0)
		return r;
	change.value = volume > MIX_LOUDEST ? -1 : (int64_t)volume;
	return mixd_change(call, user, &change);
}

static int
mixd_shift(tern_call *call, tern_message *m, void *user)
{
	struct mixer_change change = {.shift = true};
	int r;

	r = tern_message_unpack(
		m, "{player:s,by:i,?at:u}", &change.name, &change.value, &change.at);
	if (r < 0)
		return r;
	return mixd_change(call, user, &change);
}

static const char *
mixd_state(const struct mixer_player *p)
{
	if (p->started)
		return "playing";
	if (p->n_queued)
		return "ready";
	return p->offset ? "stalled" : "joined";
}

static void
mixd_write_player(struct mixd *d, struct tern_cbor_writer *w, const struct mixer_player *p)
{
	struct tern_identity who = {.size = sizeof(who)};

	if (tern_identify(d->bus, p->owner, &who) < 0)
		who.pid = 0; /* it died a moment ago */
	tern_cbor_put_map(w, N_PLAYER_MAP);
	tern_cbor_put_string(w, "player");
	tern_cbor_put_string(w, p->name);
	tern_cbor_put_string(w, "state");
	tern_cbor_put_string(w, mixd_state(p));
	tern_cbor_put_string(w, "volume");
	tern_cbor_put_uint(w, p->volume);
	tern_cbor_put_string(w, "frames");
	tern_cbor_put_uint(w, p->offset + (p->started ? p->frames : 0));
	tern_cbor_put_string(w, "pid");
	tern_cbor_put_uint(w, who.pid);
}

static void
mixd_write_list(struct mixd *d, struct tern_cbor_writer *w)
{
	const struct mixer_player *p;

	tern_cbor_put_array(w, TERN_CBOR_INDEFINITE);
	for (p = mixer_players(d->mixer); p; p = p->next)
		mixd_write_player(d, w, p);
	tern_cbor_put_break(w);
}

static int
mixd_list(tern_call *call, tern_message *m, void *user)
{
	struct tern_cbor_writer w;
	struct mixd *d = user;
	size_t size = 0;
	void *list;
	int r;

	tern_cbor_writer_init(&w, NULL, 0);
	mixd_write_list(d, &w);
	(void)tern_cbor_writer_finish(&w, &size); /* -ENOBUFS: the size was what we asked for */
	list = malloc(size);
	if (!list)
		return -ENOMEM;
	tern_cbor_writer_init(&w, list, size);
	mixd_write_list(d, &w);
	r = tern_cbor_writer_finish(&w, &size);
	if (!r)
		r = tern_reply(
			call, "{position:u,players:v}", mixer_position(d->mixer), list, size);
	free(list);
	return r;
}

static int
mixd_wait(tern_call *call, tern_message *m, void *user)
{
	struct mixd_waiter *waiter;
	struct mixd *d = user;
	uint64_t position = 0, n_players = 0;
	int r;

	r = tern_message_unpack(m, "{?position:u,?players:u}", &position, &n_players);
	if (r < 0)
		return r;
	mixd_forget_waiters(d);
	if (d->n_waiters >= MIXD_WAITERS)
		return mixd_refuse(call, MIXER_E_CROWDED, "Wait");
	waiter = malloc(sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct mixd_waiter){
		.next = d->waiters,
		.call = tern_call_ref(call),
		.position = position,
		.n_players = n_players,
	};
	d->waiters = waiter;
	d->n_waiters++;
	mixd_run(d);
	return 0;
}

static int
mixd_pause(tern_call *call, tern_message *m, void *user)
{
	struct mixd *d = user;
	uint64_t at = 0;
	int r;

	r = tern_message_unpack(m, "{?at:u}", &at);
	if (r < 0)
		return r;
	at = mixer_pause(d->mixer, at);
	r = tern_reply(call, "{position:u}", at);
	mixd_run(d); /* a pause at a later place than before lets it go on up to there */
	return r;
}

static int
mixd_resume(tern_call *call, tern_message *m, void *user)
{
	struct mixd *d = user;
	int r;

	mixer_resume(d->mixer);
	r = tern_reply(call, "{position:u}", mixer_position(d->mixer));
	mixd_run(d);
	return r;
}

static int
mixd_ping(tern_call *call, tern_message *m, void *user)
{
	const void *data;
	size_t size;
	int r;

	r = tern_message_unpack(m, "{data:y}", &data, &size);
	if (r < 0)
		return r;
	return tern_reply(call, "{data:y}", data, size);
}

const struct tern_method mixd_methods[] = {
	{"Join", mixd_join},
	{"Play", mixd_play},
	{"Get", mixd_get},
	{"Set", mixd_set},
	{"Shift", mixd_shift},
	{"List", mixd_list},
	{"Wait", mixd_wait},
	{"Pause", mixd_pause},
	{"Resume", mixd_resume},
	{"Ping", mixd_ping},
};
const size_t mixd_n_methods = sizeof(mixd_methods) / sizeof(mixd_methods[0]);
