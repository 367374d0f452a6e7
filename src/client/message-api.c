/* SPDX-License-Identifier: MIT */

/* message-api: what programs do with messages; contracts in tern/message.h */

#include <fcntl.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "client/bus.h"
#include "client/call.h"
#include "client/error.h"
#include "client/message.h"
#include "client/topic.h"
#include "wire/cbor-flat.h"

#define LEND_FROM 2048u /* bytes: a block costs less than to copy so many into a record and out of it */

/* What values may become in memory: as many bytes, and so many times those of the part they are in. */
#define MEMORY_FREE  (UINT64_C(1) << 20)
#define MEMORY_TIMES 64u

/* may_build() - not sealed, and room for another part */
static int
may_build(tern_message *m, bool part)
{
	if (m->sealed)
		return error_set(-EBUSY, ERROR_INVALID, "a message that was sent or received is sealed");
	if (part && m->n_parts == TERN_MAX_PARTS)
		return error_set(-E2BIG, ERROR_TOO_BIG, "a message has at most 8 parts");
	if (part && message_reserve(m, m->n_parts + 1) < 0)
		return error_errno(-ENOMEM, "part");
	return 0;
}

static void
add_part(tern_message *m, const uint8_t *bytes, size_t size, uint8_t *owned)
{
	m->parts[m->n_parts++] = (struct message_part){.bytes = bytes, .size = size, .owned = owned};
}

/* space_for() - room for a small part in the message, else memory of its own */
static uint8_t *
space_for(tern_message *m, size_t size, uint8_t **ret_owned)
{
	uint32_t at = ALIGN_TO(m->used, 8u);

	*ret_owned = NULL;
	if (at <= m->space && size <= m->space - at) {
		m->used = at + (uint32_t)size;
		return m->data + at;
	}
	*ret_owned = malloc(MAX(size, (size_t)1));
	return *ret_owned;
}

/* lending_pool() - whose eyes the part is for: one partner's, or a trust domain's */
static struct pool *
lending_pool(tern_message *m)
{
	return m->topic || !m->partner ? &m->bus->own.pool : &m->partner->link->pool;
}

/* lend_locked() - add a part in memory that its readers map; with the lock. Return: as pool_take(). */
static int
lend_locked(tern_message *m, size_t size, void **ret)
{
	struct message_part *part = &m->parts[m->n_parts];
	int r;

	*part = (struct message_part){.size = size, .lent = true};
	if (m->partner && link_collect(m->partner->link) < 0)
		partner_is_wrong(m->partner); /* which shows here when it is sent */
	r = pool_take(lending_pool(m), size, &part->block);
	if (r == 0) {
		part->bytes = part->block->memory;
		m->n_parts++;
		*ret = part->block->memory;
	}
	return r;
}

/* lend_part() - the same without the lock. Return: also that of bus_enter(). */
static int
lend_part(tern_message *m, size_t size, void **ret)
{
	int r = bus_enter(m->bus);

	if (r < 0)
		return r;
	r = lend_locked(m, size, ret);
	bus_leave(m->bus);
	return r;
}

/* unbuild() - take away what was added behind so many parts and descriptors */
static void
unbuild(tern_message *m, uint32_t n_parts, uint8_t n_fds, bool locked)
{
	while (m->n_fds > n_fds)
		(void)fd_close(m->fds[--m->n_fds]); /* ours */
	m->n_known_fds = m->n_fds;
	if (m->n_parts == n_parts)
		return;
	if (!locked)
		bus_lock(m->bus);
	while (m->n_parts > n_parts) {
		struct message_part *part = &m->parts[--m->n_parts];

		part->block = block_unref(part->block);
		free(part->owned);
	}
	if (!locked)
		bus_leave(m->bus);
}

/*
 * lend_large() - the same for bytes that are better off in no record, so that they are copied but once
 *
 * Return: NULL where they are small, or there is nothing to lend: they wait in memory of their own.
 */
static void *
lend_large(tern_message *m, size_t size, bool locked)
{
	void *memory;

	if (size < LEND_FROM)
		return NULL;
	return (locked ? lend_locked(m, size, &memory) : lend_part(m, size, &memory)) == 0 ? memory : NULL;
}

