/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instruction formats: the rows of format.def as numbers. Private to isa/. */
#ifndef ISA_FORMAT_H
#define ISA_FORMAT_H

enum format {
#define FORMAT(name, rd, rs1, rs2, rs3, imm, text) FORMAT_##name,
#include "isa/format.def"
#undef FORMAT
    FORMAT_COUNT
};

#endif
