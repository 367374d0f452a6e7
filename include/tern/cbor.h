/* SPDX-License-Identifier: MIT */
#ifndef TERN_CBOR_H
#define TERN_CBOR_H

/**
 * @file cbor.h
 * Values as CBOR (RFC 8949): a writer, a reader, and both at once by a format string.
 *
 * The writer fills the caller's memory and goes on counting past its end, so
 * that a first run without memory tells the size. What it writes is shortest
 * form; it is deterministic (RFC 8949, 4.2) if the caller sorts the keys of maps.
 *
 * The reader is a cursor. It allocates nothing, never recurses, reads every
 * byte once, and takes nothing on trust: lengths and counts are held against what is
 * left, text must be UTF-8, nesting and the number of items have limits. The
 * first fault stays: from then on everything returns -EBADMSG, and `fault` tells
 * what it was and where.
 *
 * Threads: any, each object by one at a time. Blocks: never. The buffers stay
 * the caller's; what a reader hands out points into them.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	TERN_CBOR_MAX_DEPTH = 32, /**< arrays, maps, strings in pieces and tags in each other */
	TERN_CBOR_MAX_ITEMS = 1 << 24, /**< items in one buffer */
	TERN_CBOR_MAX_VALUES = 64,     /**< letters, arrays and maps in one format */
	TERN_CBOR_TAG_FD = 0x7465726e, /**< ("tern") before a descriptor's index in the message */
	/** ("terp") before the number of a part of the message, from 1: bytes that lie there and not here */
	TERN_CBOR_TAG_PART = 0x74657270,
};

/** For a number of elements: not known beforehand, a break follows the last. */
#define TERN_CBOR_INDEFINITE SIZE_MAX

/** What an item is. */
enum {
	TERN_CBOR_END,	/**< no item: the array or map ends here, or the buffer */
	TERN_CBOR_UINT, /**< 0 … 2^64 - 1 */
	TERN_CBOR_NINT, /**< -2^64 … -1 */
	TERN_CBOR_BYTES,
	TERN_CBOR_TEXT,
	TERN_CBOR_ARRAY,
	TERN_CBOR_MAP,
	TERN_CBOR_TAG, /**< says something about the item that follows */
	TERN_CBOR_BOOL,
	TERN_CBOR_NULL,
	TERN_CBOR_UNDEFINED,
	TERN_CBOR_SIMPLE, /**< a simple value without a meaning yet */
	TERN_CBOR_FLOAT,
};

/** What can be wrong with a buffer; the first group makes it no CBOR at all. */
enum {
	TERN_CBOR_OK,
	TERN_CBOR_E_TRUNCATED, /**< ends inside an item */
	TERN_CBOR_E_RESERVED,  /**< a first byte that RFC 8949 keeps for later */
	TERN_CBOR_E_SIMPLE,    /**< a simple value below 32 in two bytes */
	TERN_CBOR_E_BREAK,     /**< a break where nothing is open */
	TERN_CBOR_E_CHUNK,     /**< a piece of a string that is no such string */
	TERN_CBOR_E_ODD,       /**< a map ends after a key */
	TERN_CBOR_E_COUNT,     /**< more elements announced than bytes are left */
	TERN_CBOR_E_UTF8,      /**< a text that is not UTF-8 */
	TERN_CBOR_E_DEPTH,     /**< nested deeper than TERN_CBOR_MAX_DEPTH */
	TERN_CBOR_E_ITEMS,     /**< more items than TERN_CBOR_MAX_ITEMS */
	TERN_CBOR_E_TRAILING,  /**< bytes after the last item */
	TERN_CBOR_E_DUPLICATE, /**< a key twice in a map */
	TERN_CBOR_E_KEY,       /**< a key that is an array, a map, a tag or in pieces */
	TERN_CBOR_E_KEYS,      /**< too many keys in no order to look for duplicates */
	TERN_CBOR_E_UNSORTED,  /**< not deterministic: keys out of order */
	TERN_CBOR_E_LONG,      /**< not deterministic: longer than necessary, or without a length */
	TERN_CBOR_E_TYPE,      /**< another type than asked for */
	TERN_CBOR_E_RANGE,     /**< a number that does not fit the type asked for */
	TERN_CBOR_E_PIECES,    /**< a string in pieces where one piece was asked for */
	TERN_CBOR_E_LENGTH,    /**< an array with another number of elements */
	TERN_CBOR_E_MISSING,   /**< a map lacks a member */
	TERN_CBOR_E_NUL,       /**< a text with a NUL inside where a C string was asked for */
	TERN_CBOR_E_DESCRIPTOR, /**< a descriptor that did not come along */
	TERN_CBOR_E_PART,       /**< bytes in a part that the message does not have */
	TERN_CBOR_N_FAULTS,
};

