/* SPDX-License-Identifier: MIT */

/*
 * event: one program that says something, and others that listen
 *
 *	hello-event listen [TAG...]      prints what carries all of these tags
 *	hello-event say TEXT TAG...      publishes a text with these tags
 */

#include <stdio.h>
#include <string.h>
#include <tern/tern.h>

static void
hear(tern_subscription *s, tern_message *m, uint64_t lost, void *user)
{
	const char *text;

	if (!m)
		printf("(%llu were dropped: this reader was too slow)\n", (unsigned long long)lost);
	else if (tern_message_unpack(m, "{text:s}", &text) == 0)
		puts(text);
	(void)fflush(stdout);
}

static int
listen_to(tern_bus *bus, char **tags)
{
	const struct tern_rule rule = {.size = sizeof(rule), .tags = (const char *const *)tags};
	struct tern_event event = {.size = sizeof(event)};
	tern_subscription *s;
	int r;

	r = tern_subscribe(bus, &rule, hear, NULL, &s);
	if (r < 0)
		return r;
	puts("listening"); /* whoever publishes from now on is heard */
	(void)fflush(stdout);
	while ((r = tern_next(bus, TERN_FOREVER, &event)) == 0)
		;
	tern_subscription_free(s);
	return r;
}

static int
say(tern_bus *bus, const char *text, char **tags)
{
	tern_topic *topic;
	int r;

	r = tern_topic_new(bus, (const char *const *)tags, &topic);
	if (r < 0)
		return r;
	if (!tern_has_listeners(topic))
		puts("nobody listens");
	else
		r = tern_publish(topic, "{text:s}", text);
	tern_topic_free(topic);
	return r;
}

int
main(int argc, char **argv)
{
	tern_bus *bus;
	int r;

	if (argc < 2 || (strcmp(argv[1], "listen") != 0 && argc < 4)) {
		fprintf(stderr, "hello-event listen [TAG...] | say TEXT TAG...\n");
		return 2;
	}
	r = tern_open(NULL, &bus);
	if (r == 0) {
		r = argv[1][0] == 'l' ? listen_to(bus, argv + 2) : say(bus, argv[2], argv + 3);
		if (r < 0)
			fprintf(stderr, "hello-event: %s\n", tern_last_error()->text);
		tern_close(bus);
	} else {
		fprintf(stderr, "hello-event: %s\n", tern_last_error()->text);
	}
	return r < 0;
}
