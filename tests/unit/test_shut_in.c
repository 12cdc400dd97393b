/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each part of a run that talks to the host does so inside the sandbox, with its own group and no
 * other: disks, networks, shared folders, consoles on sockets. */
#include "net_test.h"
#include "pty_test.h"
#include "sandbox_test.h"
#include "share_test.h"

#include <netinet/in.h>
#include <sys/un.h>

enum { PATIENCE_MS = 10000, ROUNDS = 40 };

static void expect_works(unsigned groups, const struct deed *deed) {
    struct ending ending = do_inside(&(struct sandbox){.groups = groups}, deed);
    if (!ended_with(&ending, WORKED)) {
        fail_msg("status %x, said '%s'", (unsigned)ending.status, ending.said);
    }
}

/* -- Disks ------------------------------------------------------------------------------------- */

enum { DISK_BYTES = 1 << 20 };

struct disk_deed {
    struct disk_options options;
    struct disk *disk;
};

static void disk_prepare(void *of) {
    struct disk_deed *deed = of;
    struct error error;
    deed->disk = disk_open(&deed->options, &error);
}

static int disk_use(void *of) {
    struct disk_deed *deed = of;
    static uint8_t bytes[64 << 10], back[64 << 10];
    struct error error;
    bool done = deed->disk != NULL;
    for (unsigned i = 0; done && i < ROUNDS; i++) {
        uint64_t at = i % 16 * sizeof bytes;
        memset(bytes, (int)i, sizeof bytes);
        done = disk_write(deed->disk, at, bytes, sizeof bytes) &&
               disk_zero(deed->disk, at, SECTOR_BYTES) && disk_flush(deed->disk) &&
               disk_read(deed->disk, at, back, sizeof back) && back[0] == 0 &&
               back[SECTOR_BYTES] == (uint8_t)i;
    }
    return done && disk_close(deed->disk, &error) ? WORKED : FAILED;
}

static void test_disks(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    char image[] = "/tmp/sandglass-XXXXXX", overlay[64];
    int fd = mkstemp(image);
    assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
    close(fd);
    snprintf(overlay, sizeof overlay, "%s.overlay", image);
    struct disk_deed deeds[] = {
        {.options = {.path = image}},
        {.options = {.path = image, .overlay = overlay}},
        {.options = {.path = image, .overlay = overlay}}, /* as the run before has left it */
        {.options = {.path = image, .persist = true}},
    };
    for (size_t i = 0; i < COUNT(deeds); i++) {
        expect_works(SANDBOX_DISKS, &(struct deed){disk_prepare, disk_use, &deeds[i]});
    }
    unlink(image);
    unlink(overlay);
}

/* -- Networks ---------------------------------------------------------------------------------- */

struct net_deed {
    struct net *net;
    unsigned port, forwarded_port; /* of the host */
};

static void net_prepare(void *of) {
    struct net_deed *deed = of;
    struct error error;
    struct net_forward forward = {
        .host_address = LOOPBACK_IP, .host_port = (uint16_t)deed->forwarded_port, .guest_port = 22};
    struct net_options options = {
        .network = 0x0a000200, .mask = 0xffffff00, .forwards = &forward, .forward_count = 1};
    deed->net = net_open(&options, &error);
}

/** Serves until a frame of that kind comes. */
static bool net_waits_for(struct net *net, bool (*wanted)(const struct packet *)) {
    static struct packet packet, answer;
    for (unsigned ms = 0; ms < PATIENCE_MS; ms++) {
        net_serve(net);
        packet.size_bytes = net_take(net, packet.bytes, sizeof packet.bytes);
        if (packet.size_bytes > 0 && wanted(&packet)) {
            return true;
        }
        if (packet.size_bytes > 0 && is_arp_for_guest(&packet)) {
            arp_make(&answer, 2, ROUTER_IP);
            net_send(net, answer.bytes, answer.size_bytes);
        }
        host_sleep_ns(packet.size_bytes > 0 ? 0 : 1000000);
    }
    return false;
}

static bool is_tcp_start(const struct packet *packet) {
    return is_tcp(packet) && (packet->bytes[PAYLOAD_AT + 13] & TCP_SYN) != 0;
}

static bool is_tcp_end(const struct packet *packet) {
    return is_tcp(packet) && (packet->bytes[PAYLOAD_AT + 13] & (TCP_FIN | TCP_RST)) != 0;
}

