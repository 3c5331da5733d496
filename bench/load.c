/* Load for one room that speaks the rooms protocol: receivers and one sender, one epoll thread.
 *
 *   load send PORT PATH RECEIVERS IN_FLIGHT SECONDS SERVER_PID   prints one line of JSON
 *   load hold PORT PATH CONNECTIONS   prints "held" and keeps them until its input ends
 *
 * Every message carries the time it was sent. IN_FLIGHT of them are under way at a time: the next
 * is sent when all receivers have had an earlier one. The server's CPU is read from /proc at both
 * ends of the measured time, which begins one second after the first message.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };
enum { READ_BYTES = 1 << 20, EVENTS = 1024, SAMPLED = 50, MAX_LATENCIES = 4000000 };
#define SECOND 1000000000ull
#define STALL (10 * SECOND)
static const char PAD[] = "the quick brown fox jumps over the lazy dog and keeps running on, ok?";

struct connection {
    int fd;
    int sends;
    int is_sampled;
    size_t held; /* bytes of an unfinished frame */
    size_t room;
    unsigned char *rest;
};

static int port;
static const char *path;
static int receivers;
static struct connection *connections;
static uint64_t sent, delivered;
static uint32_t *latencies; /* microseconds, of the sampled receivers */
static size_t latency_count;
static int is_measuring;
static unsigned char buffer[READ_BYTES];

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void refuse(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * SECOND + (uint64_t)at.tv_nsec;
}