/** What is wrong, and where. */
struct tern_cbor_fault {
	uint32_t code; /**< TERN_CBOR_OK: nothing */
	uint32_t reserved;
	uint64_t offset; /**< of the item at fault, in bytes from the start of the buffer */
};

/** tern_cbor_fault_name() - "tern.cbor.Truncated" for a TERN_CBOR_E_*; a constant, never NULL */
const char *tern_cbor_fault_name(uint32_t code);

/** tern_cbor_fault_text() - the fault in words, for people; a constant, never NULL */
const char *tern_cbor_fault_text(uint32_t code);

struct tern_cbor_hooks;

/* -------- writer -------- */

/** The fields are the writer's own; read none of them. */
struct tern_cbor_writer {
	uint8_t *buf;
	size_t size;
	size_t used; /* also what had no room */
	int32_t error;
	uint32_t depth;
	const struct tern_cbor_hooks *hooks; /* while a format is packed */
	uint64_t left[TERN_CBOR_MAX_DEPTH]; /* items owed; with a break: items written */
	uint8_t kind[TERN_CBOR_MAX_DEPTH];
};

/** tern_cbor_writer_init() - write to `size` bytes at buf; NULL and 0 to learn the size */
void tern_cbor_writer_init(struct tern_cbor_writer *w, void *buf, size_t size);

/**
 * tern_cbor_writer_finish() - was everything well, and how long is it?
 * @param ret_size set with 0 and with -ENOBUFS: bytes written, or bytes needed
 *
 * @return 0; -ENOBUFS no room, the buffer holds nothing of use; -EINVAL the calls made no whole
 * item (elements owed or too many, a break too many, text that is not UTF-8, raw bytes that are
 * no item, too deep); what a hook of tern_cbor_packv() returned. The first failure stays; the put
 * functions then do nothing.
 */
int tern_cbor_writer_finish(const struct tern_cbor_writer *w, size_t *ret_size);

void tern_cbor_put_uint(struct tern_cbor_writer *w, uint64_t value);
void tern_cbor_put_int(struct tern_cbor_writer *w, int64_t value);
/** tern_cbor_put_nint() - the number -1 - value, also below INT64_MIN */
void tern_cbor_put_nint(struct tern_cbor_writer *w, uint64_t value);
void tern_cbor_put_bool(struct tern_cbor_writer *w, bool value);
void tern_cbor_put_null(struct tern_cbor_writer *w);
void tern_cbor_put_undefined(struct tern_cbor_writer *w);
/** tern_cbor_put_simple() - a simple value; 20 … 31 are not this function's */
void tern_cbor_put_simple(struct tern_cbor_writer *w, uint8_t value);
/** tern_cbor_put_double() - in 2, 4 or 8 bytes, whichever holds the value; one NaN only */
void tern_cbor_put_double(struct tern_cbor_writer *w, double value);
void tern_cbor_put_bytes(struct tern_cbor_writer *w, const void *bytes, size_t size);
/** tern_cbor_put_text() - UTF-8, `size` bytes; inside an open text: a piece of it */
void tern_cbor_put_text(struct tern_cbor_writer *w, const char *text, size_t size);
/** tern_cbor_put_string() - a C string as text */
void tern_cbor_put_string(struct tern_cbor_writer *w, const char *string);
/** tern_cbor_put_tag() - the next item is its content */
void tern_cbor_put_tag(struct tern_cbor_writer *w, uint64_t tag);
/** tern_cbor_put_array() - n items follow; TERN_CBOR_INDEFINITE: those until a break */
void tern_cbor_put_array(struct tern_cbor_writer *w, size_t n);
/** tern_cbor_put_map() - n keys, each with its value, follow; TERN_CBOR_INDEFINITE: until a break
 */
void tern_cbor_put_map(struct tern_cbor_writer *w, size_t n);
/** tern_cbor_open_text(), tern_cbor_open_bytes() - a string in pieces, until a break */
void tern_cbor_open_text(struct tern_cbor_writer *w);
void tern_cbor_open_bytes(struct tern_cbor_writer *w);
void tern_cbor_put_break(struct tern_cbor_writer *w);
/** tern_cbor_put_raw() - one item that is encoded already; it is checked */
void tern_cbor_put_raw(struct tern_cbor_writer *w, const void *item, size_t size);

/* -------- reader -------- */

/**
 * `fault` is for the caller to read, the rest is the reader's own. A copy of the
 * struct is a second reader, which goes on from the same place.
 */
