/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sysroots: symbols of the files that the guest has, and of no others. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf_test.h"
#include "prof/prof.h"
#include "profile_test.h"

/* A folder that is gone at the end. */
struct folder {
    char path[PATH_MAX];
};

static const char *path_in(const struct folder *folder, const char *name, char path[PATH_MAX]) {
    assert_in_range(snprintf(path, PATH_MAX, "%.3000s%s", folder->path, name), 1, PATH_MAX - 1);
    return path;
}

static void folder_make(const struct folder *folder, const char *name) {
    char path[PATH_MAX];
    assert_int_equal(mkdir(path_in(folder, name, path), 0755), 0);
}

static void bytes_write(const struct folder *folder, const char *name, const void *bytes,
                        size_t size_bytes) {
    char path[PATH_MAX];
    FILE *file = fopen(path_in(folder, name, path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size_bytes, file), size_bytes);
    assert_int_equal(fclose(file), 0);
}

static void elf_write(const struct folder *folder, const char *name, const char *function,
                      uint8_t build) {
    struct elf_file file;
    elf_file_make(&file, function, build);
    bytes_write(folder, name, &file, sizeof file);
}

static void link_make(const struct folder *folder, const char *to, const char *name) {
    char path[PATH_MAX];
    assert_int_equal(symlink(to, path_in(folder, name, path)), 0);
}

