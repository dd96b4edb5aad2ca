# validate.mk: how good the models are on images that they have not seen in training: each fold predicts its own part of the
# training images. The parts of all folds, one behind the other, are all of these images in one order, whatever the number
# of folds, so that stages of 5 and of 10 folds can be merged as they come (lib/dataset/fold.h).

#: make validate     each fold's probabilities for the training images that it has not seen
#: make validate-NAME                  of the models of train-NAME alone
#: make calibrate    rules learned from these, for submissions with "rule": "validation"
#: make score-validation               the scores of these: of each stage alone, and of the submissions
ifdef SETTLED

tester = $(patsubst validate-%,test-%,$1)

define validating # STAGE TRAINING
$1: $$(call maps,$1)
.PRECIOUS: $$(call maps,$1)
$$(call maps,$1) &: $$(OPTIONS)/$$(call tester,$1) $$(WORK)/train/index.mpk $$(call models,$2) | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) $(PIPELINES)/method/predict-fold.sh $$(WORK)/$2/fold-{1}.mpk $$(WORK)/train $$(@D)/fold-{1} \
	    "$$($$(call tester,$1).options)" \
	    "--fold {1}/$$($2.folds) --split val --plain --side $$($2.side)" ::: $$($2.members)
endef
$(foreach stage,$(VALIDATING),$(eval $(call validating,$(stage),$(call trainer,$(stage)))))

validate: $(NEEDED_VALIDATING)

# ---- what is made of them, and its score: each submission as it would be of these images; and without a decision each merge of
# several stages, and each stage alone with the threshold of the first merge that takes it
validator = $(patsubst test-%,validate-%,$1)
unseen = $(foreach stage,$($1.stages),$(call maps,$(call validator,$(stage))))
unseen_streams = $(foreach stage,$($1.stages),<(zstd -dcq $(call maps,$(call validator,$(stage)))))
unseen_mean = merge --type f8 $(call unseen_streams,$1)

WITH_RATIO := $(foreach name,$(SUBMISSIONS),$(if $($(name).rule),,$(name)))
$(foreach name,$(WITH_RATIO),$(eval $(call submission,$(name),validation-,unseen,unseen_mean,train)))
$(foreach merge,$(sort $(SEGMENTING) $(MIXED)),$(eval $(call segmenting,$(merge),validation-,unseen,unseen_mean)))

define segmenting_alone # STAGE
$$(WORK)/$1.csv: $$(call maps,$1) $$(OPTIONS)/$($1.merge) | $$(PROGRAMS)
	zstd -dcq $$(call maps,$1) | rle-encode --threshold $$($($1.merge).threshold) -o $$@
endef
$(foreach stage,$(NEEDED_VALIDATING),$(eval $(call segmenting_alone,$(stage))))

# Run lengths of samples refer to their images' own sizes, whatever the labels came from.
$(WORK)/validation-truth.csv: $(WORK)/train/index.mpk | $(PROGRAMS)
	augment -q --plain --side 32 --mask-side 32 $(WORK)/train | inspect --json | \
	    jq -n -r -f $(PIPELINES)/validate/truth.jq >$@.part
	mv $@.part $@

# Submissions are scored as masks; stages and merges of several, as probabilities, too.
SUBMITTED := $(WITH_RATIO:%=validation-%)
PROBABLE := $(NEEDED_VALIDATING) $(MIXED:%=validation-%)
define scoring_unseen # NAME MAPS STREAM
$$(WORK)/score-$1.json $$(WORK)/score-$1.csv $(if $3,$$(WORK)/curves-$1.json) &: $$(WORK)/$1.csv $2 \
    $$(WORK)/validation-truth.csv $$(WORK)/train/index.mpk | $$(PROGRAMS)
	score --json --sizes $$(WORK)/train/index.mpk $$(WORK)/validation-truth.csv $$< \
	    $(if $3,--probabilities $3 --curves $$(WORK)/curves-$1.json) \
	    --per-image $$(WORK)/score-$1.csv -o $$(WORK)/score-$1.json
endef
$(foreach name,$(SUBMITTED),$(eval $(call scoring_unseen,$(name))))
$(foreach stage,$(NEEDED_VALIDATING),$(eval $(call scoring_unseen,$(stage),$(call maps,$(stage)),<(zstd -dcq \
    $(call maps,$(stage))))))
$(foreach merge,$(MIXED),$(eval $(call scoring_unseen,validation-$(merge),$(call unseen,$(merge)),<(merge --type f8 \
    $(call unseen_streams,$(merge))))))

# A rule's score is calibrate's: each fold's by the rule that the others choose.
VALIDATION_SCORES := $(patsubst %,$(WORK)/score-%.json,$(PROBABLE) $(SUBMITTED)) \
    $(sort $(foreach name,$(filter-out $(WITH_RATIO),$(SUBMISSIONS)),$(patsubst %.mpk,%.json,$(call rule,$(name)))))

# ---- rules learned from them, one for each pair of merges, where the stages that decide have one number of folds
folds_of = $($(call trainer,$(firstword $($1.stages))).members)

define calibrating # RULE DECIDE SEGMENT
$1 $(1:.mpk=.json) &: $$(WORK)/validation-truth.csv $$(sort $$(call unseen,$2) $$(call unseen,$3)) \
    $$(sort $$(OPTIONS)/$2.stages $$(OPTIONS)/$3.stages) | $$(PROGRAMS)
	$(PIPELINES)/validate/calibrate-folds.sh "$$(foreach stage,$$($2.stages),$$(call validator,$$(stage)))" "$$(call folds_of,$2)" \
	    $(if $(filter-out $2,$3),--segmenting <(merge --type f8 $$(call unseen_streams,$3))) \
	    --report $(1:.mpk=.json) -o $1 $$(WORK)/validation-truth.csv
endef
# The first submission of each pair
RULES := $(sort $(foreach name,$(CALIBRATED),$(call rule,$(name))))
pair_of = $(firstword $(foreach name,$(CALIBRATED),$(if $(filter $1,$(call rule,$(name))),$(name))))
$(foreach file,$(RULES),$(eval $(call calibrating,$(file),$($(call pair_of,$(file)).decide),$($(call pair_of,$(file)).segment))))

calibrate: $(or $(RULES),$(if $(filter calibrate,$(MAKECMDGOALS)),$(error calibrate: the stages that decide have different numbers \
    of folds)))

score-validation: $(VALIDATION_SCORES)
	@$(PIPELINES)/report/scores.sh $(VALIDATION_SCORES)

# ---- the report shows what of this is wanted beside it, or is there already
SHOWN := $(VALIDATION_SCORES) $(patsubst %,$(WORK)/score-%.csv,$(PROBABLE) $(SUBMITTED)) $(PROBABLE:%=$(WORK)/curves-%.json)
$(WORK)/report.html: $(if $(filter score-validation,$(MAKECMDGOALS)),$(SHOWN),$(wildcard $(SHOWN))) \
    $(if $(filter calibrate,$(MAKECMDGOALS)),$(RULES:.mpk=.json),$(wildcard $(RULES:.mpk=.json)))
endif
