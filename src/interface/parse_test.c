/* SPDX-License-Identifier: MIT */

/*
 * interface-parse: what is read of a text, and what is said of one that is wrong
 */

#include <check.h>
#include <dirent.h>
#include <stdio.h>

#include "interface/print.h"

#define CORPUS SOURCE_ROOT "/tests/fuzz/corpus/interface"

static struct interface *
parsed_size(const char *text, size_t size)
{
	struct interface_faults faults;
	struct interface *i = NULL;
	char *copy = malloc(size + 1); /* the sanitizers see what is read behind the end */
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, size);
	copy = realloc(copy, size ? size : 1);
	r = interface_parse(copy, size, &i, &faults);
	free(copy);
	if (r)
		ck_abort_msg("%u:%u: %s", faults.items[0].line, faults.items[0].column,
			faults.items[0].text);
	return i;
}

static struct interface *
parsed(const char *text)
{
	return parsed_size(text, strlen(text));
}

static const struct interface_member *
member_of(const struct interface *i, const char *name)
{
	const struct interface_member *m = interface_find(i, name, strlen(name));

	ck_assert_ptr_nonnull(m);
	return m;
}

static void
assert_docs(const struct interface *i, const struct interface_item *item, const char *docs,
	const char *notes)
{
	ck_assert_pstr_eq(interface_docs(i, item), docs);
	ck_assert_pstr_eq(interface_notes(i, item), notes);
}

/* -------- trees -------- */

START_TEST(a_tree_has_what_the_text_says)
{
	_cleanup_(interface_freep) struct interface *i =
		parsed("interface org.example.Mixer\n"
		       "type Player (name: string, volumes: []?uint)\n"
		       "method List() -> (players: [string]Player)\n");
	const struct interface_member *player = interface_members(i);
	const struct interface_member *list = member_next(i, player);
	const struct interface_field *field;

	ck_assert_str_eq(interface_name(i, &i->item), "org.example.Mixer");
	ck_assert_uint_eq(i->n_members, 2);
	ck_assert_str_eq(interface_name(i, &player->item), "Player");
	ck_assert_int_eq(player->kind, MEMBER_TYPE);
	ck_assert_uint_eq(player->source, 33);
	ck_assert_int_eq(player->types[0].kind, KIND_STRUCT);
	ck_assert_uint_eq(player->types[0].n, 2);
	field = type_fields(i, &player->types[0]);
	ck_assert_str_eq(interface_name(i, &field->item), "name");
	ck_assert_int_eq(field->type.kind, KIND_STRING);
	ck_assert(!field->type.is_optional);
	field = field_next(i, field);
	ck_assert_uint_eq(field->item.order, 1);
	ck_assert_int_eq(field->type.kind, KIND_ARRAY);
	ck_assert_int_eq(type_elements(i, &field->type)->kind, KIND_UINT);
	ck_assert(type_elements(i, &field->type)->is_optional);
	ck_assert_ptr_null(field_next(i, field));

	ck_assert_ptr_null(member_next(i, list));
	ck_assert_int_eq(list->kind, MEMBER_METHOD);
	ck_assert_int_eq(list->types[METHOD_IN].kind, KIND_STRUCT);
	ck_assert_uint_eq(list->types[METHOD_IN].n, 0);
	ck_assert_int_eq(list->types[METHOD_IN_STREAM].kind, KIND_NONE);
	ck_assert_int_eq(list->types[METHOD_OUT_STREAM].kind, KIND_NONE);
	field = type_fields(i, &list->types[METHOD_OUT]);
	ck_assert_int_eq(field->type.kind, KIND_MAP);
	ck_assert_int_eq(type_elements(i, &field->type)->kind, KIND_NAMED);
	ck_assert_ptr_eq(type_member(i, type_elements(i, &field->type)), player);
}
END_TEST

START_TEST(types_may_hold_themselves)
{
	_cleanup_(interface_freep) struct interface *i = parsed(
		"interface a.b\ntype A (a: []A, b: [string]A, c: ?A, d: ?(e: B))\ntype B (a: A)\n");

	ck_assert_ptr_nonnull(interface_find(i, "B", 1));
}
END_TEST

