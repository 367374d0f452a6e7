/* SPDX-License-Identifier: MIT */

/*
 * control-fuzz: any bytes as a control packet
 *
 * What is taken for a message lies inside the packet, is within the limits, and
 * comes back the same when it is written and read once more.
 */

#include "base/attribute.h"
#include "wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const struct control_text *text, const uint8_t *packet, size_t size)
{
	const uint8_t *at = (const uint8_t *)text->text;

	if (at)
		assert(at >= packet && text->size <= size &&
			at - packet <= (ptrdiff_t)(size - text->size));
	else
		assert(text->size == 0);
}

static void
check_borrowed(const struct control *control, const uint8_t *packet, size_t size)
{
	switch (control->type) {
	case CONTROL_HELLO:
		check_text(&control->hello.introduce, packet, size);
		break;
	case CONTROL_RULE_ADD:
		check_text(&control->rule_add.sender, packet, size);
		assert(control->rule_add.tags.n <= CONTROL_MAX_TAGS);
		for (size_t i = 0; i < control->rule_add.tags.n; i++)
			check_text(&control->rule_add.tags.items[i], packet, size);
		break;
	case CONTROL_EVENT:
		assert(control->event.tags.n <= CONTROL_MAX_EVENT_TAGS);
		for (size_t i = 0; i < control->event.tags.n; i++)
			check_text(&control->event.tags.items[i], packet, size);
		break;
	case CONTROL_WELCOME:
		assert(control->welcome.tables.n <= CONTROL_MAX_TABLES);
		check_text(&control->welcome.failed.text, packet, size);
		break;
	case CONTROL_CALL:
		check_text(&control->call.member, packet, size);
		assert(control->call.payload.size <= CONTROL_MAX_CALL);
		break;
	case CONTROL_COUNTS:
		assert(control->counts.users.n <= CONTROL_MAX_USERS);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t one[CONTROL_MAX_PACKET], two[CONTROL_MAX_PACKET];
	struct control control, again;
	size_t n_one, n_two;
	int r;

	if (size > CONTROL_MAX_PACKET || control_decode(&control, data, size, NULL))
		return 0;
	check_borrowed(&control, data, size);
	r = control_encode(&control, one, sizeof(one), &n_one);
	assert(r == 0);
	r = control_decode(&again, one, n_one, NULL);
	assert(r == 0);
	r = control_encode(&again, two, sizeof(two), &n_two);
	assert(r == 0);
	assert(n_one == n_two && !memcmp(one, two, n_one));
	return 0;
}
