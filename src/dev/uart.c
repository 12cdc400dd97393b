/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550A serial port. Sending takes no time; what is received comes from a port that holds it as
 * long as need be.
 *
 * Choices that the data sheet leaves to the speed of the line:
 *  - The transmitter is always empty, so LSR shows THRE and TEMT always, and the THR-empty
 *    interrupt follows at once on a write to THR.
 *  - A character that waits in the FIFO below the trigger level counts as timed out at once.
 *    Waiting four character times would only delay every key press; the bits are the same on each
 *    run either way.
 *  - Unless in loopback, the receiver takes from the port whenever it has room, also right after
 *    its FIFO has been cleared: such bytes count as sent later. So bytes from outside are never
 *    overrun. */
#include "dev/dev.h"

#include <stdlib.h>

enum {
    FIFO_BYTES = 16,

    UART_RBR = 0, /* read; DLAB: DLL */
    UART_THR = 0, /* write; DLAB: DLL */
    UART_IER = 1, /* DLAB: DLM */
    UART_IIR = 2, /* read */
    UART_FCR = 2, /* write */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,

    IER_ERBI = 0x01,
    IER_ETBEI = 0x02,
    IER_ELSI = 0x04,
    IER_EDSSI = 0x08,
    IER_MASK = 0x0f,

    IIR_MODEM_STATUS = 0x00,
    IIR_NONE = 0x01,
    IIR_THR_EMPTY = 0x02,
    IIR_DATA_AVAILABLE = 0x04,
    IIR_LINE_STATUS = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVER = 0x02,
    FCR_TRIGGER_SHIFT = 6,

    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_MASK = 0x1f,

    LSR_DR = 0x01,
    LSR_OE = 0x02,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,

    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
    MSR_DELTA_SHIFT = 4 /* how far below its input a change is noted */
};

struct uart {
    uint8_t ier;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t scr;
    uint8_t dll;
    uint8_t dlm;
    uint8_t msr_deltas; /* DCTS, DDSR, TERI, DDCD */
    bool fifo_on;
    uint8_t trigger_bytes;
    bool overrun;   /* LSR_OE */
    bool thr_empty; /* the interrupt, not the state: set by emptying or enabling, cleared by IIR */
    uint8_t received[FIFO_BYTES];
    uint32_t received_count;
    struct line line;
    struct port *port;
};

/* -- Receiver ---------------------------------------------------------------------------------- */

static unsigned receiver_room(const struct uart *uart) {
    return (uart->fifo_on ? FIFO_BYTES : 1) - uart->received_count;
}

/* A full FIFO keeps what it has; a full receiver buffer without FIFO is overwritten. */
static void receiver_push(struct uart *uart, uint8_t byte) {
    if (receiver_room(uart) > 0) {
        uart->received[uart->received_count++] = byte;
        return;
    }
    uart->overrun = true;
    if (!uart->fifo_on) {
        uart->received[0] = byte;
    }
}

static uint8_t receiver_pop(struct uart *uart) {
    if (uart->received_count == 0) {
        return 0;
    }
    uint8_t byte = uart->received[0];
    uart->received_count--;
    for (unsigned i = 0; i < uart->received_count; i++) {
        uart->received[i] = uart->received[i + 1];
    }
    return byte;
}

/* -- Interrupts -------------------------------------------------------------------------------- */

/* The source of highest priority that is enabled and wants service, as IIR names it. */
static uint8_t interrupt_source(const struct uart *uart) {
    if ((uart->ier & IER_ELSI) != 0 && uart->overrun) {
        return IIR_LINE_STATUS;
    }
    if ((uart->ier & IER_ERBI) != 0 && uart->received_count > 0) {
        bool below = uart->fifo_on && uart->received_count < uart->trigger_bytes;
        return below ? IIR_TIMEOUT : IIR_DATA_AVAILABLE;
    }
    if ((uart->ier & IER_ETBEI) != 0 && uart->thr_empty) {
        return IIR_THR_EMPTY;
    }
    if ((uart->ier & IER_EDSSI) != 0 && uart->msr_deltas != 0) {
        return IIR_MODEM_STATUS;
    }
    return IIR_NONE;
}

/* Ends every access: what waits moves up, then the line says what is left to serve. */
static void uart_settle(struct uart *uart) {
    uint8_t byte;
    while ((uart->mcr & MCR_LOOP) == 0 && receiver_room(uart) > 0 && port_get(uart->port, &byte)) {
        receiver_push(uart, byte);
    }
    line_set(&uart->line, interrupt_source(uart) != IIR_NONE);
}

size_t uart_room(void *device) {
    const struct uart *uart = device;
    return port_room(uart->port);
}

void uart_deliver(void *device, const uint8_t *bytes, size_t size_bytes) {
    struct uart *uart = device;
    port_admit(uart->port, bytes, size_bytes);
    uart_settle(uart);
}

/* -- Modem lines ------------------------------------------------------------------------------- */

/* The upper half of MSR: a cable with everything asserted, or the loopback of MCR. */
static uint8_t modem_inputs(uint8_t mcr) {
    if ((mcr & MCR_LOOP) == 0) {
        return MSR_DCD | MSR_DSR | MSR_CTS;
    }
    unsigned inputs = 0;
    inputs |= (mcr & MCR_RTS) != 0 ? MSR_CTS : 0;
    inputs |= (mcr & MCR_DTR) != 0 ? MSR_DSR : 0;
    inputs |= (mcr & MCR_OUT1) != 0 ? MSR_RI : 0;
    inputs |= (mcr & MCR_OUT2) != 0 ? MSR_DCD : 0;
    return (uint8_t)inputs;
}