START_TEST(streams_go_either_way)
{
	_cleanup_(interface_freep) struct interface *i =
		parsed("interface a.b\n"
		       "method In(a: int) stream (b: int) -> (c: int)\n"
		       "method Out() -> stream (d: int)\n"
		       "method All() stream () -> stream (e: int) (f: int)\n");
	const struct interface_type *in = member_of(i, "In")->types;
	const struct interface_type *out = member_of(i, "Out")->types;
	const struct interface_type *all = member_of(i, "All")->types;

	ck_assert_int_eq(in[METHOD_IN_STREAM].kind, KIND_STRUCT);
	ck_assert_uint_eq(in[METHOD_IN_STREAM].n, 1);
	ck_assert_int_eq(in[METHOD_OUT_STREAM].kind, KIND_NONE);
	ck_assert_int_eq(out[METHOD_IN_STREAM].kind, KIND_NONE);
	ck_assert_uint_eq(out[METHOD_OUT_STREAM].n, 1);
	ck_assert_int_eq(out[METHOD_OUT].kind, KIND_STRUCT);
	ck_assert_uint_eq(out[METHOD_OUT].n, 0);
	ck_assert_int_eq(all[METHOD_IN_STREAM].kind, KIND_STRUCT);
	ck_assert_uint_eq(all[METHOD_IN_STREAM].n, 0);
	ck_assert_uint_eq(all[METHOD_OUT].n, 1);
}
END_TEST

START_TEST(comments_are_documentation)
{
	_cleanup_(interface_freep) struct interface *i =
		parsed("# licence\n\n# The mixer.\n#   with care \ninterface a.b # and more\n\n"
		       "# ---- types ----\n\n\n# A.\n# @since 1.2\n"
		       "type A ( # of A\n  a: int, # of a\n  # of b\n  b: (x, y) # also of b\n  # "
		       "last\n)\n"
		       "#no blank\ntype B ()\n\n# nobody's\n");
	const struct interface_member *a = member_of(i, "A");
	const struct interface_field *field = type_fields(i, &a->types[0]);
	const struct interface_member *b = member_of(i, "B");

	assert_docs(i, &i->item, "The mixer.\n  with care\nand more", "licence");
	assert_docs(i, &a->item, "A.\n@since 1.2\nof A", "---- types ----");
	assert_docs(i, &field->item, "of a", NULL);
	field = field_next(i, field);
	assert_docs(i, &field->item, "of b\nalso of b\nlast", NULL);
	assert_docs(i, type_values(i, &field->type), NULL, NULL);
	assert_docs(i, &b->item, "no blank\nnobody's", NULL);
}
END_TEST