/* --- values --- */

static int
hook_attach(void *user, int fd)
{
	return tern_message_attach(user, fd);
}

static int
hook_descriptor(void *user, uint64_t index)
{
	tern_message *m = user;

	return index < m->n_fds ? m->fds[index] : -ENOENT;
}

static int
hook_lend(void *user, size_t size, void **ret)
{
	tern_message *m = user;
	int r = tern_message_lend(m, size, ret);

	return r < 0 ? r : (int)m->n_parts - 1;
}

static int
hook_part(void *user, uint64_t number, const void **ret, size_t *ret_size)
{
	tern_message *m = user;

	if (number == 0 || number >= m->n_parts)
		return -ENOENT;
	return tern_message_part(m, number, ret, ret_size);
}

static void *
hook_memory(void *user, size_t size)
{
	tern_message *m = user;
	uint64_t most = MEMORY_FREE + MEMORY_TIMES * (m->n_parts ? m->parts->size : 0);
	struct message_memory *memory = NULL;

	if (size <= most && m->memory_size <= most - size)
		memory = malloc(sizeof(*memory) + size);
	if (!memory)
		return NULL;
	m->memory_size += size;
	memory->next = m->memory;
	m->memory = memory;
	return memory->bytes;
}

/* pack_into() - the whole part; size is what it takes */
static int
pack_into(void *bytes, size_t size, struct tern_cbor_hooks *hooks, const char *format, va_list ap)
{
	struct tern_cbor_writer w;
	int r;

	tern_cbor_writer_init(&w, bytes, size);
	r = tern_cbor_packv(&w, hooks, format, ap);
	return r == 0 ? tern_cbor_writer_finish(&w, &size) : r;
}

/* pack_large() - a part that is too large for the space in the message; what it lends comes behind it */
static int
pack_large(tern_message *m, struct tern_cbor_hooks *hooks, size_t size, bool locked, const char *format, va_list ap)
{
	uint8_t *to = lend_large(m, size, locked);

	if (!to) {
		to = malloc(size);
		if (!to)
			return -ENOMEM;
		add_part(m, to, size, to);
	}
	return pack_into(to, size, hooks, format, ap);
}

/* pack_any() - a format that is not flat, or values that are large or wrong */
static int
pack_any(tern_message *m, bool locked, const char *format, va_list ap)
{
	struct tern_cbor_hooks hooks = {
		.user = m,
		.attach = hook_attach,
		.lend = locked ? NULL : hook_lend, /* nobody could fill it before it is sent */
		.error = error_get(),
	};
	struct tern_cbor_writer w;
	uint8_t n_fds = m->n_fds;
	uint32_t at = ALIGN_TO(m->used, 8u), n_parts = m->n_parts;
	va_list again;
	size_t size;
	int r;

	va_copy(again, ap);
	add_part(m, m->data + at, 0, NULL);
	tern_cbor_writer_init(&w, m->data + at, at < m->space ? m->space - at : 0);
	r = tern_cbor_packv(&w, &hooks, format, ap);
	if (r == 0)
		r = tern_cbor_writer_finish(&w, &size);
	if (r == 0) {
		m->used = at + (uint32_t)size;
		m->parts[n_parts].size = size;
	} else if (r == -ENOBUFS) {
		unbuild(m, n_parts, n_fds, locked); /* attached and lent again now */
		r = pack_large(m, &hooks, size, locked, format, again);
	}
	va_end(again);
	if (r < 0)
		unbuild(m, n_parts, n_fds, locked);
	return r;
}

int
message_packv(tern_message *m, bool locked, const char *format, va_list ap)
{
	uint32_t at = ALIGN_TO(m->used, 8u);
	size_t size;
	int r;

	r = may_build(m, true);
	if (r < 0)
		return r;
	size = at < m->space ? cbor_pack_flat(m->data + at, m->space - at, format, ap) : 0;
	if (unlikely(size == 0))
		return pack_any(m, locked, format, ap);
	m->used = at + (uint32_t)size;
	add_part(m, m->data + at, size, NULL);
	return 0;
}

