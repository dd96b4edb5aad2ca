# install.mk: installation: short names behind one front command.

#: make install PREFIX=/usr/local      programs, the method's rules (`pleura make`), manual pages, completion for bash, documents
#: make uninstall PREFIX=/usr/local    removes all of these

.PHONY: completion install uninstall
all: completion

# What `pleura make` needs: no rule that builds or packs.
CARRIED := config.json $(filter-out pipelines/install/% pipelines/package/%,$(wildcard pipelines/*.mk pipelines/*/*))

# `. build/completion/pleura` has it without an installation.
COMPLETION := $(BUILD)/completion/pleura
completion: $(COMPLETION)
$(COMPLETION): pipelines/install/completion.bash pipelines/install/completion.jq $(CARRIED) $(PROGRAMS)
	@mkdir -p $(@D)
	$(Q){ cat $< && for program in $(sort $(PROGRAMS)); do \
	    name=$${program##*/}; "$$program" --options >$@.$$$$.options && \
	    jq -r --arg program "$$name" -f pipelines/install/completion.jq $@.$$$$.options || exit 1; \
	done && printf '_pleura_targets="%s"\n' "$$({ sed -n 's/^#: make \([a-z-]*\) .*/\1/p' $(filter %.mk,$(CARRIED)); \
	    jq -r -L pipelines/method 'include "stages"; (training, testing, submissions)[]' config.json; } | sort -u | paste -s -d ' ')" && \
	    echo _pleura_register; } >$@.$$$$ && rm $@.$$$$.options && mv $@.$$$$ $@ # since two may install at a time

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
	$(Q)for file in $(CARRIED); do \
	    install -D -m $$([ -x $$file ] && echo 755 || echo 644) $$file $(AT)/share/pleura/$$file || exit 1; \
	done
	ln -sf ../../pleura/config.json $(AT)/share/doc/pleura/config.json
	pipelines/install/examples.sh README.md $(PREFIX)/libexec/pleura >$(EXAMPLES)/pipelines.sh

uninstall:
	rm -f $(AT)/bin/pleura $(AT)/share/man/man1/pleura.1 $(AT)/share/man/man1/pleura-*.1 $(AT)/share/bash-completion/completions/pleura
	rm -rf $(AT)/libexec/pleura $(AT)/share/pleura $(AT)/share/doc/pleura