START_TEST(tags_are_found_in_documentation)
{
	static const char docs[] =
		"First.\n@since 1.2\n@deprecated\n@deprecatedly so\n @since 9\n@since 3";
	size_t size;

	ck_assert_mem_eq(interface_tag(docs, "since", &size), "1.2\n", 4);
	ck_assert_uint_eq(size, 3);
	ck_assert_ptr_nonnull(interface_tag(docs, "deprecated", &size));
	ck_assert_uint_eq(size, 0);
	ck_assert_ptr_null(interface_tag(docs, "sinc", &size));
	ck_assert_ptr_null(interface_tag(docs, "private", &size));
	ck_assert_ptr_null(interface_tag(NULL, "since", &size));
	ck_assert_ptr_nonnull(interface_tag("@since", "since", &size));
	ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(members_are_found_by_name)
{
	_cleanup_(interface_freep) struct interface *i =
		parsed("interface a.b\nmethod Join() -> ()\nerror Full ()\nevent Joined ()");

	ck_assert_int_eq(member_of(i, "Full")->kind, MEMBER_ERROR);
	ck_assert_ptr_null(interface_find(i, "join", 4));
	ck_assert_ptr_null(interface_find(i, "Joi", 3));
	ck_assert_ptr_null(interface_find(i, "", 0));
	ck_assert_str_eq(interface_near(i, MEMBER_METHOD, "jion"), "Join");
	ck_assert_str_eq(interface_near(i, MEMBER_EVENT, "Joind"), "Joined");
	ck_assert_ptr_null(interface_near(i, MEMBER_METHOD, "Leave"));
}
END_TEST

/* -------- faults -------- */

static const struct {
	const char *text;
	uint32_t line, column, size;
	const char *says;
} wrong[] = {
	{"", 1, 1, 0, "expected 'interface' and its name first; here the text ends"},
	{"method A() -> ()", 1, 1, 6, "expected 'interface' and its name first, found 'method'"},
	{"interface", 1, 10, 0, "expected a name such as org.example.Mixer"},
	{"interface a..b", 1, 11, 4, "'a..b' has an empty element"},
	{"interface tern.a", 1, 11, 6, "'tern.a' is reserved"},
	{"interface (", 1, 11, 1, "expected a name such as org.example.Mixer"},
	{"interface a.b\nmetod A() -> ()", 2, 1, 5, "did you mean 'method'?"},
	{"interface a.b\nfoo", 2, 1, 3,
		"expected type, method, error, event or state, found 'foo'"},
	{"interface a.b\n# \xe2\x9c\x93\n\xe2\x9c\x93", 3, 1, 3, "found '\xe2\x9c\x93'"},
	{"interface a.b\ntype a ()", 2, 6, 1, "it begins with a capital letter"},
	{"interface a.b\ntype A_B ()", 2, 6, 3, "has no underscore"},
	{"interface a.b\ntype (", 2, 6, 1, "expected a name, found '('"},
	{"interface a.b\ntype A int", 2, 8, 3, "expected '(' and fields or values, found 'int'"},
	{"interface a.b\ntype A (", 2, 9, 0, "expected a name or ')'; here the text ends"},
	{"interface a.b\ntype A (a: int,)", 2, 16, 1,
		"expected a name behind the comma, found ')'"},
	{"interface a.b\ntype A (a: int b: int)", 2, 16, 1, "expected ',' or ')', found 'b'"},
	{"interface a.b\ntype A (a: int, b)", 2, 18, 1, "fields are written name: type, found ')'"},
	{"interface a.b\ntype A (a, b: int)", 2, 12, 1,
		"'b' has a type, those before it have none"},
	{"interface a.b\ntype A (a: int, a: int)", 2, 17, 1, "'a' is there already"},
	{"interface a.b\ntype A (a_: int)", 2, 9, 2, "an underscore stands between"},
	{"interface a.b\ntype A (a__b: int)", 2, 9, 4, "an underscore stands between"},
	{"interface a.b\ntype A (_a: int)", 2, 9, 1, "expected a name or ')', found '_'"},
	{"interface a.b\ntype A (a: strng)", 2, 12, 5, "did you mean 'string'?"},
	{"interface a.b\ntype A (a: whatever)", 2, 12, 8,
		"there is no type 'whatever': bool, int,"},
	{"interface a.b\ntype A (a: )", 2, 12, 1, "expected a type, found ')'"},
	{"interface a.b\ntype A (a: ??int)", 2, 13, 1, "one '?' is enough"},
	{"interface a.b\ntype A (a: [int]int)", 2, 13, 3, "[] for an array or [string] for a map"},
	{"interface a.b\ntype A (a: B)", 2, 12, 1, "there is no type 'B'; did you mean 'A'?"},
	{"interface a.b\ntype A (a: Player)", 2, 12, 6, "say what it is with: type Player (...)"},
	{"interface a.b\nevent E ()\ntype A (a: ?E)", 3, 13, 1, "'E' is the name of an event"},
	{"interface a.b\ntype A (a: A)", 2, 6, 1, "'A' would never end"},
	{"interface a.b\ntype A (b: (c: B))\ntype B (a: A)", 2, 6, 1, "'A' would never end"},
	{"interface a.b\nstate S (a: fd)", 2, 7, 1, "'S' has a descriptor in it"},
	{"interface a.b\nstate S (a: ?A)\ntype A (b: []A, f: [string]fd)", 2, 7, 1, "'S' has a"},
	{"interface a.b\ntype A ()\nmethod A() -> ()", 3, 8, 1, "'A' is type already"},
	{"interface a.b\nmethod A\n", 2, 9, 0, "expected '(' and the arguments"},
	{"interface a.b\nmethod A() # none\nmethod B() -> ()", 2, 11, 0,
		"expected '->' and the results"},
	{"interface a.b\nmethod A() -> int", 2, 15, 3, "expected '(' and the results"},
	{"interface a.b\nmethod A(a, b) -> ()", 2, 9, 1, "values without types"},
	{"interface a.b\nmethod A() stream -> ()", 2, 19, 2, "what each message of the stream has"},
	{"interface a.b\nerror A", 2, 8, 0, "expected '(' and fields: () for none"},
	{"interface a.b\nevent A (x)", 2, 9, 1, "values without types"},
	{"interface a.b\r\ntype A ()\r\rtype\tB (\x01)", 4, 9, 1, "a byte 01"},
	{"interface a.b # \xff", 1, 17, 1, "a byte ff, which is no UTF-8"},
	{"interface a.b # \xe2\x9c", 1, 17, 1, "a byte e2, which is no UTF-8"},
	{"interface a.b # \xc2\x9b", 1, 17, 1, "a control character"},
	{"interface a.b # \x1b[2J", 1, 17, 1, "a control character"},
};

START_TEST(each_fault_is_told_with_its_place)
{
	struct interface_faults faults = {0};
	struct interface *i = NULL;
	size_t size = strlen(wrong[_i].text);
	char *copy = malloc(size ? size : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, wrong[_i].text, size);
	ck_assert_int_eq(interface_parse(copy, size, &i, &faults), INTERFACE_E_INVALID);
	free(copy);
	ck_assert_ptr_null(i);
	ck_assert_msg(strstr(faults.items[0].text, wrong[_i].says), "'%s' does not say '%s'",
		faults.items[0].text, wrong[_i].says);
	ck_assert_uint_eq(faults.items[0].line, wrong[_i].line);
	ck_assert_uint_eq(faults.items[0].column, wrong[_i].column);
	ck_assert_uint_eq(faults.items[0].size, wrong[_i].size);
}
END_TEST

START_TEST(several_faults_are_told_at_once)
{
	static const char text[] =
		"interface a.b\n"
		"type A (a: int b: int, type: int, method: B, c: (error, event))\n"
		"method b() -> ()\n"
		"type C (type: int, method: int)\n"
		"error D (a: strng)\n"
		"method E()\n"
		"method F(a: int,) -> ()\n";
	struct interface_faults faults;
	struct interface *i = NULL;

	ck_assert_int_eq(interface_parse(text, strlen(text), &i, &faults), INTERFACE_E_INVALID);
	ck_assert_uint_eq(faults.n, 5);
	ck_assert_uint_eq(faults.items[0].line, 2);
	ck_assert_uint_eq(faults.items[1].line, 3);
	ck_assert_uint_eq(faults.items[2].line, 5);
	ck_assert_uint_eq(faults.items[3].line, 6);
	ck_assert_uint_eq(faults.items[4].line, 7);
	ck_assert_int_eq(interface_parse(text, strlen(text), &i, NULL), INTERFACE_E_INVALID);
}
END_TEST

/* -------- limits -------- */

/* What is said first of a text with n pieces in it, a # in each is its number; NULL: nothing. */
static const char *
said_of(const char *before, const char *piece, size_t n, const char *behind)
{
	static struct interface_faults faults;
	size_t size = strlen(before) + n * (strlen(piece) + 8) + strlen(behind) + 1;
	_cleanup_(interface_freep) struct interface *i = NULL;
	char *text = malloc(size), *at;
	int r;

	ck_assert_ptr_nonnull(text);
	at = stpcpy(text, before);
	for (size_t k = 0; k < n; k++)
		for (const char *from = piece; *from; from++)
			if (*from == '#')
				at += sprintf(at, "%zu", k);
			else
				*at++ = *from;
	at = stpcpy(at, behind);
	faults.n = 0;
	r = interface_parse(text, (size_t)(at - text), &i, &faults);
	free(text);
	return r ? faults.items[0].text : NULL;
}

START_TEST(counts_have_limits)
{
	ck_assert_ptr_null(said_of("interface a.b\n", "type T# ()\n", 1024, ""));
	ck_assert_str_eq(
		said_of("interface a.b\n", "type T# ()\n", 1025, ""), "more than 1024 members");
	ck_assert_ptr_null(said_of("interface a.b\ntype T (a", ", b#", 511, ")"));
	ck_assert_str_eq(said_of("interface a.b\ntype T (a", ", b#", 512, ")"),
		"more than 512 in one pair of brackets");
	ck_assert_ptr_null(
		said_of("interface a.b\n", "type T# (aaa,bbb,ccc,ddd,eee,fff,ggg)\n", 1023, ""));
	ck_assert_str_eq(
		said_of("interface a.b\n", "type T# (aaa,bbb,ccc,ddd,eee,fff,ggg,hhh)\n", 1000, ""),
		"more than 8192 members, fields and values");
}
END_TEST

START_TEST(depths_and_sizes_have_limits)
{
	static const char deep[] =
		"more than 16 brackets in each other; give what is inside a name with 'type'";

	ck_assert_ptr_null(said_of("interface a.b\ntype T (a: ", "[]", 15, "int)"));
	ck_assert_str_eq(said_of("interface a.b\ntype T (a: ", "[]", 16, "int)"), deep);
	ck_assert_str_eq(said_of("interface a.b\ntype T ", "(a: ", 60000, ""), deep);
	ck_assert_ptr_null(said_of("interface a.b\ntype T", "t", 126, " ()"));
	ck_assert_str_eq(said_of("interface a.b\ntype T", "t", 127, " ()"),
		"a name has at most 127 characters");
	ck_assert_ptr_null(said_of("interface a.b\nerror T", "t", 122, " ()"));
	ck_assert_str_eq(said_of("interface a.b\nerror T", "t", 123, " ()"),
		"'a.b' and this are longer than 127 together, with a dot: what an error is called");
	ck_assert_ptr_null(said_of("interface a.b\n", " ", INTERFACE_MAX_SIZE - 14, ""));
	ck_assert_str_eq(said_of("interface a.b\n", " ", INTERFACE_MAX_SIZE - 13, ""),
		"more than 256 KiB of text");
}
END_TEST

/* Comments of one item that stand apart are joined, over and over: that has an end, too. */
START_TEST(memory_is_bounded_by_the_text)
{
	enum { LONG = 10000 };
	_cleanup_(freep) char *text = malloc(LONG + 1000);
	struct interface *i = NULL;
	struct interface_faults faults;
	char *at;

	ck_assert_ptr_nonnull(text);
	at = stpcpy(text, "interface a.b\ntype T (\n#");
	memset(at, 'x', LONG);
	at = stpcpy(at + LONG, "\na:");
	for (int k = 0; k < 15; k++)
		at = stpcpy(at, "[ #y\n] #z\n");
	at = stpcpy(at, "int)");
	ck_assert_int_eq(
		interface_parse(text, (size_t)(at - text), &i, &faults), INTERFACE_E_INVALID);
	ck_assert_uint_eq(faults.n, 1);
	ck_assert_str_eq(faults.items[0].text, "too much for a text of this size");
}
END_TEST

/* Each of 1,000 faults could be compared with 1,000 names; only those that are kept may. */
START_TEST(many_faults_cost_little)
{
	static const char LONG[] = "Abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi";
	size_t room = 1000 * (3 * sizeof(LONG) + 40) + 64;
	char *text = malloc(room), *at;
	struct interface_faults faults;
	struct interface *i;

	ck_assert_ptr_nonnull(text);
	at = stpcpy(text, "interface a.b\n");
	for (int k = 0; k < 1000; k++)
		at += sprintf(at, "type %s%d (a: %sx, b: %sy)\n", LONG, k, LONG, LONG);
	ck_assert_int_eq(
		interface_parse(text, (size_t)(at - text), &i, &faults), INTERFACE_E_INVALID);
	ck_assert_uint_eq(faults.n, 2000);
	free(text);
}
END_TEST

/* -------- print -------- */

static char *
printed(const struct interface *i)
{
	char *text = NULL;
	size_t size;

	ck_assert_int_eq(interface_text(i, &text, &size), 0);
	ck_assert_uint_eq(strlen(text), size);
	return text;
}

START_TEST(what_is_printed_is_read_as_the_same)
{
	DIR *folder = opendir(CORPUS);
	struct dirent *entry;
	int n = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)) != NULL) {
		_cleanup_(interface_freep) struct interface *one = NULL, *two = NULL;
		_cleanup_(freep) char *first = NULL, *second = NULL;
		char path[512], text[8192];
		FILE *file;
		size_t size;

		if (!strstr(entry->d_name, ".varlink") && !strstr(entry->d_name, ".tern"))
			continue;
		(void)snprintf(path, sizeof(path), CORPUS "/%s", entry->d_name);
		file = fopen(path, "re");
		ck_assert_ptr_nonnull(file);
		size = fread(text, 1, sizeof(text), file);
		(void)fclose(file);
		one = parsed_size(text, size);
		first = printed(one);
		two = parsed(first);
		second = printed(two);
		ck_assert_str_eq(first, second);
		ck_assert_uint_eq(one->n_members, two->n_members);
		n++;
	}
	(void)closedir(folder);
	ck_assert_int_ge(n, 8);
}
END_TEST

