/* SPDX-License-Identifier: MIT */

/* interface: <tern/interface.h>: the object, and what is expected of services */

#include <stdio.h>

#include "base/atomic.h"
#include "base/near.h"
#include "client/error.h"
#include "client/typed.h"

/* --- the object --- */

/* index_members() - by the hash of their names, at most half full */
static int
index_members(tern_interface *i)
{
	const struct interface_member *m;
	uint32_t n = 4;

	while (n < 2 * i->tree->n_members)
		n *= 2;
	i->mask = n - 1;
	i->places = calloc(n, sizeof(*i->places));
	if (!i->places)
		return -ENOMEM;
	for (m = interface_members(i->tree); m; m = member_next(i->tree, m)) {
		uint32_t at = hash_secret(interface_name(i->tree, &m->item), m->item.name_size);

		while (i->places[at & i->mask])
			at++;
		i->places[at & i->mask] = (uint32_t)((const char *)m - (const char *)i->tree);
	}
	return 0;
}

static int
say_fault(const struct interface_faults *faults)
{
	const struct interface_fault *first = &faults->items[0];
	char more[32] = "";

	if (faults->n > 1)
		(void)snprintf(more, sizeof(more), " (and %u more)", faults->n - 1); /* fits */
	return error_set(-EINVAL, ERROR_BAD_INTERFACE, "interface, line %u, column %u: %s%s", first->line,
		first->column, first->text, more);
}

_public_ int
tern_interface_new(const char *text, size_t size, tern_interface **ret)
{
	_cleanup_(tern_interface_unrefp) tern_interface *i = NULL;
	struct interface_faults faults;
	struct interface *tree;
	int r;

	r = interface_parse(text, size, &tree, &faults);
	if (r)
		return r < 0 ? error_errno(r, "interface") : say_fault(&faults);
	i = malloc(sizeof(*i) + size + 1);
	if (!i) {
		(void)interface_free(tree); /* always NULL */
		return error_errno(-ENOMEM, "interface");
	}
	*i = (tern_interface){.refs = 1, .tree = tree, .size = size};
	memcpy(i->text, text, size);
	i->text[size] = '\0';
	r = index_members(i);
	if (r < 0)
		return error_errno(r, "interface");
	*ret = steal(i);
	return 0;
}

_public_ tern_interface *
tern_interface_ref(tern_interface *i)
{
	if (i)
		(void)add_rlx(&i->refs, 1); /* whoever refs has a reference: nothing to order */
	return i;
}

_public_ tern_interface *
tern_interface_unref(tern_interface *i)
{
	if (!i || !unref_is_last(&i->refs))
		return NULL;
	(void)interface_free(i->tree); /* always NULL */
	free(i->places);
	free(i);
	return NULL;
}

_public_ const char *
tern_interface_name(const tern_interface *i)
{
	return interface_name(i->tree, &i->tree->item);
}

_public_ const char *
tern_interface_text(const tern_interface *i, size_t *ret_size)
{
	if (ret_size)
		*ret_size = i->size;
	return i->text;
}

const char *
typed_nearest(const tern_interface *i, enum member_kind kind, const char *name, char room[160])
{
	const char *near = interface_near(i->tree, kind, name);

	if (!near)
		return "";
	(void)snprintf(room, 160, "; did you mean \"%s\"?", near); /* fits: a name has 127 bytes */
	return room;
}
