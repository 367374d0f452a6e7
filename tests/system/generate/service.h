/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * service: org.example.Test, which is written twice: service-by-hand.c, service-generated.c
 *
 * The same test runs with each of them (services.c), and has to find no difference.
 */

#include <tern/tern.h>

#define SERVICE "org.example.Test"

/* service_start() - serve it on this bus; service_stop() - no more */
void service_start(tern_bus *bus);
void service_stop(void);