static int setup(void **state) {
    struct folder *folder = calloc(1, sizeof *folder);
    const char *tmp = getenv("TMPDIR");
    assert_non_null(folder);
    snprintf(folder->path, sizeof folder->path, "%.3000s/sandglass-sysroot.XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(folder->path));
    static const char *const folders[] = {"/root",
                                          "/root/usr",
                                          "/root/usr/bin",
                                          "/root/usr/lib",
                                          "/root/usr/lib/debug",
                                          "/root/usr/lib/debug/.build-id",
                                          "/root/usr/lib/debug/.build-id/22"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        folder_make(folder, folders[i]);
    }
    elf_write(folder, "/root/usr/bin/tool", "work", 0x11);
    elf_write(folder, "/root/usr/lib/libz.so.1.3", NULL, 0x22);
    elf_write(folder, "/root/usr/lib/debug/.build-id/22/01020304050607.debug", "inflate", 0x22);
    elf_write(folder, "/root/usr/bin/stripped", NULL, 0x33);
    elf_write(folder, "/secret", "outside", 0x44);
    bytes_write(folder, "/root/usr/bin/script", "#!/bin/sh\n", 10);
    link_make(folder, "/usr/lib", "/root/lib"); /* absolute: from the guest's root */
    link_make(folder, "libz.so.1.3", "/root/usr/lib/libz.so.1");
    link_make(folder, "tool", "/root/usr/bin/alias");
    link_make(folder, "../../../../../../secret", "/root/usr/bin/secret");
    *state = folder;
    return 0;
}

static int teardown(void **state) {
    struct folder *folder = *state;
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -r '%.3000s'", folder->path);
    int status = system(command);
    free(folder);
    return status;
}

static struct sysroot *sysroot_of(void **state) {
    char path[PATH_MAX];
    struct sysroot *sysroot;
    struct error error;
    assert_int_equal(sysroot_open(path_in(*state, "/root", path), &sysroot, &error), STATUS_OK);
    assert_int_equal(sysroot_look(sysroot, &error), STATUS_OK);
    return sysroot;
}

static struct binary binary_of(const char *path, uint8_t build) {
    return (struct binary){
        .path = path, .build_id = {build, 1, 2, 3, 4, 5, 6, 7}, .build_id_bytes = 8};
}

static void assert_at(struct sysroot *sysroot, const struct binary *binary, uint64_t offset,
                      const char *wanted) {
    char text[PLACE_CHARS_MAX];
    struct place place = sysroot_at(sysroot, binary, offset);
    assert_string_equal(place_text(&place, text), wanted);
}

enum { CODE = offsetof(struct elf_file, code) };
_Static_assert(CODE == 0x160, "the tests below say so in text");

static void test_finds_functions_at_the_guests_paths(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    struct binary tool = binary_of("/usr/bin/tool", 0x11);
    struct place place = sysroot_at(sysroot, &tool, CODE + 4);
    assert_string_equal(place.symbol->name, "work");
    assert_int_equal(place.symbol->address, ELF_FILE_ADDRESS + CODE);
    assert_string_equal(place.module, "tool");
    assert_at(sysroot, &tool, CODE + 4, "work+0x4");
    assert_at(sysroot, &tool, 8, "[tool]+0x8");
    assert_at(sysroot, &tool, 1 << 20, "[tool]+0x100000");
    struct binary unknown_build = {.path = "/usr/bin/tool"};
    assert_at(sysroot, &unknown_build, CODE, "work");
    assert_null(sysroot_defect(sysroot, 0));
    sysroot_free(sysroot);
}

static void test_reads_what_was_stripped_from_beside(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    struct binary library = binary_of("/lib/libz.so.1", 0x22);
    assert_at(sysroot, &library, CODE + 8, "inflate+0x8");
    struct binary stripped = binary_of("/usr/bin/stripped", 0x33);
    assert_at(sysroot, &stripped, CODE, "[stripped]+0x160");
    assert_null(sysroot_defect(sysroot, 0));
    sysroot_free(sysroot);
}

static void test_says_once_what_does_not_fit(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    static const struct {
        const char *path, *defect;
        uint8_t build;
    } cases[] = {
        {"/usr/bin/tool",
         "/usr/bin/tool: the guest has build 1201020304050607, the sysroot 1101020304050607; give "
         "the sysroot that the guest was made from",
         0x12},
        {"/usr/bin/none", "/usr/bin/none: is not in the sysroot; put it there to see its functions",
         0x11},
        {"/usr/bin/secret", /* its link leads out */
         "/usr/bin/secret: is not in the sysroot; put it there to see its functions", 0x44},
        {"/usr/bin/script",
         "/usr/bin/script: is not an ELF file; give an executable that a linker made", 0x11},
        {"/usr/bin", "/usr/bin: is not a regular file; name a kernel or an ELF file", 0x11},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct binary binary = binary_of(cases[i].path, cases[i].build);
        for (int again = 0; again < 2; again++) {
            assert_null(sysroot_at(sysroot, &binary, CODE).symbol);
        }
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(sysroot_defect(sysroot, i), cases[i].defect);
    }
    assert_null(sysroot_defect(sysroot, COUNT(cases)));
    struct binary right = binary_of("/usr/bin/tool", 0x11);
    assert_at(sysroot, &right, CODE, "work");
    sysroot_free(sysroot);
}

static void test_what_is_no_file_has_no_symbols(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    struct binary made = {.path = "[anon]"};
    assert_at(sysroot, &made, 16, "[anon]+0x10");
    assert_null(sysroot_defect(sysroot, 0));
    struct binary tool = binary_of("/usr/bin/tool", 0x11);
    assert_at(NULL, &tool, CODE, "[tool]+0x160");
    sysroot_free(sysroot);
    sysroot_free(NULL);
}

/* Asked by its path, before the guest has it. */
static void assert_program(struct sysroot *sysroot) {
    const struct program *tool = sysroot_program(sysroot, "/usr/bin/tool");
    const struct symbol *work = symbols_find(program_symbols(tool), "work", 0);
    uint64_t offset;
    assert_null(program_defect(tool));
    assert_non_null(work);
    assert_true(program_offset(tool, work->address, &offset));
    assert_int_equal(offset, CODE);
    assert_false(program_offset(tool, ELF_FILE_ADDRESS - 1, &offset));
    assert_false(program_offset(tool, ELF_FILE_ADDRESS + sizeof(struct elf_file), &offset));
    assert_ptr_equal(sysroot_program(sysroot, "/usr/bin/alias"), tool); /* which leads there */

    static const struct {
        struct binary binary;
        enum program_match match;
    } cases[] = {
        {{"/usr/bin/tool", {0x11, 1, 2, 3, 4, 5, 6, 7}, 8}, PROGRAM_SAME},
        {{"/elsewhere", {0x11, 1, 2, 3, 4, 5, 6, 7}, 8}, PROGRAM_SAME},
        {{"/usr/bin/tool", {0x12, 1, 2, 3, 4, 5, 6, 7}, 8}, PROGRAM_REBUILT},
        {{"/usr/bin/alias", {0x12, 1, 2, 3, 4, 5, 6, 7}, 8}, PROGRAM_OTHER},
        {{"/usr/bin/tool", {0}, 0}, PROGRAM_SAME}, /* no id */
        {{"/usr/bin/alias", {0}, 0}, PROGRAM_SAME},
        {{"/usr/bin/stripped", {0}, 0}, PROGRAM_OTHER},
        {{"/usr/bin/none", {0}, 0}, PROGRAM_OTHER},
        {{"[anon]", {0}, 0}, PROGRAM_OTHER},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(sysroot_match(sysroot, tool, &cases[i].binary), cases[i].match);
    }
    assert_string_equal(program_defect(sysroot_program(sysroot, "/usr/bin/none")),
                        "/usr/bin/none: is not in the sysroot; put it there to see its functions");
    const struct program *stripped = sysroot_program(sysroot, "/usr/bin/stripped");
    assert_null(program_defect(stripped));
    assert_int_equal(symbols_count(program_symbols(stripped)), 0);
}

static void test_files_are_known_before_the_guest_has_them(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    assert_program(sysroot);
    sysroot_free(sysroot);
}

static const char *disk_make(const struct folder *folder, char path[PATH_MAX]) {
    char command[PATH_MAX];
    snprintf(command, sizeof command,
             "PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext4 -d '%.1000s/root' '%.1000s/disk' 8M "
             ">/dev/null 2>&1",
             folder->path, folder->path);
    return system(command) == 0 ? path_in(folder, "/disk", path) : NULL;
}

/* The same files, on a disk. */
static void test_disks_have_files_too(void **state) {
    const struct folder *folder = *state;
    char path[PATH_MAX];
    if (disk_make(folder, path) == NULL) {
        skip(); /* no mke2fs here */
    }
    snprintf(path, sizeof path, "disk:%.3000s/disk", folder->path);
    struct sysroot *sysroot;
    struct error error;
    assert_int_equal(sysroot_open(path, &sysroot, &error), STATUS_OK);
    assert_int_equal(sysroot_look(sysroot, &error), STATUS_OK);
    struct binary tool = binary_of("/usr/bin/tool", 0x11);
    assert_at(sysroot, &tool, CODE + 4, "work+0x4");
    struct binary library = binary_of("/lib/libz.so.1", 0x22);
    assert_at(sysroot, &library, CODE + 8, "inflate+0x8");
    static const char *const paths[] = {"/usr/bin/none", "/usr/bin", "/usr/bin/secret"};
    static const char *const defects[] = {
        "/usr/bin/none: is not in the sysroot; put it there to see its functions",
        "/usr/bin: is not a regular file; give the sysroot that the guest was made from",
        "/usr/bin/secret: is not in the sysroot; put it there to see its functions"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct binary binary = binary_of(paths[i], 0x11);
        assert_null(sysroot_at(sysroot, &binary, CODE).symbol);
        assert_string_equal(sysroot_defect(sysroot, i), defects[i]);
    }
    sysroot_free(sysroot);
    assert_int_equal(sysroot_open(path, &sysroot, &error), STATUS_OK);
    assert_int_equal(sysroot_look(sysroot, &error), STATUS_OK);
    assert_program(sysroot);
    sysroot_free(sysroot);
    snprintf(path, sizeof path, "disk:%.3000s/secret", folder->path);
    assert_int_equal(sysroot_open(path, &sysroot, &error), STATUS_OK);
    assert_int_equal(sysroot_look(sysroot, &error), STATUS_BAD_INPUT);
    sysroot_free(sysroot);
    assert_non_null(strstr(error.text, "/secret: has no ext2, ext3 or ext4 file system"));
    snprintf(path, sizeof path, "disk:%.3000s/none", folder->path);
    assert_int_equal(sysroot_open(path, &sysroot, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "/none: No such file or directory; name an image"));
}

/* Other bytes where there are some, which is mostly where the file system keeps its own. */
static void damage(uint8_t *bytes, size_t from, size_t size_bytes, uint64_t *random) {
    enum { DAMAGES = 100 };
    for (int count = 0; count < DAMAGES;) {
        uint8_t *at = &bytes[from + (random_next(random) >> 20) % (size_bytes - from)];
        count += *at != 0;
        *at = *at == 0 ? 0 : (uint8_t)(random_next(random) >> 32);
    }
}

/* Whatever a disk holds, it is a line and no crash. */
static void test_damaged_disks_are_told(void **state) {
    enum { BYTES = 8 << 20, SUPERBLOCK_END = 2048, TRIES = 60 };
    char path[PATH_MAX], spec[PATH_MAX + 8];
    if (disk_make(*state, path) == NULL) {
        skip();
    }
    uint8_t *sound = malloc(BYTES), *bytes = malloc(BYTES);
    FILE *file = fopen(path, "r+b");
    assert_true(sound != NULL && bytes != NULL && file != NULL);
    assert_int_equal(fread(sound, 1, BYTES, file), BYTES);
    snprintf(spec, sizeof spec, "disk:%.3000s", path);
    uint64_t random = 7;
    for (int i = 0; i < TRIES; i++) {
        memcpy(bytes, sound, BYTES);
        damage(bytes, i % 4 == 0 ? 0 : SUPERBLOCK_END, BYTES, &random);
        rewind(file);
        assert_int_equal(fwrite(bytes, 1, BYTES, file), BYTES);
        assert_int_equal(fflush(file), 0);
        struct sysroot *sysroot;
        struct error error;
        assert_int_equal(sysroot_open(spec, &sysroot, &error), STATUS_OK);
        if (sysroot_look(sysroot, &error) == STATUS_OK) {
            struct binary tool = binary_of("/usr/bin/tool", 0x11);
            (void)sysroot_at(sysroot, &tool, CODE); /* its own bytes may be others by now */
        }
        sysroot_free(sysroot);
    }
    fclose(file);
    free(sound);
    free(bytes);
}

/* Names that the guest chose come out as text. */
static void test_paths_are_no_commands(void **state) {
    struct sysroot *sysroot = sysroot_of(state);
    struct binary hostile = binary_of("/bin/\033[2J\n\177x", 0x11);
    (void)sysroot_at(sysroot, &hostile, CODE);
    assert_string_equal(sysroot_defect(sysroot, 0),
                        "/bin/?[2J??x: is not in the sysroot; put it there to see its functions");
    sysroot_free(sysroot);
}

static void test_folders_that_are_none_are_refused(void **state) {
    char path[PATH_MAX];
    struct sysroot *sysroot;
    struct error error;
    assert_int_equal(sysroot_open(path_in(*state, "/none", path), &sysroot, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "/none: No such file or directory; name a folder"));
    assert_int_equal(sysroot_open(path_in(*state, "/secret", path), &sysroot, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "Not a directory"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_functions_at_the_guests_paths),
        cmocka_unit_test(test_reads_what_was_stripped_from_beside),
        cmocka_unit_test(test_says_once_what_does_not_fit),
        cmocka_unit_test(test_what_is_no_file_has_no_symbols),
        cmocka_unit_test(test_files_are_known_before_the_guest_has_them),
        cmocka_unit_test(test_disks_have_files_too),
        cmocka_unit_test(test_damaged_disks_are_told),
        cmocka_unit_test(test_paths_are_no_commands),
        cmocka_unit_test(test_folders_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
