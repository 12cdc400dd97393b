/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard input as a person's terminal: raw while the guest has it. */
#include "io/console.h"

#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* What the terminal was like before. Outlives its console: see terminal_make_raw(). */
struct terminal {
    bool raw;
    struct termios before, during;
};

void terminal_restore(struct terminal *terminal) {
    if (terminal != NULL && terminal->raw) {
        terminal->raw = false;
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
    }
}

/* Other modes than ours are of somebody who came after us. */
void terminal_rescue(const struct terminal *terminal) {
    struct termios now;
    if (terminal != NULL && terminal->raw && tcgetattr(STDIN_FILENO, &now) == 0 &&
        now.c_iflag == terminal->during.c_iflag && now.c_lflag == terminal->during.c_lflag) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal->before);
    }
}

static void terminal_restore_at_exit(int status, void *terminal) {
    (void)status;
    terminal_restore(terminal);
}

/* Bytes come in one by one and as typed, signals included. Output keeps its newline translation,
 * so that messages on standard error stay readable meanwhile. The exit hook is for exits that
 * never get to console_close(), such as a failed ensure(). Hooks can't be taken back, so what it
 * looks at is never freed. */
struct terminal *terminal_make_raw(void) {
    struct terminal *terminal = calloc(1, sizeof *terminal);
    if (terminal == NULL || tcgetattr(STDIN_FILENO, &terminal->before) != 0 ||
        on_exit(terminal_restore_at_exit, terminal) != 0) {
        free(terminal);
        return NULL;
    }
    struct termios raw = terminal->before;
    raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    terminal->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    if (tcgetattr(STDIN_FILENO, &terminal->during) != 0) {
        terminal->during = raw;
    }
    return terminal;
}
