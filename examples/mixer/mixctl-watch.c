/* SPDX-License-Identifier: MIT */

/*
 * mixctl-watch: the mixer's events, as text for people or as a record for programs
 *
 * The rule's policy is `wait`: the mixer waits, within its limits, for a record
 * to be complete. A record that is not says so in a line of its own.
 */

#include <stdio.h>
#include <string.h>

#include "mixctl.h"
#include "volume.h"

struct watch {
	bool json;
	tern_peer mixer; /* 0: whichever comes */
	bool once;	 /* until the mixer leaves */
	bool gap;
	bool bus_lost;
};

/* Names go into the record as they are: only what the mixer may call a player is taken for one. */
static bool
watch_is_name(const char *name)
{
	return !name[strspn(
		name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

static void
watch_print(const struct watch *w, const char *kind, const char *player, const char *key,
	uint64_t position, uint64_t value)
{
	char text[VOLUME_TEXT];

	if (w->json)
		printf("{\"event\":\"%s\",\"player\":\"%s\",\"position\":%llu,\"%s\":%llu}\n", kind,
			player, (unsigned long long)position, key, (unsigned long long)value);
	else if (!strcmp(kind, "volume"))
		printf("%10llu %-24s volume %s\n", (unsigned long long)position, player,
			volume_print((uint32_t)value, text));
	else
		printf("%10llu %-24s %s, %s %llu\n", (unsigned long long)position, player, kind,
			key, (unsigned long long)value);
}

static int
watch_started(const struct watch *w, tern_message *m)
{
	struct mixer_player_started event;

	if (mixer_player_started_read(m, &event) < 0 || !watch_is_name(event.player))
		return -EBADMSG;
	watch_print(w, "started", event.player, "offset", event.position, event.offset);
	return 0;
}

static int
watch_volume(const struct watch *w, tern_message *m)
{
	struct mixer_volume_changed event;

	if (mixer_volume_changed_read(m, &event) < 0 || !watch_is_name(event.player))
		return -EBADMSG;
	watch_print(w, "volume", event.player, "value", event.position, event.value);
	return 0;
}

static int
watch_ended(const struct watch *w, tern_message *m)
{
	struct mixer_player_ended event;

	if (mixer_player_ended_read(m, &event) < 0 || !watch_is_name(event.player))
		return -EBADMSG;
	watch_print(w, "ended", event.player, "frames", event.position, event.frames);
	return 0;
}

static int
watch_event(const struct watch *w, tern_message *m)
{
	if (mixer_player_started_is(m))
		return watch_started(w, m);
	if (mixer_volume_changed_is(m))
		return watch_volume(w, m);
	if (mixer_player_ended_is(m))
		return watch_ended(w, m);
	return 0; /* others are of a newer mixer */
}

static void
watch_gap(struct watch *w, const struct mixctl *ctl, uint64_t lost)
{
	w->gap = true;
	(void)mixctl_say(ctl, 0,
		"EVENTS WERE LOST, up to %llu: what follows is not the whole story",
		(unsigned long long)lost);
	if (w->json)
		printf("{\"event\":\"gap\",\"lost\":%llu}\n", (unsigned long long)lost);
}

/* Take one event.  Return: 0, -ESHUTDOWN when nothing more will come, or another negative errno. */
static int
watch_one(struct watch *w, struct mixctl *ctl)
{
	struct tern_event event = {.size = sizeof(event)};
	int r = tern_next(ctl->bus, TERN_FOREVER, &event);

	if (r == -ECONNRESET) { /* the bus is gone; a link to the mixer is not */
		w->bus_lost = true;
		return w->mixer ? 0 : -ESHUTDOWN;
	}
	if (r < 0)
		return r;
	if (event.kind == TERN_EVENT) {
		w->mixer = tern_message_sender(event.message);
		r = watch_event(w, event.message);
	}
	if (event.kind == TERN_GAP)
		watch_gap(w, ctl, event.lost);
	if (event.kind == TERN_LOST && event.peer == w->mixer && (w->once || w->bus_lost))
		r = -ESHUTDOWN;
	(void)tern_message_unref(event.message); /* NULL, as the next */
	(void)tern_call_unref(event.call);
	(void)fflush(stdout); /* a record is as complete as what it records */
	return r;
}

/* Print until the mixer leaves, or for ever.  Return: the exit status. */
static int
watch_loop(struct watch *w, struct mixctl *ctl)
{
	int r;

	do {
		r = watch_one(w, ctl);
	} while (!r);
	if (r == -EBADMSG)
		return mixctl_say(ctl, MIXCTL_LOST, "an event that makes no sense");
	if (r != -ESHUTDOWN)
		return mixctl_say(ctl, MIXCTL_LOST, "%s", tern_last_error()->text);
	if (!w->once)
		return mixctl_say(ctl, MIXCTL_LOST, "the bus is gone");
	return w->gap ? MIXCTL_LOST : MIXCTL_OK;
}

/* Make a link to the mixer that runs now, so that its end is noticed whatever it says before. */
static int
watch_find_mixer(struct watch *w, const struct mixctl *ctl)
{
	struct mixer_ping_args args = {.data = {.data = ""}};
	struct mixer_ping_reply reply;
	struct tern_error error;
	int r;

	r = mixer_ping(ctl->bus, MIXER_INTERFACE, &args, &reply, &error);
	if (r < 0)
		return mixctl_failed(ctl, r, &error);
	w->mixer = tern_message_sender(reply.message_);
	mixer_ping_reply_clear(&reply);
	return MIXCTL_OK;
}

int
mixctl_watch(struct mixctl *ctl, int argc, char **argv)
{
	const char *tags[] = {"mixer", NULL, NULL, NULL};
	const struct tern_rule rule = {
		.size = sizeof(rule), .policy = TERN_WAIT, .sender = MIXER_INTERFACE, .tags = tags};
	struct watch w = {0};
	tern_subscription *s;
	int i, r;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-j"))
			w.json = true;
		else if (!strcmp(argv[i], "-1"))
			w.once = true;
		else if (argv[i][0] == '-' || tags[1])
			return mixctl_say(ctl, MIXCTL_USAGE, "watch [-j] [-1] [PLAYER]");
		else
			tags[1] = argv[i];
	}
	r = w.once ? watch_find_mixer(&w, ctl) : 0;
	if (r)
		return r;
	r = tern_subscribe(ctl->bus, &rule, NULL, NULL, &s);
	if (r < 0)
		return mixctl_say(ctl, MIXCTL_LOST, "%s", tern_last_error()->text);
	/* from here on nothing is missed; whoever started us may want to know */
	if (w.json)
		puts("{\"event\":\"watching\"}");
	(void)fflush(stdout);
	r = watch_loop(&w, ctl);
	(void)tern_subscription_free(s); /* NULL */
	return r;
}
