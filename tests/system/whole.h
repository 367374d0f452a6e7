/* SPDX-License-Identifier: MIT */
#pragma once

/* whole: has a message all that its values say it has? For tests that send random ones. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tern/tern.h"

/*
 * is_whole() - a second part of so many bytes, or none; a descriptor of a file with this number in it, or none; no more
 * @ret_bytes: of the second part, borrowed; set on success
 */
bool is_whole(tern_message *m, uint64_t size, bool has_fd, uint64_t number, const void **ret_bytes);
/* attach_number() - the descriptor for that. Return: as tern_message_attach(). */
int attach_number(tern_message *m, uint64_t number);
