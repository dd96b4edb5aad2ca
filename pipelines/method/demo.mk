# demo.mk: the whole method in small, from X-rays to a report and to the scores of validation, in one command.

#: make demo         synthesise a small challenge, run every stage, score, write demo/report.html, validate
#: make demo DATA=FOLDER    the same on your own X-rays (README.md: how they may lie there)
.PHONY: demo
demo:
	@tests/deps.sh $(PACKAGES)
	@+$(MAKE) --no-print-directory programs
	@+$(MAKE) --no-print-directory report score-validation PROFILE=demo $(if $(filter file,$(origin WORK)),WORK=demo)
