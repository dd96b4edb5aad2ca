# experiment.mk: recipes against each other on made-up X-rays, paired by seed (docs/accuracy.md).

#: make experiment   the method's recipe against a better one, on made-up X-rays that are hard to read; a small form:
#:                   SEEDS=5 EACH=1 is all of docs/accuracy.md, each part of the better recipe by itself as well
SEEDS ?= 2
.PHONY: experiment
experiment: programs
	@PATH=$(call quoted,$(abspath $(BIN))):"$$PATH" $(PIPELINES)/experiment/experiment.sh \
	    $(if $(filter file,$(origin WORK)),experiment,$(call quoted,$(WORK))) $(call quoted,$(SEEDS)) $(call quoted,$(EACH))
