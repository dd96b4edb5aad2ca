# method.mk: the stages that config.json lists, as targets. `make -n submissions` prints what they run.
#   PROFILE=full|demo|...  DATA=FOLDER  WORK=FOLDER  JOBS=N  GPUS=0,1,...  HOSTS=FILE  SLURM=OPTIONS  init=FILE
#   STAGE.KEY=VALUE (see config.json)

PROFILE ?= full
WORK ?= work/$(PROFILE)
CONFIG ?= $(firstword $(wildcard config.json) $(PIPELINES)/../config.json)
# Whether JOBS was given: with SLURM the queue says how many at a time where it was not.
ifndef SETTLED
JOBS_GIVEN := $(filter-out undefined,$(origin JOBS))
endif
JOBS ?= $(if $(GPUS),$(words $(subst $(comma), ,$(GPUS))),1)
comma := ,

#: make survey       what the X-rays and labels are, and what would go wrong with them later
#: make data         X-rays and labels -> shards of samples
#: make train-NAME   a model a fold, for each stage train-NAME of config.json (make train-seg-unet)
#: make train-NAME init=FILE           weights to begin with; init= for random ones
#: make test-NAME    each fold's probabilities for the test images
#: make merge-NAMEN  what merge-NAME gives for submissionN: which images show a lesion; where
#: make submissions HOSTS=hosts.txt    folds on the machines of the file, a name a line (docs/hosts.md)
#: make submissions SLURM=--partition=x   folds in Slurm's queue, with these options of sbatch (docs/slurm.md)
#: make submissionN  the CSV file of each submission of config.json (make submission1)
#: make submissions score report       all of them, their scores, report.html
FIXED := xrays survey data submissions score report validate score-validation calibrate
STAGES := $(FIXED) train-% test-% validate-% merge-% submission%

quoted = '$(subst ','\'',$1)'

