/* Load for a chat server, which is told in its own protocol.
 *
 *   load send   [options] ROOM…   the next message when all have had an earlier one (-w), or at a rate (-r)
 *   load ack    [options] ROOM…   every member sends on as its messages are acknowledged; -w each
 *   load resume [options] ROOM…   all but the senders are dropped at once, and come back after a second
 *   load join   [options] ROOM…   members join, and that is all
 *       these print one line of JSON
 *   load hold   [options] ROOM…   prints "held" when all have joined; reads as -k says until its input ends
 *
 *   -p PORT  -P rooms|socketio|nats|centrifugo  -n MEMBERS, dealt out over the rooms
 *   -j JOINS after the first that are timed (all)
 *   -s SENDERS (the first members)  -w IN_FLIGHT  -r MESSAGES_A_SECOND  -d SECONDS  -u WARM_SECONDS
 *   -b BYTES of text in a message  -S PID of the server  -k never|slow|gone
 *   -q  ask with pings how long the loop stands still; the last ROOM is for that alone
 *
 * Every message carries the time it was sent. The server's CPU clock is read at both ends of the
 * measured time.
 */
#include "load.h"
#include "probe.h"
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STAMPED = 18, SAMPLED = 50, MAX_LATENCIES = 4000000, AT_ONCE = 100 };
static const char PAD[] = " the quick brown fox jumps over the lazy dog and keeps running on, ok?";

const struct protocol *protocol;
char **rooms;
int port, is_resuming, receive_buffer;
struct connection *connections;

static int members = 1, room_count, senders = 1, in_flight, timed_joins, text_bytes = 89, server, is_probing;
static double rate, seconds = 3, warm_seconds = 0.5;
static const char *how_to_read = "never";

static uint64_t sent, delivered, acknowledged, gaps, repeats;
static uint64_t goal;   /* the seq from which on a client that was dropped is back */
static int back, is_measuring;
static uint32_t *latencies; /* microseconds, of the sampled members */
static size_t latency_count;
static char *text;

static void send_message(struct connection *from) {
    char id[64], out[SPOKEN], stamp[17];
    unsigned char frame[SPOKEN + 16];
    snprintf(id, sizeof id, "c%" PRIu64 "-%d", ++sent, getpid());
    snprintf(stamp, sizeof stamp, "%016" PRIx64, now());
    memcpy(text + 2, stamp, 16);
    int size = protocol->message(out, from, id, text);
    from->unacknowledged++;
    write_all(from->fd, frame, make_frame(frame, protocol->opcode, out, (size_t)size));
}

static void make_text(void) {
    text = malloc((size_t)text_bytes + 1);
    memcpy(text, "@T", 2);
    for (int at = STAMPED; at < text_bytes; at++)
        text[at] = PAD[(size_t)(at - STAMPED) % (sizeof PAD - 1)];
    text[text_bytes] = 0;
}

static void note_latency(const unsigned char *stamp) {
    char digits[17] = {0};
    memcpy(digits, stamp + 2, 16);
    latencies[latency_count++] = (uint32_t)((now() - strtoull(digits, NULL, 16)) / 1000);
}

/* Whether each message comes once and in its turn. */
static void note_seq(struct connection *to, const unsigned char *frame, size_t size) {
    const unsigned char *found = memmem(frame, size, "\"seq\":", 6);
    if (!found)
        refuse("a message without seq");
    uint64_t seq = strtoull((const char *)found + 6, NULL, 10);
    if (seq > to->seq + 1)
        gaps++;
    if (seq <= to->seq) {
        repeats++;
        return;
    }
    if (is_resuming && to->number >= senders && to->seq < goal && seq >= goal)
        back++;
    to->seq = seq;
}

/* How often the words are in it. */
static int count_of(const char *words, const unsigned char *frame, size_t size) {
    const unsigned char *end = frame + size;
    int count = 0;
    if (words)
        for (; (frame = memmem(frame, (size_t)(end - frame), words, strlen(words))); frame++)
            count++;
    return count;
}

static int note_stamps(struct connection *to, const unsigned char *frame, size_t size) {
    const unsigned char *end = frame + size;
    int count = 0;
    while ((frame = memmem(frame, (size_t)(end - frame), "@T", 2)) && frame + STAMPED <= end) {
        count++;
        if (to->is_sampled && is_measuring && latency_count < MAX_LATENCIES)
            note_latency(frame);
        frame += STAMPED;
    }
    return count;
}

