/* SPDX-License-Identifier: MIT */

/*
 * service-fuzz: any bytes as a service file
 *
 * What is right has a program by its path, words that lie in the memory of the file and end there, and an
 * environment of NAME=VALUE. What is wrong says where, in text that is fit for a terminal but for the path it was read
 * from. The same bytes are read the same twice.
 */

#include "base/attribute.h"
#include "daemon/service-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_words(const struct service_file *file, const char *const *words, size_t n)
{
	assert(n <= SERVICE_FILE_MAX_WORDS && !words[n]);
	for (size_t i = 0; i < n; i++) {
		assert(words[i] >= file->memory && words[i] < file->memory + file->used);
		assert(words[i] + strlen(words[i]) < file->memory + file->used);
	}
}

static void
check_file(const struct service_file *file)
{
	assert(file->n_exec > 0 && file->exec[0][0] == '/');
	assert(file->timeout > 0 && file->timeout <= SERVICE_FILE_MAX_TIMEOUT);
	assert(!file->directory || *file->directory == '/');
	assert(!file->user || *file->user);
	check_words(file, file->exec, file->n_exec);
	check_words(file, file->environment, file->n_environment);
	for (size_t i = 0; i < file->n_environment; i++)
		assert(strchr(file->environment[i], '=') > file->environment[i]);
}

static void
check_error(const struct config_error *error)
{
	assert(strncmp(error->text, "f:", 2) == 0);
	for (const char *c = error->text; *c; c++)
		assert((uint8_t)*c >= ' ' && *c != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct service_file file, again;
	struct config_error error;
	int r = service_file_parse(&file, "f", (const char *)data, size, &error);

	assert(r == 0 || r == -EINVAL);
	if (r)
		check_error(&error);
	else
		check_file(&file);
	assert(service_file_parse(&again, "f", (const char *)data, size, &error) == r);
	assert(r || (again.used == file.used && memcmp(again.memory, file.memory, file.used) == 0));
	return 0;
}
