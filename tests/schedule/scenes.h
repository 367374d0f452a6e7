/* SPDX-License-Identifier: MIT */
#pragma once

/* scenes: those there are; schedule.h says what one is */

#include "schedule.h"

extern const struct scene scene_ring, scene_value, scene_table;            /* of shm */
extern const struct scene scene_wake, scene_room;                          /* of two programs on a bus */
extern const struct scene scene_order, scene_horizon, scene_cold, scene_unknown; /* of three */

extern const char *scenes_address; /* of that bus */
