/* SPDX-License-Identifier: MIT */

/* doctor-bus: ternd, what users hold, and programs that do not take in their messages */

#include <stdio.h>
#include <tern/loop.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/amount.h"
#include "cli/ask.h"
#include "cli/doctor.h"
#include "cli/json.h"
#include "cli/top.h"

#define PATIENCE NSEC_PER_SEC

static const struct {
	const char *key, *words;
} KINDS[] = {
	{"peers", "connections"},
	{"names", "names"},
	{"rules", "rules about events"},
	{"links", "links"},
	{"bytes", "bytes in ternd's memory"},
	{"fds", "descriptors of ternd's"},
	{"half_open", "connections that have not said hello"},
	{"starts", "calls that wait for a service to start"},
};

static void
check_ternd(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *status = NULL;
	int r = ask(doctor->bus, "tern", "Status", 0, PATIENCE, &status);

	doctor->n_checks++;
	if (r == -ETIME || r == -EAGAIN) {
		doctor_wrong(doctor, "ternd", "ternd does not answer");
		doctor_why(doctor, "programs that are linked talk on; nobody can join, own a name or find a new partner");
		doctor_remedy(doctor, "see whether it was stopped (SIGSTOP, a debugger), or gets no processor");
	} else if (r < 0) {
		doctor_wrong(doctor, "version", "ternd does not tell how it is: %s", tern_last_error()->text);
		doctor_why(doctor, "it is older than this tool (%s): what came since does not work", TERN_VERSION);
		doctor_remedy(doctor, "restart the bus with the ternd of this release");
	} else if (strcmp(ask_text(status, "version"), TERN_VERSION) != 0) {
		doctor_note(doctor, "version", "ternd is of version %s, this tool of %s", ask_text(status, "version"),
			TERN_VERSION);
		doctor_why(doctor, "they understand each other, but one of them may lack what the other offers");
		doctor_remedy(doctor, "restart the bus after an update, when its programs can be restarted, too");
	}
}

static void
check_amounts(struct doctor *doctor, struct json_object *user, struct json_object *limits)
{
	struct json_object *used = NULL;
	char name[64];

	(void)json_object_object_get_ex(user, "used", &used); /* not there: zeros */
	(void)json_object_object_get_ex(user, "allowed", &limits); /* not there: of an older ternd */
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++) {
		uint64_t limit = ask_number(limits, KINDS[i].key), have = ask_number(used, KINDS[i].key);

		if (limit == 0 || have < limit - limit / 10)
			continue;
		doctor_wrong(doctor, "quota", "the programs of %s have %llu of the %llu %s that a user may have",
			amount_user((uint32_t)ask_number(user, "uid"), name, sizeof(name)), (unsigned long long)have,
			(unsigned long long)limit, KINDS[i].words);
		doctor_why(doctor, "more are refused with tern.Quota");
		doctor_remedy(doctor, "see who holds them with 'tern status --programs', or start ternd with a higher --limit");
	}
}

static void
check_quotas(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *answer = NULL;
	struct json_object *limits = NULL, *users;

	doctor->n_checks++;
	if (ask(doctor->bus, "tern", "Limits", 0, PATIENCE, &answer) < 0)
		return; /* said above */
	users = ask_list(answer, "users");
	(void)json_object_object_get_ex(answer, "limits", &limits); /* not there: no limits */
	for (size_t i = 0; users && i < json_object_array_length(users); i++)
		check_amounts(doctor, json_object_array_get_idx(users, i), limits);
}

static void
say_silent(struct doctor *doctor, const struct program *program)
{
	doctor_wrong(doctor, "silent", "%s (process %u, :%llu) does not take in its messages", program->names ? program->names : "?",
		program->pid, (unsigned long long)program->id);
	doctor_why(doctor, "who calls it waits in vain, and what is published for it is dropped, or waited for");
	doctor_remedy(doctor, "see what it does: does its loop call tern_next() or tern_process(), was it stopped?");
}

/* check_programs() - each is to say something within a second */
static void
check_programs(struct doctor *doctor)
{
	struct top top = {.bus = doctor->bus};
	uint64_t until = clock_now_ns() + PATIENCE;

	doctor->n_checks++;
	if (top_begin(&top, PATIENCE) == 0) {
		while (!top_is_complete(&top) && clock_now_ns() < until) {
			struct tern_event event = {.size = sizeof(event)};

			if (tern_next(doctor->bus, until - clock_now_ns(), &event) < 0)
				break;
			if (event.kind == TERN_REPLY || event.kind == TERN_ERROR)
				top_take(&top, event.call, event.message, event.result);
			(void)tern_message_unref(event.message); /* always NULL, as the next */
			(void)tern_call_unref(event.call);
		}
		top_end(&top);
		for (size_t i = 0; i < top.n; i++)
			if (top.programs[i].state == TOP_BUSY)
				say_silent(doctor, &top.programs[i]);
	}
	top_deinit(&top);
}

static void
check_readers(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *peers = NULL;

	doctor->n_checks++;
	if (ask_pages(doctor->bus, "Peers", "peers", &peers) < 0)
		return; /* said above */
	for (size_t i = 0; i < json_object_array_length(peers); i++) {
		struct json_object *peer = json_object_array_get_idx(peers, i);

		if (ask_number(peer, "waiting") == 0)
			continue;
		doctor_wrong(doctor, "deaf", "process %llu (:%llu) does not read what ternd sends it: %llu bytes wait, %llu news of names "
			"are lost", (unsigned long long)ask_number(peer, "pid"), (unsigned long long)ask_number(peer, "id"),
			(unsigned long long)ask_number(peer, "waiting"), (unsigned long long)ask_number(peer, "lost"));
		doctor_why(doctor, "it is in nobody's reach: new links to it are refused");
		doctor_remedy(doctor, "see what it does, as of one that does not take in its messages");
	}
}

/* check_services() - those whose last start failed */
static void
check_services(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *services = NULL;

	doctor->n_checks++;
	if (ask_pages(doctor->bus, "Services", "services", &services) < 0)
		return; /* said above */
	for (size_t i = 0; i < json_object_array_length(services); i++) {
		struct json_object *service = json_object_array_get_idx(services, i);

		if (!*ask_text(service, "fault") || strcmp(ask_text(service, "state"), "running") == 0)
			continue;
		doctor_wrong(doctor, "service", "%s", ask_text(service, "fault"));
		doctor_why(doctor, "who calls it is refused with tern.StartFailed");
		doctor_remedy(doctor, "mend %s or its program, see what it says on ternd's output; 'ternd --check' looks at all such files",
			ask_text(service, "file"));
	}
}

void
doctor_bus(struct doctor *doctor)
{
	if (!doctor->bus)
		return;
	(void)tern_set_option(doctor->bus, TERN_OPT_TIMEOUT, PATIENCE); /* cannot fail: it is an option */
	check_ternd(doctor);
	check_quotas(doctor);
	check_readers(doctor);
	check_services(doctor);
	check_programs(doctor);
}