static double cpu_seconds(int pid) {
    char name[64], text[1024];
    unsigned long user, system;
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *file = fopen(name, "r");
    if (!file)
        fail(name);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    char *after_name = strrchr(text, ')') + 2;
    sscanf(after_name, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void write_all(int fd, const unsigned char *bytes, size_t count) {
    while (count) {
        ssize_t written = write(fd, bytes, count);
        if (written < 0 && errno == EAGAIN)
            continue;
        if (written < 0)
            fail("write");
        bytes += written;
        count -= (size_t)written;
    }
}

/* A client's frame, masked as RFC 6455 asks, of at most 65535 bytes. */
static size_t make_frame(unsigned char *out, int opcode, const void *payload, size_t size) {
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

static void send_message(struct connection *sender) {
    char text[512];
    unsigned char out[600];
    int size = snprintf(text, sizeof text,
                        "{\"type\":\"SendMessage\",\"payload\":{\"client_msg_id\":\"c%" PRIu64 "-%d\","
                        "\"content\":\"@T%016" PRIx64 " %s\"}}",
                        ++sent, getpid(), now(), PAD);
    write_all(sender->fd, out, make_frame(out, TEXT, text, (size_t)size));
}

static void note_text(struct connection *to, const unsigned char *text, size_t size) {
    const unsigned char *stamp = to->sends ? NULL : memmem(text, size, "@T", 2);
    if (!stamp)
        return;
    delivered++;
    if (to->is_sampled && is_measuring && latency_count < MAX_LATENCIES) {
        char digits[17] = {0};
        memcpy(digits, stamp + 2, 16);
        latencies[latency_count++] = (uint32_t)((now() - strtoull(digits, NULL, 16)) / 1000);
    }
}

/* Handles the frame at the start of the bytes; its size, or 0 when it is not all there. */
static size_t take_frame(struct connection *from, const unsigned char *bytes, size_t count) {
    if (count < 2)
        return 0;
    uint64_t size = bytes[1] & 127;
    size_t head = size == 126 ? 4 : size == 127 ? 10 : 2;
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
    if (opcode == TEXT)
        note_text(from, bytes + head, size);
    else if (opcode == PING) {
        unsigned char out[160];
        write_all(from->fd, out, make_frame(out, PONG, bytes + head, size));
    } else if (opcode == CLOSE)
        refuse("the server closed a connection");
    return head + size;
}

static void keep_rest(struct connection *of, const unsigned char *bytes, size_t count) {
    if (count > of->room) {
        of->room = 2 * count;
        of->rest = realloc(of->rest, of->room);
    }
    memcpy(of->rest, bytes, count);
    of->held = count;
}

static void take_frames(struct connection *from, size_t count) {
    size_t at = 0, size;
    while ((size = take_frame(from, buffer + at, count - at)))
        at += size;
    from->held = 0;
    if (at < count)
        keep_rest(from, buffer + at, count - at);
}

static void on_readable(struct connection *from) {
    if (from->held)
        memcpy(buffer, from->rest, from->held);
    ssize_t count = read(from->fd, buffer + from->held, READ_BYTES - from->held);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        refuse("the server dropped a connection");
    take_frames(from, from->held + (size_t)count);
}

static void upgrade(struct connection *of, int number) {
    char text[8192];
    size_t count = 0;
    int size = snprintf(text, sizeof text,
                        "GET %s?user_id=u%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        path, number, port);
    write_all(of->fd, (unsigned char *)text, (size_t)size);
    char *end;
    do {
        ssize_t more = read(of->fd, text + count, sizeof text - 1 - count);
        if (more <= 0)
            fail("reading the answer to an upgrade");
        count += (size_t)more;
        text[count] = 0;
    } while (!(end = strstr(text, "\r\n\r\n")));
    if (strncmp(text, "HTTP/1.1 101", 12) != 0)
        refuse(text);
    end += 4;
    keep_rest(of, (unsigned char *)end, count - (size_t)(end - text));
}

static void open_connection(struct connection *one, int number) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {10, 0};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(one->fd, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(one->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    upgrade(one, number);
    fcntl(one->fd, F_SETFL, O_NONBLOCK);
}

static void open_connections(int count) {
    connections = calloc((size_t)count, sizeof *connections);
    for (int number = 0; number < count; number++)
        open_connection(&connections[number], number);
}

static void hold(int count) {
    char byte;
    open_connections(count);
    puts("held");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

static int by_value(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t latency(double share) {
    return latency_count ? latencies[(size_t)((double)(latency_count - 1) * share)] : 0;
}

struct moment {
    uint64_t at, sent, delivered;
    double server_cpu, own_cpu;
};

static struct moment look(int pid) {
    return (struct moment){now(), sent, delivered, cpu_seconds(pid), own_cpu_seconds()};
}

static void report(struct moment from, struct moment to) {
    double seconds = (double)(to.at - from.at) / 1e9;
    qsort(latencies, latency_count, sizeof *latencies, by_value);
    printf("{\"messages\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"lost\":%" PRIu64 ","
           "\"seconds\":%.3f,\"server_cpu\":%.3f,\"own_cpu\":%.3f,"
           "\"p50_microseconds\":%u,\"p99_microseconds\":%u}\n",
           to.sent - from.sent, to.delivered - from.delivered,
           sent * (uint64_t)receivers - delivered, seconds, to.server_cpu - from.server_cpu,
           to.own_cpu - from.own_cpu, latency(0.5), latency(0.99));
}

static void poll_once(int epoll) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, 0);
    for (int at = 0; at < count; at++)
        on_readable(events[at].data.ptr);
}

static void pump(int epoll, uint64_t until, int in_flight) {
    uint64_t seen = delivered, progress = now();
    while (now() < until) {
        while (sent * (uint64_t)receivers - delivered < (uint64_t)in_flight * (uint64_t)receivers)
            send_message(&connections[receivers]);
        poll_once(epoll);
        if (delivered != seen) {
            seen = delivered;
            progress = now();
        } else if (now() - progress > STALL) {
            refuse("no delivery for 10 s");
        }
    }
}

static void drain(int epoll) {
    uint64_t until = now() + STALL;
    while (delivered < sent * (uint64_t)receivers && now() < until)
        poll_once(epoll);
}

static void send_load(int in_flight, double seconds, int pid) {
    int epoll = epoll_create1(0);
    latencies = malloc(MAX_LATENCIES * sizeof *latencies);
    open_connections(receivers + 1);
    for (int number = 0; number <= receivers; number++) {
        struct connection *one = &connections[number];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
        one->sends = number == receivers;
        one->is_sampled = number % (receivers / SAMPLED + 1) == 0;
        epoll_ctl(epoll, EPOLL_CTL_ADD, one->fd, &event);
    }
    pump(epoll, now() + SECOND, in_flight);
    is_measuring = 1;
    struct moment from = look(pid);
    pump(epoll, from.at + (uint64_t)(seconds * 1e9), in_flight);
    struct moment to = look(pid);
    is_measuring = 0;
    drain(epoll);
    report(from, to);
}

int main(int count, char **given) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (count < 5)
        refuse("usage: load send|hold PORT PATH CONNECTIONS [IN_FLIGHT SECONDS SERVER_PID]");
    port = atoi(given[2]);
    path = given[3];
    receivers = atoi(given[4]);
    if (strcmp(given[1], "hold") == 0)
        hold(receivers);
    else if (count == 8)
        send_load(atoi(given[5]), atof(given[6]), atoi(given[7]));
    return 0;
}
