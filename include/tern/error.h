/* SPDX-License-Identifier: MIT */
#ifndef TERN_ERROR_H
#define TERN_ERROR_H

/**
 * @file error.h
 * An error in words: a name for programs, a text for people.
 */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The caller's memory, filled by those who take a pointer to it; both are
 * NUL-terminated, cut where too long. Names of tern's own errors begin with
 * `tern.`, others are those of the service that answered.
 */
struct tern_error {
	char name[128]; /**< "tern.NoSuchService", "org.example.Mixer.NoSuchPlayer" */
	char text[256]; /**< one sentence that says what to do */
};

#ifdef __cplusplus
}
#endif

#endif
