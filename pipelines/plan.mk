# plan.mk: what a run will take on this machine, before it is begun.

#: make plan         what each stage will take here: arithmetic, disk, memory, time (FORMAT=json: for programs)
FORMAT ?= table
.PHONY: plan
plan: programs
	@THREADS=$(THREADS) PATH=$(call quoted,$(abspath $(BIN))):"$$PATH" pipelines/plan.sh $(call quoted,$(CONFIG)) \
	    $(call quoted,$(PROFILE)) $(call quoted,$(WORK)) $(call quoted,$(DATA)) $(call quoted,$(JOBS)) \
	    $(call quoted,$(FORMAT)) $(SETTINGS)
