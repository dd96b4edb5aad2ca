# Fuzzing: the modules that read what comes from outside, built by clang with libFuzzer
FUZZ := build/fuzz
FUZZ_PACKAGES := clang libclang-rt-dev
FUZZ_CFLAGS := -std=c11 $(WARN_C) -Wno-error -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_LIBS := -ljansson -lturbojpeg -lpng -lmsgpackc -lxxhash -lprotobuf-c -lz -lm
FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ)/obj/%.o,$(filter $(addprefix lib/,$(addsuffix /%,core program stream image dataset challenge phantom weights objects)),\
    $(call in_lib,*.c))) $(PROTOCOLS:%=$(FUZZ)/obj/%.o)
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/*.c))
SECONDS ?= 60

fuzz:
	@tests/deps.sh $(PACKAGES) $(TEST_PACKAGES) $(FUZZ_PACKAGES)
	@+$(MAKE) --no-print-directory run-fuzz

.PHONY: run-fuzz
run-fuzz: $(PROGRAMS) $(TOOLS) $(FUZZ_TARGETS)
	@tests/fuzz/run.sh $(abspath $(BIN)) $(abspath $(BUILD))/tests/tools $(FUZZ) $(SECONDS)

$(FUZZ)/obj/%.o: %.c | $(PROTOCOLS:%=%.h)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC  $< (fuzz)')
	$(Q)clang $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(FUZZ)/libpleura.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(Q)$(AR) crs $@ $^

$(FUZZ_TARGETS): $(FUZZ)/%: $(FUZZ)/obj/tests/fuzz/%.o $(FUZZ)/libpleura.a
	$(if $(V),,@echo '  LD  $@')
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ $(FUZZ_LIBS) -o $@