struct tern_cbor_reader {
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
	struct tern_cbor_fault fault;
	uint64_t argument; /* of the head that was looked at */
	uint64_t item;	   /* where that head is */
	uint32_t n_items;
	uint32_t depth;
	uint8_t loaded; /* there is such a head */
	uint8_t type;
	uint8_t info;
	uint8_t reserved[5];
	const struct tern_cbor_hooks *hooks; /* of the format whose `f` this is for */
	uint64_t left[TERN_CBOR_MAX_DEPTH]; /* items to come; with a break: items seen */
	uint8_t kind[TERN_CBOR_MAX_DEPTH];
};

/** tern_cbor_reader_init() - read one item, or several in a row, from `size` bytes at buf */
void tern_cbor_reader_init(struct tern_cbor_reader *r, const void *buf, size_t size);

/** tern_cbor_reader_finish() - 0 if all was read and nothing was wrong, else -EBADMSG */
int tern_cbor_reader_finish(struct tern_cbor_reader *r);

/**
 * tern_cbor_peek() - what the next item is
 * @return a type; TERN_CBOR_END (0) where the array, map, string in pieces or buffer ends; -EBADMSG
 *
 * `while (tern_cbor_peek(&r) > 0)` walks through all of them.
 */
int tern_cbor_peek(struct tern_cbor_reader *r);

/*
 * These take the next item if it is what they say, else -EBADMSG.
 */
int tern_cbor_get_uint(struct tern_cbor_reader *r, uint64_t *ret);
/** tern_cbor_get_int() - either sign; TERN_CBOR_E_RANGE if it does not fit */
int tern_cbor_get_int(struct tern_cbor_reader *r, int64_t *ret);
/** tern_cbor_get_nint() - a negative number n as -1 - n, so that all of them fit */
int tern_cbor_get_nint(struct tern_cbor_reader *r, uint64_t *ret);
int tern_cbor_get_bool(struct tern_cbor_reader *r, bool *ret);
int tern_cbor_get_null(struct tern_cbor_reader *r);
int tern_cbor_get_undefined(struct tern_cbor_reader *r);
int tern_cbor_get_simple(struct tern_cbor_reader *r, uint8_t *ret);
/** tern_cbor_get_double() - a float of any width; integers are not taken */
int tern_cbor_get_double(struct tern_cbor_reader *r, double *ret);
/** tern_cbor_get_bytes() - in one piece, else TERN_CBOR_E_PIECES */
int tern_cbor_get_bytes(struct tern_cbor_reader *r, const void **ret, size_t *ret_size);
/** tern_cbor_get_text() - in one piece, checked to be UTF-8, not NUL-terminated; may hold NULs */
int tern_cbor_get_text(struct tern_cbor_reader *r, const char **ret, size_t *ret_size);
/** tern_cbor_get_tag() - the tag; the next item is its content */
int tern_cbor_get_tag(struct tern_cbor_reader *r, uint64_t *ret);
/** tern_cbor_get_raw() - any item, as it is encoded; checked as tern_cbor_skip() does */
int tern_cbor_get_raw(struct tern_cbor_reader *r, const void **ret, size_t *ret_size);

/**
 * tern_cbor_enter_array(), tern_cbor_enter_map() - go inside
 * @param ret_n elements, or pairs, or TERN_CBOR_INDEFINITE; may be NULL
 *
 * Keys and values of a map come in turn. tern_cbor_leave() comes back out.
 */
int tern_cbor_enter_array(struct tern_cbor_reader *r, size_t *ret_n);
int tern_cbor_enter_map(struct tern_cbor_reader *r, size_t *ret_n);

/**
 * tern_cbor_enter_string() - go through the pieces of a text or a byte string
 *
 * Inside, tern_cbor_get_text() or tern_cbor_get_bytes() takes a piece at a time
 * until tern_cbor_peek() says END; a string that is not in pieces is one piece.
 */
int tern_cbor_enter_string(struct tern_cbor_reader *r);

/** tern_cbor_leave() - skip what is left inside and go on behind; -EINVAL: inside of nothing */
int tern_cbor_leave(struct tern_cbor_reader *r);

/** tern_cbor_skip() - pass over one item and all in it; it is checked, except for duplicate keys */
int tern_cbor_skip(struct tern_cbor_reader *r);

/* -------- whole buffers -------- */

enum {
	TERN_CBOR_SEQUENCE = 1,	     /**< any number of items in a row, also none */
	TERN_CBOR_DETERMINISTIC = 2, /**< nothing but what RFC 8949, 4.2.1 allows */
};

