/* SPDX-License-Identifier: MIT */

/* traffic: calls and answers paired, filters, and records as they lie in files */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attribute.h"
#include "cli/pcapng.h"
#include "cli/recording.h"
#include "cli/traffic.h"

static struct traffic
message(uint32_t kind, tern_peer from, tern_peer to, uint64_t serial, uint64_t reference)
{
	return (struct traffic){
		.kind = kind,
		.stamp = 100 * serial,
		.from = from,
		.to = to,
		.serial = serial,
		.reference = reference,
		.is_back = from == 20,
		.service = kind == TRAFFIC_CALL ? "org.example.A" : "",
		.member = kind == TRAFFIC_CALL ? "Do" : "",
		.type = "",
		.program = "",
	};
}

START_TEST(answers_find_their_calls)
{
	struct traffic_pairs pairs = {0};
	struct traffic_pair pair;
	struct traffic t;

	for (uint64_t i = 1; i <= 3; i++) {
		t = message(TRAFFIC_CALL, 10, 20, i, 0);
		ck_assert(traffic_pair(&pairs, &t, true, &pair));
		ck_assert_uint_eq(pair.number, i);
	}
	t = message(TRAFFIC_PART, 20, 10, 0, 2);
	ck_assert(traffic_pair(&pairs, &t, true, &pair));
	t = message(TRAFFIC_PART, 10, 20, 0, 2); /* streams go both ways */
	ck_assert(traffic_pair(&pairs, &t, true, &pair));
	ck_assert_uint_eq(pair.number, 2);
	t = message(TRAFFIC_REPLY, 20, 10, 0, 2);
	ck_assert(traffic_pair(&pairs, &t, true, &pair));
	ck_assert_uint_eq(pair.begin, 200);
	ck_assert_str_eq(pair.service, "org.example.A");
	ck_assert_str_eq(pair.member, "Do");
	ck_assert(!traffic_pair(&pairs, &t, true, &pair)); /* once */
	t = message(TRAFFIC_ERROR, 20, 11, 0, 1);
	ck_assert(!traffic_pair(&pairs, &t, true, &pair)); /* another caller's */
	ck_assert_uint_eq(traffic_n_open(&pairs), 2);
	for (uint64_t i = 4; i < 70000; i++) { /* nobody answers: there is an end to what is kept */
		t = message(TRAFFIC_CALL, 10, 20, i, 0);
		ck_assert(traffic_pair(&pairs, &t, true, &pair));
	}
	ck_assert_uint_eq(traffic_n_open(&pairs), 65536);
	ck_assert_uint_gt(pairs.n_forgotten, 0);
	traffic_pairs_deinit(&pairs);
}
END_TEST

static bool
owns(void *user, const char *service, tern_peer peer)
{
	return peer == 20;
}

START_TEST(filters)
{
	struct traffic_filter filter = {.service = "org.example.A", .member = "Do", .owns = owns};
	struct traffic_pairs pairs = {0};
	struct traffic_pair pair;
	struct traffic t = message(TRAFFIC_CALL, 10, 20, 1, 0);

	ck_assert(traffic_match(&filter, &pairs, &t, &pair));
	t.member = "Other";
	t.serial = 2;
	ck_assert(!traffic_match(&filter, &pairs, &t, &pair));
	t = message(TRAFFIC_REPLY, 20, 10, 0, 2);
	ck_assert(!traffic_match(&filter, &pairs, &t, &pair)); /* as its call */
	t = message(TRAFFIC_REPLY, 20, 10, 0, 1);
	ck_assert(traffic_match(&filter, &pairs, &t, &pair));
	t = message(TRAFFIC_EVENT, 20, 0, 0, 0);
	t.tags[t.n_tags++] = "org.example.A.Undo";
	ck_assert(!traffic_match(&filter, &pairs, &t, &pair));
	t.tags[t.n_tags++] = "org.example.A.Do";
	ck_assert(traffic_match(&filter, &pairs, &t, &pair));
	t.from = 21;
	ck_assert(!traffic_match(&filter, &pairs, &t, &pair));
	filter = (struct traffic_filter){.tags = {"org.example.A.Undo"}, .n_tags = 1};
	ck_assert(traffic_match(&filter, &pairs, &t, &pair));
	t = message(TRAFFIC_CALL, 10, 20, 3, 0);
	ck_assert(!traffic_match(&filter, &pairs, &t, &pair));
	traffic_pairs_deinit(&pairs);
}
END_TEST

