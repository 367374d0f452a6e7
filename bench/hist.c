/* SPDX-License-Identifier: MIT */

/* hist: from slots back to values */

#include "hist.h"

static uint64_t
slot_value(uint32_t slot)
{
	uint32_t above, top;

	if (slot < 1u << HIST_EXACT_BITS)
		return slot;
	above = slot - (1u << HIST_EXACT_BITS);
	top = HIST_EXACT_BITS + (above >> HIST_SUB_BITS);
	return (UINT64_C(1) << top) +
	       ((uint64_t)(above & ((1u << HIST_SUB_BITS) - 1)) << (top - HIST_SUB_BITS));
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	double share = q * (double)hist_n(h);
	uint64_t rank = (uint64_t)share, seen = 0;

	if ((double)rank < share)
		rank++; /* round up: the share is not exceeded by less than @q */
	for (uint32_t i = 0; i < HIST_N_SLOTS; i++) {
		seen += h->slots[i];
		if (seen && seen >= rank)
			return slot_value(i);
	}
	return 0;
}
