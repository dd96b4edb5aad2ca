# method.mk: the method's stages as targets. `make -n submissions` prints it; config.json has its numbers.
#   PROFILE=full|demo|...  DATA=FOLDER  WORK=FOLDER  JOBS=N  GPUS=0,1,...  STAGE.KEY=VALUE (see config.json)

PROFILE ?= full
WORK ?= work/$(PROFILE)
CONFIG ?= config.json
JOBS ?= $(if $(GPUS),$(words $(subst $(comma), ,$(GPUS))),1)
comma := ,

#: make data         DICOM or PNG and labels -> shards of samples
#: make train-seg-unet train-seg-bisenet train-cls-bisenet    a model a fold
#: make test-seg-unet test-seg-bisenet test-cls-bisenet       each fold's probabilities for the test images
#: make merge-cls1 merge-cls2 merge-seg1 merge-seg2           which images show a lesion; the mean of all maps
#: make submission1 submission2 submissions score report      CSV files, their scores, report.html
TRAINING := train-seg-unet train-seg-bisenet train-cls-bisenet
TESTING := test-seg-unet test-seg-bisenet test-cls-bisenet
STAGES := xrays data $(TRAINING) $(TESTING) merge-cls1 merge-cls2 merge-seg1 merge-seg2 \
    submission1 submission2 submissions score report
.PHONY: $(STAGES)

ifneq ($(filter $(STAGES) $(WORK)/%,$(MAKECMDGOALS)),)

quoted = '$(subst ','\'',$1)'
SETTINGS := $(foreach word,$(MAKEOVERRIDES),$(if $(findstring .,$(firstword $(subst =, ,$(word)))),$(call quoted,$(word))))
ANSWER := $(shell pipelines/config.sh $(call quoted,$(CONFIG)) $(call quoted,$(PROFILE)) $(call quoted,$(WORK)) \
    $(call quoted,$(DATA)) $(SETTINGS) 2>&1 || echo failed)
ifneq ($(ANSWER),)
$(error $(patsubst %failed,%,$(ANSWER)))
endif
include $(WORK)/config.mk

export WORK GPUS
export PATH := $(abspath $(BIN)):$(PATH)
export THREADS := $(shell n=$$(($$(nproc) / $(JOBS))); echo $$((n > 0 ? n : 1)))
$(WORK)/%: SHELL := pipelines/shell.sh
$(WORK)/%: .SHELLFLAGS := -c

# One job a fold; where one fails the others are told to stop, and go on from there next time.
PARALLEL = parallel --will-cite -q --jobs $(JOBS) --halt now,fail=1 --joblog $(@D)/joblog \
    $(if $(filter 1,$(JOBS)),--ungroup,--line-buffer)

# ---- X-rays and labels
xrays: $(WORK)/xrays/sample_submission.csv
$(WORK)/xrays/sample_submission.csv: $(WORK)/options/synth | $(PROGRAMS)
	rm -rf $(WORK)/xrays
	synth $(synth.options) $(WORK)/xrays

data: $(WORK)/train/index.mpk $(WORK)/test/index.mpk
DATA_FROM := $(WORK)/options/data $(if $(synth.options),$(WORK)/xrays/sample_submission.csv)
$(WORK)/train/index.mpk: $(DATA_FROM) | $(PROGRAMS)
	decode '$(data.train)' --labels '$(data.labels)' --on-error $(data.on-error) | shard $(@D)
$(WORK)/test/index.mpk: $(DATA_FROM) | $(PROGRAMS)
	decode '$(data.test)' $(if $(data.ids),--ids '$(data.ids)') --on-error $(data.on-error) | shard $(@D)

# ---- folds
models = $(patsubst %,$(WORK)/$1/fold-%.mpk,$($1.members))
maps = $(patsubst %,$(WORK)/test-$1/fold-%.mpk.zst,$(train-$1.members))

define training # STAGE
$1: $$(call models,$1)
$$(call models,$1) &: $$(WORK)/options/$1 $$(WORK)/train/index.mpk | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) pipelines/train-fold.sh {}/$$($1.folds) $$(WORK)/train $$(@D)/fold-{} $$($1.seed) \
	    "$$($1.augment)" \
	    "$$($1.validation)" \
	    "$$($1.options)" \
	    $$(if $$($1.init),--init $$(call quoted,$$($1.init))) ::: $$($1.members)
endef
$(foreach stage,$(TRAINING),$(eval $(call training,$(stage))))

define testing # NETWORK
test-$1: $$(call maps,$1)
$$(call maps,$1) &: $$(WORK)/options/test-$1 $$(WORK)/test/index.mpk $$(call models,train-$1) | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) pipelines/predict-fold.sh $$(WORK)/train-$1/fold-{}.mpk $$(WORK)/test $$(@D)/fold-{} \
	    "$$(test-$1.options)" ::: $$(train-$1.members)
endef
$(foreach network,seg-unet seg-bisenet cls-bisenet,$(eval $(call testing,$(network))))

# ---- the ensemble: folds meet in merge, uncompressed nowhere but in pipes
unpacked = $(patsubst %,<(zstd -dcq %),$1)

define deciding # NUMBER
merge-cls$1: $$(WORK)/merge-cls$1.mpk
$$(WORK)/merge-cls$1.mpk: $$(WORK)/options/submission$1 $$(call maps,cls-bisenet) | $$(PROGRAMS)
	merge $$(call unpacked,$$(call maps,cls-bisenet)) | \
	    classify --ratio $$(submission$1.ratio) --threshold $$(submission$1.threshold) -o $$@

# Both submissions take the same mean of all segmentation maps.
merge-seg$1: $$(WORK)/merge-seg.mpk.zst

submission$1: $$(WORK)/submission$1.csv
$$(WORK)/submission$1.csv: $$(WORK)/merge-seg.mpk.zst $$(WORK)/merge-cls$1.mpk | $$(PROGRAMS)
	zstd -dcq $$< | rle-encode --decisions $$(WORK)/merge-cls$1.mpk --threshold $$(submission$1.threshold) -o $$@
endef
$(foreach number,1 2,$(eval $(call deciding,$(number))))

$(WORK)/merge-seg.mpk.zst: $(call maps,seg-unet) $(call maps,seg-bisenet) | $(PROGRAMS)
	merge $(call unpacked,$^) | zstd -q -f -o $@.part
	mv $@.part $@

submissions: submission1 submission2

# ---- where the truth is known
SCORES := $(if $(data.truth),$(patsubst %,$(WORK)/score-%.json,submission1 submission2 empty))
$(WORK)/empty.csv: $(WORK)/submission1.csv
	sed '2,$$s/,.*/,-1/' $< >$@.part
	mv $@.part $@
$(WORK)/score-%.json: $(WORK)/%.csv | $(PROGRAMS)
	score --json '$(data.truth)' $< --per-image $(WORK)/score-$*.csv -o $@

score: $(SCORES)
	@pipelines/scores.sh $(SCORES)

report: $(WORK)/report.html
$(WORK)/report.html: $(WORK)/submission1.csv $(WORK)/submission2.csv $(SCORES) | $(PROGRAMS)
	pipelines/report.sh $(WORK) >$@.part
	mv $@.part $@
	@$(if $(SCORES),pipelines/scores.sh $(SCORES))
	@echo "$@: open it in a browser"
endif
