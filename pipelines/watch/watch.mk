# watch.mk: how far the folds are.

#: make watch        the folds' state, refreshed while they train (ONCE=1: printed once)
.PHONY: watch
watch:
	@ONCE=$(call quoted,$(ONCE)) pipelines/watch/watch.sh