int
message_pack_locked(tern_message *m, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = message_packv(m, true, format, ap);
	va_end(ap);
	return r;
}

_public_ int
tern_message_packv(tern_message *m, const char *format, va_list ap)
{
	return message_packv(m, false, format, ap);
}

_public_ int
tern_message_pack(tern_message *m, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_message_packv(m, format, ap);
	va_end(ap);
	return r;
}

_public_ int
tern_message_unpackv(tern_message *m, const char *format, va_list ap)
{
	struct tern_cbor_hooks hooks = {
		.user = m,
		.descriptor = hook_descriptor,
		.part = hook_part,
		.memory = hook_memory,
	};
	const void *bytes = "";
	size_t size = 0;
	int r;

	if (likely(m->n_parts > 0 && !m->parts->foreign && !m->parts->lent)) {
		bytes = m->parts->bytes;
		size = m->parts->size;
	} else if (m->n_parts > 0) {
		r = tern_message_part(m, 0, &bytes, &size);
		if (r < 0)
			return error_trace(r);
	}
	if (unlikely(size == 0) && format[strspn(format, " ")] == '{') {
		bytes = "\xa0"; /* a map without members, as all may be missing */
		size = 1;
	}
	if (likely(cbor_unpack_flat(bytes, size, &hooks, format, ap)))
		return 0;
	hooks.error = error_get();
	r = cbor_unpack_cursor(bytes, size, &hooks, format, ap);
	if (r == -EBADMSG && m->n_parts == 0)
		return error_set(r, ERROR_BAD_MESSAGE,
			"the message carries no values, and \"%.100s\" wants some", format);
	return r;
}

_public_ int
tern_message_unpack(tern_message *m, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = tern_message_unpackv(m, format, ap);
	va_end(ap);
	return r;
}

/* --- parts --- */

_public_ int
tern_message_append(tern_message *m, const void *bytes, size_t size)
{
	uint8_t *to, *owned;
	int r;

	r = may_build(m, true);
	if (r < 0)
		return r;
	to = lend_large(m, size, false);
	if (to) {
		memcpy(to, bytes, size);
		return 0;
	}
	to = space_for(m, size, &owned);
	if (!to)
		return error_errno(-ENOMEM, "part");
	if (size)
		memcpy(to, bytes, size);
	add_part(m, to, size, owned);
	return 0;
}

_public_ int
tern_message_lend(tern_message *m, size_t size, void **ret)
{
	int r;

	r = may_build(m, true);
	if (r < 0)
		return r;
	r = lend_part(m, size, ret);
	if (r == -EDQUOT)
		return error_set(-EAGAIN, ERROR_FULL, "too much memory is lent out: let readers catch up");
	if (r == -E2BIG)
		return error_set(r, ERROR_TOO_BIG, "a part has at most 2 GiB");
	if (r < 0 && r != -ECHILD && r != -ESHUTDOWN) /* these two are told */
		return error_errno(r, "memory to lend");
	return r;
}

_public_ int
tern_message_trim(tern_message *m, size_t used)
{
	int r = may_build(m, false);

	if (r < 0)
		return r;
	if (m->n_parts == 0 || used > m->parts[m->n_parts - 1].size)
		return error_set(-EINVAL, ERROR_INVALID, "a part cannot be trimmed to more than it has");
	m->parts[m->n_parts - 1].size = used;
	return 0;
}

_public_ size_t
tern_message_n_parts(const tern_message *m)
{
	return m->n_parts;
}

/* part_copy() - foreign memory, made stable once */
static int
part_copy(tern_message *m, struct message_part *part)
{
	uint8_t *copy;

	if (part->size > COPY_MAX)
		return error_set(-E2BIG, ERROR_TOO_BIG,
			"a part of another user is copied up to 1 MiB; use tern_message_view()");
	copy = malloc(MAX(part->size, (uint64_t)1));
	if (!copy)
		return error_errno(-ENOMEM, "part");
	copy_once(copy, part->bytes, part->size);
	bus_lock(m->bus); /* two readers of one message: one copy stays */
	if (!part->owned)
		part->owned = steal(copy);
	(void)pthread_mutex_unlock(&m->bus->lock);
	free(copy);
	return 0;
}

