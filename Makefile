# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, tests and installs Sandglass. `make` alone needs no network. MODE=debug, asan, tsan or
# coverage builds another program under out/MODE, beside the release one in out/.

MODE    ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?=
out     := $(if $(filter release,$(MODE)),out,out/$(MODE))
obj     := $(out)/obj

# -- Compiler ---------------------------------------------------------------------------------

optimize_release  := -O2 -g
optimize_debug    := -O0 -g3
optimize_asan     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                     -fno-sanitize-recover=all
# gcc says that its sanitizer takes no notice of fences; what they order are atomics, never races.
optimize_tsan     := -O1 -g -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
optimize_coverage := -O0 -g -DNDEBUG --coverage
ifndef optimize_$(MODE)
$(error MODE=$(MODE): use release, debug, asan, tsan or coverage)
endif

warnings := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
            -Wunused-result
libs     := capstone ext2fs libcjson libelf libseccomp libxxhash libzstd zlib
flags     = -std=c11 -D_GNU_SOURCE -Isrc $(warnings) $(optimize_$(MODE)) \
            $(shell pkg-config --cflags $(libs) 2>/dev/null) $(CFLAGS)
# Debian 12's libfdt comes without a .pc file, and libslirp's wants glib's headers, which we do not.
ldlibs    = $(shell pkg-config --libs $(libs) 2>/dev/null) \
            $(shell pkg-config --libs libfdt 2>/dev/null || echo -lfdt) -lslirp -lm
flags    := $(flags)
ldlibs   := $(ldlibs)

# -- The program ------------------------------------------------------------------------------

sources := $(sort $(wildcard src/*/*.c))
objects := $(sources:src/%.c=$(obj)/%.o)
program := $(out)/sandglass
# One short line a step; V=1 shows the commands.
say      = $(if $(V),,@printf '%-5s %s\n' $(1) $@;)

all: $(program)

$(program): $(objects)
	$(call say,link)$(CC) $(flags) -o $@ $^ $(ldlibs)

$(obj)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(flags) -MMD -MP -c -o $@ $<

# The files that page.c takes in as they are.
$(obj)/prof/page.o: $(wildcard src/prof/report/*)

# -- Unit tests: each is a program with all objects but main's --------------------------------

unit_sources := $(sort $(wildcard tests/unit/test_*.c))
unit_objects := $(unit_sources:tests/%.c=$(obj)/%.o)
unit_tests   := $(unit_sources:tests/%.c=$(out)/%)

$(obj)/unit/%.o: tests/unit/%.c Makefile
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(flags) -MMD -MP -c -o $@ $<

$(out)/unit/%: $(obj)/unit/%.o $(filter-out $(obj)/cli/main.o,$(objects))
	@mkdir -p $(@D)
	$(call say,link)$(CC) $(flags) -o $@ $^ $(ldlibs) -lcmocka -lmpfr -lgmp

# Fuzz targets, driven by tests/fuzz/replay.c instead of a fuzzer.
fuzz_targets := $(patsubst tests/fuzz/%.c,$(out)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

$(obj)/fuzz/%.o: tests/fuzz/%.c Makefile
	@mkdir -p $(@D)
	$(call say,cc)$(CC) $(flags) -MMD -MP -c -o $@ $<

$(out)/fuzz/%: $(obj)/fuzz/%.o $(obj)/fuzz/replay.o $(filter-out $(obj)/cli/main.o,$(objects))
	@mkdir -p $(@D)
	$(call say,link)$(CC) $(flags) -o $@ $^ $(ldlibs)

# Tests that make memory run out (tests/unit/memory_test.h).
$(addprefix $(out)/unit/,test_timer test_ticks test_sched_state test_past): \
    ldlibs += -Wl,--wrap=calloc,--wrap=realloc

units: $(unit_tests) $(fuzz_targets) $(out)/unit/make_profile

# All processors, unless the user asked for a number.
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# -- For guests: static, so that it runs in any --------------------------------------------------

mark: $(out)/sandglass-mark

$(out)/sandglass-mark: guest/mark.c Makefile
	@mkdir -p $(@D)
	$(call say,guest)riscv64-linux-gnu-gcc -std=c11 -Os -Wall -Wextra -static -s -o $@ $<

# -- Checks and tests: tests/run.sh knows the tiers -------------------------------------------

# Style and layers; a build in which a warning is an error; the fast tests.
check:
	tools/check-style.sh
	tools/layers.py $(CC)
	$(MAKE) $(jobs) out=$(out)/check CFLAGS='$(CFLAGS) -Werror' all units
	SANDGLASS=$(out)/check/sandglass tests/run.sh check

# What is missing is installed first, so make has to look at the host again: hence the second make.
test soak:
	tools/setup build guest peer report $(if $(filter soak,$@),bench debian)
	$(MAKE) $(jobs) all units
	$(if $(filter soak,$@),tools/debian)
	$(MAKE) $(jobs) MODE=asan all units
	$(MAKE) $(jobs) MODE=tsan all
	tests/run.sh $@

conformance:
	tools/setup build
	$(MAKE) $(jobs) all
	RISCV_TESTS='$(RISCV_TESTS)' ARCH_TESTS='$(ARCH_TESTS)' tests/run.sh $@

fuzz:
	tools/setup build peer fuzz
	$(MAKE) $(jobs) all units
	tests/run.sh fuzz

# Everything for other hosts, in out/cross/HOST, and the tests there under qemu-user.
cross_hosts := aarch64 riscv64

cross:
	tools/setup build guest cross
	$(MAKE) $(jobs) all $(cross_hosts:%=cross-%)
	tests/run.sh $@

cross-%: root = $(CURDIR)/out/cross/$*/root
cross-%:
	PKG_CONFIG_SYSROOT_DIR=$(root) PKG_CONFIG_LIBDIR=$(root)/usr/lib/$*-linux-gnu/pkgconfig \
	$(MAKE) out=out/cross/$*/build CC=$*-linux-gnu-gcc \
	    CFLAGS='$(CFLAGS) -Werror --sysroot=$(root)' all units

# -- Running ----------------------------------------------------------------------------------

demo:
	tools/setup
	$(MAKE) $(jobs) all
	tools/demo

run:
	tools/setup
	$(MAKE) $(jobs) all
	tools/demo --interactive

debian:
	tools/setup build guest debian
	$(MAKE) $(jobs) all
	tools/debian

bench:
	tools/setup build guest peer bench
	$(MAKE) $(jobs) all
	tools/bench $(BENCH)
	tools/replay-cost
	tools/approaches

# -- Installing -------------------------------------------------------------------------------

share := $(DESTDIR)$(PREFIX)/share

install: all
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/sandglass
	install -D -m 644 docs/sandglass.1 $(share)/man/man1/sandglass.1
	install -D -m 644 guest/marker.h $(DESTDIR)$(PREFIX)/include/sandglass/marker.h
	install -D -m 644 tools/completion.bash $(share)/bash-completion/completions/sandglass

clean:
	rm -rf $(obj) $(out)/unit $(out)/fuzz $(out)/check $(program)

.PHONY: all mark units check test soak fuzz conformance cross demo run debian bench install clean
.SECONDARY:
-include $(wildcard $(obj)/*/*.d)
