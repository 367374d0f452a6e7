/* SPDX-License-Identifier: MIT */

/* control-fields: the fields of every control message, in the order they are written */

#include "base/attribute.h"
#include "wire/control-fields.h"

enum {
	MAX_TEXT = CONTROL_MAX_TEXT,
	MAX_SAID = 1024, /* of an error's text */
	MAX_EVENT_TAGS_SIZE = 40 << 10,
	MAX_PAYLOAD = 16 << 10,
};

/* The fields of struct T; each definition below sets T to its own. */
#define FIELD(k, m, what)                                                                          \
	.key = (k), .key_size = sizeof(k) - 1, .kind = (what), .offset = offsetof(struct T, m)
#define U64(k, m)                                                                                  \
	{                                                                                          \
		FIELD(k, m, FIELD_U64)                                                             \
	}
#define U32(k, m)                                                                                  \
	{                                                                                          \
		FIELD(k, m, FIELD_U32)                                                             \
	}
#define BOOL(k, m)                                                                                 \
	{                                                                                          \
		FIELD(k, m, FIELD_BOOL)                                                            \
	}
#define TEXT(k, m, most)                                                                           \
	{                                                                                          \
		FIELD(k, m, FIELD_TEXT), .max = (most)                                             \
	}
#define BYTES(k, m, most)                                                                          \
	{                                                                                          \
		FIELD(k, m, FIELD_BYTES), .max = (most)                                            \
	}
#define TEXTS(k, m, n, most)                                                                       \
	{                                                                                          \
		FIELD(k, m, FIELD_TEXTS), .max = (n), .max_size = (most)                           \
	}
#define NUMBERS(k, m, n)                                                                           \
	{                                                                                          \
		FIELD(k, m, FIELD_NUMBERS), .max = (n)                                             \
	}
#define MAP(k, m, s)                                                                               \
	{                                                                                          \
		FIELD(k, m, FIELD_MAP), .sub = (s)                                                 \
	}
#define MAPS(k, m, n, s)                                                                           \
	{                                                                                          \
		FIELD(k, m, FIELD_MAPS), .max = (n), .sub = (s),                                   \
					 .stride = sizeof(((struct T *)0)->m.items[0])             \
	}
#define NEED_U64(k, m)                                                                             \
	{                                                                                          \
		FIELD(k, m, FIELD_U64), .required = true                                           \
	}
#define NEED_U32(k, m)                                                                             \
	{                                                                                          \
		FIELD(k, m, FIELD_U32), .required = true                                           \
	}
#define NEED_TEXT(k, m, most)                                                                      \
	{                                                                                          \
		FIELD(k, m, FIELD_TEXT), .max = (most), .required = true                           \
	}
#define END                                                                                        \
	{                                                                                          \
		.key = NULL                                                                        \
	}

#define T control_hello
static const struct field hello_fields[] = {
	NEED_U32("min", major_min),
	NEED_U32("max", major_max),
	U32("minor", minor),
	U64("features", features),
	NEED_U64("clock", clock),
	U64("claim", claim),
	BYTES("token", token, CONTROL_MAX_TOKEN),
	TEXT("introduce", introduce, MAX_TEXT),
	END,
};
#undef T

#define T control_own
static const struct field own_fields[] = {
	NEED_TEXT("name", name, MAX_TEXT),
	U32("flags", flags),
	TEXTS("labels", labels, CONTROL_MAX_TAGS, CONTROL_MAX_TAGS_SIZE),
	END,
};
#undef T

#define T control_rule_add
static const struct field rule_add_fields[] = {
	NEED_U64("rule", rule),
	U32("policy", policy),
	TEXT("sender", sender, MAX_TEXT),
	TEXTS("tags", tags, CONTROL_MAX_TAGS, CONTROL_MAX_TAGS_SIZE),
	U32("queue", queue),
	U32("rate", max_rate),
	END,
};
#undef T

#define T control_rule_remove
static const struct field rule_remove_fields[] = {
	NEED_U64("rule", rule),
	END,
};
#undef T

#define T control_name
static const struct field name_fields[] = {
	NEED_TEXT("name", name, MAX_TEXT),
	END,
};
#undef T

#define T control_name
static const struct field introduce_fields[] = {
	NEED_TEXT("name", name, MAX_TEXT),
	BOOL("start", start),
	END,
};
#undef T

#define T control_unlink
static const struct field unlink_fields[] = {
	NEED_U64("peer", peer),
	NEED_U64("link", link),
	END,
};
#undef T

#define T control_watch
static const struct field watch_fields[] = {
	BYTES("words", words, CONTROL_MAX_WORDS),
	END,
};
#undef T

#define T control_link
static const struct field link_fields[] = {
	NEED_U64("peer", peer),
	NEED_U64("link", link),
	U32("uid", uid),
	U32("gid", gid),
	U32("pid", pid),
	TEXT("label", label, MAX_TEXT),
	BOOL("same-domain", same_domain),
	BOOL("initiator", initiator),
	U32("withheld", withheld),
	TEXTS("denied", denied, CONTROL_MAX_EVENT_TAGS, MAX_EVENT_TAGS_SIZE),
	END,
};
#undef T

