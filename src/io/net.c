/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's network on the host: libslirp, a router that lives in this process.
 *
 * The guest sees an Ethernet with a router, a DHCP server and, if it may reach the outside, a name
 * server on it. What it sends, the router opens as sockets of the host, by this user's rights; what
 * connects to a forwarded port of the host becomes a connection to the guest.
 *
 * 1. All of this is outside: it runs by the host's clock, holds state of its own, and none of that
 *    is the machine's. Only frames cross, and those to the guest through the gate.
 * 2. Frames to the guest wait in a queue until the gate takes them. From half full on, no socket is
 *    read, so peers on the host are slowed down by their own flow control. What answers a frame of
 *    the guest at once still finds room in the other half; what does not is lost, as on a wire.
 * 3. IPv4 only: IPv6 would advertise its routes again and again, unasked, and each would be an
 *    input that a recorded run has to keep. */
#include "io/io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <slirp/libslirp.h>

enum { FRAMES_MAX = 1024, FRAMES_HIGH = FRAMES_MAX / 2, FRAME_BYTES_MIN = 14 };

/* Where things are in the network, counted from its first address. */
enum { ROUTER_IDX = 2, NAME_SERVER_IDX = 3, GUEST_IDX = 15 };

struct frame {
    uint16_t size_bytes;
    uint8_t bytes[FRAME_BYTES_MAX];
};

struct net {
    Slirp *slirp; /* NULL: nobody is there */
    bool reachable;
    bool muted;
    struct watch *watch;  /* to look, never to wait */
    struct frame *frames; /* a ring */
    size_t first_idx, count;
};

/* -- What libslirp asks for -------------------------------------------------------------------- */

static ssize_t frame_queue(const void *bytes, size_t size_bytes, void *of) {
    struct net *net = of;
    if (net->count < FRAMES_MAX && size_bytes <= FRAME_BYTES_MAX) {
        struct frame *frame = &net->frames[(net->first_idx + net->count) % FRAMES_MAX];
        memcpy(frame->bytes, bytes, size_bytes);
        frame->size_bytes = (uint16_t)size_bytes;
        net->count++;
    }
    return (ssize_t)size_bytes;
}

static int64_t now_ns(void *of) {
    (void)of;
    return host_monotonic_ns();
}

/* The guest's own affair. */
static void guest_error(const char *text, void *of) {
    (void)text, (void)of;
}

static void descriptor_ignore(int fd, void *of) {
    (void)fd, (void)of;
}

static void notice_ignore(void *of) {
    (void)of;
}

/* Without timers: only IPv6 has any. */
static const SlirpCb callbacks = {
    .send_packet = frame_queue,
    .guest_error = guest_error,
    .clock_get_ns = now_ns,
    .register_poll_fd = descriptor_ignore,
    .unregister_poll_fd = descriptor_ignore,
    .notify = notice_ignore,
};

static const struct {
    short poll;
    int slirp;
} events_known[] = {
    {POLLIN, SLIRP_POLL_IN},   {POLLOUT, SLIRP_POLL_OUT}, {POLLPRI, SLIRP_POLL_PRI},
    {POLLERR, SLIRP_POLL_ERR}, {POLLHUP, SLIRP_POLL_HUP},
};

static int descriptor_add(int fd, int wanted, void *watch) {
    short events = 0;
    for (size_t i = 0; i < COUNT(events_known); i++) {
        bool known = (wanted & events_known[i].slirp) != 0;
        events = (short)(events | (known ? events_known[i].poll : 0));
    }
    return (int)watch_add(watch, fd, events);
}

static int descriptor_seen(int idx, void *watch) {
    short seen = watch_seen(watch, (size_t)idx);
    int events = 0;
    for (size_t i = 0; i < COUNT(events_known); i++) {
        events |= (seen & events_known[i].poll) != 0 ? events_known[i].slirp : 0;
    }
    return events;
}

