/* The load: many WebSocket clients in one thread and one epoll, so that the server is the limit.
 *
 *   load --port P --mode fanout   --clients N, of which --talkers T talk, each with --window K messages
 *                                 in flight; a message is done when all N have it
 *        --mode echo              each client talks to itself
 *        --mode receive           the server sends, as number 0, --count messages; all receive
 *        --mode idle              connect and stay until standard input ends
 *
 * receive and idle print {"ready": true} when every client is connected and hears. The last line is
 * one JSON object with the results. Every mode ends by itself, at the latest after --limit seconds. */
#include "crowd.h"

#include <poll.h>

static struct {
    uint64_t begin, end, deliveries, expected;
    uint64_t server_cpu, load_cpu;
    double connect_seconds;
} outcome;

static clockid_t server_clock;

static void ready(void) {
    printf("{\"ready\": true}\n");
    fflush(stdout);
}

static void begin_measuring(void) {
    outcome.begin = now_ns();
    outcome.deliveries = tally.fresh;
    outcome.server_cpu = option.pid ? clock_ns(server_clock) : 0;
    outcome.load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    sampling = 1;
}

static void end_measuring(void) {
    sampling = 0;
    outcome.end = now_ns();
    outcome.deliveries = tally.fresh - outcome.deliveries;
    outcome.server_cpu = (option.pid ? clock_ns(server_clock) : 0) - outcome.server_cpu;
    outcome.load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - outcome.load_cpu;
}

/* fanout and echo: send to warm up, send to measure, then wait for the rest to count lost messages. */
static void converse(void) {
    if (!echoes) probe();
    talk_for(option.warm);
    begin_measuring();
    talk_for(option.seconds);
    end_measuring();
    for (int n = 0; n < option.talkers; n++) outcome.expected += (uint64_t)talkers[n].sent * audience;
    settle(outcome.expected, 0.5, 5);
}

static void receive(void) {
    outcome.expected = (uint64_t)option.count * audience;
    probe();
    ready();
    begin_measuring();
    for (uint64_t end = now_ns() + (uint64_t)(option.limit * 1e9); !tally.fresh && now_ns() < end;) turn(20);
    settle(outcome.expected, 2, option.limit);
    end_measuring();
}

static void idle(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[64];
    ready();
    for (uint64_t end = now_ns() + (uint64_t)(option.limit * 1e9); now_ns() < end; turn(20))
        if (poll(&input, 1, 0) > 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return;
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
#define IS(x) (strcmp(name, "--" x) == 0)
        if (IS("port")) option.port = atoi(value);
        else if (IS("path")) option.path = value;
        else if (IS("mode")) option.mode = value;
        else if (IS("clients")) option.clients = atoi(value);
        else if (IS("talkers")) option.talkers = atoi(value);
        else if (IS("window")) option.window = atoi(value);
        else if (IS("size")) option.size = (size_t)atol(value);
        else if (IS("skip")) option.skip = (size_t)atol(value);         /* bytes before the payload: "you said: " */
        else if (IS("greeting")) option.greeting = atoi(value);         /* messages that the server sends first */
        else if (IS("count")) option.count = (uint32_t)atol(value);
        else if (IS("seconds")) option.seconds = atof(value);
        else if (IS("warm")) option.warm = atof(value);
        else if (IS("stall")) option.stall = atof(value);               /* silence after which messages are lost */
        else if (IS("limit")) option.limit = atof(value);
        else if (IS("spin")) option.spin = atoi(value);                 /* never sleep: for round trips */
        else if (IS("batch")) option.batch = atoi(value);               /* handshakes at a time */
        else if (IS("pid")) option.pid = atoi(value);                   /* whose CPU time to report */
        else die("unknown option %s", name);
    }
    echoes = strcmp(option.mode, "echo") == 0;
    if (echoes) option.talkers = option.clients;
    audience = echoes ? 1 : (uint32_t)option.clients;
    if (option.clients < 1 || option.talkers > option.clients || option.talkers < 1) die("--clients and --talkers: 1 talker at least, and no more than clients");
    if (option.window < 1 || option.window > RING / 2 || option.size <= HEAD) die("window or size out of range");
    if (option.pid && clock_getcpuclockid(option.pid, &server_clock)) die("no process %d", option.pid);
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_us(double q) {
    return sample_count ? samples[(uint32_t)(q * (sample_count - 1))] / 1e3 : 0;
}

static void report(void) {
    double seconds = (double)(outcome.end - outcome.begin) / 1e9;
    uint64_t lost = outcome.expected > tally.fresh ? outcome.expected - tally.fresh : 0;
#define NUMBER(name, value) printf(", \"" name "\": %.6f", (double)(value))
#define COUNT(name, value) printf(", \"" name "\": %llu", (unsigned long long)(value))
    printf("{\"mode\": \"%s\"", option.mode);
    COUNT("clients", option.clients);
    COUNT("open", open_clients);
    NUMBER("seconds", seconds);
    COUNT("deliveries", outcome.deliveries);
    NUMBER("rate", seconds > 0 ? (double)outcome.deliveries / seconds : 0);
    COUNT("expected", outcome.expected);
    COUNT("lost", lost);
    COUNT("doubled", tally.doubled);
    COUNT("reordered", tally.reordered);
    COUNT("garbled", tally.garbled);
    COUNT("stalls", stalls);
    NUMBER("p50_us", quantile_us(0.5));
    NUMBER("p99_us", quantile_us(0.99));
    NUMBER("server_cpu", (double)outcome.server_cpu / 1e9);
    NUMBER("load_cpu", (double)outcome.load_cpu / 1e9);
    NUMBER("connect_seconds", outcome.connect_seconds);
    NUMBER("begin", (double)outcome.begin / 1e9);
    NUMBER("last", (double)last_arrival / 1e9);
    printf("}\n");
}

int main(int argc, char **argv) {
    raise_file_limit();
    read_options(argc, argv);
    talkers = calloc((size_t)option.talkers, sizeof *talkers);
    tracks = calloc((size_t)option.talkers * audience, sizeof *tracks);
    samples = malloc(MOST_SAMPLES * sizeof *samples);
    message = malloc(option.size);
    memset(message, '.', option.size);
    outcome.connect_seconds = gather();
    if (strcmp(option.mode, "idle") == 0) idle();
    else if (strcmp(option.mode, "receive") == 0) receive();
    else converse();
    qsort(samples, sample_count, sizeof *samples, ascending);
    report();
    return 0;
}
