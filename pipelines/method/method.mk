# method.mk: the method's stages as targets. `make -n submissions` prints it; config.json has its numbers.
#   PROFILE=full|demo|...  DATA=FOLDER  WORK=FOLDER  JOBS=N  GPUS=0,1,...  HOSTS=FILE  init=FILE
#   STAGE.KEY=VALUE (see config.json)

PROFILE ?= full
WORK ?= work/$(PROFILE)
CONFIG ?= config.json
JOBS ?= $(if $(GPUS),$(words $(subst $(comma), ,$(GPUS))),1)
comma := ,

#: make survey       what the X-rays and labels are, and what would go wrong with them later
#: make data         X-rays and labels -> shards of samples
#: make train-seg-unet train-seg-bisenet train-cls-bisenet    a model a fold
#: make train-seg-unet init=FILE       weights to begin with; init= for random ones
#: make test-seg-unet test-seg-bisenet test-cls-bisenet       each fold's probabilities for the test images
#: make merge-cls1 merge-cls2 merge-seg1 merge-seg2           which images show a lesion; where, by all maps
#: make submissions HOSTS=hosts.txt    folds on the machines of the file, a name a line (docs/hosts.md)
#: make submission1 submission2 submissions score report      CSV files, their scores, report.html
TRAINING := train-seg-unet train-seg-bisenet train-cls-bisenet
TESTING := test-seg-unet test-seg-bisenet test-cls-bisenet
STAGES := xrays survey data $(TRAINING) $(TESTING) merge-cls1 merge-cls2 merge-seg1 merge-seg2 \
    submission1 submission2 submissions score report
.PHONY: $(STAGES)

quoted = '$(subst ','\'',$1)'

