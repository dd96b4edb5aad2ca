# Pleura: builds every program of filters/ into bin/, the library, the tests and the manual pages.
# `make help` lists the targets; V=1 shows the commands.

Q := $(if $(V),,@)
MAKEFILE := $(lastword $(MAKEFILE_LIST))

CC ?= cc
CXX ?= c++
PREFIX ?= /usr/local

ifdef SANITIZE
BUILD ?= build/sanitize
BIN ?= $(BUILD)/bin
# UBSan's checks of each access and pointer, by which networks run a third longer, are left to `make nightly`: what they see
# AddressSanitizer sees as well when the access is made, but for pointers that wrap around.
UNDEFINED ?= -fno-sanitize=null,object-size,pointer-overflow
SANITIZER := -fsanitize=address,undefined $(UNDEFINED) -fno-sanitize-recover=all -fno-omit-frame-pointer
# With -O1 networks run three to nine times as long; what computes little compiles in two thirds of the time.
OPTIMISE ?= -O2 -g1
$(patsubst %,$(BUILD)/obj/%/%.o,lib/models lib/objects lib/onnx lib/program lib/weights filters): OPTIMISE := -O1 -g1
OPTIMISE_FAKE ?= -Og -g1
else
BUILD ?= build
BIN ?= bin
OPTIMISE ?= -O3 -g1
OPTIMISE_FAKE ?= -O2 -g1
endif
# -g1: names and lines, for reports and profiles; what else debuggers want (OPTIMISE="-O0 -g3") takes a sixth of the compiler's time.

WARN := -Wall -Wextra -Wshadow -Werror
WARN_C := $(WARN) -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
GDCM := $(lastword $(sort $(wildcard $(SYSROOT)/usr/include/gdcm-*)))
CPPFLAGS += -Ilib -I$(BUILD)/generated -D_GNU_SOURCE
# PIC: the CUDA backend takes what it needs of the library into a shared object.
SHARED := -fPIC -fvisibility=hidden
CFLAGS += -std=c11 $(WARN_C) $(OPTIMISE) $(SANITIZER) $(SHARED) -pthread -fopenmp -fno-math-errno
CXXFLAGS += -std=c++17 $(WARN) $(OPTIMISE) $(SANITIZER) $(SHARED) -isystem $(GDCM)
LDFLAGS += $(SANITIZER) -pthread -fopenmp -Wl,--as-needed
LDLIBS += -lturbojpeg -lpng -lmsgpackc -lxxhash -ljansson -lprotobuf-c -lisal -lz -lm
# gcc 12's leak sanitizer crashes on what belongs to single threads in a library that is loaded later.
LDLIBS += $(if $(SANITIZE),-Wl$(comma)--no-as-needed -ldnnl)

# ---- what there is: every file found is built; nothing is listed by hand
# in_lib PATTERN...: the files of lib/, however deep
in_lib = $(wildcard $(foreach folder,lib/* lib/*/* lib/*/*/* lib/*/*/*/*,$(addprefix $(folder)/,$1)))
# WITHOUT: folders of lib/ that are left out
LIB_SOURCES := $(filter-out $(addsuffix /%,$(addprefix lib/,$(WITHOUT))),$(call in_lib,*.c))
# Protocol buffers: protoc-c makes C of NAME.proto, NAME.pb-c.h and .c below build/generated; of ONNX's, too.
ONNX := $(BUILD)/generated/onnx
PROTOCOLS := $(patsubst lib/%.proto,$(BUILD)/generated/%.pb-c,$(call in_lib,*.proto)) $(ONNX).pb-c
LIB_OBJECTS := $(patsubst %,$(BUILD)/obj/%.o,$(basename $(LIB_SOURCES)) $(PROTOCOLS))
FILTERS := $(wildcard filters/*.c filters/*/*.c)
PROGRAMS := $(patsubst %.c,$(BIN)/%,$(notdir $(FILTERS)))
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c))
PARITY := $(BUILD)/parity
GPU_BUNDLE := $(BUILD)/gpu-bundle
PAGES := $(patsubst $(BIN)/%,$(BUILD)/man/pleura-%.1,$(filter-out $(BIN)/pleura,$(PROGRAMS))) $(BUILD)/man/pleura.1
LIBRARY := $(BUILD)/libpleura$(if $(WITHOUT),-part).a

