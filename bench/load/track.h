/* What each client has received: every payload starts with its talker's number and a sequence number,
 * so that each receiver notices a lost, doubled or reordered message. */
#ifndef TRACK_H
#define TRACK_H

#include <stdint.h>

enum { HEAD = 8, PROBE = (1 << 18) - 1 };

/* Six bits in each character, from '0' on: printable ASCII, so valid in a text frame, and fast to read. */
static inline void write_digits(unsigned char *p, int digits, uint32_t value) {
    while (digits--) p[digits] = (unsigned char)('0' + (value & 63)), value >>= 6;
}

static inline uint32_t read_digits(const unsigned char *p, int digits) {
    uint32_t value = 0;
    for (int i = 0; i < digits; i++) value = value << 6 | ((uint32_t)(p[i] - '0') & 63);
    return value;
}

static inline void write_head(unsigned char *p, uint32_t talker, uint32_t sequence) {
    write_digits(p, 3, talker);
    write_digits(p + 3, 5, sequence);
}

/* One receiver's view of one talker: the number it expects next, and which of the 64 before have arrived. */
struct track {
    uint32_t next;
    uint64_t seen;
};

struct tally {
    uint64_t fresh, doubled, reordered, garbled;
};

/* Note that `sequence` arrived. Returns whether it is new. */
static inline int note_arrival(struct track *t, struct tally *tally, uint32_t sequence) {
    if (sequence >= t->next) {
        uint32_t step = sequence - t->next + 1;
        t->seen = (step > 63 ? 0 : t->seen << step) | 1;
        t->next = sequence + 1;
        return tally->fresh++, 1;
    }
    uint32_t back = t->next - 1 - sequence;
    if (back < 64 && !(t->seen >> back & 1)) {
        t->seen |= (uint64_t)1 << back;
        tally->reordered++;
        return tally->fresh++, 1;
    }
    return tally->doubled++, 0;
}

#endif
