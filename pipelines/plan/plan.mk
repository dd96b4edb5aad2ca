# plan.mk: what a run will take on this machine, before it is begun.

#: make plan         what each stage will take here: arithmetic, disk, memory, time (FORMAT=json: for programs)
FORMAT ?= table
export FORMAT
.PHONY: plan
plan: programs
	@eval "set -- $$SETTINGS"; THREADS=$(THREADS) PATH=$(call quoted,$(abspath $(BIN))):"$$PATH" $(PIPELINES)/plan/plan.sh \
	    "$$CONFIG" "$$PROFILE" "$$WORK" "$$DATA" "$$JOBS" "$$FORMAT" "$$@"
