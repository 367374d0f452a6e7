/* SPDX-License-Identifier: MIT */

/* source: files with interfaces, and what is wrong with them, for people and for programs */

#include <fcntl.h>
#include <json-c/json.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "cli/source.h"

#define MOST_SHOWN 160 /* bytes of a line */

int
source_read(struct source *source, const char *path)
{
	_cleanup_(freep) char *text = malloc(INTERFACE_MAX_SIZE + 1);
	_cleanup_(fd_closep) int fd = -1;
	size_t size = 0;
	ssize_t n = 1;

	if (!text)
		return -ENOMEM;
	if (strcmp(path, "-") != 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	while (n != 0 && size <= INTERFACE_MAX_SIZE) {
		n = read(fd < 0 ? STDIN_FILENO : fd, text + size, INTERFACE_MAX_SIZE + 1 - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		size += n > 0 ? (size_t)n : 0;
	}
	*source = (struct source){.path = path, .text = steal(text), .size = size};
	return 0;
}

void
source_deinit(struct source *source)
{
	free(source->text);
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* The line of a fault, and below it where: what is not as wide as it seems is left out there. */
static void
print_line(FILE *out, const struct source *source, const struct interface_fault *fault)
{
	size_t from = fault->offset, to = fault->offset;
	const char *text = source->text;

	while (from > 0 && !is_line_end(text[from - 1]) && fault->offset - from < MOST_SHOWN)
		from--;
	while (to < source->size && !is_line_end(text[to]) && to - from < 2 * MOST_SHOWN)
		to++;
	(void)fputs("    ", out); /* main() asks */
	plain_print(out, text + from, to - from, true);
	(void)fputs("\n    ", out); /* as above, as all here */
	for (size_t i = from; i < fault->offset; i++)
		if (text[i] == '\t')
			(void)fputc('\t', out);
		else if ((text[i] & 0xc0) != 0x80)
			(void)fputc(' ', out);
	for (size_t i = fault->offset;
		i == fault->offset || i < MIN(fault->offset + fault->size, to); i++)
		if (i == fault->offset || (text[i] & 0xc0) != 0x80)
			(void)fputc('^', out);
	(void)fputc('\n', out);
}

void
source_print_faults(FILE *out, const struct source *source, const struct interface_faults *faults)
{
	uint32_t n = MIN(faults->n, (uint32_t)INTERFACE_MAX_FAULTS);

	for (uint32_t i = 0; i < n; i++) {
		const struct interface_fault *fault = &faults->items[i];

		plain_print(out, source->path, strlen(source->path), false);
		(void)fprintf(out, ":%u:%u: %s\n", fault->line, fault->column,
			fault->text); /* as above */
		print_line(out, source, fault);
	}
	if (n < faults->n)
		(void)fprintf(out, "and %u more\n", faults->n - n); /* as above */
}

static struct json_object *
json_of_fault(const struct source *source, const struct interface_fault *fault)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	json_object_object_add(object, "file", json_new_text(source->path));
	json_object_object_add(object, "line", json_object_new_int64(fault->line));
	json_object_object_add(object, "column", json_object_new_int64(fault->column));
	json_object_object_add(object, "offset", json_object_new_int64(fault->offset));
	json_object_object_add(object, "size", json_object_new_int64(fault->size));
	json_object_object_add(object, "text", json_new_text(fault->text));
	return object;
}

int
source_add_faults(struct json_object *array, const struct source *source,
	const struct interface_faults *faults)
{
	for (uint32_t i = 0; i < MIN(faults->n, (uint32_t)INTERFACE_MAX_FAULTS); i++) {
		struct json_object *object = json_of_fault(source, &faults->items[i]);

		if (!object || json_object_array_add(array, object))
			return -ENOMEM;
	}
	return 0;
}
