/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF segments and symbols over libelf, for loader and profiles. Trusts nothing in the file. */
#include "base/base.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>

bool elf_magic(const void *bytes, size_t size_bytes) {
    return size_bytes >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

/* What keeps a file with the right magic from being read at all; NULL when nothing does. */
static const char *ident_defect(const uint8_t *ident, size_t size_bytes) {
    if (size_bytes < sizeof(Elf64_Ehdr)) {
        return "is too short for an ELF file; it may be truncated: build or copy it again";
    }
    if (ident[EI_CLASS] == ELFCLASS32) {
        return "is a 32-bit ELF file; build it for 64 bits (rv64)";
    }
    if (ident[EI_CLASS] != ELFCLASS64) {
        return "has a damaged ELF header; build or copy it again";
    }
    if (ident[EI_DATA] != ELFDATA2LSB) {
        return "is not a little-endian ELF file; build it for little-endian RISC-V";
    }
    return NULL;
}

static const char *segment_defect(const GElf_Phdr *header, size_t size_bytes) {
    if (header->p_offset > size_bytes || header->p_filesz > size_bytes - header->p_offset) {
        return "is truncated: a segment reaches past its end; build or copy it again";
    }
    if (header->p_filesz > header->p_memsz) {
        return "has a segment that is larger in the file than in memory; link it again";
    }
    uint64_t end;
    if (__builtin_add_overflow(header->p_paddr, header->p_memsz, &end) ||
        __builtin_add_overflow(header->p_vaddr, header->p_memsz, &end)) {
        return "has a segment past the end of the address space; link it again";
    }
    return NULL;
}

static const char *segments_read(struct elf *elf, const uint8_t *bytes, size_t size_bytes) {
    size_t count;
    if (elf_getphdrnum(elf->libelf, &count) != 0) {
        return "has damaged program headers; build or copy it again";
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf->libelf, (int)i, &header) == NULL) {
            return "is truncated: its program headers reach past its end; build or copy it again";
        }
        if (header.p_type != PT_LOAD || header.p_memsz == 0) {
            continue;
        }
        const char *defect = segment_defect(&header, size_bytes);
        if (defect != NULL) {
            return defect;
        }
        if (elf->segment_count == ELF_SEGMENTS_MAX) {
            return "has more than 64 loadable segments; link it with fewer";
        }
        elf->segments[elf->segment_count++] = (struct elf_segment){
            .vaddr = header.p_vaddr,
            .paddr = header.p_paddr,
            .memory_bytes = header.p_memsz,
            .bytes = bytes + header.p_offset,
            .file_bytes = header.p_filesz,
            .executable = (header.p_flags & PF_X) != 0,
        };
    }
    return elf->segment_count == 0 ? "has nothing to load; link it to an executable" : NULL;
}
_Static_assert(ELF_SEGMENTS_MAX == 64, "the message above names the limit");

/* Requires: *elf zeroed. On failure the caller closes what was opened. */
static const char *elf_read(struct elf *elf, const void *bytes, size_t size_bytes) {
    const char *defect = ident_defect(bytes, size_bytes);
    if (defect != NULL) {
        return defect;
    }
    /* libelf takes a plain char * but writes to it only through its update calls. */
    elf->libelf = elf_version(EV_CURRENT) == EV_NONE
                      ? NULL
                      : elf_memory((char *)(uintptr_t)bytes, size_bytes);
    GElf_Ehdr header;
    if (elf->libelf == NULL || gelf_getehdr(elf->libelf, &header) == NULL) {
        return "has a damaged ELF header; build or copy it again";
    }
    elf->type = header.e_type;
    elf->machine = header.e_machine;
    elf->entry = header.e_entry;
    return NULL;
}