/* One frame may hold several messages (Centrifugo, NATS). */
void on_message(struct connection *to, const unsigned char *frame, size_t size) {
    int messages = note_stamps(to, frame, size), answers = 0;
    delivered += (uint64_t)messages;
    if (messages && goal)
        note_seq(to, frame, size);
    if (to->number < senders) {
        answers = count_of(protocol->acknowledged, frame, size);
        acknowledged += (uint64_t)answers;
        to->unacknowledged -= answers;
    }
    if (!messages && !answers && count_of(protocol->refused, frame, size)) {
        fprintf(stderr, "load: %.*s\n", (int)size, frame);
        exit(1);
    }
}

/* Of all threads of the server. */
static double cpu_seconds(void) {
    clockid_t clock;
    struct timespec spent;
    if (!server)
        return 0;
    if (clock_getcpuclockid(server, &clock) || clock_gettime(clock, &spent))
        refuse("there is no process with the number that -S gave");
    return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

static long resident_kb(void) {
    char name[64], line[256];
    long found = 0;
    if (!server)
        return 0;
    snprintf(name, sizeof name, "/proc/%d/status", server);
    FILE *file = fopen(name, "r");
    if (!file)
        fail(name);
    while (fgets(line, sizeof line, file))
        sscanf(line, "VmRSS: %ld", &found);
    fclose(file);
    return found;
}

static double own_cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void supply_in_flight(void) {
    static int turn;
    uint64_t each = (uint64_t)(members / room_count);
    while (sent * each - delivered < (uint64_t)in_flight * each)
        send_message(&connections[turn++ % senders]);
}

static void supply_at_rate(void) {
    static int turn;
    static uint64_t due;
    uint64_t every = (uint64_t)(1e9 / rate), at = now();
    if (!due)
        due = at;
    for (; due <= at; due += every)
        send_message(&connections[turn++ % senders]);
}

static void supply_acknowledged(void) {
    for (int at = 0; at < senders; at++)
        while (connections[at].unacknowledged < in_flight)
            send_message(&connections[at]);
}

static void supply_nothing(void) {}

static void pump(double for_seconds, void (*supply)(void)) {
    uint64_t until = now() + (uint64_t)(for_seconds * 1e9);
    uint64_t seen = delivered, progress = now(), at;
    while ((at = now()) < until) {
        supply();
        poll_once();
        if (delivered != seen || supply == supply_nothing) {
            seen = delivered;
            progress = at;
        } else if (at - progress > PATIENCE) {
            refuse("no delivery for 15 s");
        }
    }
}

/* Deliveries that have not come 10 s after the last message. */
static uint64_t wait_for_rest(void) {
    uint64_t all = sent * (uint64_t)(members / room_count), until = now() + 10 * SECOND;
    while (delivered < all && now() < until)
        poll_once();
    return all - delivered;
}

struct moment {
    uint64_t at, sent, delivered, acknowledged;
    double server_cpu, own_cpu;
};

static struct moment look(void) {
    return (struct moment){now(), sent, delivered, acknowledged, cpu_seconds(), own_cpu_seconds()};
}

static int by_value(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t latency(double share) {
    return latency_count ? latencies[(size_t)((double)(latency_count - 1) * share)] : 0;
}

static void report_load(struct moment from, struct moment to, uint64_t lost) {
    qsort(latencies, latency_count, sizeof *latencies, by_value);
    printf("\"messages\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"acknowledged\":%" PRIu64
           ",\"lost\":%" PRIu64 ",\"seconds\":%.3f,\"server_cpu\":%.3f,\"own_cpu\":%.3f,"
           "\"p50_microseconds\":%u,\"p99_microseconds\":%u,",
           to.sent - from.sent, to.delivered - from.delivered, to.acknowledged - from.acknowledged,
           lost, (double)(to.at - from.at) / 1e9, to.server_cpu - from.server_cpu,
           to.own_cpu - from.own_cpu, latency(0.5), latency(0.99));
}

static void make_members(void) {
    connections = calloc((size_t)members, sizeof *connections);
    latencies = malloc(MAX_LATENCIES * sizeof *latencies);
    make_text();
    for (int number = 0; number < members; number++) {
        connections[number].number = number;
        connections[number].room = number % room_count;
        connections[number].is_sampled = number % (members / SAMPLED + 1) == 0;
    }
}

/* What joins cost, and what memory they take. The first is left out: it loads what all need. */
static void join_members(void) {
    join_all(connections, 1, 1, supply_nothing);
    long before = resident_kb();
    struct moment from = look();
    int timed = timed_joins ? timed_joins : members - 1;
    join_all(connections + 1, timed, AT_ONCE, supply_nothing);
    struct moment to = look();
    join_all(connections + 1 + timed, members - 1 - timed, AT_ONCE, supply_nothing);
    pump(0.2, supply_nothing);
    printf("{\"joined\":%d,\"timed_joins\":%d,\"join_seconds\":%.3f,\"join_cpu\":%.3f,\"resident_kb\":%ld,"
           "\"joined_kb\":%ld,",
           members - 1, timed, (double)(to.at - from.at) / 1e9, to.server_cpu - from.server_cpu, before,
           resident_kb());
}

static void send_load(void (*supply)(void)) {
    pump(warm_seconds, supply);
    if (is_probing)
        probe_start();
    is_measuring = 1;
    struct moment from = look();
    pump(seconds, supply);
    struct moment to = look();
    is_measuring = 0;
    report_load(from, to, wait_for_rest());
}

/* How many have not had every message after 10 s. */
static uint64_t wait_for_all(void) {
    uint64_t until = now() + 10 * SECOND, behind;
    do {
        poll_once();
        behind = 0;
        for (int number = 0; number < members; number++)
            behind += connections[number].seq < sent;
    } while (behind && now() < until);
    return behind;
}

static void resume(void) {
    goal = 1; /* from now on every seq is looked at */
    pump(1, supply_at_rate);
    for (int number = senders; number < members; number++)
        leave(&connections[number]);
    pump(1, supply_at_rate);
    if (is_probing)
        probe_start();
    uint64_t from = now();
    goal = sent;
    is_resuming = 1;
    join_all(connections + senders, members - senders, members, supply_at_rate);
    while (back < members - senders && now() - from < PATIENCE) {
        supply_at_rate();
        poll_once();
    }
    double took = (double)(now() - from) / 1e9;
    pump(1, supply_at_rate);
    gaps += wait_for_all();
    printf("\"back\":%d,\"back_seconds\":%.3f,\"gaps\":%" PRIu64 ",\"repeats\":%" PRIu64 ",", back,
           took, gaps, repeats);
}

/* The kernel drops whatever comes for it: to the server it looks as if its machine had gone. */
static void go_silent(struct connection *one) {
    struct sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
    struct sock_fprog program = {1, &nothing};
    if (setsockopt(one->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program))
        fail("filter");
}

static void hold(void) {
    int is_slow = strcmp(how_to_read, "slow") == 0;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char bytes[1024];
    join_all(connections, members, AT_ONCE, supply_nothing);
    if (strcmp(how_to_read, "gone") == 0)
        for (int number = 0; number < members; number++)
            go_silent(&connections[number]);
    puts("held");
    fflush(stdout);
    while (!poll(&input, 1, is_slow ? 1000 : -1)) /* at the end of its input it can be read */
        for (int number = 0; number < members; number++)
            if (read(connections[number].fd, bytes, sizeof bytes) < 0)
                continue; /* nothing there, or dropped by the server, as it should be */
}

static void parse(int count, char **given) {
    int option;
    while ((option = getopt(count, given, "p:P:n:j:s:w:r:d:u:b:S:k:q")) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'P': protocol = find_protocol(optarg); break;
        case 'n': members = atoi(optarg); break;
        case 'j': timed_joins = atoi(optarg); break;
        case 's': senders = atoi(optarg); break;
        case 'w': in_flight = atoi(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'u': warm_seconds = atof(optarg); break;
        case 'b': text_bytes = atoi(optarg); break;
        case 'S': server = atoi(optarg); break;
        case 'k': how_to_read = optarg; break;
        case 'q': is_probing = 1; break;
        default: refuse("what it takes stands at the head of bench/generator/main.c");
        }
    }
    rooms = given + optind;
    room_count = count - optind - is_probing;
    if (!protocol || !port || room_count < 1 || members % room_count || senders > members || timed_joins >= members ||
        text_bytes < 20 || text_bytes > SPOKEN / 4)
        refuse("what it takes stands at the head of bench/generator/main.c");
}

int main(int count, char **given) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (count < 2)
        refuse("what it takes stands at the head of bench/generator/main.c");
    const char *mode = given[1];
    parse(count - 1, given + 1);
    start_polling();
    make_members();
    if (strcmp(mode, "hold") == 0) {
        receive_buffer = 4096;
        hold();
        return 0;
    }
    if (is_probing)
        probe_join(room_count);
    join_members();
    if (strcmp(mode, "send") == 0)
        send_load(rate > 0 ? supply_at_rate : supply_in_flight);
    else if (strcmp(mode, "ack") == 0)
        send_load(supply_acknowledged);
    else if (strcmp(mode, "resume") == 0)
        resume();
    else if (strcmp(mode, "join") != 0)
        refuse("no such mode");
    printf("\"longest_stall\":%.6f,\"left_kb\":%ld}\n", probe_stop(), resident_kb());
    return 0;
}
