/* SPDX-License-Identifier: MIT */

/*
 * tables-fuzz: a table whose every byte behind the head is the input
 *
 * The first byte says of which kind it is. Whatever a reader can ask is asked;
 * it must come back, from within the mapping, with an answer of its contract.
 */

#include "tables-ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t image_size;
	void *image;

	if (size == 0)
		return 0;
	image = tables_image(data[0] % N_TABLES, data + 1, size - 1, &image_size);
	tables_ask(data[0] % N_TABLES, image, image_size);
	free(image);
	return 0;
}