bool elf_open_names(struct elf *elf, const void *bytes, size_t size_bytes, const char **defect) {
    memset(elf, 0, sizeof *elf);
    *defect = elf_magic(bytes, size_bytes)
                  ? elf_read(elf, bytes, size_bytes)
                  : "is not an ELF file; give an executable that a linker made";
    if (*defect == NULL && segments_read(elf, bytes, size_bytes) != NULL) {
        elf->segment_count = 0;
    }
    if (*defect != NULL) {
        elf_close(elf);
    }
    return *defect == NULL;
}

bool elf_open(struct elf *elf, const void *bytes, size_t size_bytes, const char **defect) {
    if (elf_open_names(elf, bytes, size_bytes, defect) && elf->segment_count == 0) {
        *defect = segments_read(elf, bytes, size_bytes);
        elf_close(elf);
    }
    return *defect == NULL;
}

void elf_close(struct elf *elf) {
    elf_end(elf->libelf);
    elf->libelf = NULL;
}

/* An ELF file has one of such a type; a second one in a hostile file would only cost time. */
static Elf_Scn *section_of_type(const struct elf *elf, unsigned type, GElf_Shdr *header) {
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf->libelf, section)) != NULL;) {
        if (gelf_getshdr(section, header) != NULL && header->sh_type == type) {
            return section;
        }
    }
    return NULL;
}

bool elf_symbol(const struct elf *elf, const char *name, uint64_t *value) {
    GElf_Shdr header;
    Elf_Scn *section = section_of_type(elf, SHT_SYMTAB, &header);
    Elf_Data *symbols = section == NULL ? NULL : elf_getdata(section, NULL);
    if (symbols == NULL) {
        return false;
    }
    GElf_Sym symbol;
    for (int i = 0; gelf_getsym(symbols, i, &symbol) != NULL; i++) {
        const char *found = elf_strptr(elf->libelf, header.sh_link, symbol.st_name);
        if (found != NULL && symbol.st_shndx != SHN_UNDEF && strcmp(found, name) == 0) {
            *value = symbol.st_value;
            return true;
        }
    }
    return false;
}

bool elf_physical(const struct elf *elf, uint64_t address, uint64_t *physical) {
    bool found = false;
    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        uint64_t offset = address - segment->vaddr;
        if (offset <= segment->memory_bytes) {
            *physical = segment->paddr + offset;
            found = true;
        }
        if (offset < segment->memory_bytes) {
            break; /* inside one, which counts more than the end of another */
        }
    }
    return found;
}

/* -- Names ------------------------------------------------------------------------------------- */

static char section_letter(const GElf_Shdr *section) {
    if (section->sh_flags & SHF_EXECINSTR) {
        return 'T';
    }
    if (section->sh_type == SHT_NOBITS) {
        return 'B';
    }
    return section->sh_flags & SHF_WRITE ? 'D' : 'R';
}

static char symbol_letter(const GElf_Sym *symbol, const GElf_Shdr *section) {
    char letter = section == NULL ? 'A' : section_letter(section);
    unsigned binding = GELF_ST_BIND(symbol->st_info);
    if (binding == STB_WEAK) {
        letter = 'W';
    }
    return binding == STB_LOCAL ? (char)(letter + ('a' - 'A')) : letter;
}

static bool symbol_told(const GElf_Sym *symbol, const char *name) {
    unsigned kind = GELF_ST_TYPE(symbol->st_info);
    bool place = kind == STT_NOTYPE || kind == STT_OBJECT || kind == STT_FUNC ||
                 kind == STT_COMMON || kind == STT_GNU_IFUNC;
    return place && symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_COMMON &&
           name != NULL && name[0] != '\0' && name[0] != '$' && strncmp(name, ".L", 2) != 0;
}

