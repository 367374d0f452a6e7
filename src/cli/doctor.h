/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * doctor: what is wrong with a setup, why it matters, and what to do
 *
 * Each check looks at one thing, and notes what it finds. Checks of the place (doctor-place.c) come before those of the
 * machine (doctor-machine.c) and of the bus itself (doctor-bus.c); a check that cannot be made because of what was found
 * before it notes nothing.
 *
 * Threads: owner.
 */

#include <stdbool.h>
#include <stddef.h>
#include <tern/bus.h>

#include "base/attribute.h"

enum {
	FINDING_TEXT = 320,
	MAX_FINDINGS = 64,
};

struct finding {
	const char *check; /* a literal, one word, for programs */
	bool is_note;      /* worth knowing, not wrong */
	char what[FINDING_TEXT], why[FINDING_TEXT], remedy[FINDING_TEXT];
};

struct doctor {
	const char *given;   /* --bus; NULL */
	char address[256];   /* where the bus should be; "" not known */
	const char *source;  /* what says so, a literal */
	tern_bus *bus;       /* NULL: none was found */
	size_t n_checks;
	size_t n_findings;
	struct finding findings[MAX_FINDINGS];
};

/* doctor_note() - the next finding; the texts are set by doctor_why() and doctor_remedy(), each once, behind it */
void doctor_wrong(struct doctor *doctor, const char *check, const char *format, ...) _printf_(3, 4);
void doctor_note(struct doctor *doctor, const char *check, const char *format, ...) _printf_(3, 4);
void doctor_why(struct doctor *doctor, const char *format, ...) _printf_(2, 3);
void doctor_remedy(struct doctor *doctor, const char *format, ...) _printf_(2, 3);

/* doctor_place() - address, directory, socket; connects, if that can be done */
void doctor_place(struct doctor *doctor);
/* doctor_machine() - limits, what the kernel can do, memory, processors, clock, what was left behind */
void doctor_machine(struct doctor *doctor);
/* doctor_bus() - ternd, quotas, programs that do not take in their messages */
void doctor_bus(struct doctor *doctor);