/* full() - a message with one of everything */
static struct traffic
full(void)
{
	struct traffic t = message(TRAFFIC_CALL, 1, 2, 3, 4);

	t.deadline = 5;
	t.trace = 6;
	t.pid = 7;
	t.uid = 8;
	t.no_reply = true;
	t.is_back = true;
	t.n_fds = 9;
	t.type = "text/plain";
	t.program = "prog";
	t.tags[t.n_tags++] = "a";
	t.tags[t.n_tags++] = "tag";
	t.parts[t.n_parts++] = (struct traffic_part){(const uint8_t *)"0123456789", 10, 10};
	t.parts[t.n_parts++] = (struct traffic_part){(const uint8_t *)"", 0, 0};
	t.parts[t.n_parts++] = (struct traffic_part){(const uint8_t *)"abcdef", 6, 6};
	return t;
}

START_TEST(records)
{
	struct traffic t = full(), again;
	uint8_t record[RECORDING_HEAD_MAX + 16];
	uint64_t rest;
	size_t size = recording_write(&t, 12, record, &rest);

	ck_assert_uint_eq(rest, 12);
	memcpy(record + size, "0123456789ab", 12);
	size += 12;
	ck_assert_ptr_null(recording_read(record, size, &again));
	ck_assert_str_eq(again.service, "org.example.A");
	ck_assert_str_eq(again.tags[1], "tag");
	ck_assert(again.no_reply && again.is_back && again.n_fds == 9 && again.uid == 8 && again.reference == 4);
	ck_assert_uint_eq(again.parts[2].size, 6);
	ck_assert_uint_eq(again.parts[2].there, 2);
	ck_assert_mem_eq(again.parts[2].bytes, "ab", 2);
	ck_assert(traffic_is_cut(&again) && !traffic_is_cut(&t));
	for (size_t n = 0; n < size; n++) { /* at the very end of memory: nothing behind it is read */
		uint8_t *end = malloc(n ? n : 1);

		memcpy(end, record, n);
		ck_assert_ptr_nonnull(recording_read(end, n, &again));
		free(end);
	}
	record[size] = 0;
	ck_assert_ptr_nonnull(recording_read(record, size + 1, &again));
}
END_TEST

START_TEST(files)
{
	struct pcapng_writer w;
	struct pcapng_reader r;
	struct pcapng_packet packet;
	int fd = memfd_create("test", MFD_CLOEXEC);
	FILE *file;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pcapng_begin(&w, fd, "unix:/x", "test"), 0);
	for (size_t i = 0; i < 300; i++)
		ck_assert_int_eq(pcapng_packet(&w, 1000000007 * i, "head", 4, "and the rest", i % 13, 20), 0);
	ck_assert_int_eq(pcapng_end(&w, 0, 1, 300, 0), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), (off_t)w.n_bytes);
	pcapng_writer_deinit(&w);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	file = fdopen(fd, "r");
	pcapng_reader_init(&r, file);
	for (size_t i = 0; i < 300; i++) {
		ck_assert_int_eq(pcapng_next(&r, &packet), 0);
		ck_assert_uint_eq(packet.time_ns, 1000000007 * i);
		ck_assert_uint_eq(packet.linktype, PCAPNG_LINKTYPE);
		ck_assert_uint_eq(packet.size, 4 + i % 13);
		ck_assert_mem_eq(packet.bytes, "headand the rest", packet.size);
	}
	ck_assert_int_eq(pcapng_next(&r, &packet), PCAPNG_E_END);
	pcapng_reader_deinit(&r);
	(void)fclose(file);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("traffic");
	TCase *tcase = tcase_create("traffic");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, answers_find_their_calls);
	tcase_add_test(tcase, filters);
	tcase_add_test(tcase, records);
	tcase_add_test(tcase, files);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed > 0;
}
