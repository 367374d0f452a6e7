/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * minor: a build that stands for a later minor version
 *
 * Of the same major version, older and newer builds live on one bus. So that this
 * is tested before there is a newer one, a build with TERN_TEST_MINOR (tests only)
 * says everywhere more than this version knows, as a later one may.
 */

#ifdef TERN_TEST_MINOR
#define MINOR_AHEAD 1
#else
#define MINOR_AHEAD 0
#endif