START_TEST(printing_is_canonical)
{
	static const char text[] = "# A note.\n"
				   "\n"
				   "# The mixer.\n"
				   "interface org.example.Mixer\n"
				   "\n"
				   "type Point (x: int, y: ?[]?[string]float)\n"
				   "type Empty ()\n"
				   "\n"
				   "# Documented.\n"
				   "type State (joined, ready)\n"
				   "\n"
				   "type Player (\n"
				   "  # Its name.\n"
				   "  name: string,\n"
				   "\n"
				   "  # -- the rest --\n"
				   "\n"
				   "  # Where.\n"
				   "  at: Point,\n"
				   "  inner: (\n"
				   "    #\n"
				   "    a,\n"
				   "    # Two\n"
				   "    #\n"
				   "    # lines.\n"
				   "    b\n"
				   "  )\n"
				   ")\n"
				   "\n"
				   "method Join(name: string) -> (player: Player)\n"
				   "method Leave() -> ()\n"
				   "\n"
				   "method LongOnesAreBroken(\n"
				   "  the_first_argument: string,\n"
				   "  the_second_argument: string\n"
				   ") stream (chunk: bytes) -> stream (percent: float) (\n"
				   "  the_first_of_many_results: string,\n"
				   "  the_second_of_many_results: (\n"
				   "    the_first_of_them: string,\n"
				   "    the_second_of_them: string,\n"
				   "    the_third: string\n"
				   "  ),\n"
				   "  short: (a, b)\n"
				   ")\n"
				   "\n"
				   "event Joined (player: Player)\n"
				   "\n"
				   "state Volume (left: uint, right: uint)\n";
	_cleanup_(interface_freep) struct interface *i = parsed(text);
	_cleanup_(freep) char *again = printed(i);
	char expected[sizeof(text)], *empty;

	/* a comment without a word is none */
	memcpy(expected, text, sizeof(text));
	empty = strstr(expected, "    #\n    a,");
	memmove(empty, empty + 6, strlen(empty + 6) + 1);
	ck_assert_str_eq(again, expected);
}
END_TEST

