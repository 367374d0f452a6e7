/* SPDX-License-Identifier: MIT */

/* traffic-wish: see traffic-wish.h */

#include "cli/traffic-wish.h"

#include <fcntl.h>

#include "base/attribute.h"
#include "cli/plain.h"

static int
read_kinds(const struct cli *cli, uint32_t *kinds)
{
	const char *word = cli->words.value;

	for (;;) {
		size_t size = strcspn(word, ",");
		uint32_t kind = traffic_kind_read(word, size);

		if (kind == 0 || kind == TRAFFIC_GAP)
			return command_usage(cli,
				"'%.*s' is no kind; call, reply, error, event, part, end and cancel are", (int)size,
				word);
		*kinds |= UINT32_C(1) << kind | UINT32_C(1) << TRAFFIC_GAP; /* who misses some is told in any case */
		word += size;
		if (!*word)
			return STATUS_OK;
		word++;
	}
}

static int
read_ready_fd(const struct cli *cli, int *ret)
{
	uint64_t number;
	int r;

	r = command_number(cli, 0, &number);
	if (r)
		return r;
	if (number > INT32_MAX || fcntl((int)number, F_GETFD) < 0)
		return command_usage(cli, "descriptor %s is not open", cli->words.value);
	*ret = (int)number;
	return STATUS_OK;
}

int
traffic_wish_tag(const struct cli *cli, struct traffic_wish *wish, const char *tag)
{
	struct traffic_filter *filter = &wish->filter;

	if (filter->n_tags == TERN_MAX_TAGS)
		return command_usage(cli, "a rule has %d tags at most", TERN_MAX_TAGS);
	filter->tags[filter->n_tags++] = tag;
	return STATUS_OK;
}

int
traffic_wish_read(struct cli *cli, int id, struct traffic_wish *wish)
{
	switch (id) {
	case OPTION_KIND:
		return read_kinds(cli, &wish->filter.kinds);
	case OPTION_SERVICE:
		wish->filter.service = cli->words.value;
		return STATUS_OK;
	case OPTION_MEMBER:
		wish->filter.member = cli->words.value;
		return STATUS_OK;
	case OPTION_COUNT:
		return command_number(cli, 1, &wish->count);
	case OPTION_TIMEOUT:
		return command_duration(cli, &wish->timeout_ns);
	case OPTION_READY:
		return read_ready_fd(cli, &wish->ready_fd);
	default:
		return traffic_wish_tag(cli, wish, cli->words.value);
	}
}

void
traffic_wish_ready(struct traffic_wish *wish)
{
	if (wish->ready_fd < 0)
		return;
	if (write(wish->ready_fd, "\n", 1) != 1)
		report("descriptor %d cannot be written: %m", wish->ready_fd);
	wish->ready_fd = fd_close(wish->ready_fd);
}
