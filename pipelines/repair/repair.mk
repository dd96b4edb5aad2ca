# repair.mk: finds what is damaged among all that the stages have made.

#: make repair       looks at every byte of what the stages have made, and removes what is damaged
.PHONY: repair
repair: programs
	@PATH=$(call quoted,$(abspath $(BIN))):"$$PATH" $(PIPELINES)/repair/repair.sh
