/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host side of the differential test.
 *
 * usage: diff ext                                names of the extensions of `--cpu max`
 *        diff make SEED FIRST COUNT FILE EXT...  cases for the guest
 *        diff list SEED CASE EXT...              one case as text
 *        diff compare SEED FIRST COUNT SIGNATURE RAM EXT...   0 if all records agree */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"

enum { SHOWN_MAX = 10 };

static const char *const csr_labels[RECORD_CSR_COUNT] = {
    "mstatus", "mepc",    "mcause",   "mtval",      "sepc",       "scause", "stval",
    "satp",    "medeleg", "mideleg",  "mip",        "menvcfg",    "senvcfg", "mcounteren",
    "scounteren", "stvec", "sscratch", "pmpcfg0",   "pmpaddr2",   "pmpaddr3", "mscratch",
};

static void fail(const char *what) {
    fprintf(stderr, "diff: %s\n", what);
    exit(70);
}

static uint64_t number_of(const char *text) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno != 0 || *end != '\0' || end == text) {
        fail("not a number");
    }
    return value;
}

static ext_set set_of(int count, char **names) {
    ext_set set = 0;
    for (int i = 0; i < count; i++) {
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            set |= strcmp(names[i], ext_name((enum ext)ext)) == 0 ? ext_bit((enum ext)ext) : 0;
        }
    }
    return set;
}

/* -- Making ------------------------------------------------------------------------------------ */

static void plan_make(struct plan *plan, const struct words *words, uint64_t seed,
                      uint64_t number) {
    memset(plan, 0, sizeof *plan);
    plan->words = words;
    plan->random = random_of_case(seed, number);
    place_choose(plan, number);
    sequence_make(plan);
    plan->head[CASE_PATCH_COUNT] = plan->patch_count;
    plan->head[CASE_BYTES] =
        8 * (CASE_CODE + plan->head[CASE_CODE_WORDS] + 2 * (uint64_t)plan->patch_count);
}

bool plan_insn(const struct plan *plan, uint64_t pc, struct insn *insn) {
    uint64_t at = pc - plan->head[CASE_CODE_START] - plan->head[CASE_CODE_DELTA];
    if (at >= plan->code_bytes) {
        return false;
    }
    uint32_t bits;
    memcpy(&bits, plan->code + at, sizeof bits);
    *insn = decode(words_decoder(plan->words), bits);
    return true;
}

static void put(FILE *file, const void *bytes, size_t size_bytes) {
    if (fwrite(bytes, 1, size_bytes, file) != size_bytes) {
        fail("cannot write the cases");
    }
}

static void make(const struct words *words, char **arguments) {
    uint64_t seed = number_of(arguments[0]);
    uint64_t first = number_of(arguments[1]);
    uint64_t count = number_of(arguments[2]);
    FILE *file = fopen(arguments[3], "wb");
    if (file == NULL) {
        fail("cannot write the cases");
    }
    struct plan *plan = malloc(sizeof *plan);
    ensure(plan != NULL);
    put(file, &count, sizeof count);
    for (uint64_t i = first; i < first + count; i++) {
        plan_make(plan, words, seed, i);
        put(file, plan->head, sizeof plan->head);
        put(file, plan->code, 8 * plan->head[CASE_CODE_WORDS]);
        put(file, plan->patches, sizeof plan->patches[0] * plan->patch_count);
    }
    if (fclose(file) != 0) {
        fail("cannot write the cases");
    }
    free(plan);
}

/* -- Listing ----------------------------------------------------------------------------------- */

static void list_code(const struct plan *plan) {
    unsigned at = (unsigned)(plan->head[CASE_ENTRY] & 7);
    uint64_t base = plan->head[CASE_CODE_START] + plan->head[CASE_CODE_DELTA];
    while (at < plan->code_bytes) {
        uint32_t bits;
        char text[128];
        memcpy(&bits, plan->code + at, sizeof bits);
        struct insn insn = decode(words_decoder(plan->words), bits);
        insn_text(&insn, base + at, text, sizeof text);
        printf("  %16" PRIx64 ":  %0*" PRIx32 "%*s  %s", base + at, insn.length * 2, insn.bits,
               insn.length == 2 ? 4 : 0, "", text);
        if ((op_traits(insn.op) & T_CSR) != 0 && csr_name((unsigned)insn.imm & 0xfff) != NULL) {
            printf("    # %s", csr_name((unsigned)insn.imm & 0xfff));
        }
        printf("\n");
        at += insn.length;
    }
}