/* The ring indicator reports only its falling edge, the other inputs both. */
static void modem_write(struct uart *uart, uint8_t mcr) {
    unsigned before = modem_inputs(uart->mcr);
    unsigned after = modem_inputs(mcr);
    unsigned changed = ((before ^ after) & ~(unsigned)MSR_RI) | (before & ~after & MSR_RI);
    uart->msr_deltas |= (uint8_t)(changed >> MSR_DELTA_SHIFT);
    uart->mcr = mcr;
}

/* -- Registers --------------------------------------------------------------------------------- */

static void transmit(struct uart *uart, uint8_t byte) {
    if ((uart->mcr & MCR_LOOP) != 0) {
        receiver_push(uart, byte);
    } else {
        port_put(uart->port, byte);
    }
    uart->thr_empty = true;
}

/* Enabling the THR-empty interrupt while the register is empty raises it, though it was
 * acknowledged before: drivers start sending that way. */
static void ier_write(struct uart *uart, uint8_t ier) {
    if ((ier & ~uart->ier & IER_ETBEI) != 0) {
        uart->thr_empty = true;
    }
    uart->ier = ier & IER_MASK;
}

/* The other bits count only together with FCR_ENABLE, and switching the FIFOs empties them. */
static void fcr_write(struct uart *uart, uint8_t fcr) {
    static const uint8_t trigger_bytes[] = {1, 4, 8, 14};
    bool fifo_on = (fcr & FCR_ENABLE) != 0;
    if (fifo_on != uart->fifo_on || (fifo_on && (fcr & FCR_CLEAR_RECEIVER) != 0)) {
        uart->received_count = 0;
    }
    uart->fifo_on = fifo_on;
    if (fifo_on) {
        uart->trigger_bytes = trigger_bytes[fcr >> FCR_TRIGGER_SHIFT];
    }
}

static uint8_t iir_read(struct uart *uart) {
    uint8_t source = interrupt_source(uart);
    if (source == IIR_THR_EMPTY) {
        uart->thr_empty = false;
    }
    return uart->fifo_on ? source | IIR_FIFOS : source;
}

static uint8_t lsr_read(struct uart *uart) {
    unsigned lsr = LSR_THRE | LSR_TEMT;
    lsr |= uart->received_count > 0 ? LSR_DR : 0;
    lsr |= uart->overrun ? LSR_OE : 0;
    uart->overrun = false;
    return (uint8_t)lsr;
}

static uint8_t msr_read(struct uart *uart) {
    unsigned msr = modem_inputs(uart->mcr) | uart->msr_deltas;
    uart->msr_deltas = 0;
    return (uint8_t)msr;
}

static uint8_t register_read(struct uart *uart, uint64_t offset) {
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    switch (offset) {
    case UART_RBR:
        return dlab ? uart->dll : receiver_pop(uart);
    case UART_IER:
        return dlab ? uart->dlm : uart->ier;
    case UART_IIR:
        return iir_read(uart);
    case UART_LCR:
        return uart->lcr;
    case UART_MCR:
        return uart->mcr;
    case UART_LSR:
        return lsr_read(uart);
    case UART_MSR:
        return msr_read(uart);
    case UART_SCR:
        return uart->scr;
    default:
        return 0;
    }
}

static void register_write(struct uart *uart, uint64_t offset, uint8_t value) {
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    switch (offset) {
    case UART_THR:
        if (dlab) {
            uart->dll = value;
        } else {
            transmit(uart, value);
        }
        break;
    case UART_IER:
        if (dlab) {
            uart->dlm = value;
        } else {
            ier_write(uart, value);
        }
        break;
    case UART_FCR:
        fcr_write(uart, value);
        break;
    case UART_LCR:
        uart->lcr = value;
        break;
    case UART_MCR:
        modem_write(uart, value & MCR_MASK);
        break;
    case UART_SCR:
        uart->scr = value;
        break;
    default: /* LSR and MSR are for reading; beyond SCR there is nothing */
        break;
    }
}

static uint64_t uart_read(void *device, uint64_t offset, unsigned size_bytes) {
    struct uart *uart = device;
    (void)size_bytes;
    uint8_t value = register_read(uart, offset);
    uart_settle(uart);
    return value;
}

static void uart_write(void *device, uint64_t offset, uint64_t value, unsigned size_bytes) {
    struct uart *uart = device;
    (void)size_bytes;
    register_write(uart, offset, (uint8_t)value);
    uart_settle(uart);
}

static void uart_reset(void *device) {
    struct uart *uart = device;
    *uart = (struct uart){.trigger_bytes = 1, .line = uart->line, .port = uart->port};
    uart_settle(uart);
}

static void uart_state(void *device, struct stream *stream) {
    struct uart *uart = device;
    stream_u8(stream, &uart->ier);
    stream_u8(stream, &uart->lcr);
    stream_u8(stream, &uart->mcr);
    stream_u8(stream, &uart->scr);
    stream_u8(stream, &uart->dll);
    stream_u8(stream, &uart->dlm);
    stream_u8(stream, &uart->msr_deltas);
    stream_bool(stream, &uart->fifo_on);
    stream_u8(stream, &uart->trigger_bytes);
    stream_bool(stream, &uart->overrun);
    stream_bool(stream, &uart->thr_empty);
    stream_count(stream, &uart->received_count, sizeof uart->received);
    stream_bytes(stream, uart->received, uart->received_count);
    port_state(uart->port, stream);
}

void *uart_new(struct line line, struct port *port) {
    struct uart *uart = calloc(1, sizeof *uart);
    if (uart != NULL) {
        uart->line = line;
        uart->port = port;
        uart_reset(uart);
    }
    return uart;
}

const struct device_ops uart_ops = {
    .name = "uart",
    .read = uart_read,
    .write = uart_write,
    .reset = uart_reset,
    .state = uart_state,
    .free = free,
};
