/* SPDX-License-Identifier: MIT */

/* service: owns the name org.example.Hello and answers calls of its member Greet */

#include <stdio.h>
#include <tern/tern.h>

static int
greet(tern_call *call, tern_message *m, void *user)
{
	const char *name;
	char text[100];
	int r;

	(void)user;
	r = tern_message_unpack(m, "{name:s}", &name);
	if (r < 0)
		return r; /* the caller is told */
	(void)snprintf(text, sizeof(text), "Hello, %s!", name);
	return tern_reply(call, "{text:s}", text);
}

int
main(void)
{
	const struct tern_method methods[] = {{"Greet", greet}};
	struct tern_event event = {.size = sizeof(event)};
	tern_service *service;
	tern_bus *bus;

	if (tern_open(NULL, &bus) < 0 ||
		tern_serve(bus, "org.example.Hello", NULL, methods, 1, NULL, &service) < 0) {
		fprintf(stderr, "hello-service: %s\n", tern_last_error()->text);
		return 1;
	}
	while (tern_next(bus, TERN_FOREVER, &event) == 0)
		; /* greet() is called from in here; what comes out is news of peers */
	fprintf(stderr, "hello-service: %s\n", tern_last_error()->text);
	tern_service_free(service);
	tern_close(bus);
	return 1;
}