.PHONY: all module build-deps deps man test bench lint format fuzz clean

all: $(PROGRAMS) $(PARITY) module man

programs: $(PROGRAMS)

#: make              all programs into bin/, the manual pages into build/man/
#: make deps         install the Debian packages that are missing
#: make test         every test; SANITIZE=1 under AddressSanitizer and UBSan
#: make bench        speed and memory, as ratios (PARTS=networks: of those only)
#: make gpu-bundle   build/gpu-bundle: programs, CUDA module and their libraries, for a machine without our packages
#: make gpu-check    on a machine with a GPU: figures, sanitizers, speed; BUNDLE=FOLDER from such a folder
#: make overfit      both networks learn four images by heart, in ten minutes or so
#: make lint         format, clang-tidy, cppcheck, who includes whom
#: make fuzz SECONDS=60   fuzz the readers of streams, CSV, PNG, JPEG, DICOM, weights and logs, so long each
#: make attack       hostile streams and checkpoints through all programs, for half an hour (PART=9: every ninth)
#: make arm64        the programs for 64-bit ARM, into build/arm64/programs/bin, by Debian's cross compiler
#: make nightly      make fuzz, make attack, lint's long look, all tests on emulated ARM processors and with all of UBSan, the packages: over an hour
#: make clean

$(BUILD)/generated/%.pb-c.c $(BUILD)/generated/%.pb-c.h: lib/%.proto
	@mkdir -p $(@D)
	$(if $(V),,@echo '  PB  $<')
	$(Q)protoc-c --proto_path=lib --c_out=$(BUILD)/generated $<
# Fields in which a message may hold others of its own kind are left out: protobuf-c reads as deep as a file goes, on
# the stack. None of them is of use here, and they are passed over as what is not known.
$(ONNX).proto: /usr/include/onnx/onnx.proto
	@mkdir -p $(@D)
	$(Q)sed -E '/^ +(optional|repeated) (GraphProto (g|graphs)|TypeProto (elem_type|value_type)) = /d' $< >$@
$(ONNX).pb-c.c $(ONNX).pb-c.h &: $(ONNX).proto
	$(if $(V),,@echo '  PB  $<')
	$(Q)protoc-c --proto_path=$(@D) --c_out=$(@D) $<
$(PROTOCOLS:%=$(BUILD)/obj/%.o): WARN_C := -w

$(BUILD)/obj/%.o: %.c | $(PROTOCOLS:%=%.h)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC  $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CXX $<')
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(LIBRARY): $(LIB_OBJECTS)
	@rm -f $@
	$(Q)$(AR) crs $@ $^

define link
@mkdir -p $(@D)
$(if $(V),,@echo '  LD  $@')
$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
endef

# programs_of FOLDER: its programs, those of the GPU bundle too
define programs_of
$(BIN)/%: $(BUILD)/obj/$1%.o $(LIBRARY)
	$$(link)
$(GPU_BUNDLE)/bin/%: $(BUILD)/obj/$1%.o $(LIBRARY)
	$$(link)
endef
$(foreach folder,$(sort $(dir $(FILTERS))),$(eval $(call programs_of,$(folder))))

# What a program and its modules must have in common: all headers and tables, by their digest.
INTERFACE := $(call in_lib,*.h *.def)
$(BUILD)/obj/lib/core/module.o: $(INTERFACE)
$(BUILD)/obj/lib/core/module.o: CPPFLAGS += -DMODULE_INTERFACE='"$(shell cat $(sort $(INTERFACE)) | sha256sum | cut -c -16)"'

# Empty, but for the libraries that programs load when they want them: from it packages and bundles learn which these are.
%/loaded.so: ; $(Q)mkdir -p $(@D) && $(CC) -shared -Wl,--no-as-needed -x c /dev/null -ldnnl -o $@

