# validate.mk: how good the models are on images that they have not seen in training: each fold predicts its own part of the
# training images. The parts of all folds, one behind the other, are all of these images in one order, whatever the number
# of folds, so that stages of 5 and of 10 folds can be merged as they come (lib/dataset/fold.h).

#: make validate     each fold's probabilities for the training images that it has not seen
#: make validate-NAME                  of the models of train-NAME alone
#: make score-validation               the scores of these: of each stage alone, and of the submissions
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

# ---- what is made of them, and its score: each submission as it would be of these images; and each stage alone, with the
# threshold of the first merge that takes it, and no decision
validator = $(patsubst test-%,validate-%,$1)
unseen = $(foreach stage,$($1.stages),$(call maps,$(call validator,$(stage))))
unseen_streams = $(foreach stage,$($1.stages),<(zstd -dcq $(call maps,$(call validator,$(stage)))))

$(foreach name,$(SUBMISSIONS),$(eval $(call submission,$(name),validation-,unseen,unseen_streams,train)))
$(foreach merge,$(SEGMENTING),$(eval $(call segmenting,$(merge),validation-,unseen,unseen_streams)))

define segmenting_alone # STAGE
$$(WORK)/$1.csv: $$(call maps,$1) $$(OPTIONS)/$($1.merge) | $$(PROGRAMS)
	zstd -dcq $$(call maps,$1) | rle-encode --threshold $$($($1.merge).threshold) -o $$@
endef
$(foreach stage,$(NEEDED_VALIDATING),$(eval $(call segmenting_alone,$(stage))))

# Run lengths of samples refer to their images' own sizes, whatever the labels came from.
$(WORK)/validation-truth.csv: $(WORK)/train/index.mpk | $(PROGRAMS)
	augment -q --plain --side 32 --mask-side 32 $(WORK)/train | inspect --json | \
	    jq -n -r -f pipelines/validate/truth.jq >$@.part
	mv $@.part $@

VALIDATED := $(NEEDED_VALIDATING) $(SUBMISSIONS:%=validation-%)
VALIDATION_SCORES := $(VALIDATED:%=$(WORK)/score-%.json)
define scoring_unseen # NAME
$$(WORK)/score-$1.json $$(WORK)/score-$1.csv &: $$(WORK)/$1.csv $$(WORK)/validation-truth.csv $$(WORK)/train/index.mpk | $$(PROGRAMS)
	score --json --sizes $$(WORK)/train/index.mpk $$(WORK)/validation-truth.csv $$< \
	    --per-image $$(WORK)/score-$1.csv -o $$(WORK)/score-$1.json
endef
$(foreach name,$(VALIDATED),$(eval $(call scoring_unseen,$(name))))

score-validation: $(VALIDATION_SCORES)
	@pipelines/report/scores.sh $(VALIDATION_SCORES)
endif