# What comes from the command line and the environment is data: make takes it literally, and runs no $(shell) in it.
INIT_GIVEN := $(filter command,$(origin init))
$(foreach name,PROFILE DATA WORK CONFIG JOBS GPUS HOSTS HOSTS_DIR HOSTS_TIMEOUT FORMAT init,\
    $(if $(filter command environment,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
SETTINGS := $(foreach name,$(sort $(.VARIABLES)),$(if $(findstring .,$(name)),$(if $(filter command,$(origin $(name))),\
    $(call quoted,$(name)=$(value $(name))))))
SETTINGS += $(if $(INIT_GIVEN),$(call quoted,init=$(init)))
# A locale that is not installed is nothing to complain of.
override export LC_ALL := C.UTF-8

WANTED := $(filter $(STAGES) $(WORK)/%,$(MAKECMDGOALS))
ifneq ($(WANTED)$(filter plan repair,$(MAKECMDGOALS)),)
export PROFILE DATA WORK CONFIG JOBS GPUS HOSTS HOSTS_DIR HOSTS_TIMEOUT SETTINGS
endif

ifndef SETTLED
# method.sh locks WORK, settles the settings there (`make -n`: elsewhere) and runs make again, for the rules below.
.PHONY: method $(WANTED)
$(STAGES) $(WANTED): method
# The programs say what their options may be.
method: export PATH := $(abspath $(BIN)):$(PATH)
method: programs
	@+pipelines/method/method.sh $(MAKE) --no-print-directory $(WANTED)
else

include $(SETTLED)/config.mk
# `make -n` shows the stages all the same.
ifneq ($(notes.missing),)
$(if $(findstring n,$(firstword -$(MAKEFLAGS))),$(info $(notes.missing)),$(error $(notes.missing)))
endif
OPTIONS := $(SETTLED)/options

export PATH := $(abspath $(BIN)):$(PATH)
# With HOSTS each host divides its own.
export THREADS := $(if $(HOSTS),,$(shell n=$$(($$(nproc) / $(JOBS))); echo $$((n > 0 ? n : 1))))
$(WORK)/%: SHELL := pipelines/method/shell.sh
$(WORK)/%: .SHELLFLAGS = $@ $^ -c

# What is not as make left it.
$(STALE): FORCE
.PHONY: FORCE

# One job a fold; where one fails the others are told to stop, and go on from there next time. Words that are not
# checked numbers or names within WORK are arguments behind `:::`, which parallel takes as they are.
PARALLEL = $(if $(HOSTS),pipelines/hosts/hosts.sh $(call quoted,$(HOSTS)) $(SENT) -- )parallel --will-cite -q --jobs $(JOBS) \
    --halt now,fail=1 --joblog $(@D)/joblog $(if $(HOSTS)$(filter 1,$(JOBS)),--ungroup,--line-buffer)$(if $(HOSTS), \
    pipelines/hosts/host-fold.sh)
# What the folds of a stage read: shards, models, weights to begin with.
SENT = $(patsubst %/index.mpk,%,$(filter %.mpk,$^)) $($(notdir $(@D)).init)

# ---- X-rays and labels
xrays: $(WORK)/xrays/sample_submission.csv
$(WORK)/xrays/sample_submission.csv: $(OPTIONS)/synth | $(PROGRAMS)
	rm -rf $(WORK)/xrays
	synth $(synth.options) $(WORK)/xrays

data: $(WORK)/train/index.mpk $(WORK)/test/index.mpk
DATA_FROM := $(OPTIONS)/data $(if $(synth.options),$(WORK)/xrays/sample_submission.csv)
# What would fail later fails here, before anything is decoded.
survey: $(WORK)/survey.json
$(WORK)/survey.json: $(DATA_FROM) | $(PROGRAMS) $(WORK)/init.checked
	$(if $(notes.data),@echo $(call quoted,data: $(notes.data)) >&2)
	survey --json $(data.survey) -o $@
	@jq -r -L pipelines/report 'include "survey"; survey_table' $@ | column -t -s $$'\t'
$(WORK)/train/index.mpk $(WORK)/train-left-out.csv &: $(DATA_FROM) | $(PROGRAMS) $(WORK)/survey.json
	decode $(data.decode-train) --left-out $(WORK)/train-left-out.csv | shard $(WORK)/train
$(WORK)/test/index.mpk $(WORK)/test-left-out.csv &: $(DATA_FROM) | $(PROGRAMS) $(WORK)/survey.json
	decode $(data.decode-test) --left-out $(WORK)/test-left-out.csv | shard $(WORK)/test

# ---- weights to begin with
define check_init # STAGE
	$(if $($1.init),weights --init-for $($1.network) $($1.init))

endef
$(WORK)/init.checked: $(patsubst %,$(OPTIONS)/%,$(TRAINING)) | $(PROGRAMS)
	$(if $(notes.init),@echo $(call quoted,init: $(notes.init)) >&2)
	$(foreach stage,$(TRAINING),$(call check_init,$(stage)))@touch $@

# ---- folds: precious, since a fold that fails must not have make delete what the others made
models = $(patsubst %,$(WORK)/$1/fold-%.mpk,$($1.members))
maps = $(patsubst %,$(WORK)/test-$1/fold-%.mpk.zst,$(train-$1.members))

# All stages that are wanted are checked before one begins.
CHECKED := $(patsubst %,$(WORK)/%.checked,$(or $(filter $(TRAINING),$(MAKECMDGOALS)),$(TRAINING)))

define training # STAGE
$$(WORK)/$1.checked: $$(OPTIONS)/$1 $$(WORK)/train/index.mpk | $$(PROGRAMS)
	pipelines/method/check-folds.sh $1 $$(WORK)/train $$($1.folds) "$$($1.augment)" "$$($1.validation)"
	@touch $$@

$1: $$(call models,$1)
.PRECIOUS: $$(call models,$1)
$$(call models,$1) &: $$(OPTIONS)/$1 $$(WORK)/train/index.mpk | $$(PROGRAMS) $$(WORK)/init.checked $$(CHECKED)
	@mkdir -p $$(@D)
	$$(PARALLEL) pipelines/method/train-fold.sh {1}/$$($1.folds) $$(WORK)/train $$(@D)/fold-{1} $$($1.seed) \
	    "$$($1.augment)" \
	    "$$($1.validation)" \
	    "$$($1.options)" \
	    {2} ::: $$($1.members) ::: $$(or $$($1.init),'')
endef
$(foreach stage,$(TRAINING),$(eval $(call training,$(stage))))

define testing # NETWORK
test-$1: $$(call maps,$1)
.PRECIOUS: $$(call maps,$1)
$$(call maps,$1) &: $$(OPTIONS)/test-$1 $$(WORK)/test/index.mpk $$(call models,train-$1) | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) pipelines/method/predict-fold.sh $$(WORK)/train-$1/fold-{1}.mpk $$(WORK)/test $$(@D)/fold-{1} \
	    "$$(test-$1.options)" ::: $$(train-$1.members)
endef
$(foreach network,seg-unet seg-bisenet cls-bisenet,$(eval $(call testing,$(network))))

# ---- the ensemble: folds meet in merge, uncompressed nowhere but in pipes. What is compared with a threshold is the
# mean in double, since one rounded to float16 may fall on the other side.
unpacked = $(patsubst %,<(zstd -dcq %),$1)

define deciding # NUMBER
merge-cls$1: $$(WORK)/merge-cls$1.mpk
$$(WORK)/merge-cls$1.mpk: $$(OPTIONS)/submission$1 $$(OPTIONS)/merge-cls $$(call maps,cls-bisenet) | $$(PROGRAMS)
	merge --type f8 $$(call unpacked,$$(call maps,cls-bisenet)) | \
	    classify --ratio $$(submission$1.ratio) --threshold $$(merge-cls.threshold) -o $$@

# Both submissions take the same masks.
merge-seg$1: $$(WORK)/merge-seg.csv

submission$1: $$(WORK)/submission$1.csv
$$(WORK)/submission$1.csv: $$(WORK)/merge-seg.csv $$(WORK)/merge-cls$1.mpk $$(WORK)/test/index.mpk | $$(PROGRAMS)
	rle-decode --sizes $$(WORK)/test/index.mpk $$< | rle-encode --decisions $$(WORK)/merge-cls$1.mpk -o $$@
endef
$(foreach number,1 2,$(eval $(call deciding,$(number))))

SEGMENTED := $(call maps,seg-unet) $(call maps,seg-bisenet)
$(WORK)/merge-seg.csv: $(SEGMENTED) $(OPTIONS)/merge-seg | $(PROGRAMS)
	merge --type f8 $(call unpacked,$(SEGMENTED)) | rle-encode --threshold $(merge-seg.threshold) -o $@

submissions: submission1 submission2

# ---- where the truth is known
SCORES := $(if $(data.truth),$(patsubst %,$(WORK)/score-%.json,submission1 submission2 empty))
$(WORK)/empty.csv: $(WORK)/submission1.csv
	jq -n -r -R -L pipelines/report 'include "figures"; emptied' $< >$@.part
	mv $@.part $@
$(WORK)/score-%.json $(WORK)/score-%.csv: $(WORK)/%.csv $(WORK)/test/index.mpk $(OPTIONS)/score | $(PROGRAMS)
	score --json --sizes $(WORK)/test/index.mpk \
	    $(if $(data.size),$$([ -d $(data.truth) ] || echo --size $(data.size))) $(data.truth) $< \
	    --per-image $(WORK)/score-$*.csv -o $(WORK)/score-$*.json

score: $(SCORES)
	@pipelines/report/scores.sh $(SCORES)

report: $(WORK)/report.html
# All that the report reads is named: make leaves out what is missing between files that are there and those they come from.
$(WORK)/report.html: $(patsubst %,$(WORK)/%,submission1.csv submission2.csv survey.json merge-cls1.mpk merge-cls2.mpk \
    train/index.mpk test/index.mpk) $(SCORES) $(SCORES:.json=.csv) $(DATA_FROM) \
    $(foreach stage,$(TRAINING),$(call models,$(stage))) | $(PROGRAMS)
	pipelines/report/report.sh $(WORK) >$@.part
	mv $@.part $@
	@$(if $(SCORES),pipelines/report/scores.sh $(SCORES))
	@echo "$@: open it in a browser"
endif
