# validate.mk: how good the models are on images that they have not seen in training: each fold predicts its own part of the
# training images. The parts of all folds, one behind the other, are all of these images in one order, whatever the number
# of folds, so that stages of 5 and of 10 folds can be merged as they come (lib/dataset/fold.h).

#: make validate     each fold's probabilities for the training images that it has not seen
#: make validate-NAME                  of the models of train-NAME alone
ifdef SETTLED

tester = $(patsubst validate-%,test-%,$1)

define validating # STAGE TRAINING
$1: $$(call maps,$1)
.PRECIOUS: $$(call maps,$1)
$$(call maps,$1) &: $$(OPTIONS)/$$(call tester,$1) $$(WORK)/train/index.mpk $$(call models,$2) | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) pipelines/method/predict-fold.sh $$(WORK)/$2/fold-{1}.mpk $$(WORK)/train $$(@D)/fold-{1} \
	    "$$($$(call tester,$1).options)" \
	    "--fold {1}/$$($2.folds) --split val --plain --side $$($2.side)" ::: $$($2.members)
endef
$(foreach stage,$(VALIDATING),$(eval $(call validating,$(stage),$(call trainer,$(stage)))))

validate: $(NEEDED_VALIDATING)
endif
