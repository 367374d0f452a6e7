/* SPDX-License-Identifier: MIT */

/* mock-job: see mock-job.h */

#include <string.h>
#include <tern/stream.h>
#include <utlist.h>

#include "base/attribute.h"
#include "cli/json.h"
#include "cli/mock-job.h"
#include "cli/payload.h"

const char *
job_member(const struct mock_job *job)
{
	return interface_name(job->mock->interface, &job->method->item);
}

struct mock_job *
job_new(struct mock *mock, tern_call *call, const struct interface_member *method)
{
	struct mock_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	*job = (struct mock_job){.mock = mock, .call = tern_call_ref(call), .method = method, .in = -1, .out = -1, .end = -1};
	DL_APPEND(mock->jobs, job);
	mock->n_jobs++;
	return job;
}

struct mock_job *
job_free(struct mock_job *job)
{
	struct mock *mock = job->mock;

	script_end(job);
	DL_DELETE(mock->jobs, job);
	mock->n_jobs--;
	for (size_t i = 0; i < job->n_parts; i++)
		free(job->parts[i].bytes);
	free(job->parts);
	free(job->result.bytes);
	(void)tern_call_unref(job->call); /* always NULL */
	free(job);
	return NULL;
}

void
job_fail(struct mock_job *job, const char *name, const char *text)
{
	(void)mock_reply_error(job->mock, job->call, job_member(job), name, text); /* always 0 */
	(void)job_free(job); /* always NULL */
}

int
job_add_part(struct mock_job *job, const struct mock_bytes *bytes)
{
	struct mock_bytes *more = reallocarray(job->parts, job->n_parts + 1, sizeof(*more));

	if (!more) {
		free(bytes->bytes);
		return -ENOMEM;
	}
	job->parts = more;
	job->parts[job->n_parts++] = *bytes;
	return 0;
}

/* -------- out -------- */

/* put_part() - Return: 0; -EAGAIN: TERN_WRITABLE will follow; else nobody reads any more */
static int
put_part(struct mock_job *job, const struct mock_bytes *bytes)
{
	_cleanup_(message_unrefp) tern_message *part = NULL;
	_cleanup_(json_putp) struct json_object *value = NULL;
	struct json_fault fault;
	int r;

	r = tern_message_new_part(job->call, &part);
	if (r == 0)
		r = tern_message_append(part, bytes->bytes, bytes->size);
	if (r == 0)
		r = tern_call_put_message(part, TERN_DEFAULT, TERN_NONBLOCK);
	if (r == 0) {
		(void)json_from_cbor(bytes->bytes, bytes->size, &value, &fault); /* for people: null will do */
		mock_say(job->mock, "part", job_member(job), value, NULL);
	}
	return r;
}

void
job_put(struct mock_job *job)
{
	int r = 0;

	while (r == 0 && job->n_put < job->n_parts) {
		r = put_part(job, &job->parts[job->n_put]);
		job->n_put += r == 0;
	}
	if (r == -EAGAIN)
		return;
	if (r == 0 && job->error)
		(void)mock_reply_error(job->mock, job->call, job_member(job), job->error, job->text); /* always 0, as the next */
	else if (r == 0)
		(void)mock_reply(job->mock, job->call, job_member(job), &job->result);
	else
		mock_say(job->mock, "gone", job_member(job), NULL, NULL);
	(void)job_free(job); /* always NULL */
}

void
job_run(struct mock_job *job)
{
	if (job->reads)
		return; /* on_stream() goes on */
	if (job->is_scripted)
		script_start_next(job->mock);
	else
		job_put(job);
}

/* -------- in -------- */

static struct mock_job *
find(const struct mock *mock, const tern_call *call)
{
	struct mock_job *job;

	DL_FOREACH (mock->jobs, job)
		if (job->call == call)
			return job;
	return NULL;
}

/* read_part() - one of the caller's */
static void
read_part(struct mock_job *job, tern_message *m)
{
	_cleanup_(json_putp) struct json_object *value = NULL;

	if (payload_get(m, &value) < 0) {
		job_fail(job, "tern.Failed", "a part cannot be read");
		return;
	}
	mock_say(job->mock, "part", job_member(job), value, NULL);
	if (job->is_scripted && script_add_part(job, value) < 0)
		job_fail(job, "tern.Failed", "too many parts for the script");
}

static void
on_stream(tern_call *call, const struct tern_event *event, void *user)
{
	struct mock_job *job = find(user, call);

	if (!job)
		return; /* it was given up already */
	if (event->kind == TERN_PART) {
		read_part(job, event->message);
	} else if (event->kind == TERN_END) {
		job->reads = false;
		job_run(job);
	} else if (event->kind == TERN_WRITABLE) {
		job_put(job);
	} else if (event->kind == TERN_CANCEL) {
		mock_say(job->mock, "gone", job_member(job), NULL, NULL);
		(void)job_free(job); /* always NULL */
	}
}

int
job_follow(struct mock_job *job)
{
	job->reads = job->method->types[METHOD_IN_STREAM].kind != KIND_NONE;
	return tern_call_follow(job->call, on_stream, job->mock);
}

void
mock_sweep(struct mock *mock)
{
	struct mock_job *job, *next;

	DL_FOREACH_SAFE (mock->jobs, job, next)
		if (tern_call_is_cancelled(job->call)) {
			mock_say(mock, "gone", job_member(job), NULL, NULL);
			(void)job_free(job); /* always NULL */
		}
	script_start_next(mock);
}