# pleura lists all programs but itself.
$(BUILD)/obj/filters/pleura.o: $(FILTERS)
$(BUILD)/obj/filters/pleura.o: CPPFLAGS += -DPROGRAM_NAMES='$(foreach name,$(filter-out pleura,$(sort $(notdir $(PROGRAMS)))),"$(name)"$(comma))'

# ---- GDCM, a shared object beside the programs, which load it for the files that need it: lib/core/module.h
GDCM_MODULE := pleura-gdcm.so
$(PROGRAMS) all programs tests: | $(BIN)/$(GDCM_MODULE)
$(BIN)/$(GDCM_MODULE) $(GPU_BUNDLE)/bin/$(GDCM_MODULE): $(patsubst %.cc,$(BUILD)/obj/%.o,$(call in_lib,*.cc)) $(LIBRARY)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CXX) -shared $(LDFLAGS) $^ -lgdcmMSFF -lgdcmDSED -lgdcmCommon -o $@

# ---- the CUDA backend, a shared object beside the programs, built where nvcc and cuDNN are found: in
# the system, in the toolkit, or in Python's packages, for the goals that want it. CUDA=0 leaves it out.
CUDA_SOURCES := $(call in_lib,*.cu)
CUDA_GOALS := $(if $(filter 0,$(CUDA)),,all module module-check install deb image gpu-bundle gpu-check %/pleura-cuda.so)
ifneq ($(filter $(CUDA_GOALS),$(or $(MAKECMDGOALS),all)),)
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
CUDNN := $(firstword $(wildcard $(foreach at,$(if $(NVCC),$(dir $(NVCC))../include) /usr/include \
    /usr/include/*-linux-gnu /usr/local/include $(if $(NVCC),$(shell python3 -c \
    'import nvidia.cudnn; print(list(nvidia.cudnn.__path__)[0] + "/include")' 2>/dev/null)),$(at)/cudnn.h)))
CUDNN_LIBRARY := $(firstword $(wildcard $(foreach at,$(dir $(CUDNN))../lib $(dir $(CUDNN))../lib64 \
    /usr/lib/*-linux-gnu,$(at)/libcudnn.so.9)))
MODULE := $(if $(and $(NVCC),$(CUDNN),$(CUDNN_LIBRARY)),$(if $(SANITIZE),,$(BIN)/pleura-cuda.so))
endif
module: $(MODULE)
# Machine code for the generations that the compiler knows of these, PTX for what comes later.
CODE := sm
OPTIMISE_CUDA := -O3
GENERATIONS = $(filter $(patsubst compute_%,%,$(shell $(NVCC) --list-gpu-arch)),70 75 80 90)
NVCCFLAGS = -std=c++20 $(OPTIMISE_CUDA) -Ilib -I$(dir $(CUDNN)) -Werror all-warnings -Xcompiler -Werror \
    -Xcompiler -Wall,-Wextra,-Wshadow,-Wno-missing-field-initializers,-fPIC,-fvisibility=hidden \
    $(foreach g,$(GENERATIONS),-gencode arch=compute_$g,code=$(CODE)_$g) \
    -gencode arch=compute_$(lastword $(GENERATIONS)),code=compute_$(lastword $(GENERATIONS))

# The libraries are found at run time where they were when this was built.
RPATHS = $(patsubst %,-Xlinker -rpath=%,$(sort $(realpath $(dir $(CUDNN_LIBRARY)) $(dir $(NVCC))../lib64)))

define compile_cuda
@mkdir -p $(@D)
$(if $(V),,@echo '  CU  $<')
$(Q)$(NVCC) $(NVCCFLAGS) -MMD -MP -c $< -o $@
endef
define link_cuda
@mkdir -p $(@D)
$(if $(V),,@echo '  LD  $@')
$(Q)$(NVCC) -shared -cudart static -Xlinker --no-undefined $(RPATHS) $^ -o $@ \
    -Xlinker $(CUDNN_LIBRARY) -lcublas -lm
endef

$(BUILD)/obj/%.cu.o: %.cu
	$(compile_cuda)
$(BIN)/pleura-cuda.so $(GPU_BUNDLE)/bin/pleura-cuda.so: $(patsubst %,$(BUILD)/obj/%.o,$(CUDA_SOURCES)) $(LIBRARY)
	$(link_cuda)

# Whether the module can be compiled and linked, said in half a minute, in a folder of its own: PTX alone, not optimised, for the
# oldest GPU, and where tensor cores multiply bf16 for one that can, too, which is all branches of the kernels.
.PHONY: module-check
module-check: $(if $(MODULE),$(BUILD)/ptx/pleura-cuda.so)
$(BUILD)/ptx/%: CODE := compute
$(BUILD)/ptx/%: GENERATIONS := 75
$(if $(MODULE),$(patsubst %,$(BUILD)/ptx/%.o,$(shell grep -l tensor_core.h $(CUDA_SOURCES)))): GENERATIONS := 75 90
$(BUILD)/ptx/%: OPTIMISE_CUDA := -O1 -Xcicc -O0
$(BUILD)/ptx/%.cu.o: %.cu
	$(compile_cuda)
$(BUILD)/ptx/pleura-cuda.so: $(patsubst %,$(BUILD)/ptx/%.o,$(CUDA_SOURCES)) $(LIBRARY)
	$(link_cuda)

# The same on a stand-in for CUDA that runs kernels on the host, for the tests. C++14 with what the compiler knows of later
# ones: the C++ library's headers are four times as long for C++20.
FAKE := $(BUILD)/tests/fake-cuda.so
FAKE_FLAGS = $(filter-out -std=%,$(CXXFLAGS)) $(OPTIMISE_FAKE) -std=gnu++14 -Wno-c++17-extensions -Wno-missing-field-initializers -Wno-unknown-pragmas -fopenmp -ffp-contract=off -DPOSITION_CHUNK=65536 -DDEPTHWISE_BLOCKS=2 -Itests/fake_cuda -Ilib
# Most of its time goes into the libraries' products; kernels at -O3 run 3 % shorter, and compile half as long again.
$(BUILD)/fake/tests/%: OPTIMISE_FAKE =
$(BUILD)/fake/%.o: %
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CXX $< (stand-in)')
	$(Q)$(CXX) $(FAKE_FLAGS) -x c++ -MMD -MP -c $< -o $@

FAKE_INDEX := $(BUILD)/tests/fake-index.so
$(FAKE_INDEX): tests/fake_cuda/index.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) -std=c11 $(WARN_C) -O1 -g -fPIC -shared -Wl,-soname,$(@F) $< -o $@

# What stands in for NCCL, which the module loads by itself.
FAKE_NCCL := $(BUILD)/tests/fake-nccl.so
$(FAKE_NCCL): $(BUILD)/fake/tests/fake_cuda/nccl.cc.o
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CXX) -shared $(LDFLAGS) $^ -o $@

$(FAKE): $(patsubst %,$(BUILD)/fake/%.o,$(CUDA_SOURCES) $(filter-out %/nccl.cc,$(wildcard tests/fake_cuda/*.cc))) \
    $(LIBRARY) $(FAKE_INDEX)
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CXX) -shared $(LDFLAGS) $(if $(SANITIZE),,-Wl,--no-undefined) -Wl,-rpath,'$$ORIGIN:$(abspath $(@D))' $^ -lm -o $@

$(PARITY) $(GPU_BUNDLE)/bin/parity: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/parity/*.c)) $(LIBRARY)
	$(link)

# Unit tests, benches, tools of tests.
$(BUILD)/tests/% $(GPU_BUNDLE)/bin/%: LDLIBS += -lcmocka
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(LIBRARY)
	$(link)
# The tests' own code runs for a moment: to optimise it takes longer, but for some that compute a lot themselves.
$(BUILD)/obj/tests/unit/%.o: CFLAGS += -O0
$(addprefix $(BUILD)/obj/tests/,unit/backend/f32_products.o unit/winograd/winograd_int16.o tools/%.o): CFLAGS += -O1
# Vectors that the processor lacks are passed in memory; to optimise unrolled loops over them would take minutes.
$(BUILD)/obj/tests/unit/%_emulated.o: CFLAGS += -Wno-psabi
$(filter $(BUILD)/tests/unit/image/%,$(UNIT_TESTS)) tests: | $(BUILD)/tests/unit/image/$(GDCM_MODULE)
$(BUILD)/tests/unit/image/$(GDCM_MODULE): $(BIN)/$(GDCM_MODULE)
	@mkdir -p $(@D)
	@ln -sf $(abspath $<) $@

man: $(PAGES)

$(BUILD)/man/pleura-%.1: $(BIN)/%
	@mkdir -p $(@D)
	$(Q)$< --man > $@

$(BUILD)/man/pleura.1: $(BIN)/pleura
	@mkdir -p $(@D)
	$(Q)$< --man > $@

# ---- tests
# What tests preload: not sanitized, since it goes into any program.
$(BUILD)/tests/tools/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(if $(V),,@echo '  LD  $@')
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(WARN_C) -O1 -g -fPIC -shared $< -o $@

TOOLS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c)) \
    $(patsubst tests/preload/%.c,$(BUILD)/tests/tools/%.so,$(wildcard tests/preload/*.c))

# What is built on all cores where nobody has said on how many.
ON_ALL_CORES = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

test: deps
	@+$(MAKE) --no-print-directory $(ON_ALL_CORES) run-tests

.PHONY: run-tests tests
# What waits for packages from elsewhere begins first.
tests: $(if $(SANITIZE),,arm64-tests) $(PROGRAMS) $(PARITY) $(UNIT_TESTS) $(TOOLS) $(FAKE) $(FAKE_NCCL) \
    $(if $(SANITIZE),,$(GPU_BUNDLE)/README $(addprefix $(BUILD)/tests/bench/,turns floor bare))

run-tests: tests
	@tests/run.sh $(abspath $(BIN)) $(abspath $(BUILD))

include tests/arm64/arm64.mk

# ---- on a GPU
# The programs, those of the check and the module (which needs no library that programs do not), linked once more: they look
# for libraries in ../lib, and so do the libraries there (RPATH, not RUNPATH, which would count for the programs alone).
BUNDLED := $(addprefix $(GPU_BUNDLE)/bin/,$(GDCM_MODULE) $(notdir $(PROGRAMS) $(PARITY) \
    $(basename $(wildcard tests/gpu/*.c tests/unit/cuda/*.c))))
$(GPU_BUNDLE)/bin/%: LDFLAGS += -s -Wl,--disable-new-dtags,-rpath='$$ORIGIN/../lib'
$(GPU_BUNDLE)/bin/%: RPATHS += -Xlinker -s -Xlinker -rpath='$$ORIGIN/../lib'
$(GPU_BUNDLE)/bin/%: $(BUILD)/obj/tests/gpu/%.o $(LIBRARY)
	$(link)
$(GPU_BUNDLE)/bin/%: $(BUILD)/obj/tests/unit/cuda/%.o $(LIBRARY)
	$(link)

$(GPU_BUNDLE)/README: $(BUNDLED) $(BUILD)/loaded.so $(wildcard tests/gpu/*.sh tests/gpu/*.py tests/golden/*.json)
	$(Q)tests/gpu/bundle.sh $(GPU_BUNDLE) $(BUILD)/loaded.so

.PHONY: gpu-bundle gpu-check
gpu-bundle: $(GPU_BUNDLE)/README $(addprefix $(GPU_BUNDLE)/bin/,$(notdir $(MODULE)))

gpu-check: $(if $(BUNDLE),,gpu-bundle)
	@DOCUMENT="$${DOCUMENT-$$PWD/docs/gpu.md}" $(or $(BUNDLE),$(GPU_BUNDLE))/tests/gpu/check.sh $(CHECK)

bench: deps $(PROGRAMS) $(BENCHES) $(TOOLS) $(BUILD)/tests/gpu/speed
	@tests/bench/run.sh $(abspath $(BIN)) $(abspath $(BUILD)) $(PARTS)

include tests/fuzz/fuzz.mk

# ---- hostile inputs, see docs/reliability.md
.PHONY: attack
attack: deps $(PROGRAMS)
	@PATH="$(abspath $(BIN)):$$PATH" /usr/bin/python3 tests/attack/attack.py $(if $(PART),--part $(PART))
	@PATH="$(abspath $(BIN)):$$PATH" /usr/bin/python3 tests/attack/resume.py $(if $(PART),--part $(PART))

.PHONY: nightly
nightly:
	@+$(MAKE) --no-print-directory lint-tidy STATES=225000
	@+$(MAKE) --no-print-directory fuzz
	@+$(MAKE) --no-print-directory attack
	@+$(MAKE) --no-print-directory arm64-check
	@+$(MAKE) --no-print-directory test SANITIZE=1 BUILD=build/sanitize-all UNDEFINED=
	@+$(MAKE) --no-print-directory deb-check image

.PHONY: overfit
overfit: deps $(PROGRAMS)
	@tests/bench/overfit.sh $(abspath $(BIN))

# ---- lint
SOURCES := $(call in_lib,*.c *.cc *.cu) $(FILTERS) $(wildcard tests/*/*.c tests/*/*/*.c tests/*/*.cc)
HEADERS := $(call in_lib,*.h) $(wildcard tests/*/*.h tests/*/*/*.h tests/*/*/*/*.h)
SCRIPTS := $(wildcard tests/*.sh tests/*/*.sh tests/*/*/*.sh tests/bench/*.bash pipelines/*/*.sh pipelines/*/*.bash) .ci/run

format:
	$(Q)clang-format -i $(SOURCES) $(HEADERS)

# The longest first: with -j the others run beside it.
.PHONY: lint-tidy lint-cppcheck lint-format lint-scripts
lint: lint-tidy lint-cppcheck lint-format lint-scripts

# The analyzer follows the paths through a function until it has met so many states. With clang's own 225000 the few functions
# that have more take nine tenths of all its time: so far they are looked at by `make nightly`.
STATES ?= 10000
lint-tidy: deps
	@+$(MAKE) --no-print-directory $(PROTOCOLS:%=%.h)
	@printf '%s\n' $(filter %.c,$(SOURCES)) | xargs -P2 -n4 sh -c 'clang-tidy --quiet "$$@" -- -std=c11 $(CPPFLAGS) \
	    -Xclang -analyzer-config -Xclang max-nodes=$(STATES) 2>/dev/null' sh

lint-cppcheck: deps
	@cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability \
	    --inline-suppr --error-exitcode=1 --suppress=missingInclude \
	    --suppress=syntaxError:lib/image/formats.def -Ilib -D_GNU_SOURCE -D__x86_64__ -j2 $(filter %.c,$(SOURCES))

lint-format: deps
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS)

lint-scripts: deps
	@shellcheck -x $(SCRIPTS)
	@tests/arrows.sh

# ---- packages
PACKAGES := build-essential libmsgpack-dev libpng-dev libgdcm-dev libturbojpeg0-dev libxxhash-dev \
    libjansson-dev libdnnl-dev libprotobuf-c-dev protobuf-c-compiler libonnx-dev libisal-dev zlib1g-dev jq zstd parallel bsdextrautils
TEST_PACKAGES := libcmocka-dev bats clang-format clang-tidy cppcheck shellcheck time bsdutils file libgdcm-tools \
    libomp-dev openssh-server iproute2 rsync slurm-wlm openmpi-bin dicom3tools dcmtk orthanc orthanc-dicomweb \
    $(if $(filter aarch64-%,$(MAKE_HOST)),,gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user) \
    python3-onnx python3-pil python3-numpy python3-xxhash python3-msgpack python3-msgpack-numpy

# What make serve needs besides.
SERVE_PACKAGES := dcmtk inotify-tools

build-deps:
	@tests/deps.sh $(PACKAGES)

deps:
	@tests/deps.sh $(PACKAGES) $(TEST_PACKAGES) $(SERVE_PACKAGES)

clean:
	rm -rf bin build

# Which headers the object files come of; the stages' own make (SETTLED) has the programs already.
-include $(if $(SETTLED),,$(shell find $(BUILD)/obj $(BUILD)/fake $(BUILD)/ptx $(FUZZ)/obj -name '*.d' 2>/dev/null))

include pipelines/pipelines.mk