/* A dynamic table leaves out so much that what lies behind a label need not be its. */
static struct elf_symbol symbol_of(const struct elf *elf, const GElf_Shdr *table,
                                   const GElf_Sym *symbol, const char *name) {
    GElf_Shdr header;
    Elf_Scn *section =
        symbol->st_shndx >= SHN_LORESERVE ? NULL : elf_getscn(elf->libelf, symbol->st_shndx);
    bool placed = section != NULL && gelf_getshdr(section, &header) != NULL &&
                  (header.sh_flags & SHF_ALLOC) != 0;
    uint64_t start = placed && elf->type != ET_REL ? header.sh_addr : 0;
    uint64_t end = placed ? add_sat_u64(start, header.sh_size) : 0;
    return (struct elf_symbol){
        .name = name,
        .value = symbol->st_value,
        .size_bytes = symbol->st_size,
        .end = table->sh_type == SHT_DYNSYM ? symbol->st_value : end,
        .type = symbol_letter(symbol, placed ? &header : NULL),
    };
}

/* Of one table. */
static size_t symbols_tell(const struct elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                           elf_symbol_fn *tell, void *owner) {
    Elf_Data *symbols = elf_getdata(section, NULL);
    GElf_Sym symbol;
    size_t count = 0;
    for (int i = 0; symbols != NULL && gelf_getsym(symbols, i, &symbol) != NULL; i++) {
        const char *name = elf_strptr(elf->libelf, header->sh_link, symbol.st_name);
        if (symbol_told(&symbol, name)) {
            struct elf_symbol found = symbol_of(elf, header, &symbol, name);
            tell(owner, &found);
            count++;
        }
    }
    return count;
}

size_t elf_symbols_tell(const struct elf *elf, elf_symbol_fn *tell, void *owner) {
    GElf_Shdr header;
    Elf_Scn *section = section_of_type(elf, SHT_SYMTAB, &header);
    if (section == NULL) {
        section = section_of_type(elf, SHT_DYNSYM, &header);
    }
    return section == NULL ? 0 : symbols_tell(elf, section, &header, tell, owner);
}

const void *elf_section(const struct elf *elf, const char *name, size_t *size_bytes) {
    size_t names;
    if (elf_getshdrstrndx(elf->libelf, &names) != 0) {
        return NULL;
    }
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf->libelf, section)) != NULL;) {
        GElf_Shdr header;
        const char *found = gelf_getshdr(section, &header) == NULL
                                ? NULL
                                : elf_strptr(elf->libelf, names, header.sh_name);
        if (found != NULL && strcmp(found, name) == 0) {
            Elf_Data *contents = elf_rawdata(section, NULL);
            *size_bytes = contents == NULL ? 0 : contents->d_size;
            return contents == NULL ? NULL : contents->d_buf;
        }
    }
    return NULL;
}

/* Notes lie in segments, which even a file without sections has. */
static Elf_Data *notes_next(const struct elf *elf, size_t *idx) {
    size_t count;
    if (elf_getphdrnum(elf->libelf, &count) != 0) {
        return NULL;
    }
    GElf_Phdr header;
    while (*idx < count && gelf_getphdr(elf->libelf, (int)*idx, &header) != NULL) {
        ++*idx;
        if (header.p_type == PT_NOTE) {
            Elf_Type type = header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR;
            Elf_Data *notes =
                elf_getdata_rawchunk(elf->libelf, (int64_t)header.p_offset, header.p_filesz, type);
            if (notes != NULL) {
                return notes;
            }
        }
    }
    return NULL;
}

size_t elf_build_id(const struct elf *elf, uint8_t build_id[BUILD_ID_BYTES_MAX]) {
    size_t idx = 0;
    for (Elf_Data *notes; (notes = notes_next(elf, &idx)) != NULL;) {
        GElf_Nhdr note;
        size_t name, contents;
        for (size_t at = 0; (at = gelf_getnote(notes, at, &note, &name, &contents)) > 0;) {
            const uint8_t *bytes = notes->d_buf;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                memcmp(bytes + name, "GNU", 4) == 0 && note.n_descsz <= BUILD_ID_BYTES_MAX) {
                memcpy(build_id, bytes + contents, note.n_descsz);
                return note.n_descsz;
            }
        }
    }
    return 0;
}
