/* SPDX-License-Identifier: MIT */

/* offer: what a service says it offers */

#include <tern/call.h>

#include "base/attribute.h"
#include "cli/offer.h"
#include "cli/payload.h"

static void
call_unrefp(tern_call **call)
{
	(void)tern_call_unref(*call); /* always NULL */
}

static int
ask(tern_bus *bus, const char *service, uint64_t timeout_ns, tern_message **ret)
{
	_cleanup_(message_unrefp) tern_message *m = NULL;
	_cleanup_(call_unrefp) tern_call *call = NULL;
	struct tern_error error;
	int r;

	r = tern_message_new_call(bus, service, "tern.Interface", &m);
	if (r == 0)
		r = tern_send(m, timeout_ns, TERN_PRIVATE, &call); /* nothing of what taps want to see */
	if (r == 0)
		r = tern_call_wait(call, TERN_FOREVER, ret, &error);
	return r;
}

int
offer_get_text(tern_bus *bus, const char *service, uint64_t timeout_ns, char **ret)
{
	_cleanup_(message_unrefp) tern_message *reply = NULL;
	const char *text;
	int r;

	r = ask(bus, service, timeout_ns, &reply);
	if (r == -EREMOTEIO)
		return OFFER_E_NONE; /* older than this member, or no libtern */
	if (r)
		return r;
	if (tern_message_unpack(reply, "{text:s}", &text) < 0 || !*text)
		return OFFER_E_NONE;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

int
offer_get(tern_bus *bus, const char *service, uint64_t timeout_ns, struct interface **ret,
	struct interface_fault *ret_fault)
{
	_cleanup_(freep) char *text = NULL;
	struct interface_faults faults;
	int r;

	r = offer_get_text(bus, service, timeout_ns, &text);
	if (r)
		return r;
	r = interface_parse(text, strlen(text), ret, &faults);
	if (r == INTERFACE_E_INVALID) {
		if (ret_fault)
			*ret_fault = faults.items[0];
		return OFFER_E_INVALID;
	}
	return r;
}
