/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of src/prof/report/, as texts. Private to prof/. */
#ifndef PROF_PAGE_H
#define PROF_PAGE_H

extern const char page_html[], page_css[];
/** In the order in which they belong into the page; ends with NULL. */
extern const char *const page_scripts[];

#endif