#define T control_rights
static const struct field rights_fields[] = {
	NEED_U64("peer", peer),
	U64("link", link),
	U32("withheld", withheld),
	TEXT("name", name, MAX_TEXT),
	BOOL("denied", denied),
	BOOL("over", over),
	END,
};
#undef T

#define T control_failed
static const struct field failed_fields[] = {
	NEED_U32("code", code),
	NEED_TEXT("error", error, MAX_TEXT),
	TEXT("text", text, MAX_SAID),
	U64("peer", peer),
	END,
};
#undef T

#define T control_welcome
static const struct field welcome_fields[] = {
	NEED_U32("major", major),
	U32("minor", minor),
	U64("features", features),
	NEED_U64("instance", instance),
	NEED_U64("peer", peer),
	NEED_U64("clock", clock),
	U32("slot", slot),
	U32("domain", domain),
	BYTES("token", token, CONTROL_MAX_TOKEN),
	NUMBERS("tables", tables, CONTROL_MAX_TABLES),
	U32("introduced", introduced),
	MAP("link", link, link_fields),
	MAP("failed", failed, failed_fields),
	END,
};
#undef T

#define T control_done
static const struct field done_fields[] = {
	U32("state", state),
	END,
};
#undef T

#define T control_found
static const struct field found_fields[] = {
	NEED_U64("peer", peer),
	U64("owner-serial", owner_serial),
	END,
};
#undef T

#define T control_user
static const struct field user_fields[] = {
	NEED_U64("uid", uid),
	U64("peers", peers),
	U64("names", names),
	U64("rules", rules),
	U64("links", links),
	U64("bytes", bytes),
	U64("fds", fds),
	END,
};
#undef T

#define T control_counts
static const struct field counts_fields[] = {
	U64("peers", peers),
	U64("names", names),
	U64("rules", rules),
	U64("tags", tags),
	U64("links", links),
	U64("domains", domains),
	U64("table-bytes", table_bytes),
	MAPS("users", users, CONTROL_MAX_USERS, user_fields),
	END,
};
#undef T

#define T control_call
static const struct field call_fields[] = {
	NEED_TEXT("member", member, MAX_TEXT),
	BYTES("payload", payload, CONTROL_MAX_CALL),
	END,
};
#undef T

#define T control_reply
static const struct field reply_fields[] = {
	BYTES("payload", payload, CONTROL_MAX_REPLY),
	END,
};
#undef T

#define T control_event
static const struct field event_fields[] = {
	TEXTS("tags", tags, CONTROL_MAX_EVENT_TAGS, MAX_EVENT_TAGS_SIZE),
	BYTES("payload", payload, MAX_PAYLOAD),
	U64("rule", rule),
	U64("lost", lost),
	END,
};
#undef T

#define T control_table
static const struct field table_fields[] = {
	NEED_U32("kind", kind),
	U32("domain", domain),
	END,
};
#undef T

static const struct field no_fields[] = {END};

static const struct control_form forms[] = {
	{CONTROL_HELLO, "hello", hello_fields},
	{CONTROL_OWN, "own", own_fields},
	{CONTROL_DISOWN, "disown", name_fields},
	{CONTROL_RULE_ADD, "rule-add", rule_add_fields},
	{CONTROL_RULE_REMOVE, "rule-remove", rule_remove_fields},
	{CONTROL_INTRODUCE, "introduce", introduce_fields},
	{CONTROL_UNLINK, "unlink", unlink_fields},
	{CONTROL_LOOKUP, "lookup", name_fields},
	{CONTROL_STATS, "stats", no_fields},
	{CONTROL_PING, "ping", no_fields},
	{CONTROL_CALL, "call", call_fields},
	{CONTROL_WATCH, "watch", watch_fields},
	{CONTROL_MAKE_ROOM, "make-room", no_fields},
	{CONTROL_WELCOME, "welcome", welcome_fields},
	{CONTROL_DONE, "done", done_fields},
	{CONTROL_FAILED, "failed", failed_fields},
	{CONTROL_INTRODUCED, "introduced", link_fields},
	{CONTROL_FOUND, "found", found_fields},
	{CONTROL_COUNTS, "counts", counts_fields},
	{CONTROL_REPLY, "reply", reply_fields},
	{CONTROL_LINK, "link", link_fields},
	{CONTROL_EVENT, "event", event_fields},
	{CONTROL_TABLE, "table", table_fields},
	{CONTROL_OWNER_LOST, "owner-lost", name_fields},
	{CONTROL_OWNER_GAINED, "owner-gained", name_fields},
	{CONTROL_LISTENERS, "listeners", no_fields},
	{CONTROL_BYE, "bye", no_fields},
	{CONTROL_RIGHTS, "rights", rights_fields},
};

const struct control_form *
control_form(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].type == type)
			return &forms[i];
	return NULL;
}
