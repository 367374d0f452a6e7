/* SPDX-License-Identifier: MIT */

/* hash: the key; see hash.h */

#include "base/hash.h"

uint64_t hash_key[2] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93)};
