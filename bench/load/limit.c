/* The limit of the machine: a fan-out and echo server that makes only the system calls these need.
 *
 * One thread, one epoll. In each turn every readable socket is read once; what came for `/ws` is
 * framed once into one shared buffer, and at the end of the turn each listener gets it in one
 * `send`. `/echo` answers in one `send` a read. Nothing is checked that a product must check.
 * It prints its port, and ends when its standard input does, so it ends with the bench that started it. */
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

enum { MOST_FDS = 65536, READ_SIZE = 65536, EVENTS = 1024, MOST_QUEUED = 64 << 20 };

struct connection {
    struct buffer in, out;
    int fd, open, upgraded, listens, place, wants_write;
};

static struct connection connections[MOST_FDS];
static int listeners[MOST_FDS], listener_count, poller;
static struct buffer shared;

static void leave(struct connection *c) {
    if (c->listens) {
        int last = listeners[--listener_count];
        listeners[c->place] = last;
        connections[last].place = c->place;
    }
    free(c->in.data);
    free(c->out.data);
    close(c->fd);
    memset(c, 0, sizeof *c);
}

/* Ask epoll for writability only while something is left: a normal round makes no epoll_ctl call. */
static void watch(struct connection *c, int wants_write) {
    if (wants_write == c->wants_write) return;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    c->wants_write = wants_write;
}

static void flush(struct connection *c) { watch(c, drain(c->fd, &c->out)); }

static int upgrade(struct connection *c) {
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n";
    unsigned char *from = c->in.data + c->in.start;
    unsigned char *end = memmem(from, waiting(&c->in), "\r\n\r\n", 4);
    if (!end) return waiting(&c->in) < 32768;
    c->listens = memcmp(from, "GET /ws", 7) == 0;
    c->in.start += (size_t)(end - from) + 4;
    c->upgraded = 1;
    if (c->listens) {
        c->place = listener_count;
        listeners[listener_count++] = c->fd;
    }
    append(&c->out, answer, sizeof answer - 1);
    return 1;
}

/* Returns whether the connection stays open. */
static int readable(struct connection *c) {
    if (fill(c->fd, &c->in, READ_SIZE) == 0) return 0;
    if (!c->upgraded && !upgrade(c)) return 0;
    struct frame f;
    while (c->upgraded && take_frame(&c->in, &f)) {
        if (f.opcode == CLOSE) return 0;
        if (f.opcode == PING) put_frame(&c->out, PONG, f.payload, f.length, 0);
        if (f.opcode != TEXT && f.opcode != BINARY) continue;
        put_frame(c->listens ? &shared : &c->out, f.opcode, f.payload, f.length, 0);
    }
    if (waiting(&c->out)) flush(c);
    return 1;
}

static void deliver_shared(void) {
    unsigned char *bytes = shared.data + shared.start;
    size_t length = waiting(&shared);
    for (int i = 0; i < listener_count; i++) {
        struct connection *c = &connections[listeners[i]];
        ssize_t sent = 0;
        if (!waiting(&c->out)) sent = send(c->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) sent = 0;
        if ((size_t)sent == length || waiting(&c->out) > MOST_QUEUED) continue;
        append(&c->out, bytes + sent, length - (size_t)sent);
        watch(c, 1);
    }
    shared.start = shared.end = 0;
}

static void welcome(int listening) {
    int on = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= MOST_FDS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[fd] = (struct connection){.fd = fd, .open = 1};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

int main(void) {
    raise_file_limit();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1024)) die("cannot listen");
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event mine = {.events = EPOLLIN, .data.fd = listening}, events[EVENTS];
    epoll_ctl(poller, EPOLL_CTL_ADD, listening, &mine);
    mine.data.fd = STDIN_FILENO;
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &mine);
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            char ignored[256];
            if (fd == listening) welcome(fd);
            else if (fd == STDIN_FILENO) {
                if (read(fd, ignored, sizeof ignored) <= 0) return 0;
            } else if (connections[fd].open) {
                if (events[i].events & EPOLLOUT) flush(&connections[fd]);
                if (events[i].events & ~(uint32_t)EPOLLOUT && !readable(&connections[fd])) leave(&connections[fd]);
            }
        }
        if (waiting(&shared)) deliver_shared();
    }
}
