/* SPDX-License-Identifier: MIT */

/*
 * config-fuzz: any bytes as ternd.conf
 *
 * A file is refused with a line, or taken; what is taken decides about any name without looking outside
 * of it, and nobody whom the file does not name may do anything on a system bus.
 */

#include "base/attribute.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
number_of(const char *name, uint32_t *ret)
{
	if (name[0] != 'u' || name[1])
		return -ENOENT;
	*ret = 1000;
	return 0;
}

static void
ask(const struct policy *policy, bool has_anybody)
{
	static const char *const names[] = {"a", "org.example.Mixer", "org.example", "a.b.c.d.e.f"};
	const struct policy_subject nobody = {.uid = UINT32_MAX - 1};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct policy_entry *entry = policy_find(policy, names[i], strlen(names[i]));

		assert(entry && policy_pattern_check(entry->text, entry->size, NULL) == 0);
		for (int right = 0; right < N_POLICY; right++)
			assert(has_anybody || !policy_entry_allows(entry, right, &nobody, 5));
	}
	assert(policy_find(policy, NULL, 0) == policy->all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct config_names names = {number_of, number_of};
	/* a number that may be written, and what means everybody */
	bool has_anybody = memchr(data ? data : (const uint8_t *)"", '*', size) || memmem(data, size, "4294967294", 10);
	struct config_error error = {""};
	struct config config;
	int r = config_parse(&config, "file", (const char *)data, size, true, &names, &error);

	if (r) {
		assert(r == -EINVAL && !strncmp(error.text, "file:", 5));
		assert(strlen(error.text) < sizeof(error.text));
		return 0;
	}
	ask(config.policy, has_anybody);
	config_deinit(&config);
	return 0;
}