/* part_find() - and is its memory here? A forked child has no shared memory of its parent's. */
static int
part_find(const tern_message *m, size_t i)
{
	const struct message_part *part = &m->parts[i];

	if (i >= m->n_parts)
		return error_set(-ENOENT, ERROR_INVALID, "the message has no part %zu", i);
	if ((part->lent || part->foreign) && m->bus && bus_is_forked(m->bus))
		return error_set(-ECHILD, ERROR_FAILED, "this message is the parent's");
	return 0;
}

_public_ int
tern_message_part(tern_message *m, size_t i, const void **ret, size_t *ret_size)
{
	struct message_part *part = &m->parts[i];
	int r = part_find(m, i);

	if (r < 0)
		return r;
	if (part->foreign && m->foreign) {
		r = part_copy(m, part);
		if (r < 0)
			return r;
		*ret = part->owned;
	} else {
		*ret = part->bytes;
	}
	*ret_size = part->size;
	return 0;
}

_public_ int
tern_message_view(tern_message *m, size_t i, const volatile void **ret, size_t *ret_size)
{
	int r = part_find(m, i);

	if (r < 0)
		return r;
	*ret = m->parts[i].bytes;
	*ret_size = m->parts[i].size;
	return 0;
}

/* --- header --- */

_public_ int
tern_message_set_type(tern_message *m, const char *content_type)
{
	size_t size = strlen(content_type);
	char *copy;
	int r;

	r = may_build(m, false);
	if (r < 0)
		return r;
	if (size > WIRE_MAX_STRING)
		return error_set(-E2BIG, ERROR_TOO_BIG, "a content type has at most 255 bytes");
	copy = strdup(content_type);
	if (!copy)
		return error_errno(-ENOMEM, "content type");
	free(m->type_owned);
	m->type_owned = copy;
	m->strings[2] = copy;
	m->header.type_size = (uint8_t)size;
	return 0;
}

_public_ int
tern_message_set_trace(tern_message *m, uint64_t trace)
{
	int r = may_build(m, false);

	if (r == 0)
		m->header.trace = trace;
	return r;
}

_public_ int
tern_message_attach(tern_message *m, int fd)
{
	int copy, r;

	r = may_build(m, false);
	if (r < 0)
		return r;
	if (m->n_fds == TERN_MAX_FDS)
		return error_set(-E2BIG, ERROR_TOO_BIG, "a message carries at most 16 descriptors");
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return error_errno(-errno, "descriptor");
	m->fds[m->n_fds++] = copy;
	m->n_known_fds = m->n_fds;
	return m->n_fds - 1;
}

_public_ int
tern_message_fd(tern_message *m, size_t i)
{
	if (i >= m->n_fds)
		return error_set(-ENOENT, ERROR_INVALID, "no descriptor %zu came along", i);
	return m->fds[i];
}

_public_ uint32_t
tern_message_kind(const tern_message *m)
{
	return m->header.kind == WIRE_PART ? TERN_PART : m->header.kind;
}

_public_ tern_peer
tern_message_sender(const tern_message *m)
{
	return m->sender;
}

_public_ const char *
tern_message_service(const tern_message *m)
{
	return m->strings[0];
}

_public_ const char *
tern_message_member(const tern_message *m)
{
	return m->strings[1];
}

_public_ const char *
tern_message_type(const tern_message *m)
{
	return m->strings[2];
}

_public_ const char *
tern_message_tag(const tern_message *m, size_t i)
{
	const uint8_t *cursor = m->tags;
	const char *tag = NULL;
	uint8_t size;

	if (i >= m->header.n_tags)
		return NULL;
	for (size_t k = 0; k <= i; k++)
		tag = wire_tag_next(&cursor, &size);
	return tag;
}

_public_ uint64_t
tern_message_trace(const tern_message *m)
{
	return m->header.trace;
}

_public_ uint64_t
tern_message_stamp(const tern_message *m)
{
	return m->header.stamp;
}
