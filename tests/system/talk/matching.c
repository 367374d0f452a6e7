/* SPDX-License-Identifier: MIT */

/* matching: random rules and events beside a naive model */

#include <errno.h>
#include <stdlib.h>

#include "hear.h"

enum {
	N_HANDLES = 4, /* the first is the publisher's own */
	N_RULES = 6,   /* of each */
	N_TAGS = 6,
	TAG_END = 1u << N_TAGS, /* one tag more: "that was all" */
	MAX_EVENTS = 2000,
};

struct model_rule {
	uint32_t tags; /* a set */
	tern_subscription *subscription;
	uint64_t next;  /* the first event that it may hear */
	uint64_t heard; /* events below this were heard or did not match */
};

struct model_handle {
	tern_bus *bus;
	struct model_rule rules[N_RULES];
	tern_subscription *end;
	tern_message *last; /* what came last: other subscriptions get the same message */
	uint64_t last_number;
};

static struct model {
	uint64_t random;
	struct model_handle handles[N_HANDLES];
	uint32_t published[MAX_EVENTS]; /* the tags of each */
	uint64_t n_published;
} model;

static uint32_t
random_below(uint32_t n)
{
	model.random ^= model.random << 13;
	model.random ^= model.random >> 7;
	model.random ^= model.random << 17;
	return (uint32_t)(model.random >> 20) % n;
}

/* model_tags() - the set in words, in an order of chance */
static void
model_tags(uint32_t set, const char *ret[N_TAGS + 2])
{
	static const char *const words[] = {"a", "ab", "b", "org.example.player", "\xc3\xa4", "c", "end"};
	size_t n = 0, first = random_below(N_TAGS + 1);

	for (size_t i = 0; i <= N_TAGS; i++) {
		size_t k = (i + first) % (N_TAGS + 1);

		if (set & 1u << k)
			ret[n++] = words[k];
	}
	ret[n] = NULL;
}

/* skip() - up to this event none was for the rule */
static void
skip(struct model_rule *rule, uint64_t number)
{
	for (; rule->heard < number; rule->heard++)
		must((model.published[rule->heard] & rule->tags) != rule->tags);
}

static void
model_hears(struct model_handle *handle, struct model_rule *rule, tern_message *m)
{
	uint64_t number = number_of(m);

	must(number >= rule->heard);
	skip(rule, number);
	must((model.published[number] & rule->tags) == rule->tags);
	rule->heard = number + 1;
	if (handle->last && handle->last_number == number)
		must(handle->last == m); /* one record, whatever number of rules match */
	(void)tern_message_unref(handle->last);
	handle->last = tern_message_ref(m);
	handle->last_number = number;
}

static void
on_model(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	struct model_handle *handle = user;

	must(m);
	for (size_t i = 0; i < N_RULES; i++)
		if (handle->rules[i].subscription == s)
			model_hears(handle, &handle->rules[i], m);
}

/* model_change() - another rule instead of this one; half of them have a handler */
static void
model_change(struct model_handle *handle, size_t i)
{
	struct model_rule *rule = &handle->rules[i];
	const char *tags[N_TAGS + 2];
	struct tern_rule wish = {.size = sizeof(wish), .tags = tags, .policy = TERN_WAIT};

	(void)tern_subscription_free(rule->subscription);
	rule->tags = random_below(8) ? 1u << random_below(N_TAGS) | 1u << random_below(N_TAGS) : 0;
	rule->heard = model.n_published;
	model_tags(rule->tags, tags);
	must_be(tern_subscribe(handle->bus, &wish, i % 2 ? on_model : NULL, handle, &rule->subscription), 0);
}

static bool
model_has_listeners(uint32_t tags)
{
	for (size_t i = 0; i < N_HANDLES; i++)
		for (size_t k = 0; k < N_RULES; k++)
			if ((tags & model.handles[i].rules[k].tags) == model.handles[i].rules[k].tags)
				return true;
	return tags & TAG_END;
}

static void
model_publish(uint32_t set)
{
	const char *tags[N_TAGS + 2];
	tern_topic *topic;

	model_tags(set, tags);
	must_be(tern_topic_new(model.handles[0].bus, tags, &topic), 0);
	must_be(tern_has_listeners(topic), model_has_listeners(set));
	model.published[model.n_published] = set;
	must_be(tern_publish(topic, "u", model.n_published++), 0);
	(void)tern_topic_free(topic);
}

/* model_drain() - all until the event that says it is the last */
static void
model_drain(struct model_handle *handle)
{
	struct tern_event event = {.size = sizeof(event)};
	bool ended = false;

	for (;;) {
		int r = tern_next(handle->bus, ended ? 0 : LONG_NS, &event);

		if (r == -ETIME && ended)
			break;
		must_be(r, 0);
		must(event.kind != TERN_GAP);
		if (event.kind == TERN_EVENT) {
			ended = ended || event.subscription == handle->end;
			on_model(event.subscription, event.message, 0, handle);
		}
		event_free(&event);
	}
	for (size_t i = 0; i < N_RULES; i++)
		skip(&handle->rules[i], model.n_published);
}

static void
model_round(void)
{
	model_change(&model.handles[random_below(N_HANDLES)], random_below(N_RULES));
	for (int i = 0; i < 20; i++) {
		uint32_t set = random_below(1u << N_TAGS);

		model_publish(set ? set : 1);
	}
	model_publish(TAG_END);
	for (size_t i = 0; i < N_HANDLES; i++)
		model_drain(&model.handles[i]);
}

static void
model_run(uint64_t seed, int n_rounds)
{
	model = (struct model){.random = seed};
	for (size_t i = 0; i < N_HANDLES; i++) {
		struct model_handle *handle = &model.handles[i];

		handle->bus = i ? scene_open() : scene.bus;
		handle->end = subscribe(handle->bus, "end", NULL, TERN_WAIT);
		for (size_t k = 0; k < N_RULES; k++)
			model_change(handle, k);
	}
	for (int i = 0; i < n_rounds; i++)
		model_round();
	for (size_t i = 0; i < N_HANDLES; i++) {
		struct model_handle *handle = &model.handles[i];

		(void)tern_message_unref(handle->last);
		(void)tern_subscription_free(handle->end);
		for (size_t k = 0; k < N_RULES; k++)
			(void)tern_subscription_free(handle->rules[k].subscription);
		if (i)
			(void)tern_close(handle->bus);
	}
}

START_TEST(subsets)
{
	for (uint64_t seed = 1; seed <= (is_long() ? 100 : 3); seed++)
		model_run(seed * UINT64_C(0x9e3779b97f4a7c15), 40);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {subsets};

	return hear_run("matching", tests, sizeof(tests) / sizeof(*tests));
}
