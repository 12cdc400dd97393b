/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small ELF files, made in memory: one segment, a build-id, one function. */
#ifndef UNIT_ELF_TEST_H
#define UNIT_ELF_TEST_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct elf_file {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3]; /* the last is free */
    Elf64_Nhdr note;
    char note_name[4];
    uint8_t build_id[8];
    Elf64_Sym symbols[2];
    char names[16]; /* of symbols */
    char section_names[32];
    uint32_t code[16];
    Elf64_Shdr sections[5];
};

enum { ELF_FILE_ADDRESS = 0x10000 }; /* of the first byte, as it is linked */

/* @param function  Its name, which all of code belongs to; NULL: stripped. */
static inline void elf_file_make(struct elf_file *file, const char *function, uint8_t build) {
    *file = (struct elf_file){
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_DYN,
                   .e_machine = EM_RISCV,
                   .e_version = EV_CURRENT,
                   .e_entry = ELF_FILE_ADDRESS + offsetof(struct elf_file, code),
                   .e_phoff = offsetof(struct elf_file, segments),
                   .e_shoff = offsetof(struct elf_file, sections),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3,
                   .e_shentsize = sizeof(Elf64_Shdr),
                   .e_shnum = 5,
                   .e_shstrndx = 3},
        .segments = {{.p_type = PT_LOAD,
                      .p_flags = PF_R | PF_X,
                      .p_vaddr = ELF_FILE_ADDRESS,
                      .p_paddr = ELF_FILE_ADDRESS,
                      .p_filesz = sizeof *file,
                      .p_memsz = sizeof *file,
                      .p_align = 4096},
                     {.p_type = PT_NOTE,
                      .p_offset = offsetof(struct elf_file, note),
                      .p_vaddr = ELF_FILE_ADDRESS + offsetof(struct elf_file, note),
                      .p_filesz = sizeof(Elf64_Nhdr) + 12,
                      .p_memsz = sizeof(Elf64_Nhdr) + 12,
                      .p_align = 4}},
        .note = {.n_namesz = 4, .n_descsz = 8, .n_type = NT_GNU_BUILD_ID},
        .note_name = "GNU",
        .build_id = {build, 1, 2, 3, 4, 5, 6, 7},
        .symbols = {{0},
                    {.st_name = 1,
                     .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                     .st_shndx = 4,
                     .st_value = ELF_FILE_ADDRESS + offsetof(struct elf_file, code),
                     .st_size = sizeof file->code}},
        .section_names = "\0.symtab\0.strtab\0.shstrtab",
        .sections = {{0},
                     {.sh_name = 1,
                      .sh_type = SHT_SYMTAB,
                      .sh_offset = offsetof(struct elf_file, symbols),
                      .sh_size = sizeof file->symbols,
                      .sh_link = 2,
                      .sh_info = 1,
                      .sh_entsize = sizeof(Elf64_Sym)},
                     {.sh_name = 9,
                      .sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct elf_file, names),
                      .sh_size = sizeof file->names},
                     {.sh_name = 17,
                      .sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct elf_file, section_names),
                      .sh_size = sizeof file->section_names},
                     {.sh_type = SHT_PROGBITS,
                      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                      .sh_addr = ELF_FILE_ADDRESS + offsetof(struct elf_file, code),
                      .sh_offset = offsetof(struct elf_file, code),
                      .sh_size = sizeof file->code}},
    };
    if (function == NULL) {
        file->sections[1] = (Elf64_Shdr){0};
    } else {
        strncpy(file->names + 1, function, sizeof file->names - 2);
    }
}

#endif
