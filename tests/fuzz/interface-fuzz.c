/* SPDX-License-Identifier: MIT */

/*
 * interface-fuzz: any bytes as the text of an interface, and, behind a NUL, as a value
 *
 * A tree fits into its memory, and is printed as a text that makes the same tree. Faults
 * lie inside the text. A value that is checked and found right is right for CBOR, too,
 * and also where more is let pass, and also when it is looked at closely. What is said is fit for a
 * terminal.
 */

#include <tern/cbor.h>

#include "base/attribute.h"
#include "client/typed.h"
#include "interface/check-quick.h"
#include "interface/print.h"
#include "memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_said(const char *text)
{
	assert(*text);
	for (; *text; text++)
		assert(*text & 0x80 || (*text >= ' ' && *text <= '~'));
}

static void
check_faults(const struct interface_faults *faults, size_t size)
{
	assert(faults->n > 0);
	for (uint32_t i = 0; i < MIN(faults->n, (uint32_t)INTERFACE_MAX_FAULTS); i++) {
		const struct interface_fault *fault = &faults->items[i];

		assert(fault->line > 0 && fault->column > 0);
		assert(fault->offset <= size && fault->size <= size - fault->offset);
		check_said(fault->text);
	}
}

static void
check_printed(const struct interface *tree)
{
	_cleanup_(interface_freep) struct interface *again = NULL;
	_cleanup_(freep) char *one = NULL, *two = NULL;
	size_t n_one, n_two;
	int r;

	r = interface_text(tree, &one, &n_one);
	assert(r == 0);
	r = interface_parse(one, n_one, &again, NULL);
	assert(r == 0);
	assert(again->n_members == tree->n_members);
	r = interface_text(again, &two, &n_two);
	assert(r == 0);
	assert(n_one == n_two && !memcmp(one, two, n_one));
}

static void
check_right(const uint8_t *value, size_t size)
{
	struct tern_cbor_fault fault = {0};

	/* keys of what is handed on unread are the reader's to look at */
	if (size > 0 && tern_cbor_check(value, size, 0, &fault))
		assert(fault.code == TERN_CBOR_E_DUPLICATE || fault.code == TERN_CBOR_E_KEY ||
			fault.code == TERN_CBOR_E_KEYS);
}

static void
check_values(const struct interface *tree, const uint8_t *value, size_t size)
{
	const struct interface_member *m;

	for (m = interface_members(tree); m; m = member_next(tree, m)) {
		struct check strict = {.interface = tree, .type = &m->types[0], .n_fds = 2, .n_parts = 3};
		struct check open = strict;
		struct check_fault fault = {""};

		open.flags = CHECK_OPEN;
		if (check_payload(&strict, value, size, &fault)) {
			check_said(fault.text);
			(void)check_payload(&open, value, size, NULL); /* either */
			continue;
		}
		check_right(value, size);
		if (check_closely(&strict, value, size, NULL))
			abort();
		if (check_payload(&open, value, size, NULL))
			abort();
	}
}

/* check_index() - each member is found by its name, as one by one; the value as a name finds what is there, or nothing */
static void
check_index(const char *text, size_t n, const uint8_t *value, size_t size)
{
	_cleanup_(tern_interface_unrefp) tern_interface *interface = NULL;
	const struct interface_member *m;
	const struct interface *tree;

	if (tern_interface_new(text, n, &interface) < 0)
		abort();
	tree = interface->tree;
	assert(memcmp(tern_interface_text(interface, NULL), text, n) == 0);
	for (m = interface_members(tree); m; m = member_next(tree, m))
		assert(typed_find(interface, interface_name(tree, &m->item), m->item.name_size) == m);
	assert(typed_find(interface, (const char *)value, size) == interface_find(tree, (const char *)value, size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t n = nul ? (size_t)(nul - data) : size;
	_cleanup_(interface_freep) struct interface *tree = NULL;
	struct interface_faults faults;

	if (interface_parse((const char *)data, n, &tree, &faults)) {
		check_faults(&faults, n);
		return 0;
	}
	memory_stop(); /* from here on it is what a test takes */
	check_printed(tree);
	check_index((const char *)data, n, nul ? nul + 1 : (const uint8_t *)"", nul ? size - n - 1 : 0);
	if (nul)
		check_values(tree, nul + 1, size - n - 1);
	return 0;
}