/**
 * tern_cbor_check() - is this one well-formed, valid item?
 * @param flags     TERN_CBOR_SEQUENCE, TERN_CBOR_DETERMINISTIC
 * @param ret_fault set with -EBADMSG; may be NULL
 *
 * Everything that the reader checks, and that no key is twice in a map (equal
 * numbers are equal in any width). Linear in size, but for maps of many thousand
 * keys in no order, which cost more, up to a limit: then TERN_CBOR_E_KEYS.
 * @return 0; -EBADMSG; -EINVAL unknown flags
 */
int tern_cbor_check(
	const void *buf, size_t size, uint32_t flags, struct tern_cbor_fault *ret_fault);

/**
 * tern_cbor_diag() - the items of a buffer in diagnostic notation (RFC 8949, 8), in ASCII
 * @param out      gets a C string, cut where there is no room; NULL with `room` 0
 * @param ret_size set with 0 and -ENOBUFS: length of the whole text, without the NUL
 *
 * Big numbers (tags 2 and 3) are printed as numbers up to 64 bytes.
 * @return 0; -ENOBUFS cut; -EBADMSG, out has what comes before the fault
 */
int tern_cbor_diag(const void *buf, size_t size, char *out, size_t room, size_t *ret_size);

/* -------- pack and unpack -------- */

/*
 * A format describes one value; the empty format stands for no value at all,
 * in an empty buffer. Spaces are ignored. So these write and read the same:
 *
 *     tern_cbor_pack(&w, "{name:s,volume:d,?pos:[ii]}", "aplay", 0.5, has_pos, x, y);
 *     tern_cbor_unpack(buf, size, &strings, "{volume:d,name:s,?pos:[ii]}", &volume, &name, &x, &y);
 *
 *   format   is                  pack takes                unpack takes, and sets
 *   b        true, false         int                       bool *
 *   i        integer             int64_t                   int64_t *
 *   u        integer >= 0        uint64_t                  uint64_t *
 *   d        float               double                    double *
 *   s        text                const char *              const char **           a C string
 *   t        text                const char *, size_t      const char **, size_t * not terminated
 *   y        bytes               const void *, size_t      const void **, size_t *
 *   h        descriptor          int                       int *
 *   n        null                -                         -
 *   v        any one item        const void *, size_t      const void **, size_t * as encoded
 *   p        bytes out of line   size_t, void **           (y takes them, too)
 *   f        what a function     tern_cbor_put_fn *,       tern_cbor_get_fn *, void *
 *            makes of it         const void *
 *   *X       array of any        const C *, size_t         C *, size_t *
 *            number of X
 *   [XY…]    array of just       those of X, Y, …          those of X, Y, …
 *            these
 *   {k:X,…}  map with text keys  those of X, …             those of X, …
 *   ?k:X     (in a map) member   int, those of X           those of X
 *            that may be missing
 *
 * - The arguments of i, u and d must have just that type: write INT64_C(5) or
 *   (uint64_t)n, not 5 or n. C cannot warn here.
 * - X in *X is one of b i u d s, and C is its type (b: bool). The size_t is a
 *   number of elements; to unpack, it says how many there is room for, and is
 *   then set to how many came; more than that is TERN_CBOR_E_LENGTH.
 * - k is letters, digits, `_`, `-` and `.`; commas stand between members, and may
 *   stand between elements of arrays.
 * - d also takes integers up to 2^53 either way: some languages have no other numbers.
 * - Ownership: pack copies and keeps nothing; h is duplicated by whoever sends the
 *   message. s is a C string in memory that tern_cbor_hooks gives; a text with NULs inside is
 *   refused. t, y and v point into the buffer; a t or y that came in pieces is joined in
 *   that memory. h is borrowed from the message.
 * - y takes bytes that lie in a part of the message as it takes those in between: nobody needs to know
 *   which. To pack, p lends a part of that size, to be filled in place until the message is sent, and
 *   read by the receiver where it lies; so it is for tern_message_pack() alone (-EAGAIN, -E2BIG: as
 *   tern_message_lend()).
 * - f is for what formats cannot say, like arrays of maps: it calls the function with the writer, which
 *   shall put one item, or with a reader of the item. These may use formats in turn
 *   (tern_cbor_pack(), tern_cbor_get_packed()), with the same descriptors, parts and memory. To
 *   unpack, it is called when all else was checked; what it set before it failed, stays set.
 *   The function to pack may be called twice, since the first time there may be no room, and shall
 *   do nothing but write: the handle may be locked meanwhile.
 * - Order of keys: pack writes them as the format has them, unpack takes any
 *   order. Unknown keys are passed over; a key of the format twice is a fault.
 * - ?: to pack, an int says whether the member is there; its arguments are given
 *   either way, but not looked at if it is 0. To unpack, if the member is missing
 *   or null its outputs keep what they had: set a default first.
 * - To unpack, all is checked before anything is set. An output pointer may be
 *   NULL where the value is not wanted (not the size_t * of *X).
 */