static void list(const struct words *words, uint64_t seed, uint64_t number) {
    static const char *const heads[] = {
        "bytes",   "case",       "mstatus",    "satp",   "medeleg",  "menvcfg",  "senvcfg",
        "mcounteren", "scounteren", "pmpcfg0", "pmpaddr0", "pmpaddr1", "pmpaddr2", "pmpaddr3",
        "pmpaddr4", "pmpaddr5",   "pmpaddr6",   "pmpaddr7", "entry",  "exit",     "delta",
        "code",    "words",      "patches",    "fill",   "fcsr",     "mie",      "mip",
        "mideleg",
    };
    struct plan *plan = malloc(sizeof *plan);
    ensure(plan != NULL);
    plan_make(plan, words, seed, number);
    for (unsigned i = 0; i < COUNT(heads); i++) {
        printf("%10s %016" PRIx64 "%s", heads[i], plan->head[i], i % 4 == 3 ? "\n" : " ");
    }
    printf("\n");
    for (unsigned i = 0; i < 63; i++) {
        bool x = i < 31;
        printf("%9c%-2u%c%016" PRIx64 "%s", x ? 'x' : 'f', x ? i + 1 : i - 31,
               x && plan_in_pool(plan, i + 1) ? '*' : ' ', plan->head[CASE_X + i],
               i % 4 == 3 ? "\n" : "");
    }
    printf("\n");
    for (unsigned i = 0; i < plan->patch_count; i++) {
        printf("  [%08" PRIx64 "] %016" PRIx64 "%s", plan->patches[i][0], plan->patches[i][1],
               i % 4 == 3 ? "\n" : "");
    }
    printf("\n");
    list_code(plan);
    free(plan);
}

/* -- Comparing --------------------------------------------------------------------------------- */

/* RAM from TABLE_SV39 on as each machine left it. */
struct memories {
    uint64_t *ours;
    uint64_t *theirs;
    uint64_t word_count;
};

static struct memories memories_read(const char *signature, const char *ram, uint64_t count) {
    uint64_t bytes = RESULT_BASE - TABLE_SV39 + 8 * RECORD_WORDS * count;
    struct memories memories = {calloc(1, bytes), calloc(1, bytes), bytes / 8};
    ensure(memories.ours != NULL && memories.theirs != NULL);
    FILE *file = fopen(ram, "rb");
    if (file == NULL || fseek(file, TABLE_SV39 - RAM_BASE, SEEK_SET) != 0 ||
        fread(memories.theirs, 1, bytes, file) != bytes) {
        fail("cannot read QEMU's memory");
    }
    fclose(file);
    file = fopen(signature, "r");
    if (file == NULL) {
        fail("cannot read the signature");
    }
    for (uint64_t i = 0; i < bytes / 4; i++) {
        char line[16];
        if (fgets(line, sizeof line, file) == NULL) {
            fail("the signature is too short");
        }
        uint64_t half = strtoull(line, NULL, 16);
        memories.ours[i / 2] |= half << (i % 2 * 32);
    }
    fclose(file);
    return memories;
}

static void word_name(unsigned word, char *name, size_t size) {
    static const char *const trap_words[] = {"cause", "epc", "tval", "status"};
    if (word == RECORD_NUMBER) {
        snprintf(name, size, "number");
    } else if (word < RECORD_F) {
        snprintf(name, size, "x%u", word - RECORD_X + 1);
    } else if (word < RECORD_FCSR) {
        snprintf(name, size, "f%u", word - RECORD_F);
    } else if (word < RECORD_CSRS) {
        static const char *const names[] = {"fcsr", "traps", "memory hash"};
        snprintf(name, size, "%s", names[word - RECORD_FCSR]);
    } else if (word < RECORD_TRAP) {
        snprintf(name, size, "%s", csr_labels[word - RECORD_CSRS]);
    } else {
        snprintf(name, size, "trap %u %s", (word - RECORD_TRAP) / 4,
                 trap_words[(word - RECORD_TRAP) % 4]);
    }
}

static void record_show(const uint64_t *ours, const uint64_t *theirs) {
    for (unsigned i = 0; i < RECORD_WORDS; i++) {
        char name[32];
        word_name(i, name, sizeof name);
        if (ours[i] != theirs[i]) {
            printf("  %-16s Sandglass %016" PRIx64 "  QEMU %016" PRIx64 "\n", name, ours[i],
                   theirs[i]);
        }
    }
}

/* Both machines' traps side by side: what happened up to the difference. */
static void traps_show(const uint64_t *ours, const uint64_t *theirs) {
    for (unsigned i = 0; i < RECORD_TRAP_MAX; i++) {
        const uint64_t *a = ours + RECORD_TRAP + 4 * i;
        const uint64_t *b = theirs + RECORD_TRAP + 4 * i;
        if (i < ours[RECORD_TRAPS] || i < theirs[RECORD_TRAPS]) {
            bool same = memcmp(a, b, 32) == 0;
            printf("  trap %-2u Sandglass %016" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64, i, a[0],
                   a[1], a[2], a[3]);
            if (same) {
                printf("  the same\n");
                continue;
            }
            printf("\n          QEMU      %016" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n",
                   b[0], b[1], b[2], b[3]);
        }
    }
}

