/* The crowd: all clients in one epoll, and the messages that each talker has in flight. */
#ifndef CROWD_H
#define CROWD_H

#include "client.h"
#include "track.h"

enum { RING = 1 << 12, EVENTS = 1024, MOST_SAMPLES = 1 << 20 };

static struct {
    int port, clients, talkers, window, greeting, spin, batch;
    const char *path, *mode;
    size_t size, skip;
    uint32_t count;
    double seconds, warm, stall, limit;
    pid_t pid;
} option = {.path = "/ws", .mode = "fanout", .clients = 100, .talkers = 1, .window = 1, .size = 64, .batch = 1,
            .seconds = 1, .warm = 0.25, .stall = 0.3, .limit = 60};

struct talker {
    uint32_t sent, done;
    uint32_t arrivals[RING]; /* for each message in flight: how many clients have it */
    uint64_t sent_at[RING];
};

static int poller, echoes, open_clients;
static uint32_t audience; /* how many clients receive each message */
static struct client *clients;
static struct talker *talkers;
static struct track *tracks;
static struct tally tally;
static unsigned char *message;
static uint32_t *samples, sample_count; /* nanoseconds until all had it, while `sampling` */
static int sampling;
static uint64_t stalls, last_arrival, turn_time;

static void say(struct client *c, uint32_t talker, uint32_t sequence) {
    write_head(message, talker, sequence);
    put_frame(&c->out, TEXT, message, option.size, random_mask());
}

/* A message has arrived at client `i`: note it, and count it as done when all clients have it. */
static void arrived(uint32_t i, const struct frame *f) {
    struct client *c = &clients[i];
    if (c->to_ignore) {
        c->to_ignore--;
        return;
    }
    const unsigned char *head = f->payload + option.skip;
    if (!f->final || f->opcode == CONTINUATION || f->length != option.size + option.skip ||
        head[option.size - 1] != '.') {
        tally.garbled++;
        return;
    }
    uint32_t number = read_digits(head, 3), sequence = read_digits(head + 3, 5);
    if (number == PROBE) {
        c->heard = 1;
        return;
    }
    if (number >= (uint32_t)option.talkers || (echoes && number != i)) {
        tally.garbled++;
        return;
    }
    struct talker *t = &talkers[number];
    struct track *track = &tracks[echoes ? i : number * audience + i];
    if (!note_arrival(track, &tally, sequence) || sequence - t->done >= RING) return;
    if (++t->arrivals[sequence % RING] < audience) return;
    if (sampling && sample_count < MOST_SAMPLES)
        samples[sample_count++] = (uint32_t)(now_ns() - t->sent_at[sequence % RING]);
    while (t->done < t->sent && t->arrivals[t->done % RING] == audience) t->done++;
}

static void hear(uint32_t i) {
    struct client *c = &clients[i];
    struct frame f;
    while (take_frame(&c->in, &f)) {
        if (f.opcode < CLOSE) arrived(i, &f);
        else if (f.opcode == PING) put_frame(&c->out, PONG, f.payload, f.length, random_mask());
    }
    if (waiting(&c->out)) flush(poller, c, i);
}

/* One round: read once from every readable socket. */
static void turn(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, option.spin ? 0 : timeout_ms);
    for (int i = 0; i < ready; i++) {
        uint32_t number = events[i].data.u32;
        struct client *c = &clients[number];
        if (events[i].events & EPOLLOUT) flush(poller, c, number);
        if (!(events[i].events & ~(uint32_t)EPOLLOUT)) continue;
        if (fill(c->fd, &c->in, READ_SIZE) == 0) {
            close(c->fd);
            c->fd = -1;
            open_clients--;
        } else hear(number);
    }
    turn_time = now_ns();
    if (ready > 0) last_arrival = turn_time;
}

/* Let every talker fill its window, in one send each: once in a round, so that messages that arrived
 * together cause one send. */
static void talk(void) {
    for (uint32_t n = 0; n < (uint32_t)option.talkers; n++) {
        struct talker *t = &talkers[n];
        if (t->sent - t->done >= (uint32_t)option.window || clients[n].fd < 0) continue;
        for (uint64_t now = now_ns(); t->sent - t->done < (uint32_t)option.window; t->sent++) {
            t->arrivals[t->sent % RING] = 0;
            t->sent_at[t->sent % RING] = now;
            say(&clients[n], n, t->sent);
        }
        flush(poller, &clients[n], n);
    }
}

/* Messages are in flight but none has arrived for a while: they are lost. Continue without them. */
static void give_up_if_stalled(void) {
    if (turn_time - last_arrival < (uint64_t)(option.stall * 1e9)) return;
    stalls++;
    for (int n = 0; n < option.talkers; n++) talkers[n].done = talkers[n].sent;
    last_arrival = turn_time;
}

static void talk_for(double seconds) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    turn_time = last_arrival = now_ns();
    while (turn_time < end && open_clients) {
        talk();
        turn(20);
        give_up_if_stalled();
    }
}

/* Wait for messages in flight, as long as some arrive. */
static void settle(uint64_t expected, double quiet, double longest) {
    uint64_t end = now_ns() + (uint64_t)(longest * 1e9);
    last_arrival = turn_time = now_ns();
    while (tally.fresh < expected && open_clients && turn_time < end &&
           turn_time - last_arrival < (uint64_t)(quiet * 1e9))
        turn(20);
}

static int everybody_heard(void) {
    for (int i = 0; i < option.clients; i++)
        if (!clients[i].heard) return 0;
    return 1;
}

/* A server may subscribe a client shortly after its handshake: send only when all clients receive. */
static void probe(void) {
    uint64_t end = now_ns() + 5000000000u, again = 0;
    for (uint32_t attempt = 0; !everybody_heard(); turn(20)) {
        if (now_ns() > end || open_clients < option.clients) die("not every client hears the others");
        if (now_ns() < again) continue;
        again = now_ns() + 300000000u;
        say(&clients[0], PROBE, attempt++);
        flush(poller, &clients[0], 0);
    }
}

/* Connect all clients, `batch` at a time. Returns the seconds that it took. */
static double gather(void) {
    uint64_t begin = now_ns();
    poller = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc((size_t)option.clients, sizeof *clients);
    for (uint32_t i = 0, dialled = 0; i < (uint32_t)option.clients; i++) {
        clients[i].to_ignore = option.greeting;
        for (; dialled < i + (uint32_t)option.batch && dialled < (uint32_t)option.clients; dialled++)
            dial(&clients[dialled], option.port, option.path);
        shake_hands(&clients[i]);
        watch(poller, &clients[i], i, 0, EPOLL_CTL_ADD);
        open_clients++;
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    for (uint32_t i = 0; i < (uint32_t)option.clients; i++) hear(i); /* frames that arrived with the handshake */
    return seconds;
}

#endif
