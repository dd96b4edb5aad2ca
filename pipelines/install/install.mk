# install.mk: installation: short names behind one front command.

#: make install PREFIX=/usr/local      programs, manual pages, completion for bash, documents, examples
#: make uninstall PREFIX=/usr/local    removes all of these

.PHONY: completion install uninstall
all: completion

# `. build/completion/pleura` has it without an installation.
COMPLETION := $(BUILD)/completion/pleura
completion: $(COMPLETION)
$(COMPLETION): pipelines/install/completion.bash pipelines/install/completion.jq $(PROGRAMS)
	@mkdir -p $(@D)
	$(Q){ cat $< && for program in $(sort $(PROGRAMS)); do \
	    name=$${program##*/}; "$$program" --options >$@.options && jq -r --arg program "$$name" -f pipelines/install/completion.jq $@.options || exit 1; \
	done && echo _pleura_register; } >$@
	@rm $@.options

AT := $(DESTDIR)$(PREFIX)
EXAMPLES := $(AT)/share/doc/pleura/examples

install: all
	install -d $(AT)/bin $(AT)/libexec/pleura $(AT)/share/man/man1 $(AT)/share/bash-completion/completions \
	    $(AT)/share/doc/pleura/docs $(EXAMPLES)
	install $(BIN)/pleura $(AT)/bin/
	install $(filter-out $(BIN)/pleura,$(PROGRAMS)) $(BIN)/$(GDCM_MODULE) $(MODULE) $(AT)/libexec/pleura/
	install -m 644 $(PAGES) $(AT)/share/man/man1/
	install -m 644 $(COMPLETION) $(AT)/share/bash-completion/completions/
	install -m 644 README.md $(AT)/share/doc/pleura/
	install -m 644 $(wildcard docs/*.*) $(AT)/share/doc/pleura/docs/
	install -m 644 config.json $(EXAMPLES)/
	pipelines/install/examples.sh README.md $(PREFIX)/libexec/pleura >$(EXAMPLES)/pipelines.sh

uninstall:
	rm -f $(AT)/bin/pleura $(AT)/share/man/man1/pleura.1 $(AT)/share/man/man1/pleura-*.1 $(AT)/share/bash-completion/completions/pleura
	rm -rf $(AT)/libexec/pleura $(AT)/share/doc/pleura
