/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --net: the guest's network, in the words of QEMU's -nic. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { WORD_CHARS = 96, MASK_BITS_MIN = 8, MASK_BITS_MAX = 27 };
enum { NETWORK_DEFAULT = 0x0a000200, LOOPBACK = 0x7f000001 };

/* As everybody's virtual machine has it. */
static const uint8_t mac_default[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static enum status bad_word(const char *word, const char *accepted, struct error *error) {
    return error_set(error, STATUS_USAGE, "--net: %s: use %s", word, accepted);
}

/* -- Parts of words ---------------------------------------------------------------------------- */

/** Up to @p end of @p text, as a string of its own. @return false when it is too long. */
static bool part_of(const char *text, const char *end, char part[WORD_CHARS]) {
    size_t length = (size_t)(end - text);
    if (length >= WORD_CHARS) {
        return false;
    }
    memcpy(part, text, length);
    part[length] = '\0';
    return true;
}

/** "10.0.2.15" */
static bool address_of(const char *text, uint32_t *address) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < 4; i++) {
        const char *end = i < 3 ? strchr(text, '.') : text + strlen(text);
        char part[WORD_CHARS];
        uint64_t byte;
        if (end == NULL || !part_of(text, end, part) || !value_u64(part, &byte) || byte > 255) {
            return false;
        }
        sum = sum << 8 | (uint32_t)byte;
        text = end + 1;
    }
    *address = sum;
    return true;
}

/** "[ADDRESS]:PORT", up to @p end. An address that is not there stays what it was. */
static bool place_of(const char *text, const char *end, uint32_t *address, uint16_t *port) {
    char part[WORD_CHARS];
    if (!part_of(text, end, part)) {
        return false;
    }
    char *colon = strchr(part, ':');
    uint64_t number;
    if (colon == NULL || !value_u64(colon + 1, &number) || number < 1 || number > UINT16_MAX) {
        return false;
    }
    *colon = '\0';
    *port = (uint16_t)number;
    return part[0] == '\0' || address_of(part, address);
}

/** "tcp:[ADDRESS]:PORT-[ADDRESS]:PORT" */
static bool forward_of(const char *text, struct net_forward *forward) {
    *forward = (struct net_forward){.host_address = LOOPBACK};
    const char *place = strchr(text, ':');
    const char *dash = strchr(text, '-');
    if (place == NULL || dash == NULL || dash < place) {
        return false;
    }
    forward->udp = strncmp(text, "udp:", 4) == 0;
    return (forward->udp || strncmp(text, "tcp:", 4) == 0 || place == text) &&
           place_of(place + 1, dash, &forward->host_address, &forward->host_port) &&
           place_of(dash + 1, dash + strlen(dash), &forward->guest_address, &forward->guest_port);
}

/** "10.0.2.0/24" */
static bool network_of(const char *text, struct net_options *net) {
    char part[WORD_CHARS];
    const char *slash = strchr(text, '/');
    uint64_t bits;
    if (slash == NULL || !part_of(text, slash, part) || !address_of(part, &net->network) ||
        !value_u64(slash + 1, &bits) || bits < MASK_BITS_MIN || bits > MASK_BITS_MAX) {
        return false;
    }
    net->mask = UINT32_MAX << (32 - bits);
    return (net->network & ~net->mask) == 0;
}

/** "52:54:00:12:34:56", of one card and not of a group. */
static bool mac_of(const char *text, uint8_t mac[6]) {
    unsigned bytes[6];
    int end = 0;
    if (strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
               &bytes[4], &bytes[5], &end) != 6 ||
        end != 17 || (bytes[0] & 1) != 0) {
        return false;
    }
    for (unsigned i = 0; i < 6; i++) {
        mac[i] = (uint8_t)bytes[i];
    }
    return true;
}

static bool switch_of(const char *text, bool *on) {
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}

/* What comes behind the equals sign names the bus, or QEMU's device on it. */
static bool transport_of(const char *text, enum transport *transport) {
    bool mmio = strcmp(text, "mmio") == 0 || strcmp(text, "virtio-net-device") == 0;
    *transport = mmio ? TRANSPORT_MMIO : TRANSPORT_PCI;
    return mmio || strcmp(text, "pci") == 0 || strcmp(text, "virtio-net-pci") == 0 ||
           strcmp(text, "virtio") == 0;
}

/* -- The option -------------------------------------------------------------------------------- */

static enum status take_forward(struct network *network, const char *word, const char *value,
                                struct error *error) {
    if (network->user.forward_count == COUNT(network->forwards)) {
        return error_set(error, STATUS_USAGE, "--net: more than %zu hostfwd=; drop some",
                         COUNT(network->forwards));
    }
    struct net_forward *forward = &network->forwards[network->user.forward_count++];
    return forward_of(value, forward)
               ? STATUS_OK
               : bad_word(word,
                          "hostfwd=tcp|udp:[HOSTADDR]:PORT-[GUESTADDR]:PORT, as in "
                          "hostfwd=tcp::2222-:22",
                          error);
}

static enum status take_word(struct network *network, struct machine_options *machine,
                             const char *word, struct error *error) {
    const char *value = strchr(word, '=');
    value = value == NULL ? "" : value + 1;
    if (value_of(word, "hostfwd") != NULL) {
        return take_forward(network, word, value, error);
    }
    if (value_of(word, "restrict") != NULL) {
        return switch_of(value, &network->user.restricted)
                   ? STATUS_OK
                   : bad_word(word, "restrict=on or restrict=off", error);
    }
    if (value_of(word, "net") != NULL) {
        return network_of(value, &network->user)
                   ? STATUS_OK
                   : bad_word(word, "a network as in net=10.0.2.0/24, of 8 to 27 bits", error);
    }
    if (value_of(word, "mac") != NULL) {
        return mac_of(value, machine->net_mac)
                   ? STATUS_OK
                   : bad_word(word, "a card's address as in mac=52:54:00:12:34:56", error);
    }
    if (value_of(word, "bus") != NULL || value_of(word, "model") != NULL) {
        return transport_of(value, &machine->net_transport)
                   ? STATUS_OK
                   : bad_word(word, "bus=pci or bus=mmio", error);
    }
    return bad_word(word, "hostfwd=, restrict=, net=, mac= or bus=", error);
}

static enum status forwards_check(const struct net_options *user, struct error *error) {
    for (unsigned i = 0; i < user->forward_count; i++) {
        uint32_t guest = user->forwards[i].guest_address;
        if (guest != 0 && (guest & user->mask) != user->network) {
            return error_set(error, STATUS_USAGE,
                             "--net: hostfwd=: the guest's address is not in its network; leave "
                             "it out for the one that DHCP gives");
        }
    }
    return STATUS_OK;
}

enum status network_parse(const char *value, struct run_options *options, struct error *error) {
    struct network *network = &options->network;
    char word[WORD_CHARS];
    const char *list = value;
    if (strcmp(value, "none") == 0) {
        return STATUS_OK;
    }
    if (!value_word(&list, word, sizeof word) || strcmp(word, "user") != 0) {
        return bad_word(value, "none or user[,hostfwd=...][,restrict=off]", error);
    }
    *network = (struct network){
        .wanted = true,
        .user = {.restricted = true, .network = NETWORK_DEFAULT, .mask = UINT32_MAX << 8},
    };
    network->user.forwards = network->forwards;
    memcpy(options->machine.net_mac, mac_default, sizeof mac_default);
    while (value_word(&list, word, sizeof word)) {
        enum status status = take_word(network, &options->machine, word, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return *list == '\0' ? forwards_check(&network->user, error)
                         : bad_word(list, "words shorter than 96 characters", error);
}
