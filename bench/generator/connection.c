/* Sockets, the upgrade, and frames (RFC 6455). Any number of connections open side by side. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, EVENTS = 1024 };
static unsigned char buffer[READ_BYTES];
static int epoll, joined_count;

_Noreturn void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

_Noreturn void refuse(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * SECOND + (uint64_t)at.tv_nsec;
}

void write_all(int fd, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t until = now() + PATIENCE;
    while (count) {
        ssize_t written = write(fd, at, count);
        if (written < 0 && errno == EAGAIN && now() < until)
            continue;
        if (written < 0)
            fail("write");
        at += written;
        count -= (size_t)written;
    }
}

/* A client's frame, masked, of at most 65,535 bytes. */
size_t make_frame(unsigned char *out, int opcode, const void *payload, size_t size) {
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    const unsigned char *bytes = payload;
    size_t head = 2;
    out[0] = (unsigned char)(0x80 | opcode);
    if (size < 126) {
        out[1] = (unsigned char)(0x80 | size);
    } else {
        out[1] = 0x80 | 126;
        out[2] = (unsigned char)(size >> 8);
        out[3] = (unsigned char)size;
        head = 4;
    }
    memcpy(out + head, mask, 4);
    head += 4;
    for (size_t at = 0; at < size; at++)
        out[head + at] = bytes[at] ^ mask[at & 3];
    return head + size;
}

static void watch(struct connection *one, int how, uint32_t what) {
    struct epoll_event event = {.events = what, .data.ptr = one};
    if (epoll_ctl(epoll, how, one->fd, &event))
        fail("epoll");
}

void start_polling(void) {
    epoll = epoll_create1(0);
}

void stop_polling(struct connection *one) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, one->fd, NULL);
}

static void say(struct connection *to, int opcode, const void *text, size_t size) {
    unsigned char out[SPOKEN + 16];
    write_all(to->fd, out, make_frame(out, opcode, text, size));
}

static void connect_one(struct connection *one) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (one->fd < 0)
        fail("socket");
    if (receive_buffer)
        setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fail("connect");
    one->state = CONNECTING;
    one->held = 0;
    watch(one, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void ask_upgrade(struct connection *of) {
    char target[SPOKEN], text[SPOKEN + 256];
    protocol->target(target, of);
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        target, port);
    write_all(of->fd, text, (size_t)size);
    of->state = UPGRADING;
    watch(of, EPOLL_CTL_MOD, EPOLLIN);
}

/* Bytes of the answer's head, 0 while it is not whole. */
static size_t take_upgrade(struct connection *of, unsigned char *bytes, size_t count) {
    unsigned char *end = memmem(bytes, count, "\r\n\r\n", 4);
    if (!end)
        return 0;
    *end = 0;
    if (strncmp((char *)bytes, "HTTP/1.1 101", 12) != 0)
        refuse((char *)bytes);
    of->state = JOINING;
    if (protocol->hello) {
        char text[SPOKEN];
        int size = protocol->hello(text, of);
        say(of, protocol->opcode, text, (size_t)size);
    }
    return (size_t)(end + 4 - bytes);
}

static int has(const unsigned char *text, size_t size, const char *what) {
    return what && memmem(text, size, what, strlen(what)) != NULL;
}

static void on_text(struct connection *to, const unsigned char *text, size_t size) {
    if (protocol->ping && size == strlen(protocol->ping) && !memcmp(text, protocol->ping, size)) {
        say(to, protocol->opcode, protocol->pong, strlen(protocol->pong));
    } else if (to->state == JOINED) {
        on_message(to, text, size);
    } else if (has(text, size, protocol->joined)) {
        to->state = JOINED;
        joined_count++;
    } else if (has(text, size, protocol->refused)) {
        fprintf(stderr, "load: %.*s\n", (int)size, text);
        exit(1);
    }
}

/* A whole frame at the start of the bytes: it is handled and its size returned, else 0. */
static size_t take_frame(struct connection *from, unsigned char *bytes, size_t count) {
    if (count < 2)
        return 0;
    size_t size = bytes[1] & 127, head = size == 126 ? 4 : size == 127 ? 10 : 2;
    if (count < head)
        return 0;
    if (head > 2) {
        size = 0;
        for (size_t at = 2; at < head; at++)
            size = size << 8 | bytes[at];
    }
    if (count < head + size)
        return 0;
    int opcode = bytes[0] & 15;
    if (opcode == PING)
        say(from, PONG, bytes + head, size);
    else if (opcode == CLOSE)
        refuse("the server closed a connection");
    else if (opcode <= BINARY)
        on_text(from, bytes + head, size);
    return head + size;
}

static size_t take(struct connection *from, unsigned char *bytes, size_t count) {
    return from->state == UPGRADING ? take_upgrade(from, bytes, count)
                                    : take_frame(from, bytes, count);
}

static void keep_rest(struct connection *of, const unsigned char *bytes, size_t count) {
    if (count > of->space) {
        of->space = 2 * count;
        of->rest = realloc(of->rest, of->space);
    }
    memcpy(of->rest, bytes, count);
    of->held = count;
}

static void on_readable(struct connection *from) {
    if (from->held)
        memcpy(buffer, from->rest, from->held);
    ssize_t count = read(from->fd, buffer + from->held, READ_BYTES - from->held);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        refuse("the server dropped a connection");
    size_t all = from->held + (size_t)count, at = 0, size;
    while (at < all && (size = take(from, buffer + at, all - at)))
        at += size;
    from->held = 0;
    if (at < all)
        keep_rest(from, buffer + at, all - at);
}

void poll_once(void) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, 0);
    for (int at = 0; at < count; at++) {
        struct connection *one = events[at].data.ptr;
        if (one->state == CONNECTING)
            ask_upgrade(one);
        else
            on_readable(one);
    }
}

void join_all(struct connection *first, int count, int at_once, void (*meanwhile)(void)) {
    int before = joined_count, begun = 0, seen = joined_count;
    uint64_t progress = now();
    while (joined_count < before + count) {
        while (begun < count && begun - (joined_count - before) < at_once)
            connect_one(&first[begun++]);
        meanwhile();
        poll_once();
        if (joined_count != seen) {
            seen = joined_count;
            progress = now();
        } else if (now() - progress > PATIENCE) {
            refuse("nobody joined for 15 s");
        }
    }
}

void leave(struct connection *one) {
    close(one->fd);
    one->held = 0;
}
