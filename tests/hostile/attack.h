/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * attack: what offenders have in common
 *
 * They use the library to come in, and then its insides to do what it would never do. Whatever of that fails
 * ends the offender, which fails the test: a misbehaviour that does not take place proves nothing.
 */

#include "base/atomic.h"
#include "base/attribute.h"
#include "base/clock.h"
#include "client/bus.h"
#include "hostile.h"
#include "link/link.h"
#include "link/packet.h"
#include "tern/tern.h"
#include "wire/control.h"
#include "wire/header.h"

/* expect() - that the offender gets so far */
#define expect(x) ((x) ? (void)0 : attack_failed(__FILE__, __LINE__, #x))

_Noreturn void attack_failed(const char *file, int line, const char *what);

#define PATIENCE_MS 5000 /* for what must come */
#define A_WHILE_NS  (10 * NSEC_PER_MSEC) /* how long what could go on for ever does */

/* attack_is_over() - has it gone on for A_WHILE_NS? *began is 0 at first */
bool attack_is_over(uint64_t *began);
/* attack_random() - the next number of this attack's own row */
uint64_t attack_random(struct attack *attack);

/* --- on the bus --- */

/* attack_join() - open a handle */
void attack_join(struct attack *attack);
/* attack_link() - and be linked with the victim, which has a call under way to here */
void attack_link(struct attack *attack);
/* attack_link_streaming() - and that call carries parts */
void attack_link_streaming(struct attack *attack);
/* attack_call() - call the victim; its answer or NULL */
tern_message *attack_call(struct attack *attack, const char *member, uint64_t argument);
/* attack_expect_end() - the victim hangs up */
void attack_expect_end(struct attack *attack);
/* attack_has_ended() - has it? */
bool attack_has_ended(struct attack *attack);
/* attack_expect_goes_on() - it has taken in all that was pushed, and not hung up */
void attack_expect_goes_on(struct attack *attack);
/* attack_take() - the next record from the victim of this kind; its header */
struct wire_header attack_take(struct attack *attack, uint16_t kind);

/* --- records and packets of any kind --- */

struct record {
	alignas(16) uint8_t bytes[2048];
};

/* record_call(), record_event() - as the library would make it, with CBOR {n: 1} in it; to be spoiled */
struct wire_header *record_call(struct attack *attack, struct record *record, const char *member);
struct wire_header *record_event(struct attack *attack, struct record *record, const char *tag);
/* record_about() - a reply, part, … about the call with this serial */
struct wire_header *record_about(struct attack *attack, struct record *record, uint16_t kind, uint64_t reference);
/* record_parts() - the record has this table of parts instead of its payload */
void record_parts(struct record *record, const struct wire_part *parts, uint8_t n);

/* attack_push() - what lies at header, and whatever it says: size bytes; and ring for it */
void attack_push(struct attack *attack, const void *bytes, uint32_t size);
/* attack_push_record() - the same, of a record whose head says how large it is */
void attack_push_record(struct attack *attack, const struct wire_header *header);
/* attack_has_room() - in the ring, for size bytes and as many again */
bool attack_has_room(struct attack *attack, uint32_t size);
/* attack_ring() - a byte on the socket */
void attack_ring(struct attack *attack);

/* attack_packet() - over the link's socket; false: there was no room, or nobody */
bool attack_packet(struct attack *attack, const void *bytes, size_t size, const int *fds, size_t n_fds);
/* attack_segment() - announce a segment under this number */
bool attack_segment(struct attack *attack, uint32_t id, int fd);
/* attack_blocks() - a sealed segment of blocks of the offender's own */
void attack_blocks(struct segment *ret, size_t size);
/* attack_ring_segment() - a sealed segment with a ring of size bytes */
void attack_ring_segment(struct segment *ret, uint32_t size);

/* --- by hand, without the library --- */

/* hand_connect() - to ternd, and say nothing */
int hand_connect(struct attack *attack);
/* hand_send() - a request to ternd; false: no room, or it has hung up */
bool hand_send(int fd, struct control *control, uint64_t serial);
/* hand_send_bytes() - any packet */
bool hand_send_bytes(int fd, const void *bytes, size_t size);
/* hand_receive() - the next packet, which is to come; control borrows from bytes. Descriptors in it are closed but the
 * last, which is *ret_fd if that is not NULL. Return: false, ternd hung up */
bool hand_receive(int fd, struct control *ret, uint8_t bytes[CONTROL_MAX_PACKET], int *ret_fd);
/* hand_join() - say hello and be welcomed. Return: the socket */
int hand_join(struct attack *attack, struct control *ret_welcome, uint8_t bytes[CONTROL_MAX_PACKET]);
/* hand_introduce() - be introduced to the victim. Return: the link's socket, over which nothing was said */
int hand_introduce(struct attack *attack);
/* hand_expect_end() - whoever is at the other end hangs up */
void hand_expect_end(int fd);
/* hand_hello() - a link's hello as it should be, and its segment */
struct packet_hello hand_hello(struct segment *segment);