struct kinds {
	char seen[512];
};

static void
kinds_put(void *user, enum print_kind kind, const char *text, size_t size)
{
	static const char LETTERS[] = " .kcnfvtr";
	struct kinds *kinds = user;

	if (kind != PRINT_BLANK)
		(void)sprintf(kinds->seen + strlen(kinds->seen), "%c:%.*s ", LETTERS[kind],
			(int)size, text);
}

START_TEST(each_token_has_its_kind)
{
	_cleanup_(interface_freep) struct interface *i =
		parsed("interface a.b\n# c\ntype T (f: [string](v))\nmethod M() -> stream (t: "
		       "?[]T, i: int)");
	struct kinds kinds = {""};

	interface_print_member(i, member_of(i, "T"), kinds_put, &kinds);
	ck_assert_str_eq(
		kinds.seen, "c:#  c:c k:type n:T .:( f:f .:: .:[ t:string .:] .:( v:v .:) .:) ");
	kinds.seen[0] = '\0';
	interface_print_member(i, member_of(i, "M"), kinds_put, &kinds);
	ck_assert_str_eq(kinds.seen, "k:method n:M .:( .:) .:-> k:stream .:( f:t .:: .:? .:[] r:T "
				     ".:, f:i .:: t:int .:) ");
}
END_TEST

int
main(void)
{
	TCase *tcase = tcase_create("interface");
	Suite *suite = suite_create("interface-parse");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, a_tree_has_what_the_text_says);
	tcase_add_test(tcase, types_may_hold_themselves);
	tcase_add_test(tcase, streams_go_either_way);
	tcase_add_test(tcase, comments_are_documentation);
	tcase_add_test(tcase, tags_are_found_in_documentation);
	tcase_add_test(tcase, members_are_found_by_name);
	tcase_add_loop_test(tcase, each_fault_is_told_with_its_place, 0, ARRAY_SIZE(wrong));
	tcase_add_test(tcase, several_faults_are_told_at_once);
	tcase_add_test(tcase, counts_have_limits);
	tcase_add_test(tcase, depths_and_sizes_have_limits);
	tcase_add_test(tcase, memory_is_bounded_by_the_text);
	tcase_add_test(tcase, many_faults_cost_little);
	tcase_add_test(tcase, what_is_printed_is_read_as_the_same);
	tcase_add_test(tcase, printing_is_canonical);
	tcase_add_test(tcase, each_token_has_its_kind);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
