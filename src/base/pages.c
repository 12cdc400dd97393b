/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is the host's until it is touched. malloc() gives such memory too, but not always: it
 * may clear what it has given before, and its users cannot choose the size of a page. A host that
 * has no huge pages refuses the advice, which is fine. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/base.h"

void *pages_map(size_t size_bytes, enum pages_use use) {
    void *bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(bytes, size_bytes, use == PAGES_FILLED ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return bytes;
}

void *pages_alloc(size_t size_bytes) {
    enum { HUGE_BYTES = 2 << 20 };
    size_t whole_bytes = size_bytes & ~(size_t)(HUGE_BYTES - 1);
    if (whole_bytes == 0) {
        return malloc(size_bytes);
    }
    void *bytes = aligned_alloc(HUGE_BYTES, whole_bytes + HUGE_BYTES);
    if (bytes != NULL) {
        (void)madvise(bytes, whole_bytes, MADV_HUGEPAGE);
    }
    return bytes;
}

void pages_look(void *bytes, size_t size_bytes) {
    enum { HOST_PAGE_BYTES = 4096 };
    uintptr_t start = (uintptr_t)bytes & ~(uintptr_t)(HOST_PAGE_BYTES - 1);
    (void)madvise((void *)start, (uintptr_t)bytes + size_bytes - start, MADV_POPULATE_READ);
}

void pages_unmap(void *bytes, size_t size_bytes) {
    if (bytes != NULL) {
        munmap(bytes, size_bytes);
    }
}
