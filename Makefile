# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, tests and installs Sandglass. `make` alone needs no network. MODE=debug, asan or coverage
# builds another program under out/MODE, beside the release one in out/.

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
optimize_coverage := -O0 -g -DNDEBUG --coverage
ifndef optimize_$(MODE)
$(error MODE=$(MODE): use release, debug, asan or coverage)
endif

warnings := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
            -Wunused-result
libs     := libcjson libelf libxxhash zlib
flags     = -std=c11 -D_GNU_SOURCE -Isrc $(warnings) $(optimize_$(MODE)) \
            $(shell pkg-config --cflags $(libs)) $(CFLAGS)
# Debian 12's libfdt comes without a .pc file.
ldlibs    = $(shell pkg-config --libs $(libs)) \
            $(shell pkg-config --libs libfdt 2>/dev/null || echo -lfdt) -lm
flags    := $(flags)
ldlibs   := $(ldlibs)

# -- The program ------------------------------------------------------------------------------

sources := $(sort $(wildcard src/*/*.c))
objects := $(sources:src/%.c=$(obj)/%.o)
program := $(out)/sandglass

all: $(program)

$(program): $(objects)
	$(CC) $(flags) -o $@ $^ $(ldlibs)

$(obj)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(flags) -MMD -MP -c -o $@ $<

# -- Unit tests: each is a program with all objects but main's --------------------------------

unit_sources := $(sort $(wildcard tests/unit/test_*.c))
unit_objects := $(unit_sources:tests/%.c=$(obj)/%.o)
unit_tests   := $(unit_sources:tests/%.c=$(out)/%)

$(obj)/unit/%.o: tests/unit/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(flags) -MMD -MP -c -o $@ $<

$(out)/unit/%: $(obj)/unit/%.o $(filter-out $(obj)/cli/main.o,$(objects))
	@mkdir -p $(@D)
	$(CC) $(flags) -o $@ $^ $(ldlibs) -lcmocka -lmpfr -lgmp

units: $(unit_tests)

# -- Checks and tests: tests/run.sh knows the tiers -------------------------------------------

# Style and layers; a build in which a warning is an error; the fast tests.
check:
	tools/check-style.sh
	tools/layers.py $(CC)
	$(MAKE) out=$(out)/check CFLAGS='$(CFLAGS) -Werror' all units
	SANDGLASS=$(out)/check tests/run.sh check

# What is missing is installed first, so make has to look at the host again: hence the second make.
test soak conformance:
	tools/setup
	$(MAKE) all units
	RISCV_TESTS='$(RISCV_TESTS)' ARCH_TESTS='$(ARCH_TESTS)' tests/run.sh $@

fuzz:
	tools/setup build fuzz
	$(MAKE) all units
	tests/run.sh fuzz

# -- Running ----------------------------------------------------------------------------------

demo:
	tools/setup
	$(MAKE) all
	tools/demo

run:
	tools/setup
	$(MAKE) all
	tools/demo --interactive

bench:
	tools/setup build guest peer
	$(MAKE) all
	tools/bench

# -- Installing -------------------------------------------------------------------------------

share := $(DESTDIR)$(PREFIX)/share

install: all
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/sandglass
	install -D -m 644 docs/sandglass.1 $(share)/man/man1/sandglass.1
	install -D -m 644 tools/completion.bash $(share)/bash-completion/completions/sandglass

clean:
	rm -rf $(obj) $(out)/unit $(out)/check $(program)

.PHONY: all units check test soak fuzz conformance demo run bench install clean
.SECONDARY: $(unit_objects)
-include $(objects:.o=.d) $(unit_objects:.o=.d)
