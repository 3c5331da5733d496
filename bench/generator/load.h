/* What the generator's parts share. One thread and one epoll, which is asked without a pause, so
 * that a write of the server never has to wake the generator up. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
#define SECOND 1000000000ull
#define PATIENCE (15 * SECOND)

enum state { CONNECTING, UPGRADING, JOINING, JOINED };

struct connection {
    int fd, number, room, is_sampled;
    enum state state;
    int unacknowledged;
    uint64_t seq;       /* of its newest message */
    size_t held, space; /* bytes of an unfinished frame, and room for them */
    unsigned char *rest;
};

/* The words of a server. Text that is written has room for SPOKEN bytes. */
enum { SPOKEN = 16384 };
struct protocol {
    const char *name;
    int opcode;
    void (*target)(char *out, const struct connection *of);
    int (*hello)(char *out, const struct connection *of); /* after the upgrade; may be NULL */
    int (*message)(char *out, const struct connection *of, const char *id, const char *content);
    const char *joined;      /* in the frame that says so */
    const char *acknowledged; /* in an acknowledgement; NULL: there are none */
    const char *refused;     /* in a frame that ends the run */
    const char *ping, *pong; /* of its own, beside WebSocket's */
};

extern const struct protocol *protocol;
extern char **rooms;
extern int port, is_resuming, receive_buffer;
extern struct connection *connections;
const struct protocol *find_protocol(const char *name);

/* connection.c */
uint64_t now(void);
_Noreturn void fail(const char *what);
_Noreturn void refuse(const char *what);
void write_all(int fd, const void *bytes, size_t count);
size_t make_frame(unsigned char *out, int opcode, const void *payload, size_t size);
void start_polling(void);
void stop_polling(struct connection *one);
void poll_once(void);
void join_all(struct connection *first, int count, int at_once, void (*meanwhile)(void));
void leave(struct connection *one);

/* main.c: a whole frame of one that has joined */
void on_message(struct connection *to, const unsigned char *text, size_t size);
