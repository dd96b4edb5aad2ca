# For 64-bit ARM: the Makefile's rules with Debian's cross compiler and arm64 packages, in a folder of its own
ARM64 := $(BUILD)/arm64
ARM64_TOOL = $(filter ccache %/ccache,$(CC)) aarch64-linux-gnu-$1 --sysroot=$(abspath $(ARM64)/sysroot)
ARM64_PACKAGES = $(filter-out libonnx-dev,$(filter %-dev,$(PACKAGES))) libcmocka-dev libgomp1
# arm64_make FOLDER OPTIMISE: into FOLDER
arm64_make = $(MAKE) --no-print-directory CUDA=0 BUILD=$1 BIN=$1/bin SYSROOT=$(abspath $(ARM64)/sysroot) \
    CC="$(call ARM64_TOOL,gcc)" CXX="$(call ARM64_TOOL,g++)" AR=aarch64-linux-gnu-ar OPTIMISE=$2
# What lines of tests.txt that begin with $1 run.
of_arm64 = $(sort $(shell sed -n -E 's,^$1 .*(tests/unit/[^ ]*|parity).*,\1,p' tests/arm64/tests.txt))
ARM64_TESTS = bin/augment bin/train-fold $(call of_arm64,test)
# What none of these links.
ARM64_WITHOUT = phantom objects challenge/csv challenge/calibration image/dicom image/codec image/geometry \
    $(addprefix program/,objects png_output predict survey tensorboard workers xray_files)

.PHONY: arm64 arm64-tests arm64-check
arm64:
	@tests/arm64/sysroot.sh $(ARM64)/sysroot $(ARM64_PACKAGES)
	@+$(call arm64_make,$(ARM64)/programs,-O3) programs

# Where there is no compiler, no qemu, or no way to the packages, the tests say so and are skipped.
arm64-tests:
	@tests/arm64/sysroot.sh $(ARM64)/sysroot $(ARM64_PACKAGES) || true
	@+[ -s $(ARM64)/sysroot.missing ] || $(call arm64_make,$(ARM64),-O2) WITHOUT="$(ARM64_WITHOUT)" $(addprefix $(ARM64)/,$(ARM64_TESTS))

arm64-check:
	@+$(MAKE) --no-print-directory arm64-tests \
	    ARM64_WITHOUT= ARM64_TESTS="parity $(filter-out $(call of_arm64,never),$(UNIT_TESTS:$(BUILD)/%=%))"
	@tests/arm64/all.sh $(abspath $(BUILD))
