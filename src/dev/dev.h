/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of the board. Each gets lines, the time core and its port at construction, no more.
 *
 * Every constructor returns a device for bus_map(), owned by the caller until mapped, or NULL
 * when out of memory. Unknown offsets read as zero and ignore writes. Single-threaded: only from
 * the vCPU that holds the turn, or between rounds. `x_ops` goes with the device in its struct
 * region. Devices that the outside can reach have a pair of functions for the gate besides, x_room
 * and x_deliver: machine/machine.h, struct inlet. */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include "bus/bus.h"
#include "io/io.h"
#include "vtime/vtime.h"

/* -- aclint.c: machine timer and software interrupts ------------------------------------------- */

enum { CLINT_SIZE_BYTES = 0x10000 };
extern const struct device_ops aclint_ops;

/**
 * SiFive-CLINT-compatible: msip at 0 (4 bytes a hart), mtimecmp at 0x4000 (8 a hart), mtime at
 * 0xbff8. Widths 4 and 8. Each hart's mtimecmp is a comparator on that hart's own clock; a write to
 * another hart's register, or to mtime, reaches that hart by sched_post (law 10); the register
 * itself reads back at once. mtime reads as the accessing hart sees it (ticks_read). For up to 4095
 * harts the layout is the CLINT's. Reset: mtime 0, mtimecmp UINT64_MAX, msip 0, on all harts at
 * once; messages sent before a reset must be dropped by whoever resets the machine.
 *
 * @param sched           Outlives the device.
 * @param timer_lines     hart_count lines, level = (mtime >= mtimecmp); the array is copied.
 * @param software_lines  hart_count lines, level = msip bit 0. Already routed: the device just sets
 *                        them; whoever wires them lets them travel by sched_post.
 * @param post_kind       First of two kinds for sched_post (mtimecmp, mtime).
 * @spec RISC-V ACLINT 1.0-rc4, chapters 2 (MTIMER) and 3 (MSWI); SiFive CLINT
 */
void *aclint_new(struct sched *sched, const struct line *timer_lines,
                 const struct line *software_lines, uint16_t post_kind);

/* -- plic.c: platform interrupts --------------------------------------------------------------- */

enum { PLIC_SIZE_BYTES = 0x600000, PLIC_SOURCES = 96 };
extern const struct device_ops plic_ops;

/**
 * QEMU-virt-compatible PLIC: sources 1 to 95, priorities 0 to 7, contexts 2h = M mode of hart h,
 * 2h+1 = S mode. Level-sensitive gateways. Width 4 only. After a reset every source counts as low:
 * devices drive their lines anew in their own reset.
 * @param hart_count     Contexts are 2 x hart_count.
 * @param context_lines  One a context; copied.
 * @spec RISC-V PLIC 1.0.0; memory map as on QEMU virt
 */
void *plic_new(unsigned hart_count, const struct line *context_lines);
/** Line that drives source @p number (1 to 95) of a PLIC. */
struct line plic_source(void *plic, unsigned number);

/* -- uart.c: 16550A ---------------------------------------------------------------------------- */

enum { UART_SIZE_BYTES = 0x100 };
extern const struct device_ops uart_ops;

/**
 * NS16550A with 16-byte FIFOs, byte registers (reg-shift 0), width 1. Transmission takes no time.
 * @param line  Interrupt.
 * @param port  Outlives the device.
 * @spec TL16C550C data sheet, chapter 8 (principles of operation, registers)
 */
void *uart_new(struct line line, struct port *port);
/** How many bytes can be delivered now. */
size_t uart_room(void *uart);
/** Bytes come in, at most uart_room(): the port holds what the receiver FIFO has no room for. */
void uart_deliver(void *uart, const uint8_t *bytes, size_t size_bytes);

/* -- rtc.c: goldfish RTC ----------------------------------------------------------------------- */

enum { RTC_SIZE_BYTES = 0x1000 };
extern const struct device_ops rtc_ops;

/**
 * Goldfish real-time clock: nanoseconds since 1970 = base_ns + VIRTUAL, with alarm on the device
 * timers. Width 4. A time that the guest sets survives reset, as if there were a battery.
 * @param sched    Outlives the device.
 * @param base_ns  Wall time at VIRTUAL 0 [ns since 1970].
 * @spec Goldfish virtual hardware, RTC
 */
void *rtc_new(struct sched *sched, struct line line, uint64_t base_ns);

/* -- syscon.c: the finisher -------------------------------------------------------------------- */

enum { SYSCON_SIZE_BYTES = 0x1000 };
extern const struct device_ops syscon_ops;

enum power_request { POWER_OFF, POWER_FAIL, POWER_RESET };

/** What the guest asked for. @param code  Fail code, POWER_FAIL only. */
typedef void power_fn(void *owner, enum power_request request, uint64_t code);

