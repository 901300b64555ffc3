/* Code of both the load generator and the C limit: clocks, growing buffers, WebSocket frames.
 *
 * Every function is static: each program is one translation unit, compiled by `gcc -O2`. */
#ifndef WIRE_H
#define WIRE_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The example of RFC 6455: with a constant key the accept value is constant too, so neither
 * program needs SHA-1, and the client still checks what the server computed. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

#define die(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* A thousand connections need more descriptors than the usual soft limit of 1024. */
static inline void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Bytes between `start` and `end` are waiting: to be parsed when reading, to be sent when writing. */
struct buffer {
    unsigned char *data;
    size_t start, end, capacity;
};

static inline size_t waiting(const struct buffer *b) { return b->end - b->start; }

/* Make room for `more` bytes. An empty buffer starts over at its first byte, so that a quiet
 * connection touches one page and a hundred of them stay in the cache. */
static inline unsigned char *reserve(struct buffer *b, size_t more) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->end + more > b->capacity && b->start) {
        memmove(b->data, b->data + b->start, waiting(b));
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + more > b->capacity) {
        b->capacity = (b->end + more) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data) die("out of memory");
    }
    return b->data + b->end;
}

static inline void append(struct buffer *b, const void *bytes, size_t length) {
    memcpy(reserve(b, length), bytes, length);
    b->end += length;
}

/* Read the available bytes, at most `most`. Returns 0 at the end of the stream, -1 for "later". */
static inline ssize_t fill(int fd, struct buffer *b, size_t most) {
    ssize_t got = recv(fd, reserve(b, most), most, MSG_DONTWAIT);
    if (got > 0) b->end += (size_t)got;
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return 0;
    return got;
}

/* Send the pending bytes in one call. Returns whether some are left. */
static inline int drain(int fd, struct buffer *b) {
    if (!waiting(b)) return 0;
    ssize_t sent = send(fd, b->data + b->start, waiting(b), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) b->start += (size_t)sent;
    return waiting(b) > 0;
}

static inline void apply_mask(unsigned char *p, size_t n, uint32_t mask) {
    uint64_t wide = ((uint64_t)mask << 32) | mask, word;
    for (; n >= 8; n -= 8, p += 8) memcpy(&word, p, 8), word ^= wide, memcpy(p, &word, 8);
    for (size_t i = 0; i < n; i++) p[i] ^= ((unsigned char *)&mask)[i & 3];
}

/* Append one whole frame. `mask` 0 leaves it unmasked, as servers must. */
static inline void put_frame(struct buffer *b, int opcode, const void *payload, size_t n, uint32_t mask) {
    unsigned char *p = reserve(b, n + 14), *first = p;
    unsigned char masked = mask ? 0x80 : 0;
    *p++ = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        *p++ = (unsigned char)(masked | n);
    } else {
        int width = n < 65536 ? 2 : 8;
        *p++ = (unsigned char)(masked | (width == 2 ? 126 : 127));
        for (int i = width - 1; i >= 0; i--) *p++ = (unsigned char)((uint64_t)n >> (8 * i));
    }
    if (mask) memcpy(p, &mask, 4), p += 4;
    memcpy(p, payload, n);
    if (mask) apply_mask(p, n, mask);
    b->end += (size_t)(p - first) + n;
}

struct frame {
    int opcode, final;
    unsigned char *payload;
    size_t length;
};

/* Take the next whole frame from the buffer, unmasked in place. Returns 0 when it is incomplete. */
static inline int take_frame(struct buffer *b, struct frame *f) {
    unsigned char *p = b->data + b->start;
    size_t there = waiting(b), head = 2;
    if (there < 2) return 0;
    size_t n = p[1] & 127;
    int masked = p[1] >> 7, width = n == 126 ? 2 : n == 127 ? 8 : 0;
    head += (size_t)width + (masked ? 4 : 0);
    if (there < head) return 0;
    if (width) {
        n = 0;
        for (int i = 0; i < width; i++) n = n << 8 | p[2 + i];
    }
    if (there < head + n) return 0;
    f->opcode = p[0] & 15;
    f->final = p[0] >> 7;
    f->payload = p + head;
    f->length = n;
    if (masked) {
        uint32_t mask;
        memcpy(&mask, p + head - 4, 4);
        apply_mask(f->payload, n, mask);
    }
    b->start += head + n;
    return 1;
}

#endif