static void descriptors_watch(struct net *net, struct watch *watch) {
    uint32_t timeout_ms = UINT32_MAX;
    slirp_pollfds_fill(net->slirp, &timeout_ms, descriptor_add, watch);
    watch_limit(watch, (int64_t)timeout_ms * 1000000);
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static struct in_addr address_of(uint32_t address) {
    return (struct in_addr){.s_addr = htonl(address)};
}

static enum status forward_open(struct net *net, const struct net_forward *forward,
                                struct error *error) {
    if (slirp_add_hostfwd(net->slirp, forward->udp, address_of(forward->host_address),
                          forward->host_port, address_of(forward->guest_address),
                          forward->guest_port) == 0) {
        return STATUS_OK;
    }
    uint32_t at = forward->host_address;
    return error_set(error, STATUS_HOST_IO,
                     "--net: cannot listen on %s %u.%u.%u.%u:%u (%s); forward another port",
                     forward->udp ? "UDP" : "TCP", at >> 24, at >> 16 & 255, at >> 8 & 255,
                     at & 255, forward->host_port, strerror(errno));
}

static enum status user_open(struct net *net, const struct net_options *options,
                             struct error *error) {
    SlirpConfig config = {
        .version = 1,
        .restricted = options->restricted,
        .in_enabled = true,
        .vnetwork = address_of(options->network),
        .vnetmask = address_of(options->mask),
        .vhost = address_of(options->network + ROUTER_IDX),
        .vdhcp_start = address_of(options->network + GUEST_IDX),
        .vnameserver = address_of(options->network + NAME_SERVER_IDX),
    };
    enum status status = STATUS_OK;
    net->watch = watch_new();
    net->frames = calloc(FRAMES_MAX, sizeof *net->frames);
    net->slirp =
        net->watch == NULL || net->frames == NULL ? NULL : slirp_new(&config, &callbacks, net);
    if (net->slirp == NULL) {
        return error_set(error, STATUS_USAGE, "--net: out of memory; free some and try again");
    }
    net->reachable = !options->restricted || options->forward_count > 0;
    for (unsigned i = 0; i < options->forward_count && status == STATUS_OK; i++) {
        status = forward_open(net, &options->forwards[i], error);
    }
    return status;
}

struct net *net_open(const struct net_options *options, struct error *error) {
    struct net *net = calloc(1, sizeof *net);
    if (net == NULL) {
        error_set(error, STATUS_USAGE, "--net: out of memory; free some and try again");
        return NULL;
    }
    if (options != NULL && user_open(net, options, error) != STATUS_OK) {
        net_close(net);
        return NULL;
    }
    return net;
}

void net_close(struct net *net) {
    if (net == NULL) {
        return;
    }
    if (net->slirp != NULL) {
        slirp_cleanup(net->slirp);
    }
    watch_free(net->watch);
    free(net->frames);
    free(net);
}

/* -- Frames ------------------------------------------------------------------------------------ */

void net_send(struct net *net, const uint8_t *frame, size_t size_bytes) {
    bool fits = size_bytes >= FRAME_BYTES_MIN && size_bytes <= FRAME_OUT_BYTES_MAX;
    if (net->slirp != NULL && fits && !net->muted) {
        slirp_input(net->slirp, frame, (int)size_bytes);
    }
}

void net_serve(struct net *net) {
    if (net->slirp != NULL && net->count < FRAMES_HIGH) {
        watch_begin(net->watch);
        descriptors_watch(net, net->watch);
        watch_wait(net->watch, 0);
        slirp_pollfds_poll(net->slirp, 0, descriptor_seen, net->watch);
    }
}

size_t net_take(struct net *net, uint8_t *bytes, size_t room_bytes) {
    size_t size_bytes = 0;
    while (net->count > 0 && size_bytes == 0) {
        const struct frame *frame = &net->frames[net->first_idx];
        if (frame->size_bytes <= room_bytes) {
            size_bytes = frame->size_bytes;
            memcpy(bytes, frame->bytes, size_bytes);
        }
        net->first_idx = (net->first_idx + 1) % FRAMES_MAX;
        net->count--;
    }
    return size_bytes;
}

/* -- As an endpoint ---------------------------------------------------------------------------- */

static void endpoint_begin(void *net) {
    (void)net;
}

static void endpoint_serve(void *net) {
    net_serve(net);
}

/* Frames go out as they are sent. */
static bool endpoint_flush(void *net) {
    (void)net;
    return true;
}

static enum endpoint_state endpoint_state(const void *net, struct error *error) {
    (void)net, (void)error;
    return ENDPOINT_READY;
}

static void endpoint_watch(void *of, struct watch *watch, bool admits) {
    struct net *net = of;
    if (admits && net->count > 0) {
        watch_ready(watch);
    }
    if (net->slirp != NULL && net->count < FRAMES_HIGH) {
        descriptors_watch(net, watch);
    }
}

static size_t endpoint_take(void *net, uint8_t *bytes, size_t room_bytes) {
    return net_take(net, bytes, room_bytes);
}

static void endpoint_mute(void *of, bool mutes) {
    struct net *net = of;
    net->muted = mutes;
}

/* Nobody else speaks first. */
static bool endpoint_can_come(const void *of, bool admits) {
    const struct net *net = of;
    return admits && (net->reachable || net->count > 0);
}

const struct endpoint_ops net_endpoint = {
    .begin = endpoint_begin,
    .serve = endpoint_serve,
    .flush = endpoint_flush,
    .state = endpoint_state,
    .watch = endpoint_watch,
    .take = endpoint_take,
    .mute = endpoint_mute,
    .can_come = endpoint_can_come,
};
