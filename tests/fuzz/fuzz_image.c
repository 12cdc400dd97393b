/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as kernel, program and firmware: loaded or refused in one line, the same at reset.
 *
 * For libFuzzer: clang -fsanitize=fuzzer,address,undefined with this file, the sources of base,
 * bus and isa, src/machine/{boot,fdt,file,image,layout}.c, -lelf -lfdt -lxxhash -lz. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void demand(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_image: %s\n", what);
        abort();
    }
}

static bool entry_is_sound(const struct boot *boot, const struct boot_target *target) {
    return boot->entry % 2 == 0 &&
           (boot->entry == BOARD_BOOT_ROM_BASE || ram_holds(target->ram, boot->entry, 2));
}

/* Loads twice into fresh memory. */
static void load(struct machine_options *options) {
    static uint8_t rom[256];
    struct ram ram;
    options->memory_bytes = 16 << 20;
    options->hart_count = 1;
    demand(ram_init(&ram, BOARD_RAM_BASE, options->memory_bytes, NULL) == STATUS_OK, "no memory");
    struct boot_target target = {.ram = &ram, .rom = rom, .rom_bytes = sizeof rom};
    struct boot first, second;
    struct error error = {0};
    enum status status = boot_open(options, &target, &error);
    if (status == STATUS_OK) {
        status = boot_load(options, &target, &first, &error);
    }
    if (status == STATUS_OK) {
        demand(entry_is_sound(&first, &target), "entry outside memory");
        demand(!first.tohost_set || ram_holds(&ram, first.tohost, 8), "tohost outside RAM");
        demand(first.signature_start <= first.signature_end, "signature ends before it starts");
        demand(ram_holds(&ram, first.fdt, 1), "device tree outside RAM");
        demand(boot_load(options, &target, &second, &error) == STATUS_OK, "loads only once");
        demand(memcmp(&first, &second, sizeof first) == 0, "loads differently the second time");
    } else {
        demand(status == STATUS_BAD_INPUT || status == STATUS_USAGE, "another status");
        demand(error.status == status && error.text[0] != '\0', "refused without a word");
        demand(strchr(error.text, '\n') == NULL && strstr(error.text, "; ") != NULL,
               "line without remedy");
    }
    boot_close(&target);
    ram_free(&ram);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes) {
    static int descriptor = -1;
    static char path[64];
    if (descriptor < 0) {
        descriptor = memfd_create("image", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    demand(ftruncate(descriptor, 0) == 0, "cannot empty the file");
    demand(pwrite(descriptor, bytes, size_bytes, 0) == (ssize_t)size_bytes,
           "cannot write the file");
    load(&(struct machine_options){.bios = "none", .kernel = path});
    load(&(struct machine_options){.elf = path});
    load(&(struct machine_options){.bios = path});
    return 0;
}
