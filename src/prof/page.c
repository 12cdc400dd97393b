/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes the files of src/prof/report/ into the program, each with a zero behind it.
 *
 * The assembler reads them, gcc's and clang's alike, from where make runs; the Makefile knows that
 * this file depends on them. A generated C file would do, too, but be one more tool and one more
 * step. */
#include <stddef.h>

#include "prof/page.h"

#define PAGE(symbol, file)                                                                         \
    __asm__(".pushsection .rodata\n"                                                               \
            ".globl " #symbol "\n" #symbol ":\n"                                                   \
            ".incbin \"src/prof/report/" file "\"\n"                                               \
            ".byte 0\n"                                                                            \
            ".popsection\n")

PAGE(page_html, "page.html");
PAGE(page_css, "page.css");
PAGE(page_model, "model.js");
PAGE(page_draw, "draw.js");
PAGE(page_flame, "flame.js");
PAGE(page_timeline, "timeline.js");
PAGE(page_tables, "tables.js");
PAGE(page_main, "main.js");

extern const char page_model[], page_draw[], page_flame[], page_timeline[], page_tables[],
    page_main[];

const char *const page_scripts[] = {page_model,  page_draw, page_flame, page_timeline,
                                    page_tables, page_main, NULL};
