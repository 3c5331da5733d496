/* What each server wants to be told. The rooms protocol is docs/rooms.md. */
#include "load.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void rooms_target(char *out, const struct connection *of) {
    int size = snprintf(out, SPOKEN, "%s?user_id=u%d-%d", rooms[of->room], of->number, getpid());
    if (is_resuming)
        snprintf(out + size, SPOKEN - (size_t)size, "&since=%" PRIu64, of->seq);
}

static int rooms_message(char *out, const struct connection *of, const char *id, const char *content) {
    (void)of;
    return snprintf(out, SPOKEN,
                    "{\"type\":\"SendMessage\",\"payload\":{\"client_msg_id\":\"%s\",\"content\":\"%s\"}}",
                    id, content);
}

static void socketio_target(char *out, const struct connection *of) {
    snprintf(out, SPOKEN, "/socket.io/?EIO=4&transport=websocket&room=%s", rooms[of->room]);
}

static int socketio_hello(char *out, const struct connection *of) {
    (void)of;
    return snprintf(out, SPOKEN, "40");
}

static int socketio_message(char *out, const struct connection *of, const char *id,
                            const char *content) {
    (void)of;
    return snprintf(out, SPOKEN, "42[\"message\",{\"client_msg_id\":\"%s\",\"content\":\"%s\"}]", id,
                    content);
}

static void nats_target(char *out, const struct connection *of) {
    (void)of;
    snprintf(out, SPOKEN, "/");
}

static int nats_hello(char *out, const struct connection *of) {
    return snprintf(out, SPOKEN,
                    "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB %s 1\r\nPING\r\n",
                    rooms[of->room]);
}

static int nats_message(char *out, const struct connection *of, const char *id, const char *content) {
    char text[SPOKEN / 2];
    int size = snprintf(text, sizeof text, "{\"client_msg_id\":\"%s\",\"content\":\"%s\"}", id, content);
    return snprintf(out, SPOKEN, "PUB %s %d\r\n%s\r\n", rooms[of->room], size, text);
}

static void centrifugo_target(char *out, const struct connection *of) {
    (void)of;
    snprintf(out, SPOKEN, "/connection/websocket");
}

static int centrifugo_hello(char *out, const struct connection *of) {
    return snprintf(out, SPOKEN,
                    "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}",
                    rooms[of->room]);
}

static int centrifugo_message(char *out, const struct connection *of, const char *id,
                              const char *content) {
    return snprintf(out, SPOKEN,
                    "{\"id\":3,\"publish\":{\"channel\":\"%s\",\"data\":"
                    "{\"client_msg_id\":\"%s\",\"content\":\"%s\"}}}",
                    rooms[of->room], id, content);
}

static const struct protocol known[] = {
    {.name = "rooms",
     .opcode = TEXT,
     .target = rooms_target,
     .message = rooms_message,
     .joined = "\"WelcomeInfo\"",
     .acknowledged = "\"Ack\"",
     .refused = "\"Error\""},
    {.name = "socketio",
     .opcode = TEXT,
     .target = socketio_target,
     .hello = socketio_hello,
     .message = socketio_message,
     .joined = "40{",
     .refused = "44{",
     .ping = "2",
     .pong = "3"},
    {.name = "nats",
     .opcode = BINARY,
     .target = nats_target,
     .hello = nats_hello,
     .message = nats_message,
     .joined = "PONG",
     .refused = "-ERR",
     .ping = "PING\r\n",
     .pong = "PONG\r\n"},
    {.name = "centrifugo",
     .opcode = TEXT,
     .target = centrifugo_target,
     .hello = centrifugo_hello,
     .message = centrifugo_message,
     .joined = "\"id\":2",
     .acknowledged = "\"publish\":{}",
     .refused = "\"error\"",
     .ping = "{}",
     .pong = "{}"},
};

const struct protocol *find_protocol(const char *name) {
    for (size_t at = 0; at < sizeof known / sizeof *known; at++)
        if (strcmp(known[at].name, name) == 0)
            return &known[at];
    refuse("no such protocol");
}
