/* One WebSocket client connection: connect, handshake, masked sends, whole frames back. */
#ifndef CLIENT_H
#define CLIENT_H

#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

enum { READ_SIZE = 262144 };

struct client {
    struct buffer in, out;
    int fd, wants_write;
    int to_ignore; /* messages that the server sends before any reply */
    int heard;     /* has received a probe */
};

static uint32_t random_mask(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state; /* xorshift never returns 0, which means "unmasked" to put_frame */
}

/* Connect and send the handshake, blocking for at most five seconds. */
static void dial(struct client *c, int port, const char *path) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 5};
    char request[512];
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("no more sockets: %s", strerror(errno));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("cannot connect to port %d: %s", port, strerror(errno));
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
    if (send(c->fd, request, (size_t)length, MSG_NOSIGNAL) != length) die("handshake: %s", strerror(errno));
}

/* Wait for the response to the handshake. Frames that arrive in the same segment stay in the buffer. */
static void shake_hands(struct client *c) {
    for (;;) {
        ssize_t got = recv(c->fd, reserve(&c->in, 4096), 4096, 0);
        if (got <= 0) die("handshake: the server %s", got ? "does not answer" : "closed the connection");
        c->in.end += (size_t)got;
        unsigned char *end = memmem(c->in.data, c->in.end, "\r\n\r\n", 4);
        if (!end) continue;
        *end = 0;
        if (!strstr((char *)c->in.data, " 101 ") || !strstr((char *)c->in.data, ACCEPT))
            die("handshake: the server answered %.60s", c->in.data);
        c->in.start = (size_t)(end - c->in.data) + 4;
        return;
    }
}

static void watch(int poller, struct client *c, uint32_t number, int wants_write, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.u32 = number};
    if (epoll_ctl(poller, operation, c->fd, &event)) die("epoll: %s", strerror(errno));
    c->wants_write = wants_write;
}

/* Send pending bytes; ask for writability only while some are left. */
static void flush(int poller, struct client *c, uint32_t number) {
    int left = c->fd >= 0 && drain(c->fd, &c->out);
    if (c->fd >= 0 && left != c->wants_write) watch(poller, c, number, left, EPOLL_CTL_MOD);
}

#endif
