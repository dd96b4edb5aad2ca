# serve.mk: a listener that answers X-rays with what a network sees in them (docs/serve.md).
#   MODEL=FILE or 'FILE FILE ...' (their mean)  TO=AET@HOST:PORT or FOLDER  PORT=N and WATCH=FOLDER, one or both
#   SPOOL=FOLDER  AET=NAME  KEEP=yes|no  options of the programs: STORESCP, STORESCU, PREDICT, SEG

#: make serve PORT=11112 MODEL=best.mpk TO=AET@HOST:PORT   a DICOM listener that sends back what it sees (docs/serve.md)
#: make serve WATCH=FOLDER MODEL=best.mpk TO=FOLDER        the same from folder to folder
SERVE := PORT MODEL TO WATCH SPOOL AET KEEP STORESCP STORESCU PREDICT SEG
.PHONY: serve
ifneq ($(filter serve,$(MAKECMDGOALS)),)
# As they are: make looks for no $ in them.
$(foreach name,$(SERVE),$(if $(filter command environment,$(origin $(name))),$(eval override $(name) := $$(value $(name)))))
export $(SERVE)
endif
serve: programs
	$(call need,$(SERVE_PACKAGES))
	@PATH=$(call quoted,$(abspath $(BIN))):"$$PATH" exec $(PIPELINES)/serve/serve.sh
