/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks a place in a guest's code, for --stop-at marker:NUMBER, seeking and profiles; or where an
 * interval begins and ends, for profiles. For C and assembly; on real hardware, and while nobody
 * looks out for it, an instruction that does nothing.
 *
 *     SANDGLASS_MARKER(7);               C: number 7, from 0 to 2047, a constant
 *     SANDGLASS_MARKER_VALUE(7, count);  the same, with a value in a register
 *     SANDGLASS_BEGIN(3);                interval 3, from 0 to 511, of the present task begins
 *     SANDGLASS_END(3);                  and ends
 *     SANDGLASS_BEGIN_SHARED(3);         interval 3 of all tasks together: whoever likes ends it
 *     SANDGLASS_END_SHARED(3);
 *
 *     sandglass_marker 7                 assembly
 *     sandglass_marker 7, a0
 *     sandglass_begin 3
 *     sandglass_end 3
 *     sandglass_begin_shared 3
 *     sandglass_end_shared 3
 *
 * It is slti x0, register, number: of the hints of the base ISA that are set aside for custom use.
 * docs/markers.md tells more. */
#ifndef SANDGLASS_MARKER_H
#define SANDGLASS_MARKER_H

#ifdef __ASSEMBLER__

/* clang-format off: it takes assembly for C */
        .macro  sandglass_marker number, register = x0
        slti    x0, \register, \number
        .endm
        .macro  sandglass_begin number
        slti    x0, x0, \number - 2048
        .endm
        .macro  sandglass_end number
        slti    x0, x0, \number - 1536
        .endm
        .macro  sandglass_begin_shared number
        slti    x0, x0, \number - 1024
        .endm
        .macro  sandglass_end_shared number
        slti    x0, x0, \number - 512
        .endm
/* clang-format on */

#else

/* The compiler keeps it where it is among volatile accesses and calls; memory is not touched. */
#define SANDGLASS_MARKER(number) __asm__ volatile("slti x0, x0, %0" : : "i"(number))
#define SANDGLASS_MARKER_VALUE(number, value)                                                      \
    __asm__ volatile("slti x0, %1, %0" : : "i"(number), "r"((unsigned long)(value)))
#define SANDGLASS_BEGIN(number) SANDGLASS_MARKER((number)-2048)
#define SANDGLASS_END(number) SANDGLASS_MARKER((number)-1536)
#define SANDGLASS_BEGIN_SHARED(number) SANDGLASS_MARKER((number)-1024)
#define SANDGLASS_END_SHARED(number) SANDGLASS_MARKER((number)-512)

#endif

#endif