/** The f of formats: put one item that is made of the value. What goes wrong stays with the writer. */
typedef void tern_cbor_put_fn(struct tern_cbor_writer *w, const void *value);

/** Take the one item that the reader has. @return 0; -EBADMSG, or another negative errno: unpack returns it */
typedef int tern_cbor_get_fn(struct tern_cbor_reader *r, void *ret);

/** What pack and unpack cannot do by themselves; zeroes where not needed. */
struct tern_cbor_hooks {
	void *user;
	/** pack h: send fd along; @return its index, or a negative errno, which pack returns */
	int (*attach)(void *user, int fd);
	/** pack p: memory that is sent as a part; @return the part's number, or a negative errno, which pack returns */
	int (*lend)(void *user, size_t size, void **ret);
	/** unpack h: @return the descriptor with this index, or negative: TERN_CBOR_E_DESCRIPTOR */
	int (*descriptor)(void *user, uint64_t index);
	/** unpack y: the part with this number; @return 0; -ENOENT: TERN_CBOR_E_PART; another negative errno: unpack returns it */
	int (*part)(void *user, uint64_t number, const void **ret, size_t *ret_size);
	/** unpack: memory for strings, asked for once at most, never more than the buffer has; but by f */
	void *(*memory)(void *user, size_t size);
	struct tern_error *error; /**< filled on failure */
};

/**
 * tern_cbor_pack() - write a value
 * @return 0 (room is told by tern_cbor_writer_finish()); -EINVAL format or arguments not
 * understood: a NULL string, not UTF-8, h without a hook; what the attach hook returned. The
 * failure stays with the writer, so that it is enough to look at the end.
 */
int tern_cbor_pack(struct tern_cbor_writer *w, const char *format, ...);
int tern_cbor_packv(struct tern_cbor_writer *w, const struct tern_cbor_hooks *hooks,
	const char *format, va_list ap);

/** Bytes somewhere: what generated code has for `bytes`, and with one item of CBOR in it for `any` and `object`. */
struct tern_bytes {
	const void *data; /**< NULL: none; received: borrowed */
	size_t size;
	void **lend; /**< to send, in place of data: *lend is set to `size` bytes, to be filled before the message is sent */
};

/** Memory for C strings; as many bytes as the buffer to unpack has are always enough. */
struct tern_cbor_strings {
	char *buf;
	size_t size;
	size_t used; /**< from here on it is free; unpack moves it on */
};

/**
 * tern_cbor_unpack() - read the value of a buffer
 * @param strings where s (and what came in pieces) goes; NULL if the format needs none
 *
 * @return 0; -EBADMSG not what the format says; -EINVAL format not understood, or s without
 * memory; -ENOMEM, or -ENOBUFS with `strings`: not enough. Outputs are set only with 0.
 * What is passed over is checked as tern_cbor_skip() does. The buffer must not change meanwhile.
 */
int tern_cbor_unpack(
	const void *buf, size_t size, struct tern_cbor_strings *strings, const char *format, ...);
int tern_cbor_unpackv(const void *buf, size_t size, const struct tern_cbor_hooks *hooks,
	const char *format, va_list ap);

/* -------- for the functions of f -------- */

/** tern_cbor_get_packed() - take the next item by a format; as tern_cbor_unpack() */
int tern_cbor_get_packed(struct tern_cbor_reader *r, const char *format, ...);

/** tern_cbor_memory() - what lives as long as the strings do: as the message; zeroes; NULL: no more */
void *tern_cbor_memory(struct tern_cbor_reader *r, size_t size);

/**
 * tern_cbor_get_array(), tern_cbor_get_map() - take a whole array, or a map, into an array of C
 * @param size of one element
 * @param fn   takes one element, of a map a key and its value, into zeroes
 * @param ret  in tern_cbor_memory()
 * @return 0; -EBADMSG; -ENOMEM; what fn returned
 */
int tern_cbor_get_array(
	struct tern_cbor_reader *r, size_t size, tern_cbor_get_fn *fn, void **ret, size_t *ret_n);
int tern_cbor_get_map(
	struct tern_cbor_reader *r, size_t size, tern_cbor_get_fn *fn, void **ret, size_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif
