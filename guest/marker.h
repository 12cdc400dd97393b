/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks a place in a guest's code, for --stop-at marker:NUMBER, seeking and profiles. For C and
 * assembly; on real hardware, and while nobody looks out for it, an instruction that does nothing.
 *
 *     SANDGLASS_MARKER(7);               C: number 7, from 0 to 2047, a constant
 *     SANDGLASS_MARKER_VALUE(7, count);  the same, with a value in a register
 *
 *     sandglass_marker 7                 assembly
 *     sandglass_marker 7, a0
 *
 * It is slti x0, register, number: of the hints of the base ISA that are set aside for custom use.
 * docs/markers.md tells more. */
#ifndef SANDGLASS_MARKER_H
#define SANDGLASS_MARKER_H

#ifdef __ASSEMBLER__

.macro sandglass_marker number, register = x0 slti x0, \register, \number.endm

#else

/* The compiler keeps it where it is among volatile accesses and calls; memory is not touched. */
#define SANDGLASS_MARKER(number) __asm__ volatile("slti x0, x0, %0" : : "i"(number))
#define SANDGLASS_MARKER_VALUE(number, value)                                                      \
    __asm__ volatile("slti x0, %1, %0" : : "i"(number), "r"((unsigned long)(value)))

#endif

#endif
