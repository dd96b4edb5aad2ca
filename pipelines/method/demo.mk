# demo.mk: the whole method in small, from X-rays to rules and scores of validation and a report, in one command.

#: make demo         synthesise a small challenge, run every stage, validate, calibrate, score, write demo/report.html
#: make demo DATA=FOLDER    the same on your own X-rays (README.md: how they may lie there)
.PHONY: demo
demo:
	$(call need,$(PACKAGES))
	@+$(AGAIN) $(ON_ALL_CORES) programs
	@+$(AGAIN) calibrate score-validation report PROFILE=demo $(if $(filter file,$(origin WORK)),WORK=demo)
