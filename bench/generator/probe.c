/* A connection of its own that sends a WebSocket ping every 5 ms, from its own thread: the longest
 * round trip is how long the server's loop did not come to anybody. Every server answers pings. */
#include "load.h"
#include "probe.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MICROSECONDS = 5000 };
static struct connection prober;
static pthread_t thread;
static atomic_int is_running;
static _Atomic uint64_t longest;

/* It hears nothing but the answers, and signals, which hold no byte above 0x7f: it is alone in its
 * room. */
static void wait_for_pong(void) {
    unsigned char bytes[4096];
    ssize_t count;
    do {
        count = read(prober.fd, bytes, sizeof bytes);
        if (count <= 0)
            refuse("a ping was not answered for 15 s");
    } while (!memchr(bytes, 0x80 | PONG, (size_t)count));
}

static void *run(void *unused) {
    unsigned char ping[16];
    size_t size = make_frame(ping, PING, "", 0);
    /* Its turn comes before that of the other thread, which never sleeps; allowed or not. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), -15);
    while (is_running) {
        uint64_t sent = now();
        write_all(prober.fd, ping, size);
        wait_for_pong();
        uint64_t took = now() - sent;
        if (took > longest)
            longest = took;
        struct timespec pause = {.tv_nsec = EVERY_MICROSECONDS * 1000};
        nanosleep(&pause, NULL);
    }
    return unused;
}

static void do_nothing(void) {}

void probe_join(int room) {
    prober.room = room;
    prober.number = -1;
    join_all(&prober, 1, 1, do_nothing);
}

void probe_start(void) {
    struct timeval patience = {PATIENCE / SECOND, 0};
    stop_polling(&prober);
    fcntl(prober.fd, F_SETFL, 0);
    setsockopt(prober.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    is_running = 1;
    pthread_create(&thread, NULL, run, NULL);
}

double probe_stop(void) {
    if (is_running) {
        is_running = 0;
        pthread_join(thread, NULL);
    }
    return (double)longest / 1e9;
}
