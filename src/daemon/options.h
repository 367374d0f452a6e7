/* SPDX-License-Identifier: MIT */
#pragma once

/* options: ternd's command line */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "bus/quota.h"
#include "io/address.h"

enum {
	OPTIONS_MAX_USERS = 64,
	OPTIONS_MAX_SERVICES = 8,
};

#define OPTIONS_SYSTEM "/run/tern/" /* where the bus of a machine is */

struct options {
	char address[ADDRESS_SIZE];
	const char *path;		   /* in address */
	bool is_system;			   /* it is the bus of a machine: in /run/tern */
	const char *config;		   /* its file; NULL: none */
	char config_path[PATH_MAX];	   /* of the file by default; empty: there is none */
	uint32_t users[OPTIONS_MAX_USERS]; /* allowed besides ternd's own */
	size_t n_users;
	uint64_t limits[N_QUOTA]; /* per user; 0: as by default */
	int ready_fd; /* -1: none */
	const char *services[OPTIONS_MAX_SERVICES]; /* folders of service files; none: as by default */
	size_t n_services;
	struct rlimit files; /* RLIMIT_NOFILE as ternd was started with, for the services that it starts */
	bool replace; /* take the place of the ternd that is there */
	bool check;   /* say what is wrong with its files, and end */
};

enum {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* help or version was printed */
	OPTIONS_WRONG, /* it was said what is */
};

/* options_parse() - read the command line and the environment; prints. Return: OPTIONS_* */
int options_parse(struct options *ret, int argc, char **argv);

/* options_find_config() - the file by default may be there by now; one that was is not given up */
void options_find_config(struct options *options);