/* The instruction at which the first trap differs: the earlier one, as code only leads onward. */
static void blame_show(const struct plan *plan, const uint64_t *ours, const uint64_t *theirs) {
    unsigned trap = 0;
    while (trap < RECORD_TRAP_MAX && memcmp(ours + RECORD_TRAP + 4 * trap,
                                            theirs + RECORD_TRAP + 4 * trap, 32) == 0) {
        trap++;
    }
    if (trap == RECORD_TRAP_MAX) {
        return;
    }
    uint64_t a = ours[RECORD_TRAP + 4 * trap + 1];
    uint64_t b = theirs[RECORD_TRAP + 4 * trap + 1];
    uint64_t pc = a == 0 || (b != 0 && b < a) ? b : a;
    struct insn insn;
    if (plan_insn(plan, pc, &insn)) {
        char text[128];
        insn_text(&insn, pc, text, sizeof text);
        printf("  first at trap %u, %016" PRIx64 ": %s\n", trap, pc, text);
    }
}

/* Memory is that of the last case. */
static void memory_show(const struct memories *memories) {
    for (uint64_t i = 0; i < (TEST_END - TABLE_SV39) / 8; i++) {
        if (memories->ours[i] != memories->theirs[i]) {
            printf("  [%08" PRIx64 "] Sandglass %016" PRIx64 "  QEMU %016" PRIx64 "\n",
                   TABLE_SV39 + 8 * i, memories->ours[i], memories->theirs[i]);
        }
    }
}

/* At least so many of the case itself: the harness's share is counted at its largest. */
static uint64_t insns_executed(const uint64_t *record) {
    uint64_t traps = record[RECORD_TRAPS];
    uint64_t retired = record[RECORD_RETIRED];
    ensure(traps > 0 && traps <= RECORD_TRAP_MAX); /* a trap ends every case */
    uint64_t last = record[RECORD_TRAP + 4 * (traps - 1)];
    uint64_t others = HANDLER_INSNS_MAX * (traps - 1) + FRAME_INSNS_MAX;
    others += (last >> TRAP_SUPERVISOR_BIT & 1) != 0 ? LEAVE_INSNS_MAX : 0;
    return traps + (retired > others ? retired - others : 0);
}

static uint64_t compare(const struct words *words, char **arguments) {
    uint64_t seed = number_of(arguments[0]);
    uint64_t first = number_of(arguments[1]);
    uint64_t count = number_of(arguments[2]);
    struct memories memories = memories_read(arguments[3], arguments[4], count);
    struct plan *plan = malloc(sizeof *plan);
    ensure(plan != NULL);
    uint64_t failed = 0;
    uint64_t executed = 0;
    for (uint64_t i = 0; i < count; i++) {
        size_t at = (RESULT_BASE - TABLE_SV39) / 8 + RECORD_WORDS * i;
        const uint64_t *ours = memories.ours + at;
        uint64_t *theirs = memories.theirs + at;
        plan_make(plan, words, seed, first + i);
        record_correct(plan, ours, theirs);
        bool finished = ours[RECORD_NUMBER] == first + i + 1;
        executed += finished ? insns_executed(ours) : 0;
        if (finished && memcmp(ours, theirs, 8 * RECORD_WORDS) == 0) {
            continue;
        }
        failed++;
        if (failed <= SHOWN_MAX) {
            printf("case %" PRIu64 " of seed %" PRIu64 " differs; to repeat it alone:\n"
                   "  tests/diff/run.sh test --seed %" PRIu64 " --case %" PRIu64 "\n",
                   first + i, seed, seed, first + i);
            blame_show(plan, ours, theirs);
            record_show(ours, theirs);
        }
        if (count == 1) {
            traps_show(ours, theirs);
            memory_show(&memories);
            list(words, seed, first);
        }
    }
    free(plan);
    free(memories.ours);
    free(memories.theirs);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " instructions\n", count - failed,
           failed, executed);
    return failed;
}

/* -- Commands ---------------------------------------------------------------------------------- */

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int arguments;
    } commands[] = {{"ext", 0}, {"make", 4}, {"list", 2}, {"compare", 5}};
    unsigned command = 0;
    while (command < COUNT(commands) &&
           (argc < 2 || strcmp(argv[1], commands[command].name) != 0)) {
        command++;
    }
    if (command == COUNT(commands) || argc < 2 + commands[command].arguments) {
        fail("usage: diff ext|make|list|compare ...");
    }
    if (command == 0) {
        for (unsigned ext = 0; ext < EXT_COUNT; ext++) {
            printf("%s\n", ext_name((enum ext)ext));
        }
        return 0;
    }
    int fixed = 2 + commands[command].arguments;
    struct words *words = words_new(set_of(argc - fixed, argv + fixed));
    uint64_t failed = 0;
    if (command == 1) {
        make(words, argv + 2);
    } else if (command == 2) {
        list(words, number_of(argv[2]), number_of(argv[3]));
    } else {
        failed = compare(words, argv + 2);
    }
    words_free(words);
    return failed == 0 ? 0 : 1;
}
