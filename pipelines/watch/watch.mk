# watch.mk: how far the folds are.

#: make status       the folds' state: iteration, loss, best Dice, time left; what Slurm's queue says of them
#: make watch        the same, refreshed while they train (ONCE=1: printed once)
.PHONY: watch status
status: override ONCE := 1
watch status:
	@ONCE=$(call quoted,$(ONCE)) $(PIPELINES)/watch/watch.sh
