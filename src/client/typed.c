/* SPDX-License-Identifier: MIT */

/* typed: see typed.h */

#include "base/atomic.h"
#include "client/error.h"
#include "client/message.h"
#include "client/typed.h"

struct typed
typed_init(tern_interface *i, const struct interface_type *type)
{
	return (struct typed){.interface = tern_interface_ref(i), .type = type};
}

void
typed_deinit(struct typed *typed)
{
	typed->interface = tern_interface_unref(typed->interface);
}

const struct interface_member *
typed_find(const tern_interface *i, const char *name, size_t size)
{
	for (uint32_t at = hash_secret(name, size);; at++) {
		uint32_t place = i->places[at & i->mask];
		const struct interface_member *member = interface_at(i->tree, place);

		if (!member || (member->item.name_size == size &&
				       memcmp(interface_name(i->tree, &member->item), name, size) == 0))
			return member;
	}
}

bool
typed_is_checked(const tern_bus *bus, bool same_domain)
{
	uint32_t who = load_rlx(&bus->check); /* a setting: a little later is as good */

	return who == TERN_CHECK_ALL || (who == TERN_CHECK_OTHERS && !same_domain);
}

static int
wrong(struct check_fault *fault, const char *text)
{
	strcpy(fault->text, text);
	return TYPED_E_WRONG;
}

int
typed_check(const tern_interface *i, const struct interface_type *type, uint32_t flags, tern_message *m,
	struct check_fault *ret)
{
	struct check check = {
		.interface = i->tree,
		.type = type,
		.n_fds = m->n_fds,
		.n_parts = m->n_parts,
		.flags = flags,
	};
	const void *bytes = "";
	size_t size = 0;
	int r;

	if (unlikely(*m->strings[2]))
		return wrong(ret, "it has a content type of its own, where the interface has values");
	if (unlikely(type->kind == KIND_NONE))
		return wrong(ret, "the interface has no such messages there");
	if (likely(m->n_parts > 0)) {
		r = tern_message_part(m, 0, &bytes, &size);
		if (r < 0)
			return r == -E2BIG ? wrong(ret, "too large to be checked") : r;
	}
	return check_payload(&check, bytes, size, ret) ? TYPED_E_WRONG : 0;
}
