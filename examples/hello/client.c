/* SPDX-License-Identifier: MIT */

/* client: calls Greet of org.example.Hello and prints the answer */

#include <stdio.h>
#include <tern/tern.h>

int
main(int argc, char **argv)
{
	struct tern_error error;
	tern_message *reply;
	const char *text;
	tern_bus *bus;

	if (tern_open(NULL, &bus) < 0) {
		fprintf(stderr, "hello-client: %s\n", tern_last_error()->text);
		return 1;
	}
	if (tern_call_sync(bus, "org.example.Hello", "Greet", &reply, &error, "{name:s}",
		    argc > 1 ? argv[1] : "world") < 0) {
		fprintf(stderr, "hello-client: %s\n", error.text);
		tern_close(bus);
		return 1;
	}
	if (tern_message_unpack(reply, "{text:s}", &text) == 0)
		puts(text);
	tern_message_unref(reply);
	tern_close(bus);
	return 0;
}