/* A connection out and its end, one in, a datagram, a name, a look at whether somebody is there. */
static int net_use(void *of) {
    static struct packet packet;
    const struct net_deed *deed = of;
    struct net *net = deed->net;
    static const uint8_t query[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 0, 1, 0, 1};
    struct tcp guest = {
        .peer = ROUTER_IP, .port = 40000, .peer_port = deed->port, .sent = 77, .received = 0};
    tcp_make(&packet, &guest, TCP_SYN, "");
    net_send(net, packet.bytes, packet.size_bytes);
    bool out = net_waits_for(net, is_tcp_start);
    guest.peer_port = deed->port + 1; /* nobody listens there */
    guest.port++;
    tcp_make(&packet, &guest, TCP_SYN, "");
    net_send(net, packet.bytes, packet.size_bytes);
    bool refused = net_waits_for(net, is_tcp_end);
    struct datagram name = {GUEST_IP, ROUTER_IP + 1, 40000, 53, query, sizeof query};
    udp_make(&packet, &name);
    net_send(net, packet.bytes, packet.size_bytes);
    net_serve(net);
    static const uint8_t echo[] = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
    ether_begin(&packet, 0x0800);
    memcpy(packet.bytes + PAYLOAD_AT, echo, sizeof echo);
    packet.size_bytes = PAYLOAD_AT + sizeof echo;
    ip_make(&packet, GUEST_IP, LOOPBACK_IP + 1, 1);
    net_send(net, packet.bytes, packet.size_bytes);
    net_serve(net);
    struct sockaddr_in at = loopback(deed->forwarded_port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool in =
        connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && net_waits_for(net, is_tcp_start);
    net_close(net);
    return (out ? 0 : 1) | (refused ? 0 : 2) | (in ? 0 : 4);
}

static void test_networks(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    struct net_deed deed = {.forwarded_port = free_port(SOCK_STREAM)};
    int listener = host_socket(SOCK_STREAM, &deed.port);
    expect_works(SANDBOX_NETWORK, &(struct deed){net_prepare, net_use, &deed});
    close(listener);
}

/* -- Shared folders ---------------------------------------------------------------------------- */

struct share_deed {
    struct client client;
    bool writable;
};

static void share_prepare(void *of) {
    struct share_deed *deed = of;
    struct error error;
    struct share_options options = {.path = deed->client.folder, .writable = deed->writable};
    deed->client.share = share_open(&options, &error);
}

static bool share_reads(struct client *client) {
    client_begin(client);
    bool file = walk(client, 1, "folder/file") == 0 &&
                ask(client, TLOPEN, "44", 1, O_RDONLY) == 0 &&
                ask(client, TREAD, "484", 1, UINT64_C(0), 100) == 0 &&
                reply_number(client, 4) == 5 && memcmp(client->reply + 11, "hello", 5) == 0;
    bool folder = walk(client, 2, "folder") == 0 && attributes_of(client, 2).qid.type == 0x80 &&
                  ask(client, TLOPEN, "44", 2, O_RDONLY | O_DIRECTORY) == 0 &&
                  ask(client, TREADDIR, "484", 2, UINT64_C(0), 1000) == 0;
    bool link = walk(client, 3, "link") == 0 && ask(client, TREADLINK, "4", 3) == 0;
    bool up = walk(client, 4, "folder/../folder/..") == 0 && ask(client, TSTATFS, "4", 4) == 0;
    return file && folder && link && up && ask(client, TFSYNC, "44", 1, 0) == 0;
}

static bool share_changes(struct client *client) {
    bool file = walk(client, 5, "") == 0 &&
                ask(client, TLCREATE, "4s444", 5, "new", O_RDWR, 0600, 0) == 0 &&
                ask(client, TWRITE, "48b", 5, UINT64_C(0), 3, "abc") == 0 &&
                ask(client, TFSYNC, "44", 5, 0) == 0;
    unsigned mode_size_mtime = 1 | 8 | 32;
    bool attributes = ask(client, TSETATTR, "4444488888", 5, mode_size_mtime, 0640, 0, 0,
                          UINT64_C(3), UINT64_C(0), UINT64_C(0), UINT64_C(0), UINT64_C(0)) == 0;
    bool names = ask(client, TMKDIR, "4s44", ROOT, "made", 0700, 0) == 0 &&
                 ask(client, TSYMLINK, "4ss4", ROOT, "other", "new", 0) == 0 &&
                 ask(client, TMKNOD, "4s4444", ROOT, "fifo", S_IFIFO | 0600, 0, 0, 0) == 0 &&
                 ask(client, TLINK, "44s", ROOT, 5, "second") == 0 &&
                 ask(client, TRENAMEAT, "4s4s", ROOT, "second", ROOT, "third") == 0 &&
                 ask(client, TUNLINKAT, "4s4", ROOT, "made", AT_REMOVEDIR) == 0 &&
                 ask(client, TUNLINKAT, "4s4", ROOT, "third", 0) == 0;
    return file && attributes && names;
}

static int share_use(void *of) {
    struct share_deed *deed = of;
    struct client *client = &deed->client;
    if (client->share == NULL) {
        return FAILED;
    }
    client->room_bytes = sizeof client->reply;
    bool reads = share_reads(client);
    bool changes = !deed->writable || share_changes(client);
    share_close(client->share);
    return (reads ? 0 : 1) | (changes ? 0 : 2);
}

static void test_shared_folders(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    static struct share_deed deed;
    struct client *client = &deed.client;
    char above[] = "/tmp/sandglass-XXXXXX";
    assert_non_null(mkdtemp(above));
    snprintf(client->folder, sizeof client->folder, "%s", above);
    host_mkdir(client, "folder");
    host_write(client, "folder/file", "hello");
    assert_int_equal(symlink("folder/file", path_in(client, "link").text), 0);
    for (int writable = 0; writable <= 1; writable++) {
        struct sandbox_folder folder = {.path = client->folder, .writable = writable};
        struct sandbox sandbox = {.groups = SANDBOX_SHARE | (writable ? SANDBOX_CHANGES : 0),
                                  .folders = &folder,
                                  .folder_count = 1};
        deed.writable = writable;
        struct ending ending = do_inside(&sandbox, &(struct deed){share_prepare, share_use, &deed});
        if (!ended_with(&ending, WORKED)) {
            fail_msg("writable %d: status %x, said '%s'", writable, (unsigned)ending.status,
                     ending.said);
        }
    }
    host_expect(client, "new", "abc");
    assert_int_equal(nftw(above, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* -- Consoles on sockets ----------------------------------------------------------------------- */

struct console_deed {
    char spec[80];
    struct console *console;
    struct sockaddr_un at;
};

static void console_prepare(void *of) {
    struct console_deed *deed = of;
    struct error error;
    deed->console = console_open(deed->spec, &error);
    if (fork() == 0) { /* a client, who says a word, hears one, and goes */
        char heard[2];
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool done = connect(fd, (struct sockaddr *)&deed->at, sizeof deed->at) == 0 &&
                    write(fd, "hi", 2) == 2 && read(fd, heard, 2) > 0;
        close(fd);
        _exit(done ? WORKED : FAILED);
    }
    console_entrust(deed->console);
}

static int console_use(void *of) {
    struct console_deed *deed = of;
    uint8_t bytes[8];
    size_t count = 0;
    int status;
    for (unsigned ms = 0; ms < PATIENCE_MS && count < 2; ms++) {
        console_serve(deed->console);
        count += console_take(deed->console, bytes, sizeof bytes);
        host_sleep_ns(1000000);
    }
    console_put(deed->console, 'x');
    console_flush(deed->console);
    bool done = count == 2 && wait(&status) > 0 && status == 0;
    for (unsigned i = 0; i < 3; i++) {
        console_serve(deed->console); /* the client has gone */
    }
    console_close(deed->console);
    return done ? WORKED : FAILED;
}

static void test_consoles_on_sockets(void **state) {
    (void)state;
    SKIP_WITHOUT_SANDBOX();
    struct console_deed deed = {.at = {.sun_family = AF_UNIX}};
    char folder[] = "/tmp/sandglass-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(deed.at.sun_path, sizeof deed.at.sun_path, "%s/socket", folder);
    snprintf(deed.spec, sizeof deed.spec, "unix:%s/socket", folder);
    expect_works(SANDBOX_SOCKETS, &(struct deed){console_prepare, console_use, &deed});
    assert_int_equal(unlink(deed.at.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void pty_prepare(void *of) {
    struct console_deed *deed = of;
    struct error error;
    deed->console = console_open("pty", &error);
}

static int pty_use(void *of) {
    struct console_deed *deed = of;
    console_put(deed->console, 'x');
    console_serve(deed->console);
    bool done = console_flush(deed->console); /* for nobody: lost */
    console_close(deed->console);
    return done ? WORKED : FAILED;
}

static void test_pseudo_terminals(void **state) {
    (void)state;
    pty_needed();
    SKIP_WITHOUT_SANDBOX();
    struct console_deed deed = {0};
    expect_works(SANDBOX_BASE, &(struct deed){pty_prepare, pty_use, &deed});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_shared_folders),
        cmocka_unit_test(test_consoles_on_sockets),
        cmocka_unit_test(test_pseudo_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