/**
 * SiFive test finisher: 0x5555 powers off, 0x3333 | code << 16 fails, 0x7777 resets. Widths 2, 4.
 * @spec sifive,test1 as on QEMU virt
 */
void *syscon_new(power_fn *request, void *owner);

/* -- pci.c: the host bridge -------------------------------------------------------------------- */

enum { PCI_ECAM_SIZE_BYTES = 0x10000000, PCI_SLOTS = 32, PCI_LINES = 4 };
struct pci;
/** Three regions of one device: ECAM (which owns it), the memory window, the I/O ports. */
extern const struct device_ops pci_ecam_ops, pci_window_ops, pci_ports_ops;

/**
 * Host bridge with one bus. Slot 0 is the bridge itself. Widths: ECAM 1 to 4, the window 1 to 8,
 * ports 1 to 4. What nobody answers reads as ones.
 * @param window_base  Where the memory window is mapped: addresses on the bus are physical ones.
 * @param lines        INTA to INTD; copied. Slot n interrupts by line n mod 4.
 * @spec PCI Express Base 4.0, 7.2.2 (ECAM); pci-host-ecam-generic as on QEMU virt
 */
struct pci *pci_new(paddr window_base, const struct line lines[PCI_LINES]);

/* -- virtio.c and its kin: devices without their transport ------------------------------------- */

struct virtio;
struct net;

/** For those that were never given to a transport. NULL is fine. */
void virtio_free(struct virtio *virtio);

/* Constructors return NULL when out of memory. */

/** Entropy device: bytes drawn from @p seed, at once. @spec VIRTIO 1.2, 5.4 */
struct virtio *virtio_rng_new(struct ram *ram, uint64_t seed);

/** What a disk is made of. */
struct virtio_blk_options {
    struct disk *disk;  /* outlives the device */
    vtime latency_ns;   /* from notification to completion */
    const char *serial; /* at most 20 characters are shown; NULL: none */
};

/**
 * Block device: each request is done, and completes, latency_ns after the driver has announced it.
 * What it does to memory and disk happens at that moment. @param sched  Outlives the device.
 * @spec VIRTIO 1.2, 5.2
 */
struct virtio *virtio_blk_new(struct ram *ram, struct sched *sched,
                              const struct virtio_blk_options *options);

/**
 * Network card. @param net  Outlives the device. @param mac  Its address.
 * @spec VIRTIO 1.2, 5.1
 */
struct virtio *virtio_net_new(struct ram *ram, struct net *net, const uint8_t mac[6]);
/** For the gate: room for a frame, and a frame. @param net  What virtio_net_new() gave. */
size_t virtio_net_room(void *net);
void virtio_net_deliver(void *net, const uint8_t *bytes, size_t size_bytes);

enum { VIRTIO_CONSOLE_PORTS_MAX = 4 };
struct virtio_port;

/**
 * Console device with a port for each console. @param count  [1, VIRTIO_CONSOLE_PORTS_MAX]
 * @param consoles  Outlive the device; the array is copied.
 * @spec VIRTIO 1.2, 5.3
 */
struct virtio *virtio_console_new(struct ram *ram, struct console *const *consoles, unsigned count);
/** A port of it, for the gate. */
struct virtio_port *virtio_console_port(struct virtio *virtio, unsigned port);
size_t virtio_port_room(void *port);
void virtio_port_deliver(void *port, const uint8_t *bytes, size_t size_bytes);

enum { VIRTIO_9P_TAG_MAX = 31 };

/**
 * A folder, which the guest mounts by its tag. Requests are answered at once, 64 of them; more
 * that wait at the same time follow 20 us later.
 * @param sched  Outlives the device.
 * @param share  Outlives the device; reset with it.
 * @param tag    1 to VIRTIO_9P_TAG_MAX characters; copied.
 * @spec VIRTIO 1.2, 5.15 (a 9P transport; configuration as Linux and QEMU have it)
 */
struct virtio *virtio_9p_new(struct ram *ram, struct sched *sched, struct share *share,
                             const char *tag);

/* -- virtio_mmio.c, virtio_pci.c: transports --------------------------------------------------- */

enum { VIRTIO_MMIO_SIZE_BYTES = 0x1000 };
extern const struct device_ops virtio_mmio_ops;

/**
 * Registers of version 2. Width 4; the configuration takes 1 to 8.
 * @param virtio  Owned from now on, also on failure; NULL: an empty place.
 * @spec VIRTIO 1.2, 4.2
 */
void *virtio_mmio_new(struct line line, struct virtio *virtio);

/**
 * Puts a device into a PCI slot, [1, PCI_SLOTS), that is empty.
 * @param virtio  Owned from now on, also on failure. NULL: out of memory.
 * @return        false when out of memory.
 * @spec VIRTIO 1.2, 4.1 (without MSI-X: there is nobody to send messages to)
 */
bool pci_plug_virtio(struct pci *pci, unsigned slot, struct virtio *virtio);

#endif