# What comes from the command line and the environment is data: make takes it literally, and runs no $(shell) in it.
INIT_GIVEN := $(filter command,$(origin init))
$(foreach name,PROFILE DATA WORK CONFIG JOBS GPUS HOSTS HOSTS_DIR HOSTS_TIMEOUT SLURM SLURM_PAUSE FORMAT init,\
    $(if $(filter command environment,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
SETTINGS := $(foreach name,$(sort $(.VARIABLES)),$(if $(findstring .,$(name)),$(if $(filter command,$(origin $(name))),\
    $(call quoted,$(name)=$(value $(name))))))
SETTINGS += $(if $(INIT_GIVEN),$(call quoted,init=$(init)))
# A locale that is not installed is nothing to complain of.
override export LC_ALL := C.UTF-8

WANTED := $(filter $(STAGES) $(WORK)/%,$(MAKECMDGOALS))
ifneq ($(WANTED)$(filter plan repair watch status,$(MAKECMDGOALS)),)
export PROFILE DATA WORK CONFIG JOBS JOBS_GIVEN GPUS HOSTS HOSTS_DIR HOSTS_TIMEOUT SLURM SLURM_PAUSE SETTINGS
endif

ifndef SETTLED
# method.sh locks WORK, settles the settings there (`make -n`: elsewhere) and runs make again, for the rules below.
.PHONY: method $(FIXED) $(WANTED)
$(sort $(FIXED) $(WANTED)): method
	$(if $(strip $(foreach flag,n q,$(findstring $(flag),$(firstword -$(MAKEFLAGS))))),,@: make need not say that nothing was done)
# The programs say what their options may be.
method: export PATH := $(abspath $(BIN)):$(PATH)
method: programs
	@+$(PIPELINES)/method/method.sh $(AGAIN) $(foreach goal,$(WANTED),$(call quoted,$(goal)))
else

# It has all settings, and which stages there are: TRAINING, TESTING, VALIDATING, SUBMISSIONS; SEGMENTING, merges that say
# where lesions are; MIXED, merges of several stages; NEEDED and NEEDED_VALIDATING, what submissions are made of.
include $(SETTLED)/config.mk
# `make -n` shows the stages all the same.
ifneq ($(notes.missing),)
$(if $(findstring n,$(firstword -$(MAKEFLAGS))),$(info $(notes.missing)),$(error $(notes.missing)))
endif
# Each of a fold's ranks has a device of its own.
define check_ranks # STAGE
$(if $(shell [ $(words $(subst $(comma), ,$(GPUS))) -ge $$(($(JOBS) * $($1.ranks))) ] && echo enough),,$(error GPUS=$(GPUS): too \
    few for JOBS=$(JOBS) folds of $1 at a time, with $($1.ranks) ranks each))
endef
$(if $(GPUS),$(foreach stage,$(TRAINING),$(if $($(stage).ranks),$(call check_ranks,$(stage)))))
OPTIONS := $(SETTLED)/options

ending = $(patsubst submission%,%,$1)
TARGETS := $(FIXED) $(TRAINING) $(TESTING) $(VALIDATING) $(SUBMISSIONS) \
    $(foreach name,$(SUBMISSIONS),$($(name).decide)$(call ending,$(name)) $($(name).segment)$(call ending,$(name)))
.PHONY: $(TARGETS)
$(foreach goal,$(filter-out $(TARGETS) $(WORK)/%,$(MAKECMDGOALS)),$(error no stage '$(goal)'; there are $(TARGETS)))

export PATH := $(abspath $(BIN)):$(PATH)
# With HOSTS each host divides its own; with SLURM the queue says how many a fold has.
export THREADS := $(if $(HOSTS)$(SLURM),,$(shell n=$$(($$(nproc) / $(JOBS))); echo $$((n > 0 ? n : 1))))
$(WORK)/%: SHELL := $(PIPELINES)/method/shell.sh
$(WORK)/%: .SHELLFLAGS = $@ $^ -c

# What is not as make left it.
$(STALE): FORCE
.PHONY: FORCE

# One job a fold; where one fails the others are told to stop, and go on from there next time. Words that are not
# checked numbers or names within WORK are arguments behind `:::`, which parallel takes as they are.
PARALLEL = $(if $(HOSTS),$(PIPELINES)/hosts/hosts.sh $(call quoted,$(HOSTS)) $(SENT) -- )$(if \
    $(SLURM),$(PIPELINES)/slurm/slurm.sh )parallel --will-cite -q --jobs $(JOBS) \
    --halt now,fail=1 --joblog $(@D)/joblog $(if $(HOSTS)$(filter 1,$(JOBS)),--ungroup,--line-buffer)$(if $(HOSTS), \
    $(PIPELINES)/hosts/host-fold.sh)
# What the folds of a stage read: shards, models, weights to begin with.
SENT = $(patsubst %/index.mpk,%,$(filter %.mpk,$^)) $(if $($(notdir $(@D)).begins),,$($(notdir $(@D)).init))

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
	@jq -r -L $(PIPELINES)/report 'include "survey"; survey_table' $@ | column -t -s $$'\t'
$(WORK)/train/index.mpk $(WORK)/train-left-out.csv &: $(DATA_FROM) | $(PROGRAMS) $(WORK)/survey.json
	decode $(data.decode-train) --left-out $(WORK)/train-left-out.csv | shard $(WORK)/train
$(WORK)/test/index.mpk $(WORK)/test-left-out.csv &: $(DATA_FROM) | $(PROGRAMS) $(WORK)/survey.json
	decode $(data.decode-test) --left-out $(WORK)/test-left-out.csv | shard $(WORK)/test

# ---- weights to begin with
define check_init # STAGE
	$(if $($1.begins),,$(if $($1.init),weights --init-for $($1.network) $(addprefix --norm ,$($1.norm)) $($1.init)))

endef
$(WORK)/init.checked: $(patsubst %,$(OPTIONS)/%,$(TRAINING)) | $(PROGRAMS)
	$(if $(notes.init),@echo $(call quoted,init: $(notes.init)) >&2)
	$(foreach stage,$(TRAINING),$(call check_init,$(stage)))@touch $@

# ---- folds: precious, since a fold that fails must not have make delete what the others made
models = $(patsubst %,$(WORK)/$1/fold-%.mpk,$($1.members))
begun_with = $(if $($1.begins),$(call models,$($1.begins)))
trainer = $(patsubst validate-%,train-%,$(patsubst test-%,train-%,$1))
maps = $(patsubst %,$(WORK)/$1/fold-%.mpk.zst,$($(call trainer,$1).members))

# All stages that are wanted are checked before one begins.
CHECKED := $(patsubst %,$(WORK)/%.checked,$(or $(filter $(call trainer,$(MAKECMDGOALS)),$(TRAINING)),$(NEEDED)))

define training # STAGE
$$(WORK)/$1.checked: $$(OPTIONS)/$1 $$(WORK)/train/index.mpk | $$(PROGRAMS)
	$(PIPELINES)/method/check-folds.sh $1 $$(WORK)/train $$($1.folds) "$$($1.augment)" "$$($1.validation)"
	@touch $$@

$1: $$(call models,$1)
.PRECIOUS: $$(call models,$1)
$$(call models,$1) &: $$(OPTIONS)/$1 $$(WORK)/train/index.mpk $$(call begun_with,$1) | $$(PROGRAMS) $$(WORK)/init.checked $$(CHECKED)
	@mkdir -p $$(@D)
	$$(PARALLEL) $(PIPELINES)/method/train-fold.sh {1}/$$($1.folds) $$(WORK)/train $$(@D)/fold-{1} $$($1.seed) \
	    "$$($1.augment)" \
	    "$$($1.validation)" \
	    "$$($1.options)" \
	    {2} ::: $$($1.members) $$(if $$($1.begins),:::+ $$(call begun_with,$1),::: $$(or $$($1.init),''))
endef
$(foreach stage,$(TRAINING),$(eval $(call training,$(stage))))

define testing # STAGE
$1: $$(call maps,$1)
.PRECIOUS: $$(call maps,$1)
$$(call maps,$1) &: $$(OPTIONS)/$1 $$(WORK)/test/index.mpk $$(call models,$(call trainer,$1)) | $$(PROGRAMS)
	@mkdir -p $$(@D)
	$$(PARALLEL) $(PIPELINES)/method/predict-fold.sh $$(WORK)/$(call trainer,$1)/fold-{1}.mpk $$(WORK)/test $$(@D)/fold-{1} \
	    "$$($1.options)" ::: $$($(call trainer,$1).members)
endef
$(foreach stage,$(TESTING),$(eval $(call testing,$(stage))))

# ---- the ensemble: the folds' maps are uncompressed nowhere but in pipes. What is compared with a threshold is the
# mean in double, since one rounded to float16 may fall on the other side.
unpacked = $(patsubst %,<(zstd -dcq %),$1)
merged = $(foreach stage,$($1.stages),$(call maps,$(stage)))
# Many folds are not held side by side.
merged_mean = $(if $(word 65,$(call merged,$1)),$(PIPELINES)/method/merge-many.sh $(call merged,$1),merge --type f8 $(call \
    unpacked,$(call merged,$1)))

# A submission's decisions are its own, since the ratio is; submissions with the same segmenting merge take its masks, if they
# have no rule. PREFIX: what stands before the products' names, for images that are not the test set.
decisions = $(WORK)/$2$($1.decide)$(call ending,$1).mpk
masks = $(WORK)/$2$($1.segment)$(if $($1.rule),$(call ending,$1)).csv
rule = $(WORK)/rule-$(patsubst merge-%,%,$($1.decide))+$(patsubst merge-%,%,$($1.segment)).mpk
decided_by = $(if $($1.rule),--rule $(call rule,$1),--ratio $($1.ratio) --threshold $($($1.decide).threshold))

# MAPS and MEAN of a merge are files, and what makes their mean; SHARDS have the images.
define submission # NAME PREFIX MAPS MEAN SHARDS
$$(call decisions,$1,$2): $$(OPTIONS)/$1 $$(OPTIONS)/$($1.decide)$$(if $$($1.rule),.stages) $$(call $3,$($1.decide)) \
    $$(if $$($1.rule),$$(call rule,$1)) | $$(PROGRAMS)
	$$(call $4,$($1.decide)) | \
	    classify $$(call decided_by,$1) -o $$@

$$(WORK)/$2$1.csv: $$(call masks,$1,$2) $$(call decisions,$1,$2) $$(WORK)/$5/index.mpk | $$(PROGRAMS)
	rle-decode --sizes $$(WORK)/$5/index.mpk $$< | rle-encode --decisions $$(call decisions,$1,$2) -o $$@
endef
define segmenting # MERGE PREFIX MAPS MEAN
$$(WORK)/$2$1.csv: $$(call $3,$1) $$(OPTIONS)/$1 | $$(PROGRAMS)
	$$(call $4,$1) | rle-encode --threshold $$($1.threshold) -o $$@
endef
$(foreach name,$(SUBMISSIONS),$(eval $(call submission,$(name),,merged,merged_mean,test)))
$(foreach merge,$(SEGMENTING),$(eval $(call segmenting,$(merge),,merged,merged_mean)))

define segmenting_by_rule # NAME
$$(call masks,$1): $$(call merged,$($1.segment)) $$(OPTIONS)/$1 $$(OPTIONS)/$($1.segment).stages $$(call rule,$1) | $$(PROGRAMS)
	$$(call merged_mean,$($1.segment)) | rle-encode --rule $$(call rule,$1) -o $$@
endef
$(foreach name,$(SUBMISSIONS),$(if $($(name).rule),$(eval $(call segmenting_by_rule,$(name)))))

define submitting # NAME
$($1.decide)$(call ending,$1): $$(call decisions,$1)
$($1.segment)$(call ending,$1): $$(call masks,$1)
$1: $$(WORK)/$1.csv
endef
$(foreach name,$(SUBMISSIONS),$(eval $(call submitting,$(name))))

submissions: $(SUBMISSIONS)

# ---- where the truth is known
SCORES := $(if $(data.truth),$(patsubst %,$(WORK)/score-%.json,$(SUBMISSIONS) empty))
$(WORK)/empty.csv: $(WORK)/$(firstword $(SUBMISSIONS)).csv
	jq -n -r -R -L $(PIPELINES)/report 'include "figures"; emptied' $< >$@.part
	mv $@.part $@
$(WORK)/score-%.json $(WORK)/score-%.csv: $(WORK)/%.csv $(WORK)/test/index.mpk $(OPTIONS)/score | $(PROGRAMS)
	score --json --sizes $(WORK)/test/index.mpk \
	    $(if $(data.size),$$([ -d $(data.truth) ] || echo --size $(data.size))) $(data.truth) $< \
	    --per-image $(WORK)/score-$*.csv -o $(WORK)/score-$*.json

score: $(SCORES)
	@$(PIPELINES)/report/scores.sh $(SCORES)

report: $(WORK)/report.html
# All that the report reads is named: make leaves out what is missing between files that are there and those they come from.
$(WORK)/report.html: $(SUBMISSIONS:%=$(WORK)/%.csv) $(WORK)/survey.json \
    $(foreach name,$(SUBMISSIONS),$(call decisions,$(name))) $(WORK)/train/index.mpk $(WORK)/test/index.mpk \
    $(SCORES) $(SCORES:.json=.csv) $(DATA_FROM) $(foreach stage,$(NEEDED),$(call models,$(stage))) | $(PROGRAMS)
	$(PIPELINES)/report/report.sh $(WORK) >$@.part
	mv $@.part $@
	@$(if $(SCORES),$(PIPELINES)/report/scores.sh $(SCORES))
	@echo "$@: open it in a browser"
endif
